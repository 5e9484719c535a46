# SPDX-License-Identifier: BSD-2-Clause
"""Processes of the vhost-user tests: the server with its devices, and the guests that are its
clients, each within a time after which it is killed. What the guests do is in
tools/setup/init-clients; what is right is judged in vhost.py.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tools", "compare"))
import console  # noqa: E402

# Seconds: a guest that says nothing for so long, and a server that does not begin or end.
SILENCE = 60
SERVER = 10
POWER_OFF = 20

# Virtio's numbers of the devices.
NET, BLOCK, CONSOLE = 1, 2, 3
DISK = 64 << 20


class Unserved(Exception):
    """A server that does not begin to serve."""


class Process:
    """One that is dead, with all that it has started, when the block ends."""

    def __init__(self, command, log, descriptors=(), **streams):
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command,
                pass_fds=descriptors,
                start_new_session=True,
                stdin=streams.get("stdin", subprocess.DEVNULL),
                stdout=streams.get("stdout", errors),
                stderr=errors,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def wait(self, seconds):
        """Its exit status, or None when it has been killed for being late."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def said(self):
        with open(self.log, errors="replace") as file:
            return file.read()


class Server(Process):
    """`vdev serve` of one device; begins again as often as wanted."""

    def __init__(self, command, folder, path):
        self.command, self.path = command, path
        self.log = os.path.join(folder, os.path.basename(path) + ".log")
        self.begin()

    def begin(self):
        super().__init__(self.command, self.log)
        deadline = time.monotonic() + SERVER
        while not listening(self.path, self.process.pid):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Unserved(f"{' '.join(self.command)}: {self.said()[-500:]}")
            time.sleep(0.005)

    def begin_again(self):
        """As a supervisor does, who tries again when it fails: what a killed process had in the
        kernel's hands keeps its image locked until it is done."""
        deadline = time.monotonic() + SERVER
        while True:
            try:
                return self.begin()
            except Unserved:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def end(self):
        """Its exit status when asked to terminate."""
        self.process.terminate()
        return self.wait(SERVER)


def sockets(path, process):
    """Those that are at a path in the network of a process: its flags and state of each. Nobody asks
    the server by connecting: that would be a client."""
    try:
        with open(f"/proc/{process}/net/unix") as file:
            lines = [line.split() for line in file]
    except OSError:
        return []
    return [(words[3], words[5]) for words in lines if words[-1] == path]


def listening(path, process):
    return any(flags == "00010000" for flags, _ in sockets(path, process))


def connected(path, process):
    return any(state == "03" for _, state in sockets(path, process))


class Guest(Process):
    """A guest, whose console is read as the comparison's guests' are."""

    def __init__(self, folder, name, command, descriptor=None):
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        words = [word.replace("CONSOLE", str(number)) for word in command]
        streams = {} if descriptor else {"stdin": theirs, "stdout": theirs}
        super().__init__(words, os.path.join(folder, f"{name}.log"), (number,), **streams)
        theirs.close()
        self.console = console.Console(ours, SILENCE)

    def __exit__(self, *_):
        super().__exit__()
        self.console.socket.close()

    def until(self, word):
        """What the guest says up to a line that begins so: the words after each first word."""
        found = {}
        while True:
            kind, _, rest = self.console.line().partition(" ")
            found[kind] = rest
            if kind == word:
                return found

    def details(self):
        self.console.seconds = 1
        self.console.drain()
        text = self.console.transcript.decode(errors="replace").splitlines()
        return "\n".join([*text[-15:], *self.said().splitlines()[-5:]])


class Place:
    """One case's folder, and how its servers are started. `server` is another's program for block
    devices; without it, the build's own."""

    def __init__(self, build, name, server, kills):
        self.ours = os.path.basename(server or "vdev") == "vdev"
        self.server = server or os.path.join(build, "host", "tools", "vdev", "vdev")
        self.kills = kills
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

    def serve(self, name, *words, before=()):
        """`vdev serve` of one device, at a socket of that name; `before` starts the program."""
        path = self.path(name)
        command = [*before, self.server, "serve", words[0], "--socket", path, *words[1:]]
        return Server(command, self.folder, path)

    def block(self, image, name="block.sock"):
        if self.ours:
            return self.serve(name, "block", "--image", image)
        path = self.path(name)
        command = [
            self.server,
            *("--blockdev", f"driver=file,node-name=file,filename={image},discard=unmap"),
            "--export",
            f"vhost-user-blk,id=e,node-name=file,writable=on,addr.type=unix,addr.path={path}",
        ]
        return Server(command, self.folder, path)

    def judge_end(self, tests, title, server):
        status = server.end()
        if self.ours:  # another server is not what is judged
            tests.check(f"{title}: the server ends when told to", status == 0, status)

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


def arguments(words):
    return " ".join(f"vdev.{name}={value}" for name, value in words.items())


def user_mode(clients, folder, devices, words):
    """User-mode Linux with devices by their sockets and virtio's numbers of their kinds."""
    command = [
        os.path.join(clients, "linux.uml"),
        "mem=192M",
        f"uml_dir={folder}/uml",
        f"initrd={clients}/uml.cpio.gz",
        "rdinit=/init",
        "con=null",
        "con0=fd:0,fd:1",
        "panic=-1",
        *(f"virtio_uml.device={path}:{number}" for path, number in devices),
        f"vdev.root={clients}/root",
        *arguments(words).split(),
    ]
    shutil.rmtree(f"{folder}/uml", ignore_errors=True)
    return Guest(folder, "user-mode", command)


def qemu(clients, folder, devices, words):
    """A PC in QEMU without KVM, with more options for its devices."""
    command = [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-M", "q35,accel=tcg,memory-backend=memory", "-m", "256M", "-cpu", "max"),
        *("-object", "memory-backend-memfd,id=memory,size=256M,share=on"),
        *("-chardev", "socket,id=console,fd=CONSOLE", "-serial", "chardev:console"),
        *("-fsdev", f"local,id=programs,path={clients}/root,security_model=none,readonly=on"),
        *("-device", "virtio-9p-pci,fsdev=programs,mount_tag=programs"),
        *("-kernel", f"{clients}/vmlinuz", "-initrd", f"{clients}/qemu.cpio.gz"),
        *("-append", f"console=ttyS0 quiet panic=-1 mitigations=off vdev.root=9p {arguments(words)}"),
        *devices,
    ]
    return Guest(folder, "qemu", command, "console")
