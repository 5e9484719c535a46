#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a stranger gets: `meson install` into an empty folder, and a program outside the tree that
is built from it.

Tests, of the installed files only: that headers, library and pkg-config's file are there; that each
header compiles alone, hosted and with nothing but the compiler's own headers; that a program
compiles, links and runs through pkg-config; that the library holds no variables, exports nothing
without its prefix, and needs nothing but mem*.
Usage: install.py BUILD SOURCE SANITIZE COMPILER...
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM = r"""
#include <stdio.h>
#include <vdev/backends/block.h>
#include <vdev/bus.h>
#include <vdev/fdt.h>
#include <vdev/status.h>

static int answer(void *device, struct vdev_access *access)
{
    access->value = *(unsigned *)device + access->offset;
    return VDEV_OK;
}

int main(void)
{
    unsigned first = 40;
    struct vdev_bus_window window = {
        .address = 0x1000, .length = 16, .access = answer, .device = &first};
    struct vdev_block_backend_configuration nothing = {0};
    struct vdev_bus bus;
    struct vdev_block_backend backend;
    struct vdev_fdt tree;
    struct vdev_fdt_error error;
    uint32_t value = 0;

    /* A back-end over nothing, and a tree that is none, are refused: both are linked and run. */
    if (vdev_bus_init(&bus, &window, 1) != VDEV_OK ||
        vdev_bus_read(&bus, 0x1002, 2, &value) != VDEV_OK ||
        vdev_block_backend_init(&backend, &nothing) != VDEV_ERROR_INVALID ||
        vdev_fdt_open(&tree, PROGRAM_NAME, sizeof PROGRAM_NAME, &error) == VDEV_OK) {
        return 1;
    }
    printf("%u %s\n", (unsigned)value, vdev_status_name(VDEV_ERROR_RANGE));
    return 0;
}
"""
KIT_PROGRAM = r"""
#include <vdev/testing/clock.h>

int main(void)
{
    struct vdev_virtual_clock clock;

    vdev_virtual_clock_init(&clock, 5, 0);
    vdev_virtual_clock_advance(&clock, 7);
    return vdev_clock_now(&clock.clock) >= 7 ? 0 : 1;
}
"""
HOST_PROGRAM = r"""
#include <stdio.h>
#include <vdev/host/file_block.h>

int main(void)
{
    struct vdev_host_loop loop = {0};
    struct vdev_host_file_configuration configuration = {.path = "/nowhere/image", .loop = &loop};
    struct vdev_host_error error;

    if (vdev_host_file_open(&configuration, &error) != NULL) {
        return 1;
    }
    printf("%s\n", error.text);
    return 0;
}
"""
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
# What a freestanding compiler brings along [C11 4.6]; anything else would be somebody's system.
FREESTANDING = {
    *("float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h"),
    *("stddef.h", "stdint.h", "stdnoreturn.h"),
}
NEEDED = {"memcpy", "memmove", "memset", "memcmp", "_GLOBAL_OFFSET_TABLE_"}

passed = failed = 0


def check(what, good, details=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what}\n{details}".rstrip())


def run(command, **options):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def find(folder, name):
    return [os.path.join(at, name) for at, _, files in os.walk(folder) if name in files]


def headers_of(folder):
    found = []
    for at, _, files in os.walk(os.path.join(folder, "vdev")):
        found += [os.path.relpath(os.path.join(at, file), folder) for file in files]
    return sorted(found)


def check_headers(include, headers, compiler, scratch):
    own = ["-nostdinc", "-isystem", run([*compiler, "-print-file-name=include"]).stdout.strip()]
    ways = [("hosted", compiler, []), ("freestanding", compiler, ["-ffreestanding", *own])]
    arm = shutil.which("arm-none-eabi-gcc")
    if arm:
        arm_own = run([arm, "-print-file-name=include"]).stdout.strip()
        options = ["-march=armv7-a", "-ffreestanding", "-nostdinc", "-isystem", arm_own]
        ways.append(("freestanding for ARM", [arm], options))
    source = os.path.join(scratch, "alone.c")
    for header in headers:
        with open(os.path.join(include, header)) as text:
            included = re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', text.read(), re.MULTILINE)
        foreign = [name for name in included if name not in FREESTANDING and name not in headers]
        what = f"{header} includes only the compiler's and the library's headers"
        check(what, not foreign, " ".join(foreign))
        with open(source, "w") as text:
            # Twice: it has to guard itself. And something of its own, since C has no empty files.
            text.write(f"#include <{header}>\n#include <{header}>\nextern int alone;\n")
        for way, command, options in ways:
            where = ["-I", include, "-fsyntax-only", source]
            result = run([*command, *WARNINGS, "-Wundef", *options, *where])
            check(f"{header} compiles alone, {way}", result.returncode == 0, result.stdout)


