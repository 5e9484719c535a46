# SPDX-License-Identifier: BSD-2-Clause
"""Several machines at once: two Linux guests on the switch, driver VMs, and descriptions that are
refused.

Time here is the guests' own, counted in instructions: what a slow host does to it is nothing.
"""

import concurrent.futures
import hashlib
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
# Milliseconds: a slice of the other's for each way, and the guest's own queues.
OWN_FLOOD = 15


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


def hear(readers):
    """What several guests say, each heard all the time: a socket that nobody reads is full after a
    few hundred bytes, and QEMU waits."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(readers)) as pool:
        return [each.result() for each in [pool.submit(said, reader) for reader in readers]]


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


def round_trips(tests, title, client):
    """Their averages, in milliseconds."""
    trips = {}
    for name in (kind.partition(" ")[2] for kind in client if kind.startswith("ping ")):
        words = dict(word.split("=") for word in client[f"ping {name}"].split())
        trips[name] = float(words.get("average", "inf"))
        print(f"  {title}: ping, {name}: {client[f'ping {name}']}")
        tests.check(
            f"{title}: no ping is lost: {name}",
            words.get("received") == str(PINGS),
            words,
        )
    return trips


def judge_flood(tests, title, trips, flooded, idle):
    tests.check(
        f"{title}: a flood makes no round trip {FLOODED} times as long: {flooded}",
        trips[flooded] <= FLOODED * trips[idle],
        f"{trips[flooded]} ms and {trips[idle]} ms",
    )


def neighbours(tests, build, title, work, urgent=0):
    """Boots the two, of which one does that work; returns what the server says, and what the other,
    or None."""
    # Each guest with a UART of the board: what the one in the back says is not to be kept back.
    source = told(example("two-linux").replace("shared;", ""), 0, "vdev.work=server vdev.peer=10.0.2.16")
    source = told(source, 1, f"vdev.work={work} vdev.peer=10.0.2.15")
    head, client = source.split("vm@1 {")
    source = head + "vm@1 {" + client.replace("priority = <0>;", f"priority = <{urgent}>;", 1)
    with Boot(source, build, title.replace(" ", "-")) as boot:
        try:
            found = hear(boot.consoles)
            boot.end()
            return found
        except (console.ConsoleError, SystemError) as error:
            tests.check(f"{title}: they do their work", False, f"{error}\n{boot.details()}")
            return None


def two_guests(tests, build, progress):
    found = neighbours(tests, build, "two guests", "client")
    if found is None:
        return
    server, client = found
    progress("two guests have done their work")
    judge_transfer(tests, client, server)
    for name, words in server.items():
        if name.startswith("flood"):
            print(f"  two guests: {name}: {words}")
    trips = round_trips(tests, "two guests", client)
    # A flood of the one that pings takes all its time for what comes in: it is never idle, so has its
    # slices and no more, and its answers wait behind the flood at its port. That has another bound,
    # unless it is the more urgent of the two.
    tests.check(
        f"two guests: a ping through a flood of its own sender takes at most {OWN_FLOOD} ms",
        trips["gateway-flooded-self"] <= OWN_FLOOD,
        trips["gateway-flooded-self"],
    )
    judge_flood(tests, "two guests", trips, "gateway-flooded", "gateway")
    judge_flood(tests, "two guests", trips, "peer-flooded", "peer")


def urgent_guest(tests, build, progress):
    title = "a more urgent guest"
    found = neighbours(tests, build, title, "victim", urgent=1)
    if found is None:
        return
    progress("a more urgent guest has been flooded")
    trips = round_trips(tests, title, found[1])
    judge_flood(tests, title, trips, "gateway-flooded-self", "gateway")


# ---- the examples ----

PROMPT = b"/ # "
# What the card of workload.make_disk has at 1 MiB.
CARD = hashlib.sha256(hashlib.shake_128(b"vdev disk 1").digest(workload.MIB)[: 256 << 10]).hexdigest()


def shell(tests, build, progress, name):
    """An example as a person would use it: a shell, the disk, the network, and the end."""
    disk = "mmcblk0" if "pure" in name else "vda"
    with Boot(example(name), build, name) as boot:
        reader, answers = boot.consoles[0], []
        try:
            reader.until(PROMPT)
            for line in (
                f"dd if=/dev/{disk} bs=64k count=4 skip=16 | sha256sum",
                "ping -c 3 10.0.2.2",
            ):
                reader.socket.sendall(line.encode() + b"\r")
                answers.append(reader.until(PROMPT))
            reader.socket.sendall(b"exit\r")
            boot.end()
        except (console.ConsoleError, OSError, SystemError) as error:
            tests.check(f"{name}: gives a shell and ends with it", False, f"{error}\n{boot.details()}")
            return
    progress(f"{name}: a shell came and went")
    tests.check(f"{name}: gives a shell and ends with it", True)
    tests.check(f"{name}: the guest reads what is on the card", CARD in answers[0], answers[0])
    tests.check(
        f"{name}: the guest's pings are answered", "3 packets received" in answers[1], answers[1]
    )


def mixture(tests, build, progress):
    """Two guests at once, each with its range of one card, by one driver VM."""
    name, answers = "mixture", []
    with Boot(example(name), build, name) as boot:
        try:
            for reader, disk in zip(boot.consoles, ("vda", "mmcblk0")):
                reader.until(PROMPT)
                for line in (
                    f"cat /sys/block/{disk}/size; dd if=/dev/{disk} bs=64k count=4 skip=16 2>/dev/null | sha256sum",
                    f"dd if=/dev/urandom of=/dev/{disk} bs=64k count=4 seek=32 oflag=direct 2>/dev/null; echo wrote $?",
                ):
                    reader.socket.sendall(line.encode() + b"\r")
                    answers.append(reader.until(PROMPT))
            boot.consoles[0].socket.sendall(b"ping -c 3 10.0.2.2\r")
            pings = boot.consoles[0].until(PROMPT)
            for reader in boot.consoles:
                reader.socket.sendall(b"exit\r")
            boot.end()
        except (console.ConsoleError, OSError, SystemError) as error:
            tests.check(f"{name}: both guests do their work", False, f"{error}\n{boot.details()}")
            return
        with open(os.path.join(build, "system", name, "disk.img"), "rb") as card:
            written = [index for index in range(1, 32) if _changed(card, index)]
    progress(f"{name}: two shells came and went")
    for number, (guest, range_at) in enumerate((("para", 0), ("pure", 16))):
        seen, wrote = answers[2 * number : 2 * number + 2]
        data = hashlib.shake_128(b"vdev disk %d" % (range_at + 1)).digest(workload.MIB)[: 256 << 10]
        tests.check(f"{name}, {guest}: the disk has the size of its range", "32768" in seen, seen)
        tests.check(f"{name}, {guest}: reads its own range", hashlib.sha256(data).hexdigest() in seen, seen)
        tests.check(f"{name}, {guest}: writes", "wrote 0" in wrote, wrote)
    tests.check(f"{name}: the first guest's pings are answered", "3 packets received" in pings, pings)
    tests.check(f"{name}: each has written to its own range", written == [2, 18], written)


def _changed(card, index):
    """Is this MiB of workload.make_disk's not as it was?"""
    card.seek(index * workload.MIB)
    return card.read(workload.MIB) != hashlib.shake_128(b"vdev disk %d" % index).digest(workload.MIB)


