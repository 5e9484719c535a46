# SPDX-License-Identifier: BSD-2-Clause
"""The console and the network of `vdev serve` under Linux in user mode and in QEMU: a session at a
pseudoterminal, pings, and files that come and go back. The host's end of the network is a program
of the test's (vhost_peer.py), or, in a network of its own, Linux' with a TAP interface.
"""

import hashlib
import os
import select
import subprocess
import time
import tty

import vhost_clients as clients
import vhost_peer

SECONDS = 20
PROMPT = b"/ # "
# Bytes of the session: more than every queue and buffer on the way.
TYPED, PRINTED = 32 << 10, 256 << 10
FILE = 2 << 20
STATION = "02:00:00:00:00:02"
PINGS = (1, 56, 1472)


class Terminal:
    """A terminal as a person's program has it: raw, and read with patience."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def write(self, data):
        """Returns what the guest says meanwhile, which would otherwise be in the way."""
        said, deadline = b"", time.monotonic() + SECONDS
        os.set_blocking(self.descriptor, False)
        while data and time.monotonic() < deadline:
            readable, writable, _ = select.select([self.descriptor], [self.descriptor], [], 1)
            if readable:
                said += os.read(self.descriptor, 1 << 16)
            if writable:
                data = data[os.write(self.descriptor, data) :]
        os.set_blocking(self.descriptor, True)
        return said

    def until(self, enough):
        """What is read up to the moment at which `enough` says so of it, or time is up."""
        said, deadline = b"", time.monotonic() + SECONDS
        while not enough(said) and time.monotonic() < deadline:
            if select.select([self.descriptor], [], [], 0.2)[0]:
                said += os.read(self.descriptor, 1 << 16)
        return said

    def answer(self, command):
        """What the guest's shell says to one line."""
        self.write(command + b"\n")
        return self.until(prompted)


def prompted(said):
    """After it the shell asks the terminal where its cursor is."""
    return said.endswith((PROMPT, PROMPT + b"\x1b[6n"))


def session(tests, title, place, terminal):
    terminal.until(prompted)
    said = terminal.answer(b"echo $((6 * 7)) by $(uname -s)")
    tests.check(f"{title}: the shell echoes and answers", b"42 by Linux" in said, said)
    # The shell gets them as they are: nothing that a terminal would make of them.
    typed = hashlib.shake_128(b"typed").digest(TYPED)
    terminal.write(b"stty raw -echo; echo ready; head -c %d | sha256sum; stty sane\n" % TYPED)
    terminal.until(lambda said: said.count(b"ready") >= 2)
    said = terminal.write(typed)
    said += terminal.until(prompted)
    tests.check(
        f"{title}: {TYPED >> 10} KiB typed come to the guest as they are",
        hashlib.sha256(typed).hexdigest().encode() in said,
        said[-200:],
    )
    with open(os.path.join(place.clients, "root", "usr", "bin", "fio"), "rb") as file:
        printed = file.read(PRINTED)
    terminal.write(b"stty raw -echo; echo; head -c %d /root/usr/bin/fio; stty sane\n" % PRINTED)
    said = terminal.until(lambda said: prompted(said) and len(said) > PRINTED)
    tests.check(
        f"{title}: {PRINTED >> 10} KiB printed come to the host as they are", printed in said, len(said)
    )
    terminal.write(b"exit\n")


def console_user_mode(tests, place):
    title, link = "user-mode Linux, console", place.path("terminal")
    server = place.serve("console.sock", "console", "--pty", "--link", link)
    words = {"work": "console"}
    with server, Terminal(link) as terminal:
        devices = [(server.path, clients.CONSOLE)]
        with clients.user_mode(place.clients, place.folder, devices, words) as linux:
            try:
                linux.until("console-begins")
                session(tests, title, place, terminal)
                linux.until("finished")
            except clients.console.ConsoleError as error:
                tests.check(f"{title}: the session ends", False, f"{error}\n{linux.details()}")
                return
            tests.check(f"{title}: the guest powers off", linux.wait(clients.POWER_OFF) == 0)
        place.judge_end(tests, title, server)


# ---- network ----


