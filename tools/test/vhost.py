#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The devices of `vdev serve` under clients that this project did not write: Linux in user mode, and
Linux in QEMU.

By itself, for who looks for a mistake: vhost.py BUILD [--only CASE] [--kills N]
[--server PROGRAM], another build's vdev, or qemu-storage-daemon: the same judges look at it.
"""

import argparse
import concurrent.futures
import contextlib
import os
import random
import shutil
import signal
import sys
import time

import vhost_clients as clients
import vhost_links as links

MIB = 1 << 20
# As the guest's init divides its disk.
VERIFIED, VERIFIED_END, DISCARDED = 32, 56, 56
SEED = 20177
WRITTEN = (f"--size={VERIFIED_END - VERIFIED}m", "--bsrange=512-64k", "--blockalign=512")
ENDURED = ("--size=8m", "--bs=4k")
# Disks of the guest whose servers are killed, and how often in all; seconds in which a client is to
# have come back.
ENDURING = 4
KILLS = 100
RECONNECT = 20
# Nanoseconds of work between two kills: some thousand requests.
MOST_WORK = 20e6
# What the guest copies to its disk, and where it is then.
COPIED = ("usr/lib/x86_64-linux-gnu/ceph/libceph-common.so.2", "/files/libceph-common.so.2")


def holds_verified(place, image, seed, job=WRITTEN):
    """Does the image hold what fio wrote in the guest? Asked of fio, with what the guest told it."""
    done = place.program(
        "usr/bin/fio",
        *("--name=verify", f"--filename={image}", f"--offset={VERIFIED}m", *job, "--rw=randwrite"),
        *("--ioengine=psync", "--verify=crc32c", "--verify_fatal=1"),
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
        found.get("disk", "").split()[:1] == [f"size={clients.DISK}"],
        found.get("disk"),
    )
    right = clients.checksum(os.path.join(place.clients, "root", COPIED[0]))
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
        os.path.exists(copied) and clients.checksum(copied) == right,
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
        place.judge_end(tests, title, server)
    judge_disk(tests, title, place, image, found)


def block_user_mode(tests, place):
    words = {"work": "block", "disks": "vda", "seed": SEED}

    def guest(path):
        return clients.user_mode(place.clients, place.folder, [(path, clients.BLOCK)], words)

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


def worked(server):
    """Nanoseconds that the server has had of a processor."""
    with open(f"/proc/{server.process.pid}/schedstat") as file:
        return int(file.read().split()[0])


def serves(server, work):
    """Waits until a client has connected, and has then had the server work for so many nanoseconds;
    false: in RECONNECT seconds, none has."""
    deadline, start = time.monotonic() + RECONNECT, None
    while time.monotonic() < deadline:
        if start is None:
            if clients.connected(server.path, server.process.pid):
                start = worked(server)
        elif worked(server) >= start + work:
            return True
        time.sleep(0.002)
    return False


def kill_again_and_again(server, kills, seed):
    """Returns how often it has been killed, each time in the midst of work. How much it has done by
    then depends on the seed alone."""
    moments = random.Random(seed)
    for count in range(kills):
        if not serves(server, moments.uniform(0, MOST_WORK)):
            return count
        server.kill()
        server.begin_again()
    return kills if serves(server, 0) else kills - 1


def reconnect(tests, place):
    """A guest with several disks, so that one may be away while the others are killed."""
    title = "killed servers"
    images = [place.disk(f"disk{number}.img") for number in range(ENDURING)]
    names = ",".join(f"vd{chr(ord('a') + number)}" for number in range(ENDURING))
    words = {"work": "endure", "disks": names, "seed": SEED}
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(place.block(image, f"block{number}.sock"))
            for number, image in enumerate(images)
        ]
        options = disks([server.path for server in servers])
        linux = stack.enter_context(clients.qemu(place.clients, place.folder, options, words))
        try:
            linux.until("started")
            with concurrent.futures.ThreadPoolExecutor(ENDURING) as pool:
                futures = [
                    pool.submit(kill_again_and_again, server, place.kills // ENDURING, SEED + number)
                    for number, server in enumerate(servers)
                ]
                killed = [future.result() for future in futures]
            tests.check(
                f"{title}: {place.kills} times its client comes back",
                sum(killed) == place.kills,
                killed,
            )
            linux.console.socket.sendall(b"stop\n")
            found = linux.until("finished")
        except clients.console.ConsoleError as error:
            tests.check(f"{title}: the guest does its work", False, f"{error}\n{linux.details()}")
            return
        tests.check(f"{title}: the guest powers off", linux.wait(clients.POWER_OFF) == 0)
        for server in servers:
            place.judge_end(tests, title, server)
    for name, image in zip(names.split(","), images):
        said = dict(word.split("=") for word in found.get(name, "runs=0").split())
        print(f"  {title}: {name}: {said.get('runs')} runs of fio, all verified")
        tests.check(
            f"{title}: {name}: no request is left over", said.get("pending") == "0", said
        )
        tests.check(
            f"{title}: {name}: fio finds in the image what it wrote last",
            holds_verified(place, image, SEED + int(said["runs"]), ENDURED),
        )
    tests.check(
        f"{title}: no request fails or completes twice, as the guest's kernel sees it",
        found.get("complaints") == "0",
        found.get("complaints"),
    )


CASES = {
    "block-user-mode": block_user_mode,
    "block-qemu": block_qemu,
    "reconnect": reconnect,
    "console-user-mode": links.console_user_mode,
    "stream-user-mode": links.stream_user_mode,
    "stream-qemu": links.stream_qemu,
    "tap-user-mode": links.tap_user_mode,
}


def run(tests, build, progress, only=None, server=None, kills=KILLS):
    for name, case in CASES.items():
        if only in (None, name):
            began = time.monotonic()
            try:
                case(tests, clients.Place(build, name, server, kills))
            except (clients.Unserved, OSError) as error:
                tests.check(f"{name}: its processes run", False, error)
            progress(f"{name}: {time.monotonic() - began:.0f} s")


def main():
    import system

    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=os.path.abspath)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--server", metavar="PROGRAM")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all is dead that was started
    tests = system.Tests()
    run(tests, options.build, print, options.only, options.server, options.kills)
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    sys.exit(main())
