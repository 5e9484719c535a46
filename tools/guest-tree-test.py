#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests guest-tree as a person uses it: its trees are sound, and a wrong command line gets one line.

usage: guest-tree-test.py PROGRAM. The trees' content is the library's matter (tests/fdt.c).
"""

import os
import subprocess
import sys
import tempfile

passed = failed = 0


def check(name, good, what=""):
    global passed, failed
    print(f"ok {name}" if good else f"FAIL {name}: {what}")
    passed, failed = passed + bool(good), failed + (not good)


def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True)


def source_of(path):
    """The tree as dtc sees it, and what it warns of."""
    result = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", path], capture_output=True, text=True)
    return result.stdout, result.stderr


def main():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "tree.dtb")
        for kind, psci in (("--guest", True), ("--native", False)):
            for interface, wanted, unwanted in (("pl", "smsc,lan9118", "virtio,mmio"),
                                                ("virtio", "virtio@1c130400", "arm,pl")):
                name = f"{kind} {interface}"
                result = run(kind, "--interface", interface, "--memory", "0x80000000", "0x8000000",
                             "--initrd", "0x84000000", "4660", "--bootargs", "quiet ro", "-o", path)
                source, warnings = source_of(path)
                check(f"{name} writes a tree", result.returncode == 0 and not result.stderr,
                      result.stderr)
                check(f"{name} has nothing that dtc dislikes", not warnings, warnings)
                check(f"{name} has its devices only", wanted in source and unwanted not in source,
                      source)
                check(f"{name} has PSCI as it should", ("arm,psci" in source) == psci, source)
                check(f"{name} has what it was told", all(text in source for text in (
                    'bootargs = "quiet ro"', "<0x00 0x80000000 0x00 0x8000000>",
                    "<0x00 0x84001234>")), source)
        good = ("--guest", "--interface", "pl", "-o", path)
        for name, status, arguments in (
                ("no arguments", 2, ()),
                ("an unknown option", 2, (*good, "--colour", "red")),
                ("an option without its value", 2, (*good, "--initrd", "1")),
                ("a number that is none", 2, (*good, "--memory", "0x8000000z", "1")),
                ("a negative number", 2, (*good, "--slots", "-1")),
                ("a fifth slot", 2, (*good, "--slots", "5")),
                ("an interface that is none", 2, ("--guest", "--interface", "pci", "-o", path)),
                ("nine processors", 1, (*good, "--processors", "9")),
                ("memory without size", 1, (*good, "--memory", "0x80000000", "0")),
                ("a folder that is not there", 1, (*good[:-1], os.path.join(path, "no", "tree")))):
            result = run(*arguments)
            lines = result.stderr.strip().splitlines()
            told = lines and lines[0].startswith("guest-tree: ") and len(lines) == 1
            if not arguments:
                told = lines and lines[0].startswith("usage: ")
            check(f"{name} is refused", result.returncode == status and told,
                  f"{result.returncode}, {result.stderr}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
