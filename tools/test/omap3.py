# SPDX-License-Identifier: BSD-2-Clause
"""Linux's own OMAP drivers on the emulators of a BeagleBoard's devices: code that this project did
not write judges them. The UART is a second console, the GPIO bank a chip of pins.

Nothing here is measured against another arrangement: there is no board to run natively.
"""

import os
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tools", "compare"))
import boot  # noqa: E402
import counts  # noqa: E402
import machine  # noqa: E402
import workload  # noqa: E402

WORK = ("second-console", "gpio")
# Registers by their offsets (OMAP35x TRM, ch. 17 and 24).
UART_DATA = "0x000"
GPIO_DIRECTION, GPIO_INPUT = "0x034", "0x038"
GPIO_RISING, GPIO_FALLING = "0x048", "0x04c"
GPIO_OUTPUTS = ("0x03c", "0x090", "0x094")


def _accesses(row, offset):
    """How often a register was read and written."""
    return row["device_traps_by_register"].get(offset, [0, 0])


def _uart(tests, done, output, typed):
    for window in (output, typed):
        tests.check(
            f"OMAP UART: {window.workload} passes every byte right", done.verified[window.number]
        )
    written = _accesses(counts.row(done, output), UART_DATA)[1]
    tests.check(
        "OMAP UART: each byte out is one write of its data register",
        written == output.bytes,
        written,
    )
    read = _accesses(counts.row(done, typed), UART_DATA)[0]
    tests.check(
        "OMAP UART: each byte in is one read of its data register", read == typed.bytes, read
    )
    taken = done.said["interrupts"]["second-console"]
    tests.check(
        "OMAP UART: Linux takes an interrupt for each byte typed",
        taken.isdigit() and int(taken) >= typed.bytes,
        taken,
    )


def _pins(tests, done, window):
    pins, row = done.said["pins"], counts.row(done, window)
    for name, word, expected in (
        ("Linux finds a bank of 32 pins", "count", "32"),
        ("a pin is an input at first, and low", "before", "in0"),
        ("a pin driven high reads high", "high", "1"),
        ("a pin driven low reads low", "low", "0"),
        ("a pin that was driven high is low when let go", "after", "in0"),
        ("Linux gets an interrupt line of the bank for both edges of a pin", "lines", "1"),
        ("the edges asked for are the ones set", "edge", "both"),
    ):
        tests.check(f"OMAP GPIO: {name}", pins[word] == expected, pins[word])
    tests.check(
        "OMAP GPIO: the pin's level goes out by the bank's registers, three times",
        sum(_accesses(row, offset)[1] for offset in GPIO_OUTPUTS) >= 3,
        row["device_traps_by_register"],
    )
    for name, offset, way in (
        ("direction is set in the bank", GPIO_DIRECTION, 1),
        ("level is read from the bank's pins", GPIO_INPUT, 0),
        ("rising edge is asked of the bank", GPIO_RISING, 1),
        ("falling edge is asked of the bank", GPIO_FALLING, 1),
    ):
        tests.check(
            f"OMAP GPIO: a pin's {name}",
            _accesses(row, offset)[way] > 0,
            row["device_traps_by_register"],
        )
    taken = done.said["interrupts"]["gpio"]
    tests.check("OMAP GPIO: a pin that nothing moves does not interrupt", taken == "0", taken)


def run(tests, build, disk, progress):
    """One boot; `disk` is an image for the board's card, which this guest does not see."""
    directory = os.path.join(build, "compare", "omap3")
    try:
        done = boot.Boot(
            machine.ARRANGEMENTS["omap3"], machine.Files(build), directory, disk, WORK, progress
        ).run()
    except boot.BootError as error:
        tests.check("Linux's OMAP drivers do their work", False, f"{error}\n{error.details}")
        return
    output, typed, pins = workload.OMAP3_WINDOWS
    _uart(tests, done, output, typed)
    _pins(tests, done, pins)