def user_mode(place, path, work):
    return clients.user_mode(place.clients, place.folder, [(path, clients.NET)], {"work": work})


def qemu(place, path, work):
    options = ["-chardev", f"socket,id=net,path={path}", "-netdev", "vhost-user,id=net,chardev=net"]
    # With vectors, QEMU 7.2 falls over.
    options += ["-device", f"virtio-net-pci,netdev=net,mac={STATION},vectors=0,romfile="]
    return clients.qemu(place.clients, place.folder, options, {"work": work})


def judge_link(tests, title, found, content):
    tests.check(
        f"{title}: the guest has the address that it was given",
        found.get("address", "").split() == [STATION, "1500"],
        found.get("address"),
    )
    for size in PINGS:
        said = found.get(f"ping{size}", "")
        tests.check(f"{title}: pings of {size} bytes are answered", "5 packets received" in said, said)
    tests.check(
        f"{title}: the guest gets a file of {FILE >> 20} MiB as it is",
        found.get("checksum") == hashlib.sha256(content).hexdigest(),
        found.get("checksum"),
    )
    tests.check(
        f"{title}: the guest's kernel has nothing to complain of",
        found.get("complaints") == "0",
        found.get("complaints"),
    )


def work(tests, title, place, server, linux):
    """What the guest has said when it has finished, or None."""
    try:
        found = linux.until("finished")
    except clients.console.ConsoleError as error:
        tests.check(f"{title}: the guest does its work", False, f"{error}\n{linux.details()}")
        return None
    tests.check(f"{title}: the guest powers off", linux.wait(clients.POWER_OFF) == 0)
    place.judge_end(tests, title, server)
    return found


def stream(tests, place, title, guest):
    content, path = hashlib.shake_128(title.encode()).digest(FILE), place.path("frames.sock")
    with vhost_peer.Peer(path, {"file": content}) as peer:
        server = place.serve("net.sock", "net", "--stream", path, "--mac", STATION)
        with server, guest(place, server.path, "stream") as linux:
            found = work(tests, title, place, server, linux)
        if found is None:
            return
    judge_link(tests, title, found, content)
    tests.check(f"{title}: the file comes back as it was", peer.files.get("back") == content)
    tests.check(f"{title}: every sum is right", not peer.wrong, peer.wrong[:5])


def stream_user_mode(tests, place):
    stream(tests, place, "user-mode Linux, net, stream", user_mode)


def stream_qemu(tests, place):
    stream(tests, place, "QEMU, net, stream", qemu)


def tap_user_mode(tests, place):
    """In a network namespace, so that the machine's own network stays as it is; as root only."""
    title = "user-mode Linux, net, TAP"
    if os.geteuid() != 0:
        print(f"  {title}: left out: only root may make a TAP interface")
        return
    content, busybox = hashlib.shake_128(b"tap").digest(FILE), f"{place.clients}/root/bin/busybox"
    os.makedirs(place.path("served"))
    with open(place.path("served/file"), "wb") as file:
        file.write(content)
    words = ("net", "--tap", "vdev0", "--mac", STATION)
    with place.serve("net.sock", *words, before=("unshare", "--net")) as server:
        inside = ("nsenter", f"--net=/proc/{server.process.pid}/ns/net", busybox)
        subprocess.run([*inside, *"ifconfig vdev0 192.0.2.1 netmask 255.255.255.0 up".split()], check=True)
        back = open(place.path("back"), "wb")
        http = [*inside, "httpd", "-f", "-p", "80", "-h", place.path("served")]
        with (
            back,
            clients.Process(http, place.path("httpd.log")),
            # Without the pipe it would have nothing to say, and say so: the guest would end, too.
            clients.Process(
                [*inside, "nc", "-l", "-p", "7000"],
                place.path("nc.log"),
                stdin=subprocess.PIPE,
                stdout=back,
            ) as nc,
            user_mode(place, server.path, "tap") as linux,
        ):
            found = work(tests, title, place, server, linux)
            nc.wait(clients.SERVER)
    if found is None:
        return
    judge_link(tests, title, found, content)
    with open(place.path("back"), "rb") as file:
        tests.check(f"{title}: the file comes back as it was", file.read() == content)
