# SPDX-License-Identifier: BSD-2-Clause
"""Runs a bare-metal test image under QEMU and counts what it and its host side say.

An image says "ok NAME" and "FAIL NAME: WHY" on the board's UART, and "finished" at its end;
runtime/runtime.h is its other side.
"""

import os
import select
import subprocess
import sys
import time

DEADLINE = 100  # seconds for one run of QEMU


class Image:
    """One run. `watched` has a function for each further source that may have something to read."""

    def __init__(self, elf, mode, arguments=(), descriptors=()):
        # The board starts in Hyp mode or in SVC mode; everything else is the same.
        machine = {"hyp": "vexpress-a15,secure=off,virtualization=on",
                   "svc": "vexpress-a15,secure=off,virtualization=off"}
        command = [os.environ.get("QEMU", "qemu-system-arm"), "-M", machine[mode], "-m", "256",
                   "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
                   "-audiodev", "none,id=none", "-global", "virtio-mmio.force-legacy=false",
                   "-serial", "stdio", *arguments, "-kernel", elf]
        self.passed, self.failed = 0, 0
        self.finished = False
        self.watched = {}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, pass_fds=descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def check(self, name, why=None):
        """One result of the host's side; `why` names a failure."""
        if why:
            print(f"FAIL {name}: {why}")
            self.failed += 1
        else:
            print(f"ok {name}")
            self.passed += 1

    def _line(self, line, on_line):
        if line.startswith("ok "):
            self.passed += 1
        elif line.startswith("FAIL "):
            self.failed += 1
        elif line == "finished":
            self.finished = True
        if line.startswith(("ok ", "FAIL ", "mode ")):
            print(line)
        on_line(line)

    def run(self, on_line=lambda line: None):
        """Until QEMU ends: hands on_line each line of the image, and serves what is watched."""
        output = self.process.stdout.fileno()
        errors, rest, end = b"", b"", time.monotonic() + DEADLINE
        sources = {output, self.process.stderr.fileno()}
        try:
            while sources:
                left = end - time.monotonic()
                ready, _, _ = select.select([*sources, *self.watched], [], [], max(left, 0))
                if not ready:
                    self.check("image ends in time", f"not after {DEADLINE} s")
                    break
                for source in ready:
                    if source in self.watched:
                        self.watched[source]()
                        continue
                    data = os.read(source, 65536)
                    if not data:
                        sources.discard(source)
                    elif source == output:
                        *lines, rest = (rest + data).split(b"\n")
                        for line in lines:
                            self._line(line.decode(errors="replace").strip("\r"), on_line)
                    else:
                        errors += data
        finally:
            if self.process.poll() is None and sources:
                self.process.kill()
            status = self.process.wait()
        if status != 0 or not self.finished:
            said = errors.decode(errors="replace").strip()
            self.check("image ends well", f"QEMU's status {status}, said: {said}")


def conclude(images):
    """Prints the total of several runs and ends the program."""
    passed, failed = sum(image.passed for image in images), sum(image.failed for image in images)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
