# SPDX-License-Identifier: BSD-2-Clause
"""What the guest does in each window, and what the host must find afterwards. The guest's half is
setup/init.

Nothing here knows of QEMU, of an arrangement, or of a report.
"""

import hashlib
import os
import struct

MIB = 1 << 20
SECTOR = 512
PATTERN_SIZE = 64 << 10
INPUT_SIZE = 4 << 10
DISK_SIZE = 64 * MIB
# All areas that the work reads or writes lie below this.
SMALLEST_DISK = 32 * MIB


class Window:
    """One piece of work. Its number says how it is marked: 2n-1 where it begins, 2n where it
    ends."""

    def __init__(self, number, device, workload, size, request=0, position=0):
        self.number, self.device, self.workload, self.bytes = number, device, workload, size
        self.request, self.position = request, position

    @property
    def writes_disk(self):
        return self.device == "block" and self.workload.startswith("write")


WINDOWS = (
    Window(1, "block", "read-4k", 4 * MIB, 4 << 10, 4 * MIB),
    Window(2, "block", "read-64k", 4 * MIB, 64 << 10, 8 * MIB),
    Window(3, "block", "write-4k", 4 * MIB, 4 << 10, 16 * MIB),
    Window(4, "block", "write-64k", 4 * MIB, 64 << 10, 24 * MIB),
    # 32 requests in flight.
    Window(16, "block", "deep-4k", 4 * MIB, 4 << 10, 12 * MIB),
    Window(5, "console", "write-64k", PATTERN_SIZE),
    Window(6, "console", "read-4k", INPUT_SIZE),
    # Numbers and sizes as in bench/net/net.c; the bytes of both ways together.
    Window(10, "net", "icmp", 2 * 100 * 1400, 1400),
    Window(11, "net", "tcp-out", 4 * MIB),
    Window(12, "net", "tcp-in", 4 * MIB),
    Window(13, "net", "udp-64", 2 * 1000 * 64, 64),
    Window(14, "net", "udp-512", 2 * 1000 * 512, 512),
    Window(15, "net", "udp-1472", 2 * 1000 * 1472, 1472),
)

# What Linux's OMAP drivers do with the emulators of a BeagleBoard's devices.
OMAP3_WINDOWS = (
    Window(7, "second-console", "write-64k", PATTERN_SIZE),
    Window(8, "second-console", "read-4k", INPUT_SIZE),
    Window(9, "gpio", "pins", 0),
)


def pattern():
    """The bytes that go over the console and, rotated, to the disk: every value, in no order a bug
    could know."""
    data = hashlib.shake_256(b"vdev comparison pattern").digest(PATTERN_SIZE)
    assert len(set(data[:INPUT_SIZE])) == 256
    return data


def disk_data(window):
    """What make_data in setup/init makes for a window that writes the disk."""
    data = pattern()
    starts = (
        (block * 1021 + window.number * 7919) % PATTERN_SIZE
        for block in range(window.bytes // PATTERN_SIZE)
    )
    return b"".join(data[start:] + data[:start] for start in starts)


def check_disk_file(path):
    """Refuses a disk that cannot be used; the text names it."""
    if not os.path.exists(path):
        raise ValueError(f"--disk {path}: no such file")
    if not os.path.isfile(path):
        raise ValueError(f"--disk {path}: is not a regular file")
    size = os.path.getsize(path)
    if size == 0:
        raise ValueError(f"--disk {path}: is empty")
    if size & (size - 1):
        raise ValueError(f"--disk {path}: its size {size} is not a power of two, as the card needs")
    if size < SMALLEST_DISK:
        raise ValueError(
            f"--disk {path}: its size {size} is below the {SMALLEST_DISK} bytes of the work"
        )
    if not os.access(path, os.R_OK):
        raise ValueError(f"--disk {path}: may not be read")


def make_disk(path):
    """A disk whose used half holds bytes that no part of the software could make up; the rest is a
    hole. One partition is entered for all of it, so that there is a table to read."""
    first = MIB // SECTOR
    with open(path + ".new", "wb") as out:
        entry = struct.pack("<8B2I", 0, 0, 0, 0, 0xDA, 0, 0, 0, first, DISK_SIZE // SECTOR - first)
        out.write((bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa")
        for index in range(1, SMALLEST_DISK // MIB):
            out.seek(index * MIB)
            out.write(hashlib.shake_128(b"vdev disk %d" % index).digest(MIB))
        out.truncate(DISK_SIZE)
    os.replace(path + ".new", path)


def disk_checksum(path, window):
    """What the guest must have seen: of the original for a read, of what it made for a write."""
    if window.writes_disk:
        return hashlib.sha256(disk_data(window)).hexdigest()
    with open(path, "rb") as file:
        file.seek(window.position)
        return hashlib.sha256(file.read(window.bytes)).hexdigest()


def wrong_disk_areas(original, result, windows):
    """Compares the whole disk with what it must hold now; yields the window, or None, that a wrong
    MiB belongs to."""
    written = {}
    for window in windows:
        if window.writes_disk:
            data = disk_data(window)
            for start in range(0, window.bytes, MIB):
                written[(window.position + start) // MIB] = (window, data[start : start + MIB])
    with open(original, "rb") as before, open(result, "rb") as after:
        if os.path.getsize(original) != os.path.getsize(result):
            yield None
        for index in range(os.path.getsize(original) // MIB):
            old, new = before.read(MIB), after.read(MIB)
            window, expected = written.get(index, (None, old))
            if new != expected:
                yield window
