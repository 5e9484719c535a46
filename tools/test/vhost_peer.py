# SPDX-License-Identifier: BSD-2-Clause
"""The other end of a stream of Ethernet frames, as QEMU and passt have it: a host that answers ARP
and pings and serves files by TFTP [RFC 1350, 2348], checking all sums, in one thread. It routes
nothing and retransmits nothing: a stream loses no frames.
"""

import os
import select
import socket
import struct
import threading

ADDRESS = bytes((192, 0, 2, 1))
STATION = bytes.fromhex("020000000001")
BROADCAST = b"\xff" * 6
ARP, IPV4 = 0x0806, 0x0800
ICMP, UDP = 1, 17
TFTP = 69
READ, WRITE, DATA, ACKNOWLEDGE, OPTIONS = 1, 2, 3, 4, 6


def sum16(data):
    """The Internet's checksum [RFC 1071]."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Peer:
    """Listens at a path for as long as the block lasts. `files` are what is served, and what comes
    in, by name; `wrong` says what was not as it ought to be."""

    def __init__(self, path, files):
        self.files, self.wrong = files, []
        self.frames = self.pings = 0
        self.transfers = {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.stop, self.stopped = os.pipe()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.close(self.stopped)
        self.thread.join()
        os.close(self.stop)
        self.listener.close()

    def _serve(self):
        connection, pending = None, b""
        while True:
            ready = select.select([self.stop, connection or self.listener], [], [])[0]
            if self.stop in ready:
                break
            if not connection:
                connection = self.listener.accept()[0]
                continue
            try:
                data = connection.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                connection.close()
                connection, pending = None, b""
                continue
            pending += data
            while len(pending) >= 4 and len(pending) >= 4 + int.from_bytes(pending[:4], "big"):
                end = 4 + int.from_bytes(pending[:4], "big")
                frame, pending = pending[4:end], pending[end:]
                self.frames += 1
                answer = self._frame(frame)
                if answer:
                    connection.sendall(struct.pack(">I", len(answer)) + answer)
        if connection:
            connection.close()

    def _frame(self, frame):
        destination, source, kind = frame[:6], frame[6:12], int.from_bytes(frame[12:14], "big")
        if destination not in (STATION, BROADCAST):
            return None
        answer = None
        if kind == ARP:
            answer = self._arp(frame[14:42])
        elif kind == IPV4:
            answer = self._ipv4(frame[14:])
        return source + STATION + frame[12:14] + answer if answer else None

    @staticmethod
    def _arp(packet):
        if packet[6:8] != b"\0\1" or packet[24:28] != ADDRESS:
            return None
        return packet[:6] + b"\0\2" + STATION + ADDRESS + packet[8:18]

    def _ipv4(self, packet):
        length, protocol = int.from_bytes(packet[2:4], "big"), packet[9]
        header, body, source = packet[:20], packet[20:length], packet[12:16]
        if packet[0] != 0x45 or packet[16:20] != ADDRESS:
            return None
        if sum16(header) or length > len(packet):
            self.wrong.append("an IPv4 header")
        answer = None
        if protocol == ICMP and body[0] == 8:
            if sum16(body):
                self.wrong.append("an echo's sum")
            self.pings += 1
            rest = body[4:]
            answer = b"\0\0" + struct.pack(">H", sum16(b"\0\0\0\0" + rest)) + rest
        elif protocol == UDP:
            answer = self._udp(source, body)
        if answer is None:
            return None
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(answer), 0, 0x4000, 64, protocol, 0)
        header += ADDRESS + source
        return header[:10] + struct.pack(">H", sum16(header)) + header[12:] + answer

    def _udp(self, source, body):
        theirs, ours, length, checksum = struct.unpack(">4H", body[:8])
        pseudo = source + ADDRESS + struct.pack(">HH", UDP, length)
        if length != len(body) or (checksum and sum16(pseudo + body)):
            self.wrong.append("a datagram's sum")
        answer = self._tftp(theirs, ours, body[8:])
        if answer is None:
            return None
        head = struct.pack(">HHH", TFTP + 1000, theirs, 8 + len(answer))
        total = sum16(ADDRESS + source + struct.pack(">HH", UDP, 8 + len(answer)) + head + b"\0\0" + answer)
        return head + struct.pack(">H", total or 0xFFFF) + answer

    def _tftp(self, port, ours, message):
        """The next message of a transfer, which is known by the client's port."""
        code, number = struct.unpack(">HH", message[:4])
        if ours == TFTP:
            name, _, *options = message[2:].split(b"\0")
            size = int(options[1]) if options[:1] == [b"blksize"] else 512
            self.transfers[port] = (name.decode(), size)
            if code == WRITE:
                self.files[name.decode()] = b""
            if options[:1] == [b"blksize"]:
                return struct.pack(">H", OPTIONS) + b"blksize\0%d\0" % size
            return self._block(port, 1) if code == READ else struct.pack(">HH", ACKNOWLEDGE, 0)
        if port not in self.transfers:
            return None
        if code == ACKNOWLEDGE:
            return self._block(port, number + 1)
        if code == DATA:
            name, size = self.transfers[port]
            if number == (len(self.files[name]) // size + 1) & 0xFFFF:
                self.files[name] += message[4:]
            return struct.pack(">HH", ACKNOWLEDGE, number)
        return None

    def _block(self, port, number):
        name, size = self.transfers[port]
        start = (number - 1) * size
        if start > len(self.files[name]):
            return None
        return struct.pack(">HH", DATA, number) + self.files[name][start : start + size]
