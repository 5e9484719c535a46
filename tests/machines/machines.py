#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Several machines under the hypervisor: clients whose devices are in driver VMs, and either side breaking rules.

usage: machines.py HYPERVISOR DRIVER IMAGE GUEST [--only TEXT] [--paths FILE]. DRIVER is the real driver VM; IMAGE is every other machine,
told by its second word which one to be (machines.h); GUEST is the folder of the Linux guest, without which its cases
are left out. What they find they say in the hypervisor's log, which is judged here. With --only, just the cases whose
names contain it; --paths writes the longest path of each case, as the hypervisor said it.
"""

import argparse
import functools
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "compare"))
import machine  # noqa: E402

DEADLINE = 60  # seconds for one run of QEMU
FIRST_IMAGE, IMAGE_ROOM = 0x89000000, 0x100000
SECTOR_WORDS = 128
CARD_BYTES = 2 << 20
LONGEST = 5000  # instructions with interrupts masked, whatever anybody does

COUNTER, CLIENT, HOSTILE_DRIVER, HOSTILE_CLIENT = (kind << 16 for kind in range(4))
SUFFERER, READER = 0x1000, 0x2000

passed = failed = 0
paths_taken = {}  # the longest of each case


def check(name, why=None):
    global passed, failed
    print(f"FAIL {name}: {why}" if why else f"ok {name}")
    if why:
        failed += 1
    else:
        passed += 1


# ---- the card ----

@functools.lru_cache(maxsize=None)
def card_sector(sector, seed=0):
    words = ((sector * 0x9E3779B1 ^ word * 0x85EBCA6B ^ seed * 0xC2B2AE35) & 0xFFFFFFFF for word in range(SECTOR_WORDS))
    return struct.pack("<128I", *words)


def make_card(path):
    with open(path, "wb") as file:
        for sector in range(CARD_BYTES // 512):
            file.write(card_sector(sector))


# ---- systems ----

class System:
    """A description in the making, and the images that it needs."""

    def __init__(self, name, directory, hypervisor, driver, image, guest):
        self.name = name
        self.directory, self.hypervisor, self.driver, self.image = directory, hypervisor, driver, image
        self.kernel, self.initrd = (os.path.join(guest, name) for name in ("zImage", "initramfs.cpio.gz"))
        self.nodes, self.files = [], []

    def add(self, kernel, devices="", properties="", memory=0x400000, more_files=()):
        number = len(self.nodes)
        address = FIRST_IMAGE + number * IMAGE_ROOM
        self.files += [(kernel, address), *more_files]
        self.nodes.append(f'''
    vm@{number} {{ reg = <{number} 0>; #address-cells = <1>; #size-cells = <1>;
        memory = <{memory:#x}>; kernel = <{address:#x} {os.path.getsize(kernel):#x}>; bootargs = ""; {properties}
        {devices}
    }};''')
        return f"vm@{number}"

    def add_bare(self, role, devices="", properties=""):
        """One of the tests' own machines."""
        path = os.path.join(self.directory, f"{role:x}.bin")
        with open(self.image, "rb") as file:
            code = bytearray(file.read())
        code[4:8] = struct.pack("<I", role)
        with open(path, "wb") as file:
            file.write(code)
        return self.add(path, devices, f'machine = "driver"; {properties}')

    def add_driver(self, *devices):
        """The real driver VM, with devices of the board."""
        nodes = ""
        for name in devices:
            compatible, _, base, size, interrupt = machine.BOARD[name]
            nodes += (f'{name} {{ compatible = "{compatible}"; arrangement = "vm-owned"; reg = <{base:#x} {size:#x}>; '
                      f"interrupts = <{interrupt}>; }};\n")
        return self.add(self.driver, nodes, 'machine = "driver"; priority = <1>;', memory=0x200000)

    def add_linux(self, devices, bootargs):
        number = len(self.nodes)
        self.files += [(self.kernel, machine.KERNEL_ADDRESS), (self.initrd, machine.INITRD_ADDRESS)]
        self.nodes.append(f'''
    vm@{number} {{ reg = <{number} 0>; #address-cells = <1>; #size-cells = <1>; memory = <{machine.GUEST_MEMORY:#x}>;
        kernel = <{machine.KERNEL_ADDRESS:#x} {os.path.getsize(self.kernel):#x}>;
        initrd = <{machine.INITRD_ADDRESS:#x} {os.path.getsize(self.initrd):#x}>; bootargs = "{bootargs}";
        {devices}
    }};''')

    def run(self, console=None, work=None):
        """Returns a Run: what was said until the board was off, or until it took too long. With `console`, a socket's
        end, `work` is called meanwhile, to be the other end."""
        paths = {name: os.path.join(self.directory, name) for name in ("console", "log", "card", "tree", "other")}
        for name in ("console", "log", "other"):
            open(paths[name], "w").close()
        make_card(paths["card"])
        text = ('/dts-v1/;\n/ { compatible = "vdev,system"; measure-longest; #address-cells = <1>; #size-cells = <1>;'
                + "".join(self.nodes) + "\n};\n")
        machine.compile_tree(text, paths["tree"])
        command = ["qemu-system-arm", *machine.FLAGS, *machine.time_flags(False), *machine.NETWORK,
                   "-net", f"nic,model=lan9118,netdev=net,macaddr={machine.MAC_ADDRESS}",
                   "-chardev", f"socket,id=console,fd={console.fileno()}" if console else
                   f"file,id=console,path={paths['console']}",
                   "-serial", "chardev:console", "-serial", f"file:{paths['log']}",
                   "-serial", f"file:{paths['other']}", "-drive", f"if=sd,format=raw,file={paths['card']}",
                   "-kernel", self.hypervisor]
        for path, address in [(paths["tree"], machine.DESCRIPTION_ADDRESS), *self.files]:
            command += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=machine.ENVIRONMENT,
                                   pass_fds=[console.fileno()] if console else [])
        ended = True
        if console:
            console.close()
            work()
        try:
            process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            ended = False
        run = Run(ended and process.returncode == 0, paths)
        path = run.longest()
        if path:
            paths_taken[self.name] = path
        check(f"{self.name}: its longest path",
              None if path and path["instructions"] <= LONGEST else f"{path}")
        return run


