# SPDX-License-Identifier: BSD-2-Clause
"""Several machines at once: two Linux guests on the switch, driver VMs, and descriptions that are
refused.

Time here is the guests' own, counted in instructions: what a slow host does to it is nothing.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tools", "compare"))
sys.path.insert(0, os.path.join(SOURCE, "tools", "system"))
import console  # noqa: E402
import launch  # noqa: E402
import machine  # noqa: E402
import workload  # noqa: E402

EXAMPLES = os.path.join(SOURCE, "examples", "systems")
# Seconds of the host's that a guest may say nothing: a second of flooding takes several.
SILENCE = 240
POWER_OFF = 120
TRANSFER = 16 << 20
PINGS = 10
# A neighbour's flood may make a round trip so many times as long.
FLOODED = 3


class SystemError(Exception):
    """A system that did not do its work."""


class Boot:
    """One boot of a description, with a console for each of the board's two UARTs that are one."""

    def __init__(self, source, build, name):
        directory = os.path.join(build, "system", name)
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        path = os.path.join(directory, "system.dts")
        with open(path, "w") as out:
            out.write(source)
        self.system = launch.System(path, build, directory)
        disk = os.path.join(directory, "disk.img")
        workload.make_disk(disk)
        pairs = [socket.socketpair() for _ in range(2)]
        theirs = [pair[1].fileno() for pair in pairs]
        command = self.system.command([f"socket,fd={each}" for each in theirs], disk, sleep=False)
        self.errors = open(os.path.join(directory, "qemu.log"), "wb")
        self.process = subprocess.Popen(
            command,
            pass_fds=theirs,
            env=machine.ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
        )
        for pair in pairs:
            pair[1].close()
        self.consoles = [console.Console(pair[0], SILENCE) for pair in pairs]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        for each in self.consoles:
            each.socket.close()

    def end(self):
        """Awaits the power-off."""
        try:
            self.process.wait(timeout=POWER_OFF)
        except subprocess.TimeoutExpired:
            raise SystemError("the guests have finished and the board is not off") from None

    def _log(self):
        return [line for line in self.system.read_log().splitlines() if not line.startswith("{")]

    def details(self):
        lines = [f"hypervisor: {line}" for line in self._log()[-10:]]
        for number, each in enumerate(self.consoles):
            each.drain()
            text = each.transcript.decode(errors="replace").splitlines()[-10:]
            lines += [f"console {number}: {line}" for line in text]
        return "\n".join(lines)


def told(source, vm, words):
    """The example, with more said to the kernel of one machine."""
    head, tail = source.split(f"vm@{vm} {{", 1)
    return f"{head}vm@{vm} {{" + re.sub(r'vdev\.work=shell"', f'{words}"', tail, count=1)


def example(name):
    with open(os.path.join(EXAMPLES, f"{name}.dts")) as file:
        return file.read()


def said(reader):
    """All that a guest says until it has finished: the words after each first word."""
    found = {}
    while True:
        line = reader.line()
        if line == "finished":
            return found
        kind, _, rest = line.partition(" ")
        if kind in ("ping", "times", "flood"):
            name, _, rest = rest.partition(" ")
            kind = f"{kind} {name}"
        found[kind] = rest


def judge_transfer(tests, client, server):
    status, _, text = client.get("iperf3-client", "none ").partition(" ")
    tests.check("two guests: iperf3's client ends well", status == "0", text[-300:])
    tests.check(
        "two guests: iperf3's server ends well",
        server.get("iperf3-server", "").startswith("0 "),
        server.get("iperf3-server"),
    )
    try:
        end = json.loads(text)["end"]
        sent, received = end["sum_sent"], end["sum_received"]
    except (ValueError, KeyError):
        tests.check("two guests: iperf3 reports", False, text[-300:])
        return
    print(
        f"  two guests: iperf3, {received['bytes'] >> 20} MiB over TCP: "
        f"{received['bits_per_second'] / 1e6:.0f} Mbit/s of the guests' time, "
        f"{sent['retransmits']} retransmissions"
    )
    tests.check(
        "two guests: all that one sends by TCP comes to the other",
        TRANSFER <= received["bytes"] <= sent["bytes"],
        f"{sent['bytes']} and {received['bytes']}",
    )


def judge_round_trips(tests, client):
    trips = {}
    for name in (
        "gateway",
        "peer",
        "gateway-flooded",
        "gateway-flooded-self",
        "peer-flooded",
    ):
        words = dict(word.split("=") for word in client[f"ping {name}"].split())
        trips[name] = float(words.get("average", "inf"))
        print(f"  two guests: ping, {name}: {client[f'ping {name}']}")
        tests.check(
            f"two guests: no ping is lost: {name}",
            words.get("received") == str(PINGS),
            words,
        )
    for name, idle in (
        ("gateway-flooded", "gateway"),
        ("gateway-flooded-self", "gateway"),
        ("peer-flooded", "peer"),
    ):
        tests.check(
            f"two guests: a flood makes no round trip {FLOODED} times as long: {name}",
            trips[name] <= FLOODED * trips[idle],
            f"{trips[name]} ms and {trips[idle]} ms",
        )


def two_guests(tests, build, progress):
    source = told(example("two-linux"), 0, "vdev.work=server vdev.peer=10.0.2.16")
    source = told(source, 1, "vdev.work=client vdev.peer=10.0.2.15")
    with Boot(source, build, "two-guests") as boot:
        try:
            client = said(boot.consoles[1])
            progress("two guests: the client has finished")
            server = said(boot.consoles[0])
            boot.end()
        except (console.ConsoleError, SystemError) as error:
            tests.check("two guests do their work", False, f"{error}\n{boot.details()}")
            return
    judge_transfer(tests, client, server)
    for name, words in server.items():
        if name.startswith("flood"):
            print(f"  two guests: {name}: {words}")
    judge_round_trips(tests, client)


def run(tests, build, progress):
    two_guests(tests, build, progress)
