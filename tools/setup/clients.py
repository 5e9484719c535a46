#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Gets the Linux guests that vdev's vhost-user devices are tested with: Debian's user-mode Linux,
Debian's kernel for x86-64, and the programs that both run (fio, e2fsprogs), below the build folder.

Nothing of it is installed. What is there already is left as it is, as in guest.py. It boots nothing.
"""

import os
import shutil
import subprocess
import sys

import apt_state
import guest
import initramfs

HERE = os.path.dirname(os.path.abspath(__file__))
INIT = os.path.join(HERE, "init-clients")
KERNEL = "linux-image-amd64"
USER_MODE = "user-mode-linux"
# fio is linked with all the storage that it knows; what each of these is needed by is in
# needed_libraries(), which refuses if one is missing.
PACKAGES = (
    "busybox-static e2fsprogs fio libacl1 libaio1 libargon2-1 libblkid1 libboost-iostreams1.74.0 "
    "libboost-thread1.74.0 libbz2-1.0 libc6 libcom-err2 libcryptsetup12 libdaxctl1 "
    "libdevmapper1.02.1 libext2fs2 libffi8 libfmt9 libgcc-s1 libgfapi0 libgfrpc0 libgfxdr0 "
    "libglusterfs0 libgmp10 libgnutls30 libgssapi-krb5-2 libhogweed6 libibverbs1 libicu72 "
    "libidn2-0 libjson-c5 libk5crypto3 libkeyutils1 libkmod2 libkrb5-3 libkrb5support0 liblzma5 "
    "libnbd0 libndctl6 libnettle8 libnl-3-200 libnl-route-3-200 libnuma1 libp11-kit0 libpcre2-8-0 "
    "libpmem1 libpmemblk1 librados2 librbd1 librdmacm1 libselinux1 libss2 libssl3 libstdc++6 "
    "libtasn1-6 libtirpc3 libudev1 libunistring2 libuuid1 libxml2 libzstd1 zlib1g"
).split()
PROGRAMS = ("usr/bin/fio", "sbin/mke2fs", "sbin/e2fsck")
USER_MODE_MODULES = ("virtio_blk", "virtio_net", "virtio_console")
QEMU_MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "9pnet_virtio", "9p"),
    *("crc32c_generic", "ext4"),  # ext4 asks for the first by name, which no dependency says
)
# While the kernels are unpacked, of which a small part stays.
ROOM = 1000 << 20


def fetch(clients, apt):
    """The programs and their libraries as a root of their own, and each kernel with the modules
    that it is to have; the rest of the kernels is not kept."""
    stamp = os.path.join(clients, "packages")
    if os.path.exists(stamp):
        return
    guest.require_room(os.path.dirname(clients), ROOM)
    shutil.rmtree(clients, ignore_errors=True)
    root, unpacked = (os.path.join(clients, name) for name in ("root", "unpacked"))
    for folder in (root, unpacked, *(os.path.join(root, name) for name in ("proc", "dev", "tmp", "sys"))):
        os.makedirs(folder)
    kernel = apt.dependency(KERNEL, r"linux-image-[0-9].*-amd64")
    files = apt.download_all(PACKAGES, root)
    for program in PROGRAMS:
        guest.needed_libraries(os.path.join(root, program), root, PACKAGES)
    files += apt.download_all((kernel, USER_MODE), unpacked)
    shutil.copy(os.path.join(unpacked, "usr", "bin", "linux.uml"), os.path.join(clients, "linux.uml"))
    shutil.copy(
        guest.one(os.path.join(unpacked, "boot", "vmlinuz-*"), "kernel"),
        os.path.join(clients, "vmlinuz"),
    )
    for name, folder, modules in (
        ("uml", ("usr", "lib", "uml", "modules"), USER_MODE_MODULES),
        ("qemu", ("lib", "modules"), QEMU_MODULES),
    ):
        destination = os.path.join(clients, f"modules-{name}")
        os.makedirs(destination)
        for path in initramfs.modules_in_order(os.path.join(unpacked, *folder), modules):
            shutil.copy(path, destination)
    shutil.rmtree(unpacked)
    guest.write(stamp, "".join(f"{name}\n" for name in sorted(files)).encode())


def build_initramfs(build, clients, name, wanted):
    modules = initramfs.modules_in_order(os.path.join(clients, f"modules-{name}"), wanted)
    busybox = os.path.join(clients, "root", "bin", "busybox")

    def make():
        return initramfs.build({"busybox": busybox}, modules, INIT, {})

    guest.build_archive(build, f"clients/{name}.cpio.gz", INIT, (busybox, *modules), make)


def main():
    build = os.path.abspath(sys.argv[1])
    clients = os.path.join(build, "guest", "clients")
    os.makedirs(os.path.dirname(clients), exist_ok=True)
    fetch(clients, apt_state.AptState(os.path.join(build, "apt-amd64"), "amd64"))
    build_initramfs(build, clients, "uml", USER_MODE_MODULES)
    build_initramfs(build, clients, "qemu", QEMU_MODULES)


if __name__ == "__main__":
    try:
        main()
    except (apt_state.AptError, OSError, subprocess.CalledProcessError) as error:
        print(f"setup: {error}", file=sys.stderr)
        sys.exit(1)
