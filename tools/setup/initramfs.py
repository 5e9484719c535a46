# SPDX-License-Identifier: BSD-2-Clause
"""Builds the guest's initramfs: a gzipped cpio archive in the "newc" format.

It needs no root, because device nodes are entries in an archive and never files here; and the same
input gives the same bytes, because no time and no owner of this machine enters. It is not a general
cpio tool.
"""

import gzip
import os
import stat


class Archive:
    def __init__(self):
        self.parts = []
        self.entries = 0

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        self.entries += 1
        encoded = name.encode() + b"\0"
        fields = (self.entries, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self.parts += [header, b"\0" * (-len(header) % 4), data, b"\0" * (-len(data) % 4)]

    def directory(self, name):
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return gzip.compress(b"".join(self.parts), compresslevel=6, mtime=0)


def _dependencies(module):
    """What a kernel module names in the "depends" line of its .modinfo section."""
    with open(module, "rb") as file:
        data = file.read()
    start = data.find(b"\0depends=")
    if start < 0:
        return []
    names = data[start + len(b"\0depends=") : data.index(b"\0", start + 1)].decode()
    return [name for name in names.split(",") if name]


def modules_in_order(root, wanted):
    """Paths of the wanted modules and of all that they depend on, each after its dependencies.

    Read from the modules themselves, since depmod is in no package that this needs otherwise.
    """
    paths = {}
    for folder, _, files in os.walk(root):
        for file in files:
            if file.endswith(".ko"):
                paths[file[:-3].replace("-", "_")] = os.path.join(folder, file)
    order = []

    def add(name):
        name = name.replace("-", "_")
        if name not in paths:
            raise FileNotFoundError(f"the kernel package has no module {name}")
        for dependency in _dependencies(paths[name]):
            add(dependency)
        if paths[name] not in order:
            order.append(paths[name])

    for name in wanted:
        add(name)
    return order


def build(programs, modules, init, files, libraries={}):
    """The archive: programs, by the names they are to have in bin (busybox is the shell), modules,
    init, further files, and libraries, by their names in lib."""
    archive = Archive()
    for name in ("bin", "dev", "lib", "modules", "proc", "sys", "tmp"):
        archive.directory(name)
    # Init starts before devtmpfs is mounted, and with no console at all where that is on virtio.
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    for name, path in programs.items():
        with open(path, "rb") as file:
            archive.file(f"bin/{name}", file.read(), 0o755)
    for name, path in sorted(libraries.items()):
        with open(path, "rb") as file:
            archive.file(f"lib/{name}", file.read(), 0o755)
    archive.link("bin/sh", "busybox")
    for module in modules:
        with open(module, "rb") as file:
            archive.file(f"modules/{os.path.basename(module)}", file.read())
    names = "".join(f"{os.path.basename(module)}\n" for module in modules)
    archive.file("modules/order", names.encode())
    for name, data in files.items():
        archive.file(name, data)
    with open(init, "rb") as file:
        archive.file("init", file.read(), 0o755)
    return archive.bytes()
