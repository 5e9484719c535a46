# SPDX-License-Identifier: BSD-2-Clause
"""A system description, ready to be booted: its files, QEMU's command line (machine.py has the
flags), and what its log says. It starts nothing; ./run system and the tests do.
"""

import os

import description
import machine

# With these begins what the hypervisor says last when it makes no system of a description.
REFUSALS = ("vdev: system description: ", "vdev: no system description")


def refusal(log):
    """The line with which the hypervisor refused the description, or None."""
    lines = log.splitlines()
    return lines[-1] if lines and lines[-1].startswith(REFUSALS) else None


class System:
    """One boot of a description: its files in `directory`, and QEMU's command line."""

    def __init__(self, path, build, directory):
        self.files = machine.Files(build)
        self.directory = directory
        self.log = os.path.join(directory, "hypervisor.log")
        self.description = description.Description(
            path, os.path.join(directory, "system.dtb"), self.files
        )

    def command(self, uarts, disk, network=True, sleep=None):
        """`uarts` are the character devices, as type and options, of the board's first and third
        UART. Time goes on with the host's if the network's other side may be out there."""
        if sleep is None:
            sleep = network and self.description.has_network()
        return machine.system_command(
            self.files,
            self.description.blob,
            self.description.place(),
            (uarts[0], f"file,path={self.log}", uarts[1]),
            disk,
            network,
            sleep,
        )

    def read_log(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, errors="replace") as log:
            return log.read()


def uart_of(system, number):
    """Which of the board's two console UARTs, 0 or 1, ends at the console of a machine; None if it
    has none. As in hyp/machine.c: the second is everyone's but the first machine's, unless a
    machine shares the first, or has the real one itself, or by a driver VM."""
    for vm, node, arrangement, driver in system.description.devices():
        if vm == f"vm@{number}" and node == "console":
            shared = system.description.has(f"{vm}/{node}", "shared")
            return 0 if number == 0 or arrangement == "vm-owned" or driver or shared else 1
    return None
