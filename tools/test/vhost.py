#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The devices of `vdev serve` under clients that this project did not write: Linux in user mode, and
Linux in QEMU.

By itself, for who looks for a mistake: vhost.py BUILD [--only CASE] [--kills N]
[--server qemu-storage-daemon]. The last lets the same judges look at another server.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time

import vhost_clients as clients

SOURCE = clients.SOURCE
MIB = 1 << 20
DISK = 64 * MIB
# As the guest's init divides its disk.
VERIFIED, VERIFIED_END, DISCARDED = 32, 56, 56
SEED = 20177
BLOCK, CONSOLE, NET = 2, 3, 1
# What the guest copies to its disk, and where it is then.
COPIED = ("usr/lib/x86_64-linux-gnu/ceph/libceph-common.so.2", "/files/libceph-common.so.2")


class Place:
    """One case's folder, and how its servers are started."""

    def __init__(self, build, name, server):
        self.build, self.server = build, server
        self.clients = os.path.join(build, "guest", "clients")
        self.folder = os.path.join(build, "vhost", name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def disk(self, name="disk.img"):
        with open(self.path(name), "wb") as file:
            file.truncate(DISK)
        return self.path(name)

    def block(self, image, name="block.sock"):
        path = self.path(name)
        if self.server == "vdev":
            vdev = os.path.join(self.build, "host", "tools", "vdev")
            command = [vdev, "serve", "block", "--socket", path, "--image", image]
        else:
            command = [
                self.server,
                *("--blockdev", f"driver=file,node-name=file,filename={image},discard=unmap"),
                "--export",
                f"vhost-user-blk,id=e,node-name=file,writable=on,addr.type=unix,addr.path={path}",
            ]
        return clients.Server(command, self.folder, path)

    def program(self, path, *words):
        """One of the guest's own programs, here; its output, or None when it fails."""
        root = os.path.join(self.clients, "root")
        folders = [f"{root}/lib/x86_64-linux-gnu", f"{root}/usr/lib/x86_64-linux-gnu"]
        folders.append(f"{folders[1]}/ceph")
        result = subprocess.run(
            [
                f"{folders[0]}/ld-linux-x86-64.so.2",
                *("--library-path", ":".join(folders), os.path.join(root, path), *words),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        return result.stdout if result.returncode == 0 else None


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def holds_verified(place, image, seed):
    """Does the image hold what fio wrote in the guest? Asked of fio, with what the guest told it."""
    done = place.program(
        "usr/bin/fio",
        *("--name=verify", f"--filename={image}", f"--offset={VERIFIED}m"),
        *(f"--size={VERIFIED_END - VERIFIED}m", "--rw=randwrite", "--bsrange=512-64k"),
        *("--blockalign=512", "--ioengine=psync", "--verify=crc32c", "--verify_fatal=1"),
        *("--verify_state_save=0", f"--randseed={seed}", "--verify_only", "--minimal"),
    )
    return done is not None


def sees_wrong_byte(place, image, seed):
    """The judge is judged: one byte of a copy is changed."""
    copy = shutil.copy(image, place.path("wrong.img"))
    with open(copy, "r+b") as file:
        position = (VERIFIED + VERIFIED_END) * MIB // 2 + 300
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))
    return not holds_verified(place, copy, seed)


def judge_disk(tests, title, place, image, found):
    """What the guest said, and, without the guest, what its disk has."""
    tests.check(
        f"{title}: the disk has the image's size",
        found.get("disk", "").split()[:1] == [f"size={DISK}"],
        found.get("disk"),
    )
    right = checksum(os.path.join(place.clients, "root", COPIED[0]))
    tests.check(
        f"{title}: the guest reads back the file that it wrote",
        found.get("checksum") == right,
        found.get("checksum"),
    )
    system = place.path("file-system")
    with open(image, "rb") as source, open(system, "wb") as out:
        out.write(source.read(VERIFIED * MIB))
    tests.check(
        f"{title}: e2fsck finds the image's file system clean",
        place.program("sbin/e2fsck", "-fn", system) is not None,
    )
    copied = place.path("copied")
    place.program("sbin/debugfs", "-R", f"dump {COPIED[1]} {copied}", system)
    tests.check(
        f"{title}: the image has the file that the guest wrote",
        os.path.exists(copied) and checksum(copied) == right,
    )
    tests.check(
        f"{title}: fio finds in the image what it wrote in the guest",
        holds_verified(place, image, SEED),
    )
    tests.check(f"{title}: fio sees one wrong byte", sees_wrong_byte(place, image, SEED))
    tests.check(f"{title}: the disk offers to discard", found.get("discard", "0") != "0")
    with open(image, "rb") as file:
        start = DISCARDED * MIB
        hole = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        tests.check(f"{title}: what the guest discards is a hole in the image", hole == start, hole)
        file.seek(start)
        tests.check(f"{title}: and is read as zeros", not any(file.read()))
    tests.check(
        f"{title}: the guest's kernel has nothing to complain of",
        found.get("complaints") == "0",
        found.get("complaints"),
    )


def judge_end(tests, title, place, server):
    status = server.end()
    # Another server is not what is judged.
    if place.server == "vdev":
        tests.check(f"{title}: the server ends when told to", status == 0, status)


def block(tests, title, place, guest):
    image = place.disk()
    with place.block(image) as server, guest(server.path) as linux:
        try:
            found = linux.until("finished")
        except clients.console.ConsoleError as error:
            tests.check(f"{title}: the guest does its work", False, f"{error}\n{linux.details()}")
            print(server.said()[-1000:])
            return
        tests.check(f"{title}: the guest powers off", linux.wait(clients.POWER_OFF) == 0)
        judge_end(tests, title, place, server)
    judge_disk(tests, title, place, image, found)


def block_user_mode(tests, place):
    words = {"work": "block", "disks": "vda", "seed": SEED}

    def guest(path):
        return clients.user_mode(place.clients, place.folder, [(path, BLOCK)], words)

    block(tests, "user-mode Linux, block", place, guest)


def disks(paths):
    """QEMU's options for disks at these sockets, which it connects to again when they break."""
    options = []
    for number, path in enumerate(paths):
        options += ["-chardev", f"socket,id=disk{number},path={path},reconnect=1"]
        options += ["-device", f"vhost-user-blk-pci,chardev=disk{number},num-queues=1"]
    return options


def block_qemu(tests, place):
    words = {"work": "block", "disks": "vda", "seed": SEED}

    def guest(path):
        return clients.qemu(place.clients, place.folder, disks([path]), words)

    block(tests, "QEMU, block", place, guest)


CASES = {"block-user-mode": block_user_mode, "block-qemu": block_qemu}


def run(tests, build, progress, only=None, server="vdev"):
    for name, case in CASES.items():
        if only in (None, name):
            began = time.monotonic()
            try:
                case(tests, Place(build, name, server))
            except (clients.Unserved, OSError) as error:
                tests.check(f"{name}: its processes run", False, error)
            progress(f"{name}: {time.monotonic() - began:.0f} s")


def main():
    import system

    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=os.path.abspath)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--server", default="vdev")
    options = parser.parse_args()
    tests = system.Tests()
    run(tests, options.build, print, options.only, options.server)
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    sys.exit(main())