class Run:
    def __init__(self, ended, paths):
        self.ended, self.paths = ended, paths
        self.log = self._lines("log")
        self.marks = {}
        for line in self.log:
            if line.startswith("{"):
                entry = json.loads(line)
                self.marks[entry["mark"]] = entry

    def longest(self):
        return max((mark["longest"] for mark in self.marks.values() if "longest" in mark),
                   key=lambda path: path["instructions"], default=None)

    def _lines(self, name):
        with open(self.paths[name], errors="replace") as file:
            return [line.rstrip("\r\n") for line in file]

    @property
    def console(self):
        return self._lines("console")

    def said(self, name):
        """The numbers that a machine reported, by what it said of them."""
        found = {}
        for line in self.log:
            match = re.fullmatch(rf"vdev: {name}: (.*) (\d+)", line)
            if match:
                found[match[1]] = int(match[2])
        return found

    def has(self, text):
        return any(text in line for line in self.log)

    def card(self, sector, sectors):
        with open(self.paths["card"], "rb") as file:
            file.seek(sector * 512)
            return file.read(sectors * 512)

    def tail(self):
        return " | ".join(line for line in self.log[-12:] if not line.startswith("{"))[-900:]


def device(name, driver, more=""):
    """A client's device without registers."""
    return f'{name} {{ compatible = "vdev,message"; arrangement = "para"; driver-vm = "{driver}"; {more} }};\n'


WINDOW = "shared-memory = <0x200000 0x100000>;"


# ---- a client that speaks messages ----

