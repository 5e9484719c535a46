#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run bench vhost: our devices by vhost-user beside others'.

The network's are in net.py. Block: our device beside qemu-storage-daemon's.

Both serve an image of the same content, both are loaded by the same client, our own front-end, in
turns: of each load so many rounds, which of the two is first changing from round to round. What
counts is the median. The image lies in memory (tmpfs), or, where there is no room, in a file that
was just read.

usage: bench.py BUILD [OPTION...]; options as ./run help says.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import net

PEER = "qemu-storage-daemon"
PEER_PACKAGE = "qemu-system-common"
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
# name, operation, order, bytes, depth
LOADS = [
    *(("read-4k-depth%d" % depth, "read", "random", 4096, depth) for depth in (1, 4, 32)),
    *(("write-4k-depth%d" % depth, "write", "random", 4096, depth) for depth in (1, 4, 32)),
    ("read-128k", "read", "sequential", 128 << 10, 4),
    ("write-128k", "write", "sequential", 128 << 10, 4),
]


class Failure(Exception):
    """What a person is told instead of figures."""


class Server:
    """A process that serves one image on one socket."""

    def __init__(self, name, folder, command):
        self.name = name
        self.image = os.path.join(folder, name + ".img")
        self.socket = os.path.join(folder, name + ".sock")
        self.log = os.path.join(folder, name + ".log")
        self.command = command
        self.process = None

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command(self), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{self.name} does not start: {self.words()}")
            time.sleep(0.02)
        time.sleep(0.2)  # the file is there before somebody listens

    def words(self):
        with open(self.log, errors="replace") as log:
            return log.read().strip()[-500:] or "it says nothing"

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def processor_seconds(self):
        """User's and kernel's time of all its threads, the ended ones too."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self):
        """KiB that are the process's own: without the memory that the client shares with it."""
        with open(f"/proc/{self.process.pid}/status") as status:
            found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", status.read(), re.MULTILINE))
        return int(found["RssAnon"]) + int(found["RssFile"])


def make_images(servers, size):
    """Blocks that differ, and no holes; then read once, so that they are in memory for sure."""
    for server in servers:
        with open(server.image, "wb") as image:
            for block in range(size // MIB):
                image.write(bytes([block % 251 + 1]) * MIB)
        with open(server.image, "rb") as image:
            while image.read(MIB):
                pass


def place(size):
    """Where the images go: memory, if there is room for three."""
    if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK):
        if shutil.disk_usage("/dev/shm").free > 3 * size:
            return "/dev/shm"
    return tempfile.gettempdir()


def run_load(arguments, server, load, seed):
    """One round: what the client saw, and what the server used."""
    _, operation, order, size, depth = load
    command = [arguments.load, server.socket, operation, order, str(size), str(depth),
               str(arguments.seconds), arguments.client, str(seed)]
    before = server.processor_seconds()
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                timeout=arguments.seconds + 30)
    except subprocess.TimeoutExpired:
        raise Failure(f"{server.name}, {load[0]}: no end") from None
    if result.returncode != 0:
        raise Failure(f"{server.name}, {load[0]}: {result.stderr.strip()}; {server.words()}")
    seen = json.loads(result.stdout)
    used = server.processor_seconds() - before
    return {
        "rate": seen["requests"] / seen["seconds"],
        "cpu": used / seen["requests"] * 1e6,
        "client_cpu": seen["client_cpu"] / seen["requests"] * 1e6,
        "share": seen["client_cpu"] / seen["seconds"],
        "p50": seen["p50"],
        "p99": seen["p99"],
    }


def busy_seconds():
    """Of all processors, since the machine was started; what a host took from it counts, too."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def own_seconds(servers):
    used = sum(server.processor_seconds() for server in servers)
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return used


def warn_of_others(servers, before):
    """A figure from a machine that does other things meanwhile is of little worth."""
    time_then, busy_then, own_then = before
    others = (busy_seconds() - busy_then) - (own_seconds(servers) - own_then)
    share = others / (time.monotonic() - time_then) / os.cpu_count()
    if share > 0.05:
        print(f"beware: {share:.0%} of the processors was busy with something else")


def median(rounds, what):
    return statistics.median(each[what] for each in rounds)


def row(name, value, unit, peer_value, cost):
    """A figure beside the peer's; a ratio above 1 is better for us, of costs as of rates."""
    ratio = None
    if value and peer_value:
        ratio = round(peer_value / value if cost else value / peer_value, 3)
    return {"name": name, "value": round(value, 3), "unit": unit, "peer": PEER,
            "peer_value": round(peer_value, 3), "ratio": ratio}


def show(found):
    ratio = "-" if found["ratio"] is None else f"{found['ratio']:.2f}"
    digits = 3 if found["unit"] == "Mpps" else 1
    print(f"{found['name']:<36}{found['value']:>12,.{digits}f}{found['peer_value']:>12,.{digits}f}"
          f"  {found['unit']:<12}{ratio:>6}", flush=True)
    return found


