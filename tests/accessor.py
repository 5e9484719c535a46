#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""That <vdev/io.h> costs nothing on hardware: the same source, once with its accessors and once
with raw volatile pointers in their place, for ARM and for Thumb-2, by speed and by size.

Hot paths (a loop that fills a FIFO, against one written by hand; the functions that move data in
our drivers) have the same instructions, one for one. Elsewhere the compiler may choose other
registers or another order, so that a driver as a whole is counted: not one instruction in a hundred
more, and not one load or store.
Usage: accessor.py SOURCE COMPILER...
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

def bursts():
    """Two instructions in either form: what io.h has of them, as it stands."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "include", "vdev", "io.h")
    with open(path) as header:
        text = header.read()
    return text[text.index("#define VDEV_IO_BURST") : text.rindex("#endif")].replace(
        "VDEV_IO_DIRECT", "1"
    )


# What a driver without the accessors would have: macros over raw pointers, and the same structure.
RAW = """
#ifndef VDEV_IO_H
#define VDEV_IO_H
#include <stdint.h>
struct vdev_io_operations;
struct vdev_io {
    uintptr_t base;
    const struct vdev_io_operations *operations;
    void *context;
};
""" + "".join(f"""
#define vdev_io_read{bits}(io, offset) (*(const volatile uint{bits}_t *)((io)->base + (offset)))
#define vdev_io_write{bits}(io, offset, value) \\
    ((void)(*(volatile uint{bits}_t *)((io)->base + (offset)) = (uint{bits}_t)(value)))
""" for bits in (8, 16, 32, 64)) + bursts() + "#endif\n"

LOOP = """
#include <stddef.h>
#include <vdev/io.h>
size_t fill(struct vdev_io io, const uint8_t *bytes, size_t length);
size_t fill(struct vdev_io io, const uint8_t *bytes, size_t length)
{
    size_t done = 0;
    while (done < length && (vdev_io_read32(&io, 0x18) & 0x20) == 0) {
        vdev_io_write32(&io, 0, bytes[done++]);
    }
    return done;
}
"""
BY_HAND = """
#include <stddef.h>
#include <vdev/io.h>
size_t fill(struct vdev_io io, const uint8_t *bytes, size_t length);
size_t fill(struct vdev_io io, const uint8_t *bytes, size_t length)
{
    size_t done = 0;
    while (done < length && (*(volatile uint32_t *)(io.base + 0x18) & 0x20) == 0) {
        *(volatile uint32_t *)io.base = bytes[done++];
    }
    return done;
}
"""
# The same loop where each access is a call: shows that the comparison can fail.
CALLED = LOOP.replace("size_t fill", "uint32_t get(uintptr_t at);\nsize_t fill", 1).replace(
    "vdev_io_read32(&io, 0x18)", "get(io.base + 0x18)")
# The functions of our drivers that move data, as the compiler leaves them.
HOT = {
    "drivers/arm/pl011.c": ("write_bytes", "read_bytes"),
    "drivers/arm/pl181.c": ("poll",),
    "drivers/beagle/omap3_hsmmc.c": ("poll",),
    "drivers/beagle/omap3_uart.c": ("write_bytes", "read_bytes"),
}
WAYS = [["-marm", "-O2"], ["-mthumb", "-O2"], ["-mthumb", "-Os"]]

passed = failed = 0


def check(what, good, details=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what}\n{details}".rstrip())


def instructions(compiler, include, source, options, scratch):
    """The object's code with its relocations, without what tells where it came from."""
    object_file = os.path.join(scratch, "object.o")
    command = [*compiler, "-std=c11", "-ffreestanding", "-march=armv7ve", "-mgeneral-regs-only",
               "-fno-strict-aliasing", *options, *include, "-c", source, "-o", object_file]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}")
    objdump = re.sub(r"gcc$", "objdump", compiler[0])
    text = subprocess.run([objdump, "-d", "-r", "--no-show-raw-insn", object_file],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return text.split("\n", 3)[-1]


def function(text, name):
    """A function's instructions, with its own addresses counted from its start."""
    found = re.search(rf"^([0-9a-f]+) <{name}(?:\.\w+)*>:\n((?:.+\n)+)", text, re.MULTILINE)
    if not found:
        return None
    start = int(found.group(1), 16)
    lines = re.sub(r"^\s*[0-9a-f]+:", "", found.group(2), flags=re.MULTILINE)
    return re.sub(r"\b([0-9a-f]+) (<\w+)",
                  lambda at: f"{int(at.group(1), 16) - start:x} {at.group(2)}", lines)


def count(text):
    """All instructions, and those that load or store."""
    operations = re.findall(r"^\s*[0-9a-f]+:\t([a-z]+)", text, re.MULTILINE)
    memory = [name for name in operations if name.startswith(("ldr", "str", "ldm", "stm"))]
    return len(operations), len(memory)


def difference(first, second):
    pairs = zip(first.splitlines(), second.splitlines())
    return "\n".join(f"{a}   |   {b}" for a, b in pairs if a != b)[:2000]


def compare(name, ours, theirs, options):
    way = " ".join(options)
    all_ours, memory_ours = count(ours)
    all_theirs, memory_theirs = count(theirs)
    numbers = (f"{all_ours} and {all_theirs} instructions, "
               f"{memory_ours} and {memory_theirs} loads and stores")
    check(f"{name} is as long with raw pointers ({way})",
          0 < all_ours <= all_theirs + all_theirs // 100, numbers)
    check(f"{name} loads and stores as often with raw pointers ({way})",
          memory_ours <= memory_theirs, numbers)
    for hot in HOT.get(name, ()):
        first, second = function(ours, hot), function(theirs, hot)
        check(f"{name} has {hot}", first is not None)
        check(f"{hot} of {name} is the same with raw pointers ({way})", first == second,
              difference(first or "", second or ""))


def uses_accessors(path):
    with open(path, encoding="utf-8") as text:
        return re.search(r"vdev_io_(read|write)\d", text.read()) is not None


def main():
    root, *compiler = sys.argv[1:]
    own = ["-I", os.path.join(root, "include"), "-I", os.path.join(root, "src")]
    drivers = sorted(glob.glob(os.path.join(root, "drivers", "**", "*.c"), recursive=True))
    users = [path for path in drivers if uses_accessors(path)]
    check("there are drivers that access registers", len(users) >= 2)
    with tempfile.TemporaryDirectory() as scratch:
        os.mkdir(os.path.join(scratch, "vdev"))
        with open(os.path.join(scratch, "vdev", "io.h"), "w") as out:
            out.write(RAW)
        raw = ["-I", scratch, *own]
        for name, text in (("loop", LOOP), ("by_hand", BY_HAND), ("called", CALLED)):
            with open(os.path.join(scratch, f"{name}.c"), "w") as out:
                out.write(text)
        for options in WAYS:
            for path in users:
                ours = instructions(compiler, own, path, options, scratch)
                theirs = instructions(compiler, raw, path, options, scratch)
                compare(os.path.relpath(path, root), ours, theirs, options)
            loop, by_hand, called = (
                instructions(compiler, own, os.path.join(scratch, f"{name}.c"), options, scratch)
                for name in ("loop", "by_hand", "called"))
            check(f"the hot loop is the same by hand ({' '.join(options)})", loop == by_hand,
                  difference(loop, by_hand))
            check("a loop that calls is another", loop != called)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
