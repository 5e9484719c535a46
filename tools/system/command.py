#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run system: boots what a system description says. One machine's console is this terminal, the
others' and the hypervisor's log go to files; the log's lines are shown here, too.

What becomes of the description is in description.py, and of that, a command line in launch.py. It
measures nothing; Ctrl-A X ends QEMU.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tools", "compare"))
import description  # noqa: E402
import launch  # noqa: E402
import machine  # noqa: E402
import workload  # noqa: E402

# How long its first words wait for more (s): if they end in a refusal, that line is all there is to
# say.
HOLD = 1.0
LOOK = 0.1


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"system: {message}", file=sys.stderr)
        sys.exit(2)


def parse(arguments):
    parser = Parser(prog="run system", add_help=False, allow_abbrev=False)
    parser.add_argument("file")
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"))
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--disk", metavar="IMAGE")
    parser.add_argument("--console", metavar="N", type=int, default=0)
    parser.add_argument("--no-network", action="store_true")
    return parser.parse_args(arguments)


def follow(system, process):
    """Shows the log's lines as they come. Counters are for tools: they stay in the file."""
    shown, start = 0, time.monotonic()
    while True:
        ended = process.poll() is not None
        if ended or time.monotonic() - start > HOLD:
            text = system.read_log()
            if not ended:
                text = text[: text.rfind("\n") + 1]
            if not (shown == 0 and ended and launch.refusal(text)):
                for line in text[shown:].splitlines():
                    if not line.startswith("{"):
                        print(f"{line}\r", file=sys.stderr, flush=True)
            shown = len(text)
        if ended:
            return
        time.sleep(LOOK)


def prepare(options, directory):
    system = launch.System(options.file, options.build, directory)
    if f"vm@{options.console}" not in system.description.machines:
        raise description.Mistake(f"--console {options.console}: there is no vm@{options.console}")
    if options.disk is not None:
        workload.check_disk_file(options.disk)
    return system


def run(options):
    name = os.path.splitext(os.path.basename(options.file))[0]
    directory = os.path.join(os.path.abspath(options.build), "system", name)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    system = prepare(options, directory)
    disk = os.path.join(directory, "disk.img")
    if options.disk:
        subprocess.run(["cp", "--sparse=always", options.disk, disk], check=True)
    else:
        workload.make_disk(disk)
    files = [os.path.join(directory, f"console-{each}.log") for each in (0, 1)]
    uarts = [f"file,path={each}" for each in files]
    here = launch.uart_of(system, options.console)
    if here is not None:
        uarts[here] = "stdio,mux=on,signal=off"
    command = system.command(uarts, disk, not options.no_network)
    missing = next((file for file in (system.files.hypervisor,) if not os.path.exists(file)), None)
    if missing:
        print(f"system: there is no {os.path.relpath(missing)}: ./run build makes it", file=sys.stderr)
        return 1
    print(
        f"system: {len(system.description.machines)} machine(s); the console of vm@{options.console}"
        f" is here, Ctrl-A X ends; the others and the log are in {os.path.relpath(directory)}",
        flush=True,
    )
    with open(os.path.join(directory, "qemu.log"), "wb") as errors:
        process = subprocess.Popen(command, env=machine.ENVIRONMENT, stderr=errors)
    shower = threading.Thread(target=follow, args=(system, process))
    shower.start()
    try:
        process.wait()
    except KeyboardInterrupt:
        process.wait()
    shower.join()
    said = launch.refusal(system.read_log())
    if said:
        print(f"system: {options.file}: {said.removeprefix('vdev: ')}", file=sys.stderr)
        return 2
    if process.returncode:
        with open(os.path.join(directory, "qemu.log"), errors="replace") as errors:
            lines = [line.rstrip() for line in errors if "audio" not in line]
        print(f"system: {lines[-1] if lines else 'QEMU failed'}", file=sys.stderr)
        return 1
    return 0


def main(arguments):
    options = parse(arguments)
    try:
        if options.check:
            with tempfile.TemporaryDirectory() as directory:
                prepare(options, directory)
            return 0
        return run(options)
    except (description.Mistake, ValueError, OSError) as error:
        print(f"system: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
