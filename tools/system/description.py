# SPDX-License-Identifier: BSD-2-Clause
"""A system description as people write it, with names of files, made into what the hypervisor reads:
a blob that says where in memory each file lies, and the files with their addresses.

It knows the properties that name files, and no other: what a description means is the hypervisor's
to judge (hyp/vm.c).
"""

import os
import subprocess

import machine

# Where files may be put: behind the description itself, below the guests' memory.
FIRST_ADDRESS, END_ADDRESS = machine.KERNEL_ADDRESS, 0x90000000
PAGE = 4096


class Mistake(Exception):
    """What is wrong with a description, in one line."""


def _names(files):
    """The build's own files, by the names that a description may have for them."""
    return {
        "kernel": {
            "linux": files.kernel,
            "driver": files.driver,
            "entries": files.bench,
            "beagle-pure": files.beagle(machine.ARRANGEMENTS["beagle-pure"]),
            "beagle-para": files.beagle(machine.ARRANGEMENTS["beagle-para"]),
        },
        "initrd": {"guest": files.initrd, "network": files.network_initrd},
    }


def _tool(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")


class Description:
    """One description; `blob` is where its binary form is written. A build's file that is not there
    is a mistake only for `place`, so that a description can be checked before anything is built."""

    def __init__(self, path, blob, files):
        self.path, self.blob = path, blob
        if not os.path.exists(path):
            raise Mistake(f"{path}: no such file")
        if not os.path.isfile(path):
            raise Mistake(f"{path}: is not a regular file")
        folder = os.path.dirname(os.path.abspath(path))
        result = _tool("dtc", "-q", "-i", folder, "-I", "dts", "-O", "dtb", "-o", blob, path)
        if result.returncode:
            said = (result.stderr.strip() or "dtc refuses it").splitlines()[0]
            raise Mistake(said if path in said else f"{path}: {said}")
        self.machines = [name for name in self._list("/") if name.startswith("vm@")]
        if not self.machines:
            raise Mistake(f"{path}: no node vm@0")
        self.images = {}
        names = _names(files)
        for name in self.machines:
            for kind in ("kernel", "initrd"):
                self._find_image(name, kind, names[kind], folder)

    def _list(self, node):
        return _tool("fdtget", "-l", self.blob, node).stdout.split()

    def string(self, node, name):
        result = _tool("fdtget", "-t", "s", self.blob, f"/{node}", name)
        return None if result.returncode else result.stdout.rstrip("\n")

    def has(self, node, name):
        return _tool("fdtget", "-t", "bx", self.blob, f"/{node}", name).returncode == 0

    def _find_image(self, vm, kind, names, folder):
        said = self.string(vm, f"{kind}-file")
        if said is None:
            if kind == "kernel":
                raise Mistake(f"{self.path}: node {vm}: kernel-file: there is none")
            return
        if said in names:
            path = names[said]
        elif "/" in said or "." in said:
            path = os.path.join(folder, said)
            if not os.path.isfile(path):
                raise Mistake(f"{self.path}: node {vm}: {kind}-file: {path}: no such file")
        else:
            raise Mistake(
                f"{self.path}: node {vm}: {kind}-file: '{said}' is neither a path nor one of "
                + ", ".join(names)
            )
        self.images[vm, kind] = os.path.realpath(path)

    def devices(self):
        """Of each machine's devices: machine, node, arrangement, and the driver VM or None."""
        for vm in self.machines:
            for node in self._list(f"/{vm}"):
                path = f"{vm}/{node}"
                yield vm, node, self.string(path, "arrangement"), self.string(path, "driver-vm")

    def has_network(self):
        return any(node == "net" for _, node, _, _ in self.devices())

    def place(self):
        """Writes each file's place into the blob; returns the files and their addresses. A file
        that several machines name lies there once."""
        placed, address = {}, FIRST_ADDRESS
        for (vm, kind), path in self.images.items():
            if not os.path.isfile(path):
                raise Mistake(
                    f"{self.path}: node {vm}: {kind}-file: there is no {os.path.relpath(path)}"
                )
            size = os.path.getsize(path)
            if path not in placed:
                placed[path] = address
                address += (size + PAGE - 1) // PAGE * PAGE
            if address > END_ADDRESS:
                raise Mistake(
                    f"{self.path}: node {vm}: {kind}-file: all files together take more than "
                    f"{(END_ADDRESS - FIRST_ADDRESS) >> 20} MiB"
                )
            self._put(vm, kind, placed[path], size)
        return [(path, address) for path, address in placed.items()]

    def _put(self, vm, kind, address, size):
        cells = (f"{address:x}", f"{size:x}")
        for words in (
            ("fdtput", "-t", "x", self.blob, f"/{vm}", kind, *cells),
            ("fdtput", "-d", self.blob, f"/{vm}", f"{kind}-file"),
        ):
            result = _tool(*words)
            if result.returncode:
                raise Mistake(f"{self.path}: node {vm}: {kind}: {result.stderr.strip()}")