# ---- descriptions that are wrong ----


def node(name, compatible, arrangement, reg, interrupt, more=""):
    return (
        f'{name} {{ compatible = "{compatible}"; arrangement = "{arrangement}"; reg = <{reg}>; '
        f"interrupts = <{interrupt}>; {more} }};"
    )


def vm(number, *devices, more="memory = <0x200000>;", kind="driver"):
    """A machine that never gets to run; a driver VM, since those need the least."""
    return (
        f"vm@{number} {{ reg = <{number} 0>; #address-cells = <1>; #size-cells = <1>; "
        f'machine = "{kind}"; kernel-file = "entries"; bootargs = ""; {more} {" ".join(devices)} }};'
    )


def tree(*machines):
    return (
        '/dts-v1/;\n/ { compatible = "vdev,system"; #address-cells = <1>; #size-cells = <1>;\n'
        + "\n".join(machines)
        + "\n};\n"
    )


CONSOLE = ("console", "virtio,mmio", "para", "0x1c130000 0x200", 40)
DISK = ("disk", "virtio,mmio", "para", "0x1c130200 0x200", 41)
NET = ("net", "virtio,mmio", "para", "0x1c130400 0x200", 42)
OWNED_UART = node("console", "arm,pl011", "vm-owned", "0x1c090000 0x1000", 5)
OWNED_CARD = node("disk", "arm,pl181", "vm-owned", "0x1c050000 0x1000", 9)
LINUX = "memory = <0x10000000>;"


def served(device, by):
    return node(*device, more=f'driver-vm = "{by}";')