def check_program(prefix, package, text, output, compiler, sanitize, scratch):
    """A program that a stranger builds from what pkg-config says of a package, and its output."""
    pc = find(prefix, f"{package}.pc")
    check(f"pkg-config's file of {package} is installed", len(pc) == 1)
    if not pc:
        return
    # The folder that it was installed into is not the prefix that it was configured for.
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc[0]))
    moved = f"--define-variable=prefix={prefix}"
    result = run(["pkg-config", moved, "--cflags", "--libs", package], env=environment)
    check(f"pkg-config knows {package}", result.returncode == 0, result.stdout)
    flags = result.stdout.split()
    for flag in flags:
        if flag.startswith(("-I", "-L")):
            check(f"pkg-config's {flag[:2]} is a folder", os.path.isdir(flag[2:]), flag)
    source, program = os.path.join(scratch, "stranger.c"), os.path.join(scratch, "stranger")
    with open(source, "w") as out:
        out.write(text)
    # A library built for the sanitizers needs them of its program too.
    instrument = [] if sanitize == "none" else [f"-fsanitize={sanitize}"]
    name = '-DPROGRAM_NAME="a stranger, who is no device tree"'
    result = run([*compiler, *WARNINGS, *instrument, name, source, "-o", program, *flags])
    what = f"a program outside the tree compiles and links with {package} through pkg-config"
    check(what, result.returncode == 0, result.stdout)
    if result.returncode == 0:
        result = run([program])
        good = result.returncode == 0 and result.stdout == output
        check("that program runs", good, result.stdout)


def check_symbols(library):
    defined, undefined, variables = set(), set(), []
    for line in run(["nm", "-A", "-f", "sysv", library]).stdout.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 7:
            continue
        # nm: ARCHIVE:MEMBER:NAME in the first column.
        member, _, name = columns[0].rpartition(":")
        kind, section = columns[2], columns[6]
        if kind == "U":
            if not ("src_fdt_" in member and (name.startswith("fdt_") or name == "strlen")):
                undefined.add(name)
            continue
        if kind.isupper():
            defined.add(name)
        # Constants that hold addresses stand in .data.rel.ro until the program is relocated.
        constant = section.startswith(".data.rel.ro")
        if section.startswith((".bss", ".data", "*COM*")) and not constant:
            variables.append(f"{member}: {name}")
    check("the library defines symbols at all", len(defined) > 10)
    check("the library has no variables", not variables, "\n".join(variables))
    strange = sorted(name for name in defined if not name.startswith("vdev_"))
    check("all that the library exports begins with vdev_", not strange, " ".join(strange))
    missing = sorted(undefined - defined - NEEDED)
    what = "the library needs nothing but mem*, and its device tree part libfdt"
    check(what, not missing, " ".join(missing))


def main():
    build, source, sanitize, *compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        destination = os.path.join(scratch, "root")
        result = run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", destination])
        check("meson installs", result.returncode == 0, result.stdout)
        # ROOT/usr/local, or whatever the build was configured for.
        found = find(destination, "status.h")
        top = [os.path.normpath(os.path.join(path, "..", "..", "..")) for path in found]
        check("the headers are installed once", len(top) == 1)
        if top:
            prefix = top[0]
            include = os.path.join(prefix, "include")
            headers = headers_of(include)
            there = headers_of(os.path.join(source, "include"))
            check("all public headers are installed", headers == there)
            check_headers(include, headers, compiler, scratch)
            check_program(prefix, "vdev", PROGRAM, "42 RANGE\n", compiler, sanitize, scratch)
            check_program(prefix, "vdev-testing", KIT_PROGRAM, "", compiler, sanitize, scratch)
            output = "/nowhere/image: does not exist\n"
            check_program(prefix, "vdev-host", HOST_PROGRAM, output, compiler, sanitize, scratch)
            library = find(prefix, "libvdev.a")
            check("the static library is installed", len(library) == 1)
            # Sanitizers bring variables and functions of their own.
            if library and sanitize == "none":
                check_symbols(library[0])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
