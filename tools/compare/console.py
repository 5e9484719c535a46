# SPDX-License-Identifier: BSD-2-Clause
"""The host's end of the guest's console: lines that the guest says, and bytes checked one by one.

It knows the guest's words (setup/init) and nothing of QEMU or of the report.
"""

import select
import time


class ConsoleError(Exception):
    """The guest stopped, went silent, or said that it failed."""


class Console:
    def __init__(self, socket, seconds):
        self.socket, self.seconds = socket, seconds
        self.pending = b""
        # Only text is kept for a report of failure, not the 64 KiB that the work sends.
        self.transcript = bytearray()

    def _receive(self, what):
        deadline = time.monotonic() + self.seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ConsoleError(f"no {what} from the guest for {self.seconds} seconds")
            if select.select([self.socket], [], [], left)[0]:
                break
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConsoleError(f"QEMU ended while {what} was awaited")
        self.pending += data

    def any_line(self):
        """The next line, whoever says it."""
        while b"\n" not in self.pending:
            self._receive("line")
            if b"Kernel panic" in self.pending:
                self.transcript += self.pending
                raise ConsoleError("the guest's kernel panicked")
        line, self.pending = self.pending.split(b"\n", 1)
        self.transcript += line + b"\n"
        return line.strip().decode(errors="replace")

    def line(self):
        """The next line that the guest's init says, without its prefix; everything else is passed
        over."""
        while True:
            text = self.any_line()
            if text.startswith("vdev: failed"):
                self.drain()
                raise ConsoleError(text)
            if text.startswith("vdev: "):
                return text[len("vdev: ") :]

    def drain(self):
        """Takes what the guest still has to say until QEMU ends, or it goes silent."""
        try:
            while True:
                self._receive("end")
        except ConsoleError:
            self.transcript += self.pending
            self.pending = b""

    def until(self, words):
        """All that comes up to some words, which are then gone, too."""
        while words not in self.pending:
            self._receive("prompt")
        said, _, self.pending = self.pending.partition(words)
        self.transcript += said
        return said.decode(errors="replace")

    def bytes(self, count):
        while len(self.pending) < count:
            self._receive("byte")
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def type(self, data):
        """Sends each byte when the echo of the last has come; returns the number of wrong
        echoes."""
        wrong = 0
        for index in range(len(data)):
            self.socket.sendall(data[index : index + 1])
            wrong += self.bytes(1) != data[index : index + 1]
        return wrong