def good_client(system, name, shared):
    devices = "".join(device(each, "vm@1") for each in ("console", "disk", "net"))
    system.add_bare(CLIENT, devices, shared)
    system.add_driver("console", "disk", "net")
    run = system.run()
    said, marks = run.said("vm@0"), run.marks
    check(f"{name}: comes to its end", None if run.ended and 9 in marks else run.tail())
    if 9 not in marks:
        return
    for what in ("block", "console", "net"):
        check(f"{name}: {what} starts", None if said.get(f"{what} starts") == 0 else said)
    for what in ("reads at depth 1", "reads at depth 8", "reads at depth 32", "writes and reads back", "prints"):
        check(f"{name}: {what}", None if said.get(what) == 1 else said)
    check(f"{name}: pings", None if said.get("pings") == 100 else said)
    check(f"{name}: front-ends were not restarted", None if said.get("restarts") == 0 else said)
    written = b"".join(card_sector(sector, 1) for sector in range(1024, 2048))
    check(f"{name}: what it wrote is on the card", None if run.card(1024, 1024) == written else "other bytes")
    check(f"{name}: and nothing beside it", None if run.card(0, 1024) + run.card(2048, 64) == b"".join(
        card_sector(sector) for sector in (*range(1024), *range(2048, 2112))) else "other bytes")
    lines = [f"this line came through a driver VM, number {n}" for n in range(10)]
    check(f"{name}: its lines are on the console", None if [line for line in run.console if line in lines] == lines
          else run.console[-12:])

    def entries(cause, first, last):
        return marks[last]["hyp_entries"][cause] - marks[first]["hyp_entries"][cause]
    # Each mark is one; the first is before its window.
    for what, first, last, own in (("set-up", 1, 2, 1), ("reads", 3, 4, 1), ("all its work", 1, 9, 8)):
        trapped = entries("emulated_access", first, last) - own
        check(f"{name}: no register trap in {what}", f"{trapped}" if trapped else None)
    for depth, first, requests, most in ((1, 3, 8, 4), (8, 5, 8, 4), (32, 7, 128, 0.5)):
        switches = (marks[first + 1]["world_switches"] - marks[first]["world_switches"]) / requests
        print(f"  {name}: {switches} world switches for a request of {512 // requests} KiB at depth {depth}")
        check(f"{name}: world switches at depth {depth}", None if switches <= most else switches)
    sees = "1024 KiB of vm@0, from 0x80200000 on" if shared else "4096 KiB of vm@0, from 0x80000000 on"
    check(f"{name}: what is shared is said", None if run.has(f"vm@1 sees {sees}") else run.tail())


# ---- driver VMs that do not keep the rules ----

OK, RANGE, FULL, IO, TIMEOUT, ABSENT, CORRUPT = 0, 2, 4, 8, 9, 10, 11
TURNS, REQUESTS = 8, 12
# Each: its variant (variants.h), what the client's start gets, how many requests are good, what the first bad one gets
# and the last, whether the link is latched, and milliseconds of all that at most.
HOSTILE_DRIVERS = {
    "keeps the rules": (0, OK, REQUESTS, OK, OK, OK, 60),
    "never starts": (1, TIMEOUT, 0, OK, OK, OK, 80),
    "never answers": (2, TIMEOUT, 0, OK, OK, OK, 80),
    "stops answering": (3, OK, TURNS, TIMEOUT, TIMEOUT, OK, 400),
    "answers what was not asked": (4, CORRUPT, 0, OK, OK, CORRUPT, 40),
    "answers twice": (5, CORRUPT, 0, OK, OK, CORRUPT, 40),
    "answers too long": (6, CORRUPT, 0, OK, OK, CORRUPT, 40),
    "FIFO index jumps": (7, OK, TURNS, IO, ABSENT, CORRUPT, 60),
    "index of what it received jumps": (8, OK, TURNS, IO, ABSENT, CORRUPT, 60),
    "gives back what it was not given": (9, OK, TURNS, IO, TIMEOUT, OK, 400),
    "gives back twice": (10, OK, TURNS, IO, TIMEOUT, OK, 400),
    "gives back more than there was": (11, OK, TURNS, IO, IO, OK, 60),
    "used index jumps": (12, OK, TURNS, IO, TIMEOUT, OK, 400),
    "rings without end": (13, OK, TURNS, TIMEOUT, ABSENT, OK, 400),
    "sends events without end": (14, OK, TURNS, IO, ABSENT, OK, 400),
    "reaches behind its window": (15, OK, TURNS, IO, ABSENT, CORRUPT, 60),
    "reaches before its window": (16, OK, TURNS, IO, ABSENT, CORRUPT, 60),
    "powers itself off": (17, OK, TURNS, IO, ABSENT, CORRUPT, 60),
    "needs a reset": (18, OK, TURNS, IO, OK, OK, 60),
}
SECRETS = 4  # times that the client has it in what it shares, and as often elsewhere
BUDGET, PERIOD = 20000, 100000  # us, of the driver VM


