#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hostile driver's ends on a running `vdev serve block`: after each of them the process has logged
what was wrong, holds no descriptor and no mapping more than before, and serves the next one.

Usage: tool_hostile.py VDEV [--only NAME]
"""

import os
import resource
import struct
import sys
import time

import tool_peer as peer
import tool_serve as tool
from tool_serve import expect

NAMES = {getattr(peer, name): name for name in (
    "GET_FEATURES SET_FEATURES SET_OWNER SET_MEM_TABLE SET_VRING_NUM SET_VRING_ADDR SET_VRING_BASE "
    "GET_VRING_BASE SET_VRING_KICK SET_VRING_CALL SET_VRING_ERR GET_PROTOCOL_FEATURES "
    "SET_PROTOCOL_FEATURES GET_QUEUE_NUM SET_VRING_ENABLE GET_CONFIG SET_CONFIG GET_INFLIGHT_FD "
    "SET_INFLIGHT_FD ADD_MEM_REG REM_MEM_REG").split()}


class Held:
    """What a process has open and mapped of others."""

    def __init__(self, server):
        self.process = server.process.pid

    def now(self):
        descriptors = sorted(os.readlink(f"/proc/{self.process}/fd/{number}").split(":[")[0]
                             for number in os.listdir(f"/proc/{self.process}/fd"))
        with open(f"/proc/{self.process}/maps", encoding="utf-8") as maps:
            return descriptors, sum("/memfd:" in line for line in maps)


class Hostile:
    """One server, and what it held before anybody was there."""

    def __init__(self, case, *arguments):
        self.path = case.path("b")
        self.server = case.block(*arguments)
        self.closed = 0
        expect(self.server.ready == b"\n", self.server.log())
        self.held = Held(self.server)
        self.works()
        self.before = self.held.now()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = 0 if kind is not None else self.server.end()
        self.server.__exit__()
        expect(code == 0, code, self.server.log()[-20:])  # a sanitizer has its own

    def works(self):
        """The next one is served, to the bottom of the disk."""
        with peer.Peer(self.path) as driver:
            driver.negotiate()
            driver.share()
            driver.start_queue()
            expect(driver.read_sector(9) == bytes([9]) * 512, self.server.log())
        self.settle()

    def settle(self):
        self.closed += 1
        expect(self.server.logged("connection: closed", self.closed), self.server.log())

    def after(self, what, *words, lines=1):
        """A hostile one has gone: so many lines, all with these words, and nothing is left."""
        self.settle()
        errors = self.server.errors()[self.said:]
        expect(len(errors) == lines, what, errors)
        expect(all(self.path in line and word in line for line in errors for word in words), what,
               words, errors)
        expect(self.held.now() == self.before, what, self.before, self.held.now())
        expect(self.server.process.poll() is None, what, self.server.log())

    def meet(self):
        self.said = len(self.server.errors())
        return peer.Peer(self.path)


def payload_of(request):
    """One that is well-formed, and as far as that goes right."""
    size = peer.FORMS[request][0]
    if request == peer.SET_MEM_TABLE:
        return peer.memory_table([(0, peer.MEMORY, peer.USER, 0)])
    if request in (peer.ADD_MEM_REG, peer.REM_MEM_REG):
        return struct.pack("<QQQQQ", 0, 0, peer.MEMORY, peer.USER, 0)
    if request in (peer.GET_CONFIG, peer.SET_CONFIG):
        return struct.pack("<III", 0, size - 12, 0) + bytes(size - 12)
    return bytes(size)


def is_refused(driver, request):
    """Dropped, or told so in the way that the question has."""
    if request in (peer.GET_CONFIG, peer.GET_INFLIGHT_FD):
        reply = driver.receive()
        return not reply or not any(reply)
    return driver.ended()


def a_close_in_the_middle_of_each_message(case):
    with Hostile(case) as hostile:
        with hostile.meet() as driver:
            driver.raw(b"\1\0\0\0\1")
        hostile.after("header", "message header", "closed in its middle")
        for request, (size, descriptors) in peer.FORMS.items():
            if size == 0:
                continue
            for cut in {0, 1, size // 2, size - 1}:
                with hostile.meet() as driver:
                    driver.send(request, payload_of(request)[:cut],
                                [driver.new_memory()] * descriptors, size=size)
                hostile.after((NAMES[request], cut), f": {NAMES[request]}: ", "closed in its middle")
        hostile.works()


def wrong_sizes_of_each_message(case):
    with Hostile(case) as hostile:
        for request, (size, descriptors) in peer.FORMS.items():
            right = payload_of(request)
            for wrong in {b"", right[:-1], right + b"\0", right + bytes(300)} - {right}:
                if request == peer.SET_MEM_TABLE and len(wrong) > len(right):
                    continue  # as user-mode Linux has it: room for more regions than there are
                with hostile.meet() as driver:
                    driver.send(request, wrong, [driver.new_memory()] * descriptors)
                    expect(is_refused(driver, request), NAMES[request], len(wrong))
                hostile.after((NAMES[request], len(wrong)), f": {NAMES[request]}: ")
        hostile.works()


def headers_of_nonsense(case):
    with Hostile(case) as hostile:
        for what, header in (
                ("unknown", (200, 1, 0)), ("unknown", (0, 1, 0)), ("unknown", (2**32 - 1, 1, 0)),
                ("version", (1, 2, 0)), ("reply", (1, 5, 0)), ("long", (1, 1, 2**32 - 1)),
                ("long", (5, 1, 513))):
            with hostile.meet() as driver:
                driver.raw(struct.pack("<III", *header))
                expect(driver.ended(), header)
            hostile.after((what, header))
        hostile.works()


def descriptors_of_the_wrong_number(case):
    with Hostile(case) as hostile:
        for request, (_, wanted) in peer.FORMS.items():
            for count in {0, 1, 2, 8, 9, 60} - {wanted}:
                with hostile.meet() as driver:
                    driver.send(request, payload_of(request), [driver.new_memory()] * count)
                    expect(is_refused(driver, request), NAMES[request], count)
                hostile.after((NAMES[request], count), hostile.path)
        with hostile.meet() as driver:  # a few with each byte
            for byte in struct.pack("<III", peer.SET_MEM_TABLE, 1, 40):
                try:
                    driver.raw(bytes([byte]), [driver.new_memory()] * 4)
                except ConnectionError:
                    break
            expect(driver.ended())
        hostile.after("spread")
        hostile.works()


def descriptors_that_are_something_else(case):
    with Hostile(case) as hostile, open(case.path("disk.img"), "rb") as file, \
            open("/dev/zero", "r+b", buffering=0) as device:
        for request in (peer.SET_VRING_KICK, peer.SET_VRING_CALL, peer.SET_VRING_ERR):
            for what in (file, device):
                with hostile.meet() as driver:
                    driver.negotiate()
                    driver.send(request, bytes(8), [what.fileno()])
                    expect(driver.ended())
                hostile.after(NAMES[request], f": {NAMES[request]}: ", "neither an eventfd")
        for what in (file, device):
            with hostile.meet() as driver:
                driver.negotiate()
                driver.send(peer.SET_MEM_TABLE, payload_of(peer.SET_MEM_TABLE), [what.fileno()])
                expect(driver.ended())
            hostile.after("memory", "SET_MEM_TABLE")
        hostile.works()


def memory_that_is_not_there(case):
    top = 2**64
    with Hostile(case) as hostile:
        for regions in (
                [(0, peer.MEMORY + 4096, peer.USER, 0)], [(0, peer.MEMORY, peer.USER, 4096)],
                [(0, 4096, peer.USER, peer.MEMORY)], [(0, 4096, peer.USER, top - 4096)],
                [(0, top - 1, peer.USER, 0)], [(top - 4096, 8192, peer.USER, 0)],
                [(0, 8192, top - 4096, 0)], [(0, 0, peer.USER, 0)],
                [(0, 8192, peer.USER, 0), (4096, 8192, peer.USER + 65536, 0)],
                [(0, 8192, peer.USER, 0), (65536, 8192, peer.USER + 4096, 0)],
                [(0, 8192, peer.USER, 0)] * 9):
            with hostile.meet() as driver:
                driver.negotiate()
                driver.send(peer.SET_MEM_TABLE, peer.memory_table(regions),
                            [driver.new_memory()] * min(len(regions), 8))
                expect(driver.ended(), regions)
            hostile.after(regions, "SET_MEM_TABLE")
        with hostile.meet() as driver:
            driver.negotiate()
            driver.send(peer.SET_MEM_TABLE, struct.pack("<II", 2**32 - 1, 0) + bytes(32),
                        [driver.new_memory()])
            expect(driver.ended())
        hostile.after("count", "SET_MEM_TABLE")
        hostile.works()


def queues_that_are_not_there(case):
    with Hostile(case) as hostile:
        for request, payload in (
                (peer.SET_VRING_NUM, struct.pack("<II", 1, 8)),
                (peer.SET_VRING_NUM, struct.pack("<II", 2**32 - 1, 8)),
                (peer.SET_VRING_NUM, struct.pack("<II", 2**16, 8)),
                (peer.SET_VRING_NUM, struct.pack("<II", 0, 0)),
                (peer.SET_VRING_NUM, struct.pack("<II", 0, 2**31)),
                (peer.SET_VRING_BASE, struct.pack("<II", 1, 0)),
                (peer.SET_VRING_ADDR, peer.ring_addresses(peer.USER, 64)),
                (peer.GET_VRING_BASE, struct.pack("<II", 9, 0)),
                (peer.SET_VRING_KICK, struct.pack("<Q", 255)),
                (peer.SET_VRING_CALL, struct.pack("<Q", 1)),
                (peer.SET_VRING_ENABLE, struct.pack("<II", 255, 1))):
            with hostile.meet() as driver:
                driver.negotiate()
                driver.share()
                descriptors = [driver.new_event()] * peer.FORMS[request][1]
                driver.send(request, payload, descriptors)
                expect(driver.ended(), NAMES[request], payload)
            hostile.after((NAMES[request], payload), f": {NAMES[request]}: ")
        hostile.works()


def a_ring_outside_of_memory(case):
    with Hostile(case) as hostile:
        for ring in (0, peer.USER + 1, peer.USER - 4096, peer.USER + peer.MEMORY - 16, 2**64 - 16):
            with hostile.meet() as driver:
                driver.negotiate()
                driver.share()
                try:
                    driver.start_queue(ring % 2**64 if ring < 2**64 - 0x2000 else 2**64 - 0x2010)
                except ConnectionError:
                    pass
                expect(driver.ended(), hex(ring))
            hostile.after(hex(ring))
        hostile.works()


def memory_that_shrinks(case):
    with Hostile(case) as hostile:
        for length in (0, 4096, 0x2000):
            with hostile.meet() as driver:
                driver.negotiate()
                driver.share()
                driver.start_queue()
                expect(driver.read_sector(3) == bytes([3]) * 512)
                os.ftruncate(driver.file, length)
                os.eventfd_write(driver.kick, 1)
                if length > 0x1000:
                    os.ftruncate(driver.file, 0)
                    os.eventfd_write(driver.kick, 1)
                expect(driver.ended(), length)
            hostile.after(length, "shared memory", "cut short")
        hostile.works()


def events_that_would_hold_it(case):
    """A kick that somebody else has read, one at its end; a call that nobody takes."""
    with Hostile(case) as hostile:
        with hostile.meet() as driver:
            driver.negotiate()
            driver.share()
            driver.start_queue()
            os.set_blocking(driver.kick, True)
            for index in range(200):
                os.eventfd_write(driver.kick, 1)
                try:
                    os.preadv(driver.kick, [bytearray(8)], -1, os.RWF_NOWAIT)
                except BlockingIOError:
                    pass
            os.set_blocking(driver.call, True)
            os.eventfd_write(driver.call, 2**64 - 2)
            driver.put_read(4)
            end = time.monotonic() + tool.SECONDS
            while driver.used() == 0 and time.monotonic() < end:
                time.sleep(0.001)
            expect(driver.used() == 1, hostile.server.log())
            expect(driver.ask(peer.GET_FEATURES) is not None, hostile.server.log())
        hostile.after("full", lines=0)
        with hostile.meet() as driver:
            driver.negotiate()
            driver.share()
            read, write = os.pipe()
            driver.own.append(read)
            driver.kick, driver.call = driver.new_event(), driver.new_event()
            driver.send(peer.SET_VRING_NUM, struct.pack("<II", 0, peer.QUEUE))
            driver.send(peer.SET_VRING_ADDR, peer.ring_addresses(peer.USER))
            driver.send(peer.SET_VRING_KICK, struct.pack("<Q", 0), [read])
            os.close(write)
            expect(hostile.server.logged("kick: "), hostile.server.log())
            expect(driver.ask(peer.GET_FEATURES) is not None, hostile.server.log())
        hostile.after("pipe", "kick")
        hostile.works()


def one_that_asks_and_does_not_read(case):
    with Hostile(case) as hostile:
        with hostile.meet() as driver:
            try:
                for _ in range(200000):
                    driver.send(peer.GET_FEATURES)
                expect(False, "was never dropped")
            except ConnectionError:
                pass
        hostile.settle()
        expect(hostile.held.now() == hostile.before)
        hostile.works()


def memory_slots_to_the_last(case):
    """With REPLY_ACK a refusal is told, and the connection goes on."""
    def told(driver, request, payload, descriptors=()):
        driver.send(request, payload, descriptors, flags=peer.VERSION | peer.NEED_REPLY)
        return struct.unpack("<Q", driver.receive())[0]

    def slot(number, length=4096):
        return struct.pack("<QQQQQ", 0, number << 16, length, peer.USER + (number << 16), 0)

    with Hostile(case) as hostile:
        with hostile.meet() as driver:
            features = driver.ask(peer.GET_FEATURES)
            offered = driver.ask(peer.GET_PROTOCOL_FEATURES)
            driver.send(peer.SET_PROTOCOL_FEATURES, struct.pack("<Q", offered))
            driver.send(peer.SET_OWNER)
            driver.send(peer.SET_FEATURES,
                        struct.pack("<Q", features & (peer.F_VERSION_1 | peer.F_PROTOCOL)))
            slots = driver.ask(peer.GET_MAX_MEM_SLOTS)
            expect(8 <= slots <= 64, slots)
            for number in range(slots):
                expect(told(driver, peer.ADD_MEM_REG, slot(number), [driver.new_memory()]) == 0)
            expect(hostile.held.now()[1] == hostile.before[1] + slots, hostile.held.now())
            expect(told(driver, peer.ADD_MEM_REG, slot(slots), [driver.new_memory()]) != 0)
            expect(told(driver, peer.REM_MEM_REG, slot(slots + 1)) != 0)
            expect(told(driver, peer.REM_MEM_REG, slot(3, 8192)) != 0)
            for number in range(1, slots, 2):
                expect(told(driver, peer.REM_MEM_REG, slot(number)) == 0)
            expect(hostile.held.now()[1] == hostile.before[1] + slots - slots // 2)
            expect(told(driver, peer.SET_VRING_NUM, struct.pack("<II", 99, 8)) != 0)
            expect(driver.ask(peer.GET_FEATURES) == features)
        hostile.after("slots", lines=4)
        hostile.works()


def a_second_connection(case):
    with Hostile(case) as hostile:
        with hostile.meet() as driver:
            driver.negotiate()
            for count in range(1, 4):
                with peer.Peer(hostile.path) as second:
                    expect(second.ended())
                expect(hostile.server.logged("refused, since there is one already", count))
            expect(driver.ask(peer.GET_FEATURES) is not None)
        hostile.after("second", "refused", lines=3)
        hostile.works()


def connections_without_descriptors_left(case):
    """Each is turned away with one line, and the loop rests in between."""
    with Hostile(case, "--sandbox=off") as hostile:
        hostile.said = len(hostile.server.errors())
        process = hostile.server.process.pid
        limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
        used = {int(number) for number in os.listdir(f"/proc/{process}/fd")}
        lowest = next(number for number in range(1 << 16) if number not in used)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (lowest, limits[1]))
        for count in range(1, 3):
            with peer.Peer(hostile.path) as driver:
                expect(driver.ended())
            expect(hostile.server.logged("Too many open files", count), hostile.server.log())
        time.sleep(0.1)
        expect(len(hostile.server.errors()) == hostile.said + 2, hostile.server.errors())
        resource.prlimit(process, resource.RLIMIT_NOFILE, limits)
        hostile.works()
        expect(hostile.held.now() == hostile.before, hostile.before, hostile.held.now())


TESTS = [value for value in list(globals().values())
         if getattr(value, "__module__", None) == __name__ and hasattr(value, "__code__")
         and value.__code__.co_varnames[:value.__code__.co_argcount] == ("case",)]

if __name__ == "__main__":
    sys.exit(tool.main(TESTS))
