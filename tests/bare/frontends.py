#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The host's side of the front-ends' test image: QEMU's virtio devices, and what they must see.

usage: frontends.py IMAGE. Checks the console's stream and the disk's image file byte for byte; serves
datagrams on the host's loopback, and does to the network device what the image asks for.
"""

import json
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


def net_pattern(number, offset):
    """The same byte as net_pattern of frontends.h."""
    return (number * 37 + offset * 11 + (offset >> 8) * 5 + 3) & 0xFF


class Network:
    """The server that the guest's datagrams reach, and QEMU's monitor.

    A datagram has a number, a count of answers, and the number's pattern; answers are numbered on
    from it and have the pattern's complement.
    """

    def __init__(self, server, monitor, run):
        self.server, self.monitor, self.run = server, monitor, run
        self.numbers, self.wrong = set(), 0
        self.rest, self.filter = b"", None
        run.watched[server] = self.datagram
        run.watched[monitor] = self.answer
        self.command("qmp_capabilities")

    def datagram(self):
        data, sender = self.server.recvfrom(65536)
        number = int.from_bytes(data[:4], "big")
        if data[5:] != bytes(net_pattern(number, i) for i in range(5, len(data))):
            self.wrong += 1
            return
        self.numbers.add(number)
        for answer in range(number, number + data[4]):
            pattern = bytes(net_pattern(answer, i) ^ 0xFF for i in range(5, len(data)))
            self.server.sendto(answer.to_bytes(4, "big") + data[4:5] + pattern, sender)

    def command(self, execute, **arguments):
        try:
            self.monitor.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode())
        except (BrokenPipeError, ConnectionResetError):  # QEMU died, which is found elsewhere
            pass

    def answer(self):
        try:
            data = self.monitor.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            del self.run.watched[self.monitor]
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "error" in answer:
                self.run.check("QEMU's monitor", answer["error"].get("desc", "error"))
            elif answer.get("return") and "main-mac" in answer["return"][0]:
                self.filter = answer["return"][0]

    def line(self, text):
        if text == "net: filter":
            self.command("query-rx-filter", name="nic")
        elif text == "net: announce":
            self.command("announce-self", initial=10, max=10, rounds=1, step=10)
        elif text in ("net: unplug", "net: plug"):
            self.command("set_link", name="nic", up=text == "net: plug")

    def close(self, expected):
        lost = expected - self.numbers
        self.run.check("host received each datagram whole",
                       None if not self.wrong and not lost else
                       f"{self.wrong} were wrong, {len(lost)} did not come")
        wanted = {"promiscuous": False, "multicast": "all", "unicast-table": ["02:00:00:00:00:09"],
                  "multicast-table": ["01:00:5e:01:02:03", "33:33:00:00:00:01"]}
        got = {name: (self.filter or {}).get(name) for name in wanted}
        got = {name: sorted(value) if isinstance(value, list) else value
               for name, value in got.items()}
        self.run.check("QEMU has the filter and the mode", None if got == wanted else f"{got}")
        self.server.close()
        self.monitor.close()


def run_network(elf, mode):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    port = server.getsockname()[1]
    here, there = socket.socketpair()
    theirs = there.detach()
    os.set_inheritable(theirs, True)
    # The image learns the server's port from the devices' addresses.
    address = f"52:54:00:76:{port >> 8:02x}:{port & 255:02x}"
    lacks = "mrg_rxbuf=off,ctrl_vq=off,status=off,event_idx=off,indirect_desc=off,host_mtu=1400"
    arguments = [
        "-netdev", "user,id=whole", "-netdev", "user,id=limited",
        "-device", f"virtio-net-device,bus=virtio-mmio-bus.1,id=nic,netdev=whole,mac={address}",
        "-device", f"virtio-net-device,bus=virtio-mmio-bus.3,netdev=limited,mac={address},{lacks}",
        "-chardev", f"socket,id=monitor,fd={theirs}", "-mon", "chardev=monitor,mode=control",
    ]
    machine = image.Image(elf, mode, arguments, (theirs,))
    network = Network(server, here, machine)
    machine.run(network.line)
    network.close({*range(100), *range(200, 300), *range(400, 700), 1000, 500000,
                   *range(2000, 2100), 3000})
    return machine


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
        image.conclude([run(sys.argv[1], mode, directory) for mode in ("hyp", "svc")] +
                       [run_network(sys.argv[1], mode) for mode in ("hyp", "svc")])


if __name__ == "__main__":
    main()
