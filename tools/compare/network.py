# SPDX-License-Identifier: BSD-2-Clause
"""The other side of the guest's network: a TCP and a UDP server on loopback, which QEMU's user
network shows to the guest under its gateway's address; and the judge of what the guest says
(bench/net/net.c).

It runs as a thread of the comparison and so ends with it, however it ends. What connects may be
anything: an exchange has a bound in bytes and in time, and what is wrong is dropped, and not
answered.
"""

import hashlib
import selectors
import socket
import struct
import threading
import time

import workload

# The address under which the guest sees this machine's loopback.
ADDRESS = "10.0.2.2"
CONNECTIONS = 4
# Seconds that one connection may take, in all: its window takes a second or two.
PATIENCE = 120
ORDER_MAXIMUM = 64
DATAGRAM = struct.Struct("!HI")  # window and number


def place(window, number, answer):
    """Where in the pattern a datagram's bytes begin, as in bench/net/net.c."""
    half = workload.PATTERN_SIZE // 2 if answer else 0
    return (number * 1021 + window * 7919 + half) % workload.PATTERN_SIZE


def judge(window, said, corrupt):
    """Whether a window of datagrams went well: a loss is none of the guest's faults, but what came
    was right, on both sides, and something did."""
    sent = window.bytes // 2 // window.request
    received = int(said["received"])
    return (
        corrupt == 0
        and int(said["corrupt"]) == 0
        and int(said["sent"]) == sent
        and 0 < received <= sent
    )


class _Stream:
    """One connection: an order, which is a line, and then 4 MiB in one of the directions."""

    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.deadline = time.monotonic() + PATIENCE
        self.order, self.window, self.left = b"", None, 0
        self.checksum, self.pending = hashlib.sha256(), memoryview(b"")

    def events(self):
        return selectors.EVENT_WRITE if self.pending else selectors.EVENT_READ

    def serve(self, mask):
        """Goes on as far as it can without waiting; False when it is over."""
        if mask & selectors.EVENT_WRITE and self.pending:
            self.pending = self.pending[self.connection.send(self.pending) :]
            return bool(self.pending) or self.left > 0 or self.window.workload == "tcp-in"
        data = self.connection.recv(1 << 16)
        if not data:
            return False
        if self.window is None:
            self.order += data
            line, newline, data = self.order.partition(b"\n")
            if not newline:
                return len(self.order) < ORDER_MAXIMUM
            self.window = self._ordered(line)
            if self.window is None:
                return False
            if self.window.workload == "tcp-in":
                self.pending = memoryview(workload.disk_data(self.window))
                return True
            self.left = self.window.bytes
        if len(data) > self.left:
            return False
        self.checksum.update(data)
        self.left -= len(data)
        if not self.left:
            self.pending = memoryview(self.checksum.hexdigest().encode())
        return True

    def _ordered(self, line):
        for window in workload.WINDOWS:
            wanted = f"{window.workload} {window.number} {window.bytes}".encode()
            if window.workload.startswith("tcp-") and line == wanted:
                return window
        return None


class Server:
    """Serves from its making until close(); `port` is the same for TCP and UDP."""

    def __init__(self):
        # UDP numbers are taken by anyone, so that the one which TCP got may need another try.
        for _ in range(20):
            self.listener, self.datagrams = socket.socket(), None
            try:
                self.listener.bind(("127.0.0.1", 0))
                self.port = self.listener.getsockname()[1]
                self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.datagrams.bind(("127.0.0.1", self.port))
                break
            except OSError as error:
                failure = error
                self.listener.close()
                if self.datagrams:
                    self.datagrams.close()
        else:
            raise failure
        self.listener.listen(CONNECTIONS)
        self.pattern = workload.pattern() * 2
        self.corrupt = 0
        self.wake_read, self.wake_write = socket.socketpair()
        self.selector, self.streams = selectors.DefaultSelector(), {}
        for each in (self.listener, self.datagrams, self.wake_read):
            each.setblocking(False)
            self.selector.register(each, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def take_corrupt(self):
        """How many wrong datagrams have come since it was asked last."""
        corrupt, self.corrupt = self.corrupt, 0
        return corrupt

    def close(self):
        self.wake_write.close()
        self.thread.join()

    def _run(self):
        try:
            while self._once():
                pass
        finally:
            for each in (*self.streams, self.listener, self.datagrams, self.wake_read):
                each.close()
            self.selector.close()

    def _once(self):
        """What is ready now; False when it is to end."""
        for key, mask in self.selector.select(1 if self.streams else None):
            if key.fileobj is self.wake_read:
                return False
            if key.fileobj is self.listener:
                self._accept()
            elif key.fileobj is self.datagrams:
                self._answer_datagrams()
            else:
                self._serve(key.fileobj, mask)
        now = time.monotonic()
        for connection in [each for each, it in self.streams.items() if it.deadline < now]:
            self._drop(connection)
        return True

    def _accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        if len(self.streams) == CONNECTIONS:
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.streams[connection] = _Stream(self, connection)
        self.selector.register(connection, selectors.EVENT_READ)

    def _serve(self, connection, mask):
        stream = self.streams[connection]
        try:
            going_on = stream.serve(mask)
        except BlockingIOError:
            return
        except OSError:
            going_on = False
        if not going_on:
            self._drop(connection)
        elif self.selector.get_key(connection).events != stream.events():
            self.selector.modify(connection, stream.events())

    def _drop(self, connection):
        self.selector.unregister(connection)
        del self.streams[connection]
        connection.close()

    def _answer_datagrams(self):
        for _ in range(16):  # and then the others' turn
            try:
                data, sender = self.datagrams.recvfrom(1 << 16)
                answer = self.answer(data)
                if answer:
                    self.datagrams.sendto(answer, sender)
            except OSError:
                return

    def answer(self, data):
        """The answer to one datagram, or None if it is not what it should be."""
        rest = len(data) - DATAGRAM.size
        if rest > 0:
            window, number = DATAGRAM.unpack_from(data)
            begin = place(window, number, False)
            if rest <= 1500 and data[DATAGRAM.size :] == self.pattern[begin : begin + rest]:
                begin = place(window, number, True)
                return data[: DATAGRAM.size] + self.pattern[begin : begin + rest]
        self.corrupt += 1
        return None