def hostile_driver(system, name, what, window=WINDOW):
    variant, start, good, first, last, latched, most = HOSTILE_DRIVERS[what]
    endless = "without end" in what
    duration = 150 if endless else 30
    system.add_bare(CLIENT | SUFFERER + REQUESTS, device("disk", "vm@1"), window)
    system.add_bare(HOSTILE_DRIVER | variant, "", f"priority = <1>; budget = <{BUDGET}>;")
    system.add_bare(COUNTER | duration)
    run = system.run()
    said, spy = run.said("vm@0"), run.said("vm@1")
    check(f"{name}: the others come to their ends", None if run.ended and "milliseconds" in said else run.tail())
    wanted = {"starts": start, "first error": first, "last": last, "latched": latched, "lies": 0}
    wrong = {key: said.get(key) for key in wanted if said.get(key) != wanted[key]}
    check(f"{name}: the client gets errors and their names", f"{wrong}, of {wanted}" if wrong else None)
    # What is in flight at that moment may be lost already.
    check(f"{name}: what was done before is good",
          None if good - (first == IO) <= said.get("good", -1) <= good else f"{said.get('good')} requests, not {good}")
    check(f"{name}: in time", None if said.get("milliseconds", most) < most else f"{said.get('milliseconds')} ms")
    # A counter alone counts about 110,000 in a millisecond, beside clients that are at work a little less.
    counted = run.said("vm@2").get("counted", 0)
    share = counted / duration / 110000
    check(f"{name}: another machine goes on", None if share > 0.6 else f"{share:.2f} of what it should count")
    if what.startswith("reaches"):
        check(f"{name}: it sees what is shared, and that only",
              None if spy.get("secrets") == SECRETS and "and beyond" not in spy else spy)
        address = "0x50100000" if "behind" in what else "0x4ffffffc"
        check(f"{name}: it is reported and stopped", None if run.has(f"address {address},") and
              run.has("vm@1 reached outside of what is its own: stopped") else run.tail())
        check(f"{name}: once", None if sum("stopped" in line for line in run.log) == 1 else run.tail())


def spy_of_all(system, name):
    """That the spy finds what it may see."""
    system.add_bare(CLIENT | SUFFERER + REQUESTS, device("disk", "vm@1"), "")
    system.add_bare(HOSTILE_DRIVER | 15, "", "priority = <1>;")
    run = system.run()
    secrets = run.said("vm@1").get("secrets", 0)
    check(f"{name}: it sees all", None if secrets >= 2 * SECRETS else f"{secrets}")
    check(f"{name}: and no more", None if run.has("address 0x50400000,") and "and beyond" not in run.said("vm@1")
          else run.tail())


# ---- clients that do not keep the rules, beside one that does ----

