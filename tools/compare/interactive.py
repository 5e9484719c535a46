#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run boot: one arrangement, to a shell on this terminal. It measures nothing; Ctrl-A X ends
QEMU."""

import os
import shutil
import subprocess
import sys

import machine
import workload


def main():
    build, names = sys.argv[1], sys.argv[2:]
    if len(names) != 1 or names[0] not in machine.ARRANGEMENTS:
        said = " ".join(names) or "nothing"
        print(f"boot: {said}: not one of {', '.join(machine.ARRANGEMENTS)}", file=sys.stderr)
        return 2
    if build == "--check":
        return 0
    arrangement, files = machine.ARRANGEMENTS[names[0]], machine.Files(build)
    missing = files.missing(arrangement)
    if missing:
        print(f"boot: there is no {os.path.relpath(missing)}", file=sys.stderr)
        return 1
    directory = os.path.join(files.build, "boot", names[0])
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    disk = os.path.join(directory, "disk.img")
    workload.make_disk(disk)
    command = machine.command(
        arrangement, files, directory, "stdio,mux=on,signal=off", None, ["shell"], disk
    )
    print(" ".join(command), flush=True)
    result = subprocess.run(command, env=machine.ENVIRONMENT)
    log = os.path.join(directory, "hypervisor.log")
    if arrangement.virtualized and os.path.exists(log):
        print("\n--- the hypervisor's log")
        with open(log, errors="replace") as text:
            print(text.read())
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
