#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""That a driver VM stays small, and is laid out as hyp/interface.h and its start code have it.

Usage: driver_image.py SOURCE NM ELF BINARY
"""

import os
import subprocess
import sys

LINES = 400  # of all that is in images/driver: what a driver VM is beside drivers and back-ends
ENTRY, DATA, END = 0x80008000, 0x80100000, 0x80200000
CODE = 128 << 10  # bytes, the table of sections among them


def main():
    source, nm, elf, binary = sys.argv[1:]
    folder = os.path.join(source, "images", "driver")
    lines = 0
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as text:
            lines += text.read().count("\n")
    table = subprocess.run([nm, elf], capture_output=True, text=True, check=True).stdout
    symbols = {}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) == 3:
            symbols[fields[2]] = int(fields[0], 16)
    size = os.path.getsize(binary)
    checks = {
        f"images/driver has {lines} lines, {LINES} are the most": lines <= LINES,
        f"the image has {size} bytes, {CODE} are the most": size <= CODE,
        "it is entered at its first byte": symbols["_start"] == ENTRY,
        "walks of the table need 16 KiB alignment": symbols["sections"] % 16384 == 0,
        "code ends before the data": ENTRY + size <= DATA == symbols["bss_start"],
        "data end with the 2 MiB": symbols["stack_top"] <= END,
    }
    failed = [what for what, good in checks.items() if not good]
    for what in failed:
        print(f"FAIL {what}")
    print(f"driver image: {lines} lines, {size} bytes of code, {symbols['stack_top'] - DATA} of data")
    print(f"{len(checks) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
