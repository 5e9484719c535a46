#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the n810 image on QEMU's model of that board, and is the other end of its serial line.

usage: n810.py IMAGE. The image says "ok NAME" or "FAIL NAME: WHY"; after the line "output" it sends
a pattern, and after "echo" it sends back what it gets; at its end it resets the board.
"""

import os
import select
import subprocess
import sys
import time

DEADLINE = 100  # seconds
OUTPUT_BYTES, ECHO_BYTES = 8192, 3000


def pattern(length):
    """The same bytes as pattern of n810.c."""
    return bytes((index * 31 + (index >> 8) * 7 + 11) & 0xFF for index in range(length))


class Board:
    def __init__(self, elf):
        # Time is counted in instructions: on a busy host a timer could fire late, by the guest's clock.
        command = [os.environ.get("QEMU", "qemu-system-arm"), "-M", "n810", "-nodefaults", "-icount", "shift=0,sleep=off",
                   "-display", "none", "-monitor", "none", "-no-reboot",
                   "-audiodev", "none,id=none", "-serial", "stdio", "-kernel", elf]
        self.end = time.monotonic() + DEADLINE
        self.passed, self.failed, self.rest = 0, 0, b""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def check(self, name, why=None):
        """One result of the host's side; `why` names a failure."""
        print(f"FAIL {name}: {why}" if why else f"ok {name}")
        if why:
            self.failed += 1
        else:
            self.passed += 1

    def more(self):
        """False when the board says nothing any more, or too late."""
        output = self.process.stdout.fileno()
        ready, _, _ = select.select([output], [], [], max(self.end - time.monotonic(), 0))
        data = os.read(output, 65536) if ready else b""
        self.rest += data
        return bool(data)

    def line(self):
        while b"\n" not in self.rest:
            if not self.more():
                return None
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").strip("\r")

    def take(self, length):
        while len(self.rest) < length and self.more():
            pass
        data, self.rest = self.rest[:length], self.rest[length:]
        return data

    def expect(self, name, wanted):
        got = self.take(len(wanted))
        at = next((i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), len(got))
        good = got == wanted
        self.check(name, None if good else f"{len(got)} bytes, the first wrong one at {at}")

    def run(self):
        finished = False
        while (line := self.line()) is not None:
            if line.startswith(("ok ", "FAIL ")):
                print(line)
                self.passed += line.startswith("ok ")
                self.failed += line.startswith("FAIL ")
            elif line == "output":
                self.expect("host received the pattern", pattern(OUTPUT_BYTES))
            elif line == "echo":
                self.process.stdin.write(pattern(ECHO_BYTES))
                self.process.stdin.flush()
                self.expect("host received its bytes back", pattern(ECHO_BYTES))
            finished |= line == "finished"
        if time.monotonic() >= self.end:
            self.process.kill()
        said = self.process.communicate()[1].decode(errors="replace").strip()
        if not finished or self.process.returncode != 0:
            why = f"QEMU's status {self.process.returncode}, said: {said}"
            self.check("image ends well", why)


def main():
    board = Board(sys.argv[1])
    board.run()
    print(f"{board.passed} passed, {board.failed} failed")
    return 1 if board.failed or not board.passed else 0


if __name__ == "__main__":
    sys.exit(main())
