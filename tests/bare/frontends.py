#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The host's side of the front-ends' test image: QEMU's virtio devices, and what they must see.

usage: frontends.py IMAGE. Checks the console's stream and the disk's image file byte for byte.
"""

import os
import socket
import sys
import tempfile

import image

SECTOR = 512
DISK_SECTORS, READ_ONLY_SECTORS = 16384, 2048
INITIAL_SEED, READ_ONLY_SEED = 1, 9
OUTPUT_BYTES, OUTPUT_WINDOW, PACED_BYTES, BURST_BYTES = 65536, 2048, 4096, 20000


def block_pattern(sector, count, seed):
    """The same bytes as block_pattern of frontends.h."""
    within = [offset * 7 + (offset >> 8) * 13 + seed * 29 for offset in range(SECTOR)]
    return b"".join(bytes((number * 131 + (number >> 8) * 17 + offset) & 0xFF for offset in within)
                    for number in range(sector, sector + count))


def console_pattern(length):
    """The same bytes as console_pattern of frontends.h."""
    return bytes((index * 31 + (index >> 8) * 7 + 11) & 0xFF for index in range(length))


class Console:
    """The other end of the guest's console.

    What the image says on its UART and what it sends here come in no common order: so what is
    expected waits in a list, and the next begins when all bytes of the last have come.
    """

    def __init__(self, stream, run):
        self.stream, self.run = stream, run
        self.expected = []
        self.received, self.sent = b"", 0
        run.watched[stream] = self.readable

    def expect(self, name, length, window, lead):
        """The guest sends the pattern; byte n goes to it when (n + lead) * window bytes came."""
        self.expected.append((name, console_pattern(length), window, lead))

    def readable(self):
        try:
            data = self.stream.recv(65536)
        except ConnectionResetError:  # QEMU died, which is found elsewhere
            data = b""
        if not data:
            del self.run.watched[self.stream]
        self.received += data
        self.advance()

    def send(self, data):
        try:
            self.stream.sendall(data)
        except BrokenPipeError:
            pass

    def advance(self):
        while self.expected:
            _, wanted, window, lead = self.expected[0]
            answers = min(len(wanted) // window, len(self.received) // window - lead + 1)
            while self.sent < answers:
                self.send(wanted[self.sent:self.sent + 1])
                self.sent += 1
            if len(self.received) < len(wanted):
                return
            self.judge()

    def judge(self):
        name, wanted, _, _ = self.expected.pop(0)
        self.sent = 0
        got, self.received = self.received[:len(wanted)], self.received[len(wanted):]
        if got == wanted:
            self.run.check(name)
        else:
            wrong = (i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1])
            at = next(wrong, len(got))
            self.run.check(name, f"{len(got)} bytes of {len(wanted)}, the first wrong one at {at}")

    def line(self, text):
        if text == "console: output":
            self.expect("host received the console's output", OUTPUT_BYTES, OUTPUT_WINDOW, lead=1)
        elif text == "console: paced input":
            self.expect("host received each byte's echo", PACED_BYTES, 1, lead=0)
        elif text == "console: burst input":
            # It fits into the socket's own buffers: this does not wait for the guest.
            self.send(console_pattern(BURST_BYTES))
        self.advance()

    def close(self):
        while self.expected:
            self.judge()
        if self.received:
            self.run.check("console's stream ends", f"{len(self.received)} bytes too many")
        self.stream.close()


def run(elf, mode, directory):
    disk = os.path.join(directory, f"{mode}.img")
    read_only = os.path.join(directory, f"{mode}-read-only.img")
    content = bytearray(block_pattern(0, DISK_SECTORS, INITIAL_SEED))
    constant = block_pattern(0, READ_ONLY_SECTORS, READ_ONLY_SEED)
    for path, data in ((disk, content), (read_only, constant)):
        with open(path, "wb") as file:
            file.write(data)
    here, there = socket.socketpair()
    theirs = there.detach()
    os.set_inheritable(theirs, True)
    arguments = [
        "-chardev", f"socket,id=console,fd={theirs}",
        "-device", "virtio-serial-device,bus=virtio-mmio-bus.0",
        "-device", "virtconsole,chardev=console",
        "-drive", f"if=none,id=writable,format=raw,file={disk}",
        "-device", "virtio-blk-device,bus=virtio-mmio-bus.1,drive=writable,serial=vdev-writable",
        "-drive", f"if=none,id=constant,format=raw,readonly=on,file={read_only}",
        "-device", "virtio-blk-device,bus=virtio-mmio-bus.2,drive=constant,serial=vdev-read-only",
    ]
    machine = image.Image(elf, mode, arguments, (theirs,))
    console = Console(here, machine)
    writes = 0

    def on_line(line):
        nonlocal writes
        console.line(line)
        if line.startswith("wrote "):
            sector, count, seed = (int(word) for word in line.split()[1:])
            content[sector * SECTOR:(sector + count) * SECTOR] = block_pattern(sector, count, seed)
            writes += 1

    machine.run(on_line)
    console.close()
    with open(disk, "rb") as file:
        good = file.read() == content and writes
        machine.check("disk holds exactly what was written",
                      None if good else f"after {writes} writes it does not")
    with open(read_only, "rb") as file:
        machine.check("read-only disk is unchanged",
                      None if file.read() == constant else "it is not")
    return machine


def main():
    with tempfile.TemporaryDirectory() as directory:
        image.conclude([run(sys.argv[1], mode, directory) for mode in ("hyp", "svc")])


if __name__ == "__main__":
    main()
