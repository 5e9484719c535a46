#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Gets the guest and the source of libfdt below the build folder: Debian's kernel, busybox, an
initramfs.

What is there already is left as it is: a second run fetches nothing. It boots nothing.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compare"))
import apt_state  # noqa: E402
import initramfs  # noqa: E402
import workload  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
KERNEL = "linux-image-armmp"
# Source packages that have libfdt, and where: its own, and one with a copy for a mirror that lacks
# the first.
LIBFDT_SOURCES = (("device-tree-compiler", "libfdt"), ("u-boot", "scripts/dtc/libfdt"))
# What the comparison drives, on the board's own devices and on virtio-mmio.
MODULES = (
    "virtio_mmio",
    "virtio_console",
    "virtio_blk",
    "armmmci",
    "virtio_net",
    "smsc911x",
    "smsc",
)
# What of ours goes into the guest: its part of the network's windows.
PROGRAM = os.path.join(HERE, "..", "..", "bench", "net", "net.c")
COMPILER = ("arm-linux-gnueabihf-gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror")


# What lists, packages and sources take while they are unpacked, in bytes, and some to spare.
ROOM = 500 << 20


def require_room(folder, room):
    """Says so now if the disk is too full: apt waits for ever on one, or blames the network."""
    free = shutil.disk_usage(folder).free
    if free < room:
        raise OSError(f"{folder}: {free >> 20} MiB free, {room >> 20} MiB are needed")


def write(path, data):
    """Writes a file whole or not at all, so that an interrupted setup leaves nothing that looks
    finished."""
    with open(path + ".new", "wb") as out:
        out.write(data)
    os.replace(path + ".new", path)


def fetch_packages(build, apt):
    root = os.path.join(build, "guest", "root")
    stamp = os.path.join(build, "guest", "packages")
    if os.path.exists(stamp):
        return root
    require_room(build, ROOM)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    kernel = apt.dependency(KERNEL, r"linux-image-[0-9].*-armmp")
    files = [apt.download(kernel, root), apt.download("busybox-static", root)]
    write(stamp, "".join(f"{name}\n" for name in files).encode())
    return root


def one(pattern, what):
    paths = glob.glob(pattern)
    if len(paths) != 1:
        raise FileNotFoundError(f"expected one {what} at {pattern}, found {len(paths)}")
    return paths[0]


def build_initramfs(build, root):
    """Builds it anew only when something that goes into it has changed."""
    init = os.path.join(HERE, "init")
    modules = initramfs.modules_in_order(os.path.join(root, "lib", "modules"), MODULES)
    busybox = one(os.path.join(root, "bin", "busybox"), "busybox")
    key = hashlib.sha256()
    for path in (init, busybox, PROGRAM, *modules, os.path.join(HERE, "initramfs.py"), workload.__file__):
        with open(path, "rb") as file:
            key.update(file.read())
    archive = os.path.join(build, "guest", "initramfs.cpio.gz")
    stamp = archive + ".key"
    if os.path.exists(archive) and os.path.exists(stamp) and open(stamp).read() == key.hexdigest():
        return
    print("setup: building the initramfs", flush=True)
    program = os.path.join(build, "guest", "net")
    subprocess.run([*COMPILER, "-o", program, PROGRAM], check=True)
    programs = {"busybox": busybox, "net": program}
    write(archive, initramfs.build(programs, modules, init, {"pattern": workload.pattern()}))
    write(stamp, key.hexdigest().encode())


def fetch_libfdt(build, apt):
    """The freestanding build compiles libfdt itself: Debian packs it built for Linux only."""
    destination = os.path.join(build, "deps", "libfdt")
    if os.path.isdir(destination):
        return
    require_room(build, ROOM)
    failure = None
    for package, folder in LIBFDT_SOURCES:
        try:
            unpacked = apt.source(package)
            break
        except apt_state.AptError as error:
            failure = failure or error
    else:
        raise failure
    if failure:
        print(f"setup: {failure}; took the copy in {package} instead")
    shutil.rmtree(destination + ".new", ignore_errors=True)
    os.makedirs(destination + ".new")
    for path in glob.glob(os.path.join(unpacked, folder, "*.[ch]")):
        shutil.copy(path, destination + ".new")
    os.rename(destination + ".new", destination)
    shutil.rmtree(os.path.dirname(unpacked))


def main():
    build = os.path.abspath(sys.argv[1])
    os.makedirs(os.path.join(build, "guest"), exist_ok=True)
    apt = apt_state.AptState(os.path.join(build, "apt"), "armhf")
    fetch_libfdt(build, apt)
    root = fetch_packages(build, apt)
    kernel = os.path.join(build, "guest", "zImage")
    if not os.path.exists(kernel):
        with open(one(os.path.join(root, "boot", "vmlinuz-*"), "kernel"), "rb") as file:
            write(kernel, file.read())
    build_initramfs(build, root)


if __name__ == "__main__":
    try:
        main()
    except (apt_state.AptError, OSError, subprocess.CalledProcessError) as error:
        print(f"setup: {error}", file=sys.stderr)
        sys.exit(1)