NEEDS_RESET, RUNNING = 0x40, 0x0F
# Each: its variant (variants.h), and what it finds.
LATCHED = {"opened": 1, "used": 0, "status": NEEDS_RESET | RUNNING, "works again": 1}
BROKEN_LINK = {"opened": 1, "used": 0, "works again": 0}
UNHURT = {"opened": 1, "status": RUNNING, "works again": 1}
HOSTILE_CLIENTS = {
    "makes available what is no descriptor": (0, LATCHED),
    "has a next that is no descriptor": (1, LATCHED),
    "has a chain without end": (2, LATCHED),
    "lets the available index jump": (3, LATCHED),
    "has buffers outside of its window": (4, {**UNHURT, "refused": 13, "touched": 0}),
    "has its ring outside of its window": (5, {"opened": 0, "works again": 1}),
    "asks for others' sectors": (6, {**UNHURT, "refused": 12}),
    "lets the index of what it sent jump": (7, BROKEN_LINK),
    "lets the index of what it received jump": (8, BROKEN_LINK),
    "sends garbage": (9, {"opened": 1}),
    "rings without end": (10, UNHURT),
    "resets in the middle": (11, {"opened": 1, "works again": 1}),
    "leaves in the middle": (12, {"opened": 1}),
}
TIMES = 40  # that the good client reads 64 KiB


def hostile_client(system, name, what):
    variant, wanted = HOSTILE_CLIENTS[what]
    first, size = 1024, 1024
    system.add_bare(CLIENT | READER + TIMES, device("disk", "vm@1", f"partition = <{first} {size}>;"), WINDOW)
    system.add_driver("disk")
    system.add_bare(HOSTILE_CLIENT | variant, device("disk", "vm@1", "partition = <16 512>;"), WINDOW)
    run = system.run()
    said, found = run.said("vm@0"), run.said("vm@2")
    check(f"{name}: the others come to their ends", None if run.ended and "milliseconds" in said else run.tail())
    wrong = {key: found.get(key) for key in wanted if found.get(key) != wanted[key]}
    check(f"{name}: it gets what it deserves", f"{wrong}, of {wanted}" if wrong else None)
    good = said.get("starts") == 0 and said.get("right") == TIMES and said.get("restarts") == 0
    check(f"{name}: the other client has its data", None if good else said)
    check(f"{name}: in time", None if said.get("milliseconds", 1000) < 400 else said)
    check(f"{name}: the driver VM goes on", None if not run.said("vm@1") and not run.has("vm@1 asked") and
          not run.has("vm@1 reached") else run.tail())
    untouched = b"".join(card_sector(sector) for sector in (*range(16), *range(528, 2 * first)))
    check(f"{name}: the card is as it was", None if run.card(0, 16) + run.card(528, 2 * first - 528) == untouched
          else "other bytes")


# ---- Linux, with its own drivers, over the bridge ----

# Whether they are stopped: then what the guest asked for ends with an error. Who is merely silent might yet answer.
LINUX_DRIVERS = {"FIFO index jumps": (7, False), "reaches behind its window": (15, True)}
PROMPT = b"# "
STATUS_REGISTER = 0x1C130270  # of the disk, in virtio-mmio's registers


class Shell:
    """A shell on the guest's console, given one line at a time."""

    def __init__(self, end):
        self.socket, self.text = end, b""
        end.settimeout(DEADLINE)

    def until(self, wanted):
        """What came before and with this; None if the guest is gone, or says nothing for long."""
        while wanted not in self.text:
            try:
                data = self.socket.recv(65536)
            except (TimeoutError, ConnectionError):
                return None
            if not data:
                return None
            self.text += data
        at = self.text.index(wanted) + len(wanted)
        found, self.text = self.text[:at], self.text[at:]
        return found.decode(errors="replace")

    def ask(self, line):
        """What the guest answers to a command."""
        self.socket.sendall(line.encode() + b"; echo do''ne\n")
        self.until(b"\n")  # its echo
        answer = self.until(b"done\r\n")
        self.until(PROMPT)
        return (answer or "nothing done").rpartition("done")[0].strip()