def measure(arguments, servers):
    rows = []
    ours, peer = servers
    print(f"{'':<36}{'vdev':>12}{PEER[:11]:>12}  {'':<12}{'ratio':>6}")
    idle = [server.resident() for server in servers]
    before = time.monotonic(), busy_seconds(), own_seconds(servers)
    for load in LOADS:
        if arguments.only and arguments.only not in load[0]:
            continue
        rounds = {server: [] for server in servers}
        for number in range(arguments.rounds):
            for server in servers if number % 2 == 0 else reversed(servers):
                rounds[server].append(run_load(arguments, server, load, number + 1))
        name = "vhost/block/" + load[0]
        for what, unit, cost in (("rate", "requests/s", False), ("cpu", "us/request", True),
                                 ("p50", "us", True), ("p99", "us", True)):
            rows.append(show(row(f"{name}/{what}", median(rounds[ours], what), unit,
                                 median(rounds[peer], what), cost)))
        if arguments.verbose:
            for server in servers:
                print(f"  {server.name}: rounds "
                      + " ".join(f"{each['rate']:.0f}" for each in rounds[server])
                      + f"; the client: {median(rounds[server], 'client_cpu'):.2f} us/request, "
                      f"{median(rounds[server], 'share'):.0%} of a processor")
    warn_of_others(servers, before)
    loaded = [server.resident() for server in servers]
    for what, values in (("idle", idle), ("after", loaded)):
        rows.append(show(row(f"vhost/block/resident-{what}", values[0], "KiB", values[1], True)))
    return rows


def measure_block(arguments):
    size = arguments.image * MIB
    with tempfile.TemporaryDirectory(prefix="vdev-bench-", dir=place(size)) as folder:
        servers = [Server("vdev", folder, ours_command(arguments)),
                   Server(PEER, folder, peer_command(arguments))]
        try:
            make_images(servers, size)
            for server in servers:
                server.start()
            return measure(arguments, servers)
        finally:
            for server in servers:
                server.stop()


def measure_net(arguments):
    """No rows, with words, where there is no testpmd or only one processor."""
    why = net.missing()
    if why:
        print(f"bench: no figures of the network: {why}", file=sys.stderr)
        return []
    print(f"{'':<36}{'vdev':>12}{net.PEER:>12}  {'':<12}{'ratio':>6}")
    with tempfile.TemporaryDirectory(prefix="vdev-bench-") as folder:
        return net.measure(arguments, folder, show)


def ours_command(arguments):
    return lambda server: [arguments.vdev, "serve", "block", "--socket", server.socket,
                           "--image", server.image, *arguments.vdev_option]


def peer_command(arguments):
    blockdev = "driver=file,node-name=f,filename={}" + arguments.peer_file
    export = ("type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path={}"
              + arguments.peer_export)
    return lambda server: [PEER, *arguments.peer_option,
                           "--blockdev", blockdev.format(server.image),
                           "--export", export.format(server.socket)]


def parse(argv):
    parser = argparse.ArgumentParser(prog="./run bench vhost", description=__doc__.split("\n")[0])
    parser.add_argument("build", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="write the rows there, too")
    parser.add_argument("--rounds", type=int, default=5, help="of each load on each (5)")
    parser.add_argument("--seconds", type=float, default=1, help="of each round (1)")
    parser.add_argument("--image", type=int, default=256, metavar="MIB", help="its size (256)")
    parser.add_argument("--client", choices=("wait", "poll"), default="wait",
                        help="sleeps until it is called, as a guest does, or polls (wait)")
    parser.add_argument("--only", metavar="TEXT", help="loads with this in their names")
    parser.add_argument("--verbose", action="store_true", help="each round, and the client's cost")
    parser.add_argument("--vdev", metavar="PROGRAM", help="another vdev than the one built")
    parser.add_argument("--vdev-option", action="append", default=[], metavar="OPTION",
                        help="one more of vdev serve block")
    parser.add_argument("--peer-option", action="append", default=[], metavar="OPTION",
                        help="one more of " + PEER)
    parser.add_argument("--peer-file", default="", metavar=",NAME=VALUE",
                        help="more of its --blockdev, such as ,aio=io_uring")
    parser.add_argument("--peer-export", default="", metavar=",NAME=VALUE",
                        help="more of its --export")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1 or not 0.1 <= arguments.seconds <= 600 or arguments.image < 16:
        parser.error("at least 1 round, of 0.1 seconds to 600, on an image of 16 MiB or more")
    names = [load[0] for load in (*LOADS, *net.LOADS)]
    if arguments.only and not any(arguments.only in name for name in names):
        parser.error("no load has this in its name: " + " ".join(names))
    if arguments.json and not os.path.isdir(os.path.dirname(os.path.abspath(arguments.json))):
        parser.error(f"{arguments.json}: no such folder")
    return arguments


def main(argv):
    arguments = parse(argv)
    if arguments.check:
        return 0
    arguments.load = os.path.join(arguments.build, "bench/vhost/vhost-load")
    arguments.vdev = arguments.vdev or os.path.join(arguments.build, "tools/vdev/vdev")
    for program, where in ((arguments.load, "./run build makes it"),
                           (arguments.vdev, "./run build makes it"),
                           (PEER, "it is in Debian's package " + PEER_PACKAGE)):
        if shutil.which(program) is None:
            print(f"bench: {program}: not there; {where}", file=sys.stderr)
            return 1
    rows = []
    try:
        if any(arguments.only is None or arguments.only in load[0] for load in LOADS):
            rows += measure_block(arguments)
        if net.wanted(arguments.only):
            rows += measure_net(arguments)
    except (Failure, net.Failure, OSError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
