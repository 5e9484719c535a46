#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which room of the tree may use which: docs/architecture.md as a test. It only reads files.

Usage: rooms.py SOURCE [--self-test]; with the latter it tests itself on trees that break each rule.
"""

import os
import re
import subprocess
import sys
import tempfile

# What a freestanding compiler brings along [C11 4.6].
FREESTANDING = {
    *("float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h"),
    *("stddef.h", "stdint.h", "stdnoreturn.h"),
}
HOSTED = {"stdio.h", "stdlib.h", "string.h"}
# And, in one file, memory that Check's processes share.
SHARED_MEMORY = ("src/testing/coverage.c", "sys/mman.h")
# Public headers that every room knows: the core, and the device classes.
COMMON = {
    *("block", "console", "net", "net_offload", "sd_host"),
    *("buffer", "bus", "clock", "interrupt", "io", "memory", "status"),
}
# Each room of src/, and the rooms that it may use beside itself and the core.
ROOMS = {
    "core": set(),
    "registers": set(),
    "ring": set(),
    "virtio": {"ring"},
    "transport": {"ring", "virtio"},
    "backends": {"ring", "virtio"},
    "frontends": {"ring", "virtio"},
    "emulators": {"registers"},
    "fdt": set(),
    "freestanding": set(),
    "mux": set(),
    "testing": {"registers"},
    # Above all the others, and the only one that knows POSIX, Linux and the C library.
    "host": {"registers", "ring", "virtio", "transport", "backends", "frontends", "mux", "fdt"},
}
# Where a public header belongs that does not stand in a folder of its room's name.
HEADER_ROOMS = {
    "registers": "registers",
    "virtqueue": "ring",
    "virtio": "virtio",
    "virtio_driver": "virtio",
    **dict.fromkeys(("virtio_mmio", "virtio_message", "virtio_message_bridge"), "transport"),
    **dict.fromkeys(("vhost_user", "vhost_user_device", "vhost_user_driver"), "transport"),
    "fdt": "fdt",
    "format": "freestanding",
}
# Layouts and constants of the Linux UAPI headers, where rings and virtio devices are made.
UAPI_ROOMS = {"ring", "virtio", "transport", "backends", "frontends"}
LONGEST = 700  # lines
SPDX_TEXT = "SPDX-License-Identifier: BSD-2-Clause"
SOURCES = (".c", ".h", ".S", ".py", ".sh", ".ld", ".dts")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ANY_INCLUDE = re.compile(r"^\s*#\s*include\b(.*)", re.MULTILINE)


def room_of_header(name):
    """The room of a public header: of "emulators/pl011.h" it is emulators."""
    stem = name[len("vdev/"):-len(".h")]
    if stem in COMMON:
        return "core"
    return HEADER_ROOMS.get(stem, stem.split("/")[0])


def allowed(path, quote, name):
    """May this file include this? `path` is relative to the source root."""
    if name in FREESTANDING:
        return quote == "<"
    parts = path.split("/")
    top = parts[0]
    if top == "include":
        own = room_of_header("/".join(parts[1:]))
        return (quote == "<" and name.startswith("vdev/")
                and room_of_header(name) in {"core", own} | ROOMS.get(own, set()))
    if top == "hyp":
        return name.startswith("vdev/") if quote == "<" else "/" not in name
    if top == "drivers":
        if name.startswith("vdev/"):
            # Trees too, since a driver reads its own node of the board's.
            return room_of_header(name) in {"core", "drivers", "fdt"}
        # Files of one driver may share a header that stands beside them.
        return name == "core/mem.h" or quote == '"' and "/" not in name
    room = parts[1]
    rooms = {"core", room} | ROOMS[room]
    if name.startswith("vdev/"):
        return room_of_header(name) in rooms
    if room == "host":
        return quote == "<" or name.split("/")[0] in {"core", "host"}
    if name.startswith("linux/virtio_"):
        return room in UAPI_ROOMS
    if quote == '"':
        return name.split("/")[0] in rooms
    # The test kit is for hosts: it prints. It needs the C language's library and no system's.
    if room == "testing" and name in HOSTED or (path, name) == SHARED_MEMORY:
        return True
    # The one user of libfdt, and the one place that declares mem*.
    if name == "libfdt.h":
        return room == "fdt"
    return name == "string.h" and path == "src/core/mem.h"


def violations(root, files):
    """A line for each broken rule."""
    found = []
    for path in files:
        try:
            with open(os.path.join(root, path), encoding="utf-8") as text:
                content = text.read()
        except (FileNotFoundError, UnicodeDecodeError, IsADirectoryError):
            continue
        lines = content.count("\n")
        if lines > LONGEST:
            found.append(f"{path}: {lines} lines, {LONGEST} are the most")
        script = content.startswith("#!") and not path.endswith(SOURCES)
        named = path.endswith(SOURCES + ("meson.build",)) or script
        if named and content.strip() and SPDX_TEXT not in "".join(content.splitlines()[:3]):
            found.append(f"{path}: no SPDX line at its beginning")
        inside = path.split("/")[0] in ("include", "hyp", "drivers", "src")
        if not inside or not path.endswith((".c", ".h", ".S")):
            continue
        if path.startswith("src/") and path.split("/")[1] not in ROOMS:
            found.append(f"{path}: a room that tests/rooms.py does not know")
            continue
        includes = INCLUDE.findall(content)
        if len(includes) != len(ANY_INCLUDE.findall(content)):
            found.append(f"{path}: an #include that is not of a name")
        for quote, name in includes:
            if not allowed(path, quote, name):
                found.append(f"{path}: may not include {name}")
    return found


def is_source(path):
    """What a fuzzer has made is bytes, and no one's text."""
    return not path.startswith("fuzz/corpus/")


