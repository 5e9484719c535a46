# SPDX-License-Identifier: BSD-2-Clause
"""A vhost-user driver's end, by hand: what a test wants to say, right or wrong, and a ring that can
read a disk. It checks nothing of what it sends."""

import array
import mmap
import os
import select
import socket
import struct

GET_FEATURES, SET_FEATURES, SET_OWNER = 1, 2, 3
SET_MEM_TABLE = 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = 12, 13, 14
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE = 15, 16, 17, 18
GET_CONFIG, SET_CONFIG = 24, 25
GET_INFLIGHT_FD, SET_INFLIGHT_FD = 31, 32
GET_MAX_MEM_SLOTS, ADD_MEM_REG, REM_MEM_REG = 36, 37, 38

# What each message's payload is long, if it is right; and descriptors that go with it.
FORMS = {
    GET_FEATURES: (0, 0), SET_FEATURES: (8, 0), SET_OWNER: (0, 0), SET_MEM_TABLE: (40, 1),
    SET_VRING_NUM: (8, 0), SET_VRING_ADDR: (40, 0), SET_VRING_BASE: (8, 0), GET_VRING_BASE: (8, 0),
    SET_VRING_KICK: (8, 1), SET_VRING_CALL: (8, 1), SET_VRING_ERR: (8, 1),
    GET_PROTOCOL_FEATURES: (0, 0), SET_PROTOCOL_FEATURES: (8, 0), GET_QUEUE_NUM: (0, 0),
    SET_VRING_ENABLE: (8, 0), GET_CONFIG: (12 + 60, 0), SET_CONFIG: (12 + 4, 0),
    GET_INFLIGHT_FD: (24, 0), SET_INFLIGHT_FD: (24, 1), ADD_MEM_REG: (40, 1), REM_MEM_REG: (40, 0),
}

VERSION, REPLY, NEED_REPLY = 1, 4, 8
F_VERSION_1, F_PROTOCOL = 1 << 32, 1 << 30
MEMORY = 1 << 20
USER = 0x7F0000000000  # where the ring addresses are said to begin
QUEUE = 8


class Peer:
    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.own = []

    def close(self):
        self.socket.close()
        for descriptor in self.own:
            os.close(descriptor)
        self.own = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def raw(self, data, descriptors=()):
        ancillary = []
        if descriptors:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        sent = self.socket.sendmsg([data], ancillary)
        if sent != len(data):
            self.socket.sendall(data[sent:])

    def send(self, request, payload=b"", descriptors=(), flags=VERSION, size=None):
        size = len(payload) if size is None else size
        self.raw(struct.pack("<III", request, flags, size) + payload, descriptors)

    def receive(self):
        """The payload of a reply; None: the connection has ended."""
        header = self.exactly(12)
        if header is None:
            return None
        return self.exactly(struct.unpack("<III", header)[2])

    def exactly(self, length):
        data = b""
        while len(data) < length:
            try:
                piece = self.socket.recv(length - len(data))
            except ConnectionError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def ended(self):
        """Does the other end close? Replies that come before are read away."""
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionError:
            pass
        except socket.timeout:
            return False
        return True

    def ask(self, request, payload=b""):
        self.send(request, payload)
        reply = self.receive()
        return None if reply is None else struct.unpack("<Q", reply[:8])[0]

    # ---- a session that is right ----

    def negotiate(self):
        features = self.ask(GET_FEATURES)
        self.ask(GET_PROTOCOL_FEATURES)
        self.send(SET_PROTOCOL_FEATURES, struct.pack("<Q", 0))
        self.send(SET_OWNER)
        self.send(SET_FEATURES, struct.pack("<Q", features & (F_VERSION_1 | F_PROTOCOL)))
        return features

    def new_memory(self, length=MEMORY):
        descriptor = os.memfd_create("hostile", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, length)
        self.own.append(descriptor)
        return descriptor

    def new_event(self):
        descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.own.append(descriptor)
        return descriptor

    def share(self):
        self.file = self.new_memory()
        self.memory = mmap.mmap(self.file, MEMORY)
        self.send(SET_MEM_TABLE, memory_table([(0, MEMORY, USER, 0)]), [self.file])

    def start_queue(self, ring=USER):
        """Descriptors at the ring's beginning, available at 0x1000, used at 0x2000."""
        self.kick, self.call = self.start(0, ring)

    def start(self, queue, ring):
        """Start any queue; its kick and call."""
        kick, call = self.new_event(), self.new_event()
        self.send(SET_VRING_NUM, struct.pack("<II", queue, QUEUE))
        self.send(SET_VRING_BASE, struct.pack("<II", queue, 0))
        self.send(SET_VRING_ADDR, ring_addresses(ring, queue))
        self.send(SET_VRING_CALL, struct.pack("<Q", queue), [call])
        self.send(SET_VRING_KICK, struct.pack("<Q", queue), [kick])
        self.send(SET_VRING_ENABLE, struct.pack("<II", queue, 1))
        return kick, call

    def put_read(self, sector, index=0, sectors=1, at=0, kick=None):
        """Into the ring that begins `at` this place of the memory: a read, to 0x3010 from there."""
        memory = self.memory
        end = 0x3010 + 512 * sectors
        memory[at + 0x3000:at + 0x3010] = struct.pack("<IIQ", 0, 0, sector)
        memory[at + 0x3010:at + end + 1] = b"\xff" * (512 * sectors + 1)
        memory[at:at + 48] = (struct.pack("<QIHH", at + 0x3000, 16, 1, 1)
                              + struct.pack("<QIHH", at + 0x3010, 512 * sectors, 3, 2)
                              + struct.pack("<QIHH", at + end, 1, 2, 0))
        entry = at + 0x1004 + 2 * (index % QUEUE)
        memory[entry:entry + 2] = b"\0\0"
        memory[at + 0x1002:at + 0x1004] = struct.pack("<H", index + 1)
        os.eventfd_write(self.kick if kick is None else kick, 1)

    def used(self, at=0):
        return struct.unpack("<H", self.memory[at + 0x2002:at + 0x2004])[0]

    def read_sector(self, sector, index=0):
        """The 512 bytes; None: the disk says no, or nothing."""
        return self.read_sectors(sector, index)

    def read_sectors(self, sector, index=0, sectors=1, at=0, events=None):
        """The same of several, from the ring at a place with its kick and call."""
        memory = self.memory
        kick, call = (self.kick, self.call) if events is None else events
        self.put_read(sector, index, sectors, at, kick)
        if not select.select([call], [], [], 10)[0]:
            return None
        os.eventfd_read(call)
        if self.used(at) != index + 1 or memory[at + 0x3010 + 512 * sectors] != 0:
            return None
        return bytes(memory[at + 0x3010:at + 0x3010 + 512 * sectors])


def memory_table(regions):
    return struct.pack("<II", len(regions), 0) + b"".join(struct.pack("<QQQQ", *r) for r in regions)


def ring_addresses(ring, queue=0):
    return struct.pack("<IIQQQQ", queue, 0, ring, ring + 0x2000, ring + 0x1000, 0)