# What is wrong, the description, and what the one line must name.
REFUSED = (
    ("registers that overlap in the second machine",
     tree(vm(0), vm(1, node(*CONSOLE), node("disk", "virtio,mmio", "para", "0x1c130100 0x200", 41))),
     "node disk"),
    ("a device that nobody knows in the second machine",
     tree(vm(0), vm(1, node("sound", "arm,pl041", "pure", "0x1c040000 0x1000", 11))), "node sound"),
    ("two owners of the UART", tree(vm(0, OWNED_UART), vm(1, OWNED_UART)), "node console"),
    ("two owners of the card", tree(vm(0, OWNED_CARD), vm(1, OWNED_CARD)), "node disk"),
    ("an owner of the card beside the hypervisor", tree(vm(0, node(*DISK)), vm(1, OWNED_CARD)),
     "node disk"),
    ("the hypervisor beside an owner of the UART", tree(vm(0, OWNED_UART), vm(1, node(*CONSOLE, more="shared;"))),
     "node console"),
    ("a card that two have and neither shares", tree(vm(0, node(*DISK)), vm(1, node(*DISK))), "node disk"),
    ("partitions that overlap",
     tree(vm(0, node(*DISK, more="partition = <0 2048>;")),
          vm(1, node(*DISK, more="partition = <2047 2048>;"))), "node disk"),
    ("a partition past the card's end",
     tree(vm(0, node(*DISK, more="partition = <131071 2>;"))), "node disk"),
    ("a driver VM that is not there", tree(vm(0, served(DISK, "vm@1"))), "node disk"),
    ("a driver VM whose name is empty", tree(vm(0, served(DISK, ""))), "node disk"),
    ("a device that its own machine serves", tree(vm(0, served(DISK, "vm@0"))), "node disk"),
    ("a driver VM that is none",
     tree(vm(0, served(DISK, "vm@1"), kind="driver"), vm(1, more=LINUX, kind="virt")), "node disk"),
    ("driver VMs that serve each other",
     tree(vm(0, served(DISK, "vm@1")), vm(1, served(NET, "vm@0"))), "node"),
    ("driver VMs that serve each other in a circle of three",
     tree(vm(0, served(DISK, "vm@1")), vm(1, served(NET, "vm@2")), vm(2, served(CONSOLE, "vm@0"))), "node"),
    ("too little memory for Linux", tree(vm(0), vm(1, more="memory = <0x2000000>;", kind="virt")), "node vm@1"),
    ("memory in halves of 2 MiB", tree(vm(0), vm(1, more="memory = <0x300000>;")), "node vm@1"),
    ("more memory than the first has left",
     tree(vm(0, more="memory = <0x20000000>;"), vm(1, more="memory = <0x20000000>;")), "node vm@1"),
    ("shared memory past its end",
     tree(vm(0, more="memory = <0x200000>; shared-memory = <0x100000 0x200000>;")), "node vm@0"),
    ("a machine of no known kind", tree(vm(0), vm(1, kind="toaster")), "node vm@1"),
    ("one machine too many", tree(*(vm(number) for number in range(7))), "node vm@6"),
    ("one interrupt for two devices of the second machine",
     tree(vm(0), vm(1, node(*CONSOLE), node("disk", "virtio,mmio", "para", "0x1c130200 0x200", 40))),
     "interrupt 40"),
)


def refused(tests, build):
    """The hypervisor has the last word: each ends in its one line, before any machine runs."""
    directory = os.path.join(build, "system", "refused")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    disk = os.path.join(directory, "disk.img")
    workload.make_disk(disk)
    path = os.path.join(directory, "system.dts")
    for name, source, naming in REFUSED:
        with open(path, "w") as out:
            out.write(source)
        system = launch.System(path, build, directory)
        try:
            subprocess.run(
                system.command(("null", "null"), disk, False, False),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=machine.ENVIRONMENT,
                timeout=POWER_OFF,
            )
        except subprocess.TimeoutExpired:
            pass
        line = launch.refusal(system.read_log())
        tests.check(
            f"a description is refused: {name}",
            line is not None and naming in line,
            line or "it was not: " + system.read_log()[-200:],
        )


def command_line(tests, build, refuses):
    """What ./run system says to what it can judge itself, and that it hands on a refusal."""
    options = ("--build", build)
    good = os.path.join(EXAMPLES, "one-linux-para.dts")
    with open(good) as file:
        text = file.read()
    directory = os.path.join(build, "system", "mistakes")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    path = os.path.join(directory, "mistake.dts")
    missing = os.path.join(directory, "missing.dts")
    for name, wrong, naming in (
        ("dtc refuses it", text.replace("};", "}", 1), "mistake.dts:"),
        ("it names an unknown kernel", text.replace('"linux"', '"windows"'), "'windows'"),
        ("it names an initrd that is not there", text.replace('"guest"', '"./gone"'), "gone"),
        ("it names no kernel", text.replace("kernel-file", "colonel-file"), "node vm@0: kernel-file"),
        ("it has no machine", "/dts-v1/; / { };", "vm@0"),
        ("the hypervisor refuses it", text.replace("disk {", "tape {"), "node tape"),
        ("files take more than there is", text.replace('"guest"', '"./huge"'), "MiB"),
    ):
        with open(path, "w") as out:
            out.write(wrong)
        with open(os.path.join(directory, "huge"), "wb") as huge:
            huge.truncate(96 << 20)
        refuses(tests, f"system: {name}", 2, naming, "system", path, *options)
    refuses(tests, "system refuses a file that is not there", 2, missing, "system", missing, *options)
    refuses(tests, "system refuses a folder", 2, directory, "system", directory, *options)
    refuses(tests, "system refuses no file", 2, "file", "system")
    refuses(tests, "system refuses an unknown option", 2, "--fast", "system", good, "--fast")
    refuses(tests, "system refuses a console that is not there", 2, "vm@3", "system", good, "--console", "3")
    refuses(tests, "system refuses a disk that is not there", 2, missing, "system", good, "--disk", missing)


def run(tests, build, progress, refuses):
    command_line(tests, build, refuses)
    refused(tests, build)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        running = [pool.submit(each, tests, build, progress) for each in (two_guests, urgent_guest, mixture)]
        for name in ("one-linux-pure", "driver-vm", "driver-vms"):
            running.append(pool.submit(shell, tests, build, progress, name))
        for each in running:
            each.result()