def project_files(root):
    """What is under version control, or all there is where git or the history is missing."""
    result = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "-C", root, "ls-files", "-z"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    if result.returncode == 0 and result.stdout:
        return sorted(path for path in set(result.stdout.split("\0")) - {""} if is_source(path))
    found = []
    for at, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
        found += [os.path.relpath(os.path.join(at, file), root) for file in files]
    return sorted(filter(is_source, found))


SPDX = "/* SPDX-License-Identifier: BSD-2-Clause */\n"
# A file that breaks a rule, and what is said of it; or one that keeps it, and None.
BROKEN = (
    ("src/core/a.c", SPDX + "#include <stdio.h>\n", "stdio.h"),
    ("src/core/a.c", SPDX + "#include <vdev/virtqueue.h>\n", "virtqueue.h"),
    ("src/ring/a.c", SPDX + "#include <unistd.h>\n", "unistd.h"),
    ("src/backends/a.c", SPDX + "#include <vdev/drivers/pl011.h>\n", "pl011.h"),
    ("src/backends/a.c", SPDX + '#include "../../hyp/hyp.h"\n', "hyp.h"),
    ("src/emulators/a.c", SPDX + "#include <vdev/virtio.h>\n", "virtio.h"),
    ("src/emulators/a.c", SPDX + "#include <linux/virtio_blk.h>\n", "virtio_blk.h"),
    ("src/virtio/a.c", SPDX + "#include HEADER\n", "not of a name"),
    ("src/fdt/a.c", SPDX + "#include <stdlib.h>\n", "stdlib.h"),
    ("src/cellar/a.c", SPDX, "does not know"),
    ("drivers/arm/a.c", SPDX + "#include <vdev/backends/block.h>\n", "backends/block.h"),
    ("drivers/arm/a.c", SPDX + '#include "core/memory.h"\n', "core/memory.h"),
    ("hyp/a.c", SPDX + '#include "core/mem.h"\n', "core/mem.h"),
    ("hyp/a.c", SPDX + "#include <string.h>\n", "string.h"),
    ("include/vdev/block.h", SPDX + "#include <linux/types.h>\n", "linux/types.h"),
    ("include/vdev/virtqueue.h", SPDX + "#include <vdev/backends/block.h>\n", "backends/block.h"),
    ("src/testing/a.c", SPDX + "#include <unistd.h>\n", "unistd.h"),
    ("src/testing/a.c", SPDX + "#include <stdio.h>\n", None),
    ("src/host/a.c", SPDX + '#include <sys/epoll.h>\n#include "host/b.h"\n', None),
    ("src/host/a.c", SPDX + '#include "virtio/b.h"\n', "virtio/b.h"),
    ("src/host/a.c", SPDX + "#include <vdev/drivers/pl011.h>\n", "pl011.h"),
    ("src/backends/a.c", SPDX + "#include <vdev/host/loop.h>\n", "host/loop.h"),
    ("include/vdev/host/a.h", SPDX + "#include <sys/types.h>\n", "sys/types.h"),
    ("include/vdev/host/a.h", SPDX + "#include <vdev/virtio.h>\n", None),
    ("tools/a.py", "print()\n", "SPDX"),
    ("run", "#!/bin/bash\n", "SPDX"),
    ("tests/a.c", SPDX + "\n" * LONGEST, "lines"),
    ("tests/a.c", SPDX + "#include <stdio.h>\n", None),
    ("src/backends/a.c", SPDX + "#include <linux/virtio_blk.h>\n#include <vdev/virtio.h>\n", None),
    ("hyp/a.c", SPDX + '#include <vdev/drivers/pl011.h>\n#include "hyp.h"\n', None),
)


def self_test():
    failures = []
    for path, content, expected in BROKEN:
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as out:
                out.write(content)
            found = violations(root, project_files(root))
        good = not found if expected is None else any(expected in line for line in found)
        if not good:
            failures.append(f"{path} with {content.splitlines()[-1]!r}: {found}")
    return len(BROKEN) - len(failures), failures


def main():
    root = os.path.abspath(sys.argv[1])
    passed, failures = self_test() if "--self-test" in sys.argv else (0, [])
    files = project_files(root)
    found = violations(root, files)
    # Each file counts as one test.
    passed += len(files) - len({line.split(":")[0] for line in found})
    for line in failures + found:
        print(line)
    print(f"{passed} passed, {len(failures) + len(found)} failed")
    return 1 if failures or found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
