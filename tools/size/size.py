#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run size: text, data and bss of each part of the library for ARM, as a table and for programs.

It reads the objects of a build folder, whole, before a linker drops what nobody calls. It builds
nothing: ./run does that first.
"""

import argparse
import json
import os
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECTIONS = ("text", "data", "bss")
# Rooms in the table's order: what a system picks from, then what those parts share.
ROOMS = ("drivers", "emulators", "backends", "frontends", "ring")
SHARED = ("virtio", "transport", "registers", "core", "fdt")
# Here a file whose name goes on from another's is a part of that one; elsewhere it is an end of its
# own, as the two of a ring are.
JOINED = ("drivers", "emulators")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"size: {message}", file=sys.stderr)
        sys.exit(2)


def parse(arguments):
    parser = Parser(prog="run size", add_help=False)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    return parser.parse_args(arguments)


def check(options):
    path = options.json
    if path and (
        os.path.isdir(path) or not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK)
    ):
        raise ValueError(f"--json {path}: cannot be written")


def objects(folder):
    """(room, file's name, object) of each of the library's own files that has been built."""
    with open(os.path.join(folder, "compile_commands.json")) as commands:
        for command in json.load(commands):
            source = os.path.relpath(os.path.join(folder, command["file"]), SOURCE)
            words = source.split(os.sep)
            room = words[1] if words[0] == "src" else words[0]
            path = os.path.join(folder, command["output"])
            if room in ROOMS + SHARED and os.path.exists(path):
                yield room, os.path.splitext(words[-1])[0], path


def sizes(paths):
    """The sections' sizes in bytes, in the order of the paths."""
    lines = subprocess.run(
        ["arm-none-eabi-size", "-B", "-d", *paths], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    return [[int(word) for word in line.split()[: len(SECTIONS)]] for line in lines[1:]]


def part_of(room, name, names):
    """The shortest name of the room that this one is a continuation of, or itself."""
    if room in JOINED:
        for other in sorted(names, key=len):
            if name.startswith(other + "_"):
                return other
    return name


def measure(folder):
    """Bytes of each section by part: {(room, part): [text, data, bss]}."""
    found = sorted(objects(folder))
    names = {room: {name for each, name, _ in found if each == room} for room in ROOMS + SHARED}
    for room in ROOMS:
        if not names[room]:
            raise ValueError(f"{os.path.relpath(folder, SOURCE)} has no objects of {room}")
    parts = {}
    for (room, name, _), sections in zip(found, sizes([path for _, _, path in found])):
        part = parts.setdefault((room, part_of(room, name, names[room])), [0] * len(SECTIONS))
        for index, size in enumerate(sections):
            part[index] += size
    order = ROOMS + SHARED
    return dict(sorted(parts.items(), key=lambda part: (order.index(part[0][0]), part[0][1])))


def rows(parts):
    return [
        {"name": f"{room}/{name} {section}", "value": size, "unit": "bytes"}
        for (room, name), sections in parts.items()
        for section, size in zip(SECTIONS, sections)
    ]


def print_table(parts):
    form = "{:34}" + "{:>9}" * len(SECTIONS)
    print(form.format("bytes, Thumb-2, -Os, Cortex-A8", *SECTIONS))
    last = None
    for (room, name), sections in parts.items():
        if room != last:
            title = f"{room}, which they share" if room in SHARED else room
            total = [
                sum(each) for each in zip(*(size for key, size in parts.items() if key[0] == room))
            ]
            print("\n" + form.format(title, *(f"{size:,}" for size in total)))
            last = room
        print(form.format(f"  {name}", *(f"{size:,}" for size in sections)))
    print("\ntext has the constants, too. A whole file counts, whether or not all of it is called.")


def main(arguments):
    options = parse(arguments)
    try:
        check(options)
        if options.check:
            return 0
        parts = measure(os.path.join(os.path.abspath(options.build), "size"))
        print_table(parts)
        if options.json:
            with open(options.json, "w") as out:
                json.dump({"rows": rows(parts)}, out, indent=1)
                out.write("\n")
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"size: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
