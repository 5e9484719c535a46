#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks a Beagle image as it is loaded: where it starts, and that it is code for the board's
processor and what it should hold.

Usage: beagle_image.py OBJDUMP NM TREE IMAGE..., each an ELF file with its raw binary beside it.

Then runs the first on a QEMU board that has memory where the BeagleBoard has it and none of its
devices: each access to one is an abort, and it must come to its end all the same.
"""

import re
import struct
import subprocess
import sys
import time

START = 0x80008000
MARK_REGISTER = struct.pack("<I", 0x1C130614)
# What a Cortex-A8 has not, what is for a hypervisor or a floating-point unit that nobody enabled,
# and exclusives, which memory without translation need not support.
FORBIDDEN = re.compile(r"^(udiv|sdiv|hvc|smc|eret|v[a-z]+\.?.*|ldrex.*|strex.*|dmb|dbg)$")
ALLOWED = {"dmb"}
BOARD = "mcimx6ul-evk"
SECONDS = 60


def check(passed, failures, what, good):
    if good:
        return passed + 1
    failures.append(what)
    return passed


def segments(elf):
    """(address, bytes) of what is loaded, and the entry."""
    entry, offset = struct.unpack_from("<II", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 42)
    found = []
    for index in range(count):
        kind, at, _, address, length, _, _, _ = struct.unpack_from(
            "<8I", elf, offset + index * size
        )
        if kind == 1 and length:
            found.append((address, elf[at : at + length]))
    return entry, found


def mnemonics(objdump, path):
    text = subprocess.run(
        [objdump, "-d", "--no-show-raw-insn", path], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return set(re.findall(r"^\s*[0-9a-f]+:\t([a-z][a-z0-9.]*)", text, re.MULTILINE))


def check_image(objdump, tree, path, passed, failures):
    with open(path, "rb") as file:
        entry, loaded = segments(file.read())
    with open(path[: -len(".elf")] + ".bin", "rb") as file:
        binary = file.read()
    with open(tree, "rb") as file:
        blob = file.read()
    name = path.split("/")[-1]
    passed = check(passed, failures, f"{name}: entry {entry:x}", entry == START)
    passed = check(
        passed, failures, f"{name}: loaded at {loaded[0][0]:x}", loaded[0][0] == START
    )
    passed = check(
        passed, failures, f"{name}: .bin is not what is loaded", binary == loaded[0][1]
    )
    passed = check(passed, failures, f"{name}: not the board's tree", blob in binary)
    used = {word for word in mnemonics(objdump, path) if FORBIDDEN.match(word)} - ALLOWED
    passed = check(passed, failures, f"{name}: uses {' '.join(sorted(used))}", not used)
    marks = MARK_REGISTER in binary or b"vdev: checksum" in binary
    passed = check(passed, failures, f"{name}: marks", marks == (name != "beagle.elf"))
    return passed


def symbol(nm, path, name):
    text = subprocess.run([nm, path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) \w {name}$", text, re.MULTILINE).group(1), 16)


def run_without_devices(nm, path):
    """None, or what went wrong."""
    end = symbol(nm, path, "platform_stop")
    command = ["qemu-system-arm", "-M", BOARD, "-m", "64", "-display", "none", "-serial", "null"]
    qemu = subprocess.Popen(
        [*command, "-monitor", "stdio", "-kernel", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        place = None
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.2)
            qemu.stdin.write("info registers\n")
            qemu.stdin.flush()
            for line in qemu.stdout:
                found = re.search(r"R15=([0-9a-f]{8})", line)
                if found:
                    break
            else:
                return "QEMU ended"
            place = int(found.group(1), 16)
            if end <= place <= end + 12:
                return None
        return f"it is at {place:x} after {SECONDS} seconds"
    finally:
        qemu.kill()
        qemu.wait()


def main():
    objdump, nm, tree, *images = sys.argv[1:]
    passed, failures = 0, []
    for path in images:
        passed = check_image(objdump, tree, path, passed, failures)
    why = run_without_devices(nm, images[0])
    passed = check(passed, failures, f"without devices: {why}", why is None)
    for line in failures:
        print(line)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