def linux(system, name, what):
    """Its disk is a hostile driver VM's, its network one's that never starts; the console is the hypervisor's."""
    if not os.path.exists(system.initrd):
        print(f"skipped {name}: {system.initrd} is not there")
        return
    variant, stopped = LINUX_DRIVERS[what]
    devices = ('console { compatible = "arm,pl011"; arrangement = "pure"; reg = <0x1c090000 0x1000>;'
               ' interrupts = <5>; };'
               'disk { compatible = "virtio,mmio"; arrangement = "para"; driver-vm = "vm@1"; reg = <0x1c130200 0x200>;'
               ' interrupts = <41>; };'
               'net { compatible = "virtio,mmio"; arrangement = "para"; driver-vm = "vm@2"; reg = <0x1c130400 0x200>;'
               ' interrupts = <42>; };')
    bootargs = ("console=ttyAMA0 quiet loglevel=1 panic=-1 iomem=relaxed mem=256M vdev.console=ttyAMA0 vdev.disk=vda "
                "vdev.work=shell")
    system.add_linux(devices, bootargs)
    system.add_bare(HOSTILE_DRIVER | variant, "", "priority = <1>;")
    system.add_bare(HOSTILE_DRIVER | 1, "", "priority = <1>;")
    system.add_bare(COUNTER | 30)
    ours, theirs = socket.socketpair()
    answers = {}

    def work():
        shell = Shell(ours)
        if shell.until(PROMPT) is None:
            return
        answers["disk"] = shell.ask("cat /sys/block/vda/size")
        answers["net"] = shell.ask("ls /sys/class/net")
        shell.ask("dd if=/dev/vda of=/dev/null bs=4k count=32 iflag=direct 2>/tmp/error & sleep 2")
        answers["status"] = shell.ask(f"devmem {STATUS_REGISTER:#x}")
        answers["alive"] = shell.ask("echo $((6 * 7))")
        answers["dd"] = shell.ask("jobs; cat /tmp/error")
        ours.sendall(b"poweroff -f\n")

    run = system.run(theirs, work)
    check(f"{name}: the guest comes to its end",
          None if run.ended and "alive" in answers else f"{answers}, {run.tail()}")
    check(f"{name}: it saw a disk", None if answers.get("disk") == "512" else answers)
    check(f"{name}: it has no network, and waits for none", None if answers.get("net") == "lo" else answers)
    status = answers.get("status", "")
    check(f"{name}: its disk needs a reset",
          None if re.fullmatch("0x[0-9A-F]+", status) and int(status, 16) & NEEDS_RESET else answers)
    check(f"{name}: its console goes on", None if answers.get("alive") == "42" else answers)
    if stopped:
        check(f"{name}: what it asked for ends with an error",
              None if "Input/output error" in answers.get("dd", "") else answers)
    check(f"{name}: another machine goes on", None if run.said("vm@3").get("counted", 0) > 1000000 else run.tail())


CASES = {
    **{f"driver VM {what}": (lambda system, name, what=what: hostile_driver(system, name, what))
       for what in HOSTILE_DRIVERS},
    "driver VM that may see all": spy_of_all,
    **{f"client {what}": (lambda system, name, what=what: hostile_client(system, name, what))
       for what in HOSTILE_CLIENTS},
    **{f"Linux, whose driver VM {what}": (lambda system, name, what=what: linux(system, name, what))
       for what in LINUX_DRIVERS},
    "client, window": lambda system, name: good_client(system, name, WINDOW),
    "client, all memory": lambda system, name: good_client(system, name, ""),
}


def main():
    parser = argparse.ArgumentParser()
    for name in ("hypervisor", "driver", "image", "guest"):
        parser.add_argument(name)
    parser.add_argument("--only", default="")
    parser.add_argument("--paths")
    options = parser.parse_args()
    for name, case in CASES.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as directory:
            case(System(name, directory, options.hypervisor, options.driver, options.image, options.guest), name)
    if options.paths:
        with open(options.paths, "w") as file:
            json.dump(paths_taken, file)
    print(f"  longest path of all: {max((path['instructions'] for path in paths_taken.values()), default=None)}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
