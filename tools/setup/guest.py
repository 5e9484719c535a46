#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Gets the guest and the source of libfdt below the build folder: Debian's kernel, busybox, an
initramfs.

What is there already is left as it is: a second run fetches nothing. It boots nothing.
"""

import glob
import hashlib
import os
import re
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
# What of ours goes into the guest: its part of the network's windows and of the disk's.
PROGRAMS = [
    os.path.join(HERE, "..", "..", "bench", name, f"{name}.c") for name in ("net", "block")
]
FLOOD = os.path.join(HERE, "..", "..", "bench", "net", "flood.c")
COMPILER = ("arm-linux-gnueabihf-gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror")
READELF = "arm-linux-gnueabihf-readelf"

# The guest that has another for its neighbour: iperf3, and what Debian has it linked with.
NETWORK_PACKAGES = ("iperf3", "libiperf0", "libsctp1", "libssl3", "libc6", "libgcc-s1", "zlib1g")
NETWORK_MODULES = ("virtio_mmio", "virtio_console", "virtio_net", "smsc911x", "smsc")

# What lists, packages and sources take while they are unpacked, in bytes, and some to spare.
ROOM = 500 << 20
NETWORK_ROOM = 150 << 20


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


def fetch_network_packages(build, apt):
    """Like fetch_packages, in a folder of its own: a build that has the kernel needs only these."""
    root = os.path.join(build, "guest", "network-root")
    stamp = os.path.join(build, "guest", "network-packages")
    if os.path.exists(stamp):
        return root
    require_room(build, NETWORK_ROOM)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    files = [apt.download(package, root) for package in NETWORK_PACKAGES]
    write(stamp, "".join(f"{name}\n" for name in files).encode())
    return root


def needed_libraries(program, root, packages=NETWORK_PACKAGES):
    """Paths of the libraries that a program needs below a folder, in which those packages are, and
    those need, by their names; the loader that starts it is one."""
    present = {}
    for folder, _, names in os.walk(root):
        present.update((name, os.path.join(folder, name)) for name in names)
    found, open_ends = {}, [program]
    while open_ends:
        result = subprocess.run(
            [READELF, "-d", "-l", open_ends.pop()], stdout=subprocess.PIPE, text=True, check=True
        )
        for name in re.findall(r"(?:Shared library: \[|interpreter: \S*/)([^]]+)\]", result.stdout):
            if name not in found:
                if name not in present:
                    raise FileNotFoundError(f"no package of {', '.join(packages)} has {name}")
                found[name] = os.path.realpath(present[name])
                open_ends.append(found[name])
    return found


def compile_program(build, source):
    program = os.path.join(build, "guest", os.path.splitext(os.path.basename(source))[0])
    subprocess.run([*COMPILER, "-o", program, source], check=True)
    return program


def build_archive(build, name, init, inputs, make):
    """An initramfs, built anew only when something that goes into it has changed: `inputs` are the
    files, beside `init`, that `make` builds it from."""
    key = hashlib.sha256()
    for path in (init, *inputs, os.path.join(HERE, "initramfs.py"), workload.__file__):
        with open(path, "rb") as file:
            key.update(file.read())
    archive = os.path.join(build, "guest", name)
    stamp = archive + ".key"
    if os.path.exists(archive) and os.path.exists(stamp) and open(stamp).read() == key.hexdigest():
        return
    print(f"setup: building {name}", flush=True)
    write(archive, make())
    write(stamp, key.hexdigest().encode())


def build_initramfs(build, root):
    init = os.path.join(HERE, "init")
    modules = initramfs.modules_in_order(os.path.join(root, "lib", "modules"), MODULES)
    busybox = one(os.path.join(root, "bin", "busybox"), "busybox")

    def make():
        programs = {"busybox": busybox}
        for each in PROGRAMS:
            path = compile_program(build, each)
            programs[os.path.basename(path)] = path
        return initramfs.build(programs, modules, init, {"pattern": workload.pattern()})

    build_archive(build, "initramfs.cpio.gz", init, (busybox, *PROGRAMS, *modules), make)


def build_network_initramfs(build, root, network_root):
    init = os.path.join(HERE, "init-network")
    modules = initramfs.modules_in_order(os.path.join(root, "lib", "modules"), NETWORK_MODULES)
    busybox = one(os.path.join(root, "bin", "busybox"), "busybox")
    iperf3 = one(os.path.join(network_root, "usr", "bin", "iperf3"), "iperf3")
    libraries = needed_libraries(iperf3, network_root)

    def make():
        programs = {"busybox": busybox, "iperf3": iperf3, "flood": compile_program(build, FLOOD)}
        return initramfs.build(programs, modules, init, {}, libraries)

    inputs = (busybox, iperf3, FLOOD, *modules, *libraries.values())
    build_archive(build, "network.cpio.gz", init, inputs, make)


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
    build_network_initramfs(build, root, fetch_network_packages(build, apt))


if __name__ == "__main__":
    try:
        main()
    except (apt_state.AptError, OSError, subprocess.CalledProcessError) as error:
        print(f"setup: {error}", file=sys.stderr)
        sys.exit(1)
