#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The program vdev from outside: its command line, its start and end, its counters.

Usage: tool_serve.py VDEV [--only NAME]
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import tool_peer as peer

SECONDS = 20  # for anything to happen, on a busy machine
MIB = 1 << 20


class Server:
    """A running `vdev serve`, whose log goes to a file."""

    def __init__(self, vdev, folder, *arguments, environment=None, descriptors=(), wait=True):
        self.log_path = tempfile.mkstemp(dir=folder, suffix=".log")[1]
        ready, said = os.pipe()
        command = [vdev, "serve", *arguments]
        if wait:
            device_end = command.index("--") if "--" in command else len(command)
            command[device_end:device_end] = ["--ready-fd", str(said)]
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                pass_fds=(said, *descriptors), env={**os.environ, **(environment or {})})
        os.close(said)
        with os.fdopen(ready, "rb") as stream:
            self.ready = stream.read() if wait else b""  # until it says so, or is gone

    def log(self):
        with open(self.log_path, encoding="utf-8") as text:
            return text.read().splitlines()

    def errors(self):
        return [line for line in self.log() if line.startswith("vdev: error: ")]

    def logged(self, text, count=1):
        """Wait until a line has the text, or so many have."""
        end = time.monotonic() + SECONDS
        while sum(text in line for line in self.log()) < count:
            if time.monotonic() > end or self.process.poll() is not None:
                return False
            time.sleep(0.01)
        return True

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Case:
    def __init__(self, vdev, folder):
        self.vdev = vdev
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def image(self, name="disk.img"):
        with open(self.path(name), "wb") as out:
            for sector in range(MIB // 512):
                out.write(bytes([sector % 251]) * 512)
        return self.path(name)

    def run(self, *arguments):
        return subprocess.run([self.vdev, *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=SECONDS)

    def serve(self, *arguments, **more):
        return Server(self.vdev, self.folder, *arguments, **more)

    def block(self, *arguments, **more):
        return self.serve("block", "--socket", self.path("b"), "--image", self.image(), *arguments,
                          **more)


def expect(condition, *what):
    if not condition:
        raise AssertionError(what)


def fails(result, code, *words):
    """It ended with this code and one line that has these words."""
    lines = result.stderr.splitlines()
    expect(result.returncode == code and len(lines) == 1 and not result.stdout, result)
    expect(all(word in lines[0] for word in words), words, lines[0])


# ---- the command line ----

def wrong_command_lines_are_usage_errors(case):
    image = ["--image", "i", "--socket", "s"]
    for words, arguments in (
            (["nonsense", "no such command"], ["nonsense"]),
            (["which device"], ["serve"]),
            (["toaster", "no such device"], ["serve", "toaster"]),
            (["--image", "missing"], ["serve", "block", "--socket", "s"]),
            (["--frob", "no such option"], ["serve", "block", *image, "--frob"]),
            (["--pty", "no such option"], ["serve", "block", *image, "--pty"]),
            (["--socket", "value is missing"], ["serve", "block", "--image", "i", "--socket"]),
            (["--read-only", "no value"], ["serve", "block", *image, "--read-only=1"]),
            (["--queues"], ["serve", "block", *image, "--queues", "0"]),
            (["--queues"], ["serve", "block", *image, "--queues", "65"]),
            (["--queues"], ["serve", "block", *image, "--queues", "2x"]),
            (["--queue-size", "power of two"], ["serve", "block", *image, "--queue-size=100"]),
            (["--serial", "20"], ["serve", "block", *image, "--serial", "x" * 21]),
            (["--fd"], ["serve", "block", *image, "--fd", "3"]),
            (["--log", "loud"], ["serve", "block", *image, "--log", "loud"]),
            (["--sandbox", "maybe"], ["serve", "block", *image, "--sandbox=maybe"]),
            (["no device after --"], ["serve", "block", *image, "--"]),
            (["--stdio", "one of them"], ["serve", "console", "--socket", "s"]),
            (["one of them"], ["serve", "console", "--socket", "s", "--pty", "--stdio"]),
            (["--link", "--pty"], ["serve", "console", "--socket", "s", "--stdio", "--link", "l"]),
            (["--tap", "one of them"], ["serve", "net", "--socket", "s"]),
            (["--mac"], ["serve", "net", "--socket", "s", "--tap", "t", "--mac", "1:2:3"]),
            (["--mac"], ["serve", "net", "--socket", "s", "--tap", "t", "--mac",
                         "01:00:00:00:00:01"]),
            (["which process"], ["stat"]),
            (["--yaml"], ["stat", "--yaml", "s"])):
        fails(case.run(*arguments), 2, *words)
    expect(case.run().returncode == 2)


def a_device_without_a_socket_is_a_usage_error(case):
    fails(case.run("serve", "block", "--image", case.image()), 2, "--socket", "missing")


def help_is_there_for_everything(case):
    for arguments, words in (
            (["--help"], ["serve", "stat", "exit status"]),
            (["serve", "--help"], ["--sandbox", "exit status", "block", "console", "net"]),
            (["serve", "block", "--help"], ["--image", "--direct", "--log"]),
            (["serve", "console", "--help"], ["--pty", "--listen"]),
            (["serve", "net", "--help"], ["--tap", "--stream", "--mac"]),
            (["stat", "--help"], ["--json", "exit status"])):
        result = case.run(*arguments)
        expect(result.returncode == 0 and not result.stderr, result)
        expect(all(word in result.stdout for word in words), words, result.stdout)
    expect(case.run("--version").stdout.startswith("vdev "))


# ---- what can be wrong when it starts ----

def an_image_that_cannot_be_had_is_said(case):
    serve = ["serve", "block", "--socket", case.path("b")]
    fails(case.run(*serve, "--image", case.path("none.img")), 1, "none.img")
    fails(case.run(*serve, "--image", case.folder), 1, case.folder)
    with open(case.path("odd.img"), "wb") as out:
        out.write(b"x" * 700)
    fails(case.run(*serve, "--image", case.path("odd.img")), 1, "odd.img")
    expect(not os.path.exists(case.path("b")))


def an_image_in_use_is_said(case):
    with case.block():
        fails(case.run("serve", "block", "--socket", case.path("c"), "--image",
                       case.path("disk.img")), 1, "disk.img", "use")


def a_socket_path_that_is_taken_is_said(case):
    image = case.image("other.img")
    with case.block() as server:
        fails(case.run("serve", "block", "--socket", case.path("b"), "--image", image), 1,
              case.path("b"), "another process listens")
        with peer.Peer(case.path("b")) as driver:
            expect(driver.ask(peer.GET_FEATURES) is not None, server.log())
    with open(case.path("file"), "w"):
        pass
    fails(case.run("serve", "block", "--socket", case.path("file"), "--image", image), 1,
          "no socket")
    expect(os.path.exists(case.path("file")))
    fails(case.run("serve", "block", "--socket", case.path("x" * 120), "--image", image), 1,
          "too long")
    fails(case.run("serve", "block", "--socket", case.path("no/b"), "--image", image), 1, "no/b")


def a_stale_socket_is_replaced(case):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(case.path("b"))
    with case.block() as server:
        expect(server.ready == b"\n", server.log())
        with peer.Peer(case.path("b")) as driver:
            expect(driver.ask(peer.GET_FEATURES) is not None, server.log())


def of_two_devices_the_second_may_fail(case):
    result = case.run("serve", "block", "--socket", case.path("b"), "--image", case.image(),
                      "--", "block", "--socket", case.path("c"), "--image", case.path("none"))
    fails(result, 1, "none")
    expect(not os.path.exists(case.path("b")))


# ---- beginning and end ----

def a_signal_ends_it_well(case):
    for number in (signal.SIGTERM, signal.SIGINT):
        with case.block("--sandbox=off") as server:
            with peer.Peer(case.path("b")) as driver:
                driver.negotiate()
                driver.share()
                driver.start_queue()
                expect(driver.read_sector(5) == bytes([5]) * 512, server.log())
                expect(server.end(number) == 0, server.log())
                expect(driver.ended())
            expect(not os.path.exists(case.path("b")) and not os.path.exists(case.path("b.ctl")))
            expect(not server.errors(), server.errors())


def readiness_is_told_in_both_ways(case):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(case.path("notify"))
        notified.settimeout(SECONDS)
        with case.block(environment={"NOTIFY_SOCKET": case.path("notify")}) as server:
            expect(server.ready == b"\n", server.log())
            expect(b"READY=1" in notified.recv(100))
            expect(server.end() == 0)
            expect(b"STOPPING=1" in notified.recv(100))


def nobody_is_told_of_a_failure(case):
    with case.serve("block", "--socket", case.path("b"), "--image", case.path("none")) as server:
        expect(server.ready == b"" and server.process.wait(SECONDS) == 1)


def a_socket_can_be_inherited(case):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(case.path("s"))
        listening.listen()
        descriptor = listening.fileno()
        with case.serve("block", "--fd", str(descriptor), "--image", case.image(),
                        descriptors=[descriptor]) as server:
            with peer.Peer(case.path("s")) as driver:
                expect(driver.ask(peer.GET_FEATURES) is not None, server.log())
            expect(server.end() == 0 and os.path.exists(case.path("s")))
        shell = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" serve block --image "$1" 3<&%d'
        process = subprocess.Popen(["bash", "-c", shell % descriptor, case.vdev, case.image()],
                                   pass_fds=[descriptor], stderr=subprocess.DEVNULL)
        try:
            with peer.Peer(case.path("s")) as driver:
                expect(driver.ask(peer.GET_FEATURES) is not None)
            process.terminate()
            expect(process.wait(SECONDS) == 0)
        finally:
            process.kill()
            process.wait()
    fails(case.run("serve", "block", "--fd", "0", "--image", case.path("disk.img")), 1,
          "descriptor 0")


# ---- serving ----

def two_devices_live_in_one_process(case):
    with case.block("--read-only", "--", "console", "--socket", case.path("c"), "--listen",
                    case.path("terminal")) as server:
        with peer.Peer(case.path("b")) as disk, peer.Peer(case.path("c")) as console:
            expect(disk.ask(peer.GET_FEATURES) >> 5 & 1 == 1)  # read-only
            expect(console.ask(peer.GET_FEATURES) is not None, server.log())
        expect(server.end() == 0)


def a_network_and_a_terminal_are_there(case):
    link = case.path("link")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(case.path("frames"))
        listening.listen()
        with case.serve("net", "--socket", case.path("n"), "--stream", case.path("frames"), "--mac",
                        "02:00:00:00:00:07", "--sandbox=off", "--", "console", "--socket",
                        case.path("c"), "--pty", "--link", link) as server:
            expect(server.ready == b"\n" and server.logged("/dev/pts/"), server.log())
            expect(os.readlink(link).startswith("/dev/pts/"))
            with peer.Peer(case.path("n")) as driver:
                driver.ask(peer.GET_PROTOCOL_FEATURES)
                driver.send(peer.SET_PROTOCOL_FEATURES, struct.pack("<Q", 1 << 9))
                driver.send(peer.GET_CONFIG, struct.pack("<III", 0, 6, 0) + bytes(6))
                expect(driver.receive()[12:] == bytes([2, 0, 0, 0, 0, 7]), server.log())
            net, console = json.loads(
                case.run("stat", "--json", str(server.process.pid)).stdout)["devices"]
            expect(net["link"] == 1 and net["frames.to_guest"] == 0, net)
            expect(console["terminal"] == os.readlink(link), console)
            expect(server.end() == 0 and not os.path.lexists(link), server.log())
    fails(case.run("serve", "net", "--socket", case.path("n"), "--stream", case.path("frames")), 1,
          "frames")
    fails(case.run("serve", "net", "--socket", case.path("n"), "--tap", "x" * 40), 1, "x" * 40)


def counters_count(case):
    with case.block("--queues", "3", "--", "console", "--socket", case.path("c"), "--listen",
                    case.path("terminal")) as server:
        with peer.Peer(case.path("b")) as driver:
            driver.negotiate()
            driver.share()
            driver.start_queue()
            for index in range(20):
                expect(driver.read_sector(index, index) == bytes([index]) * 512, server.log())
            expect(driver.read_sector(MIB // 512, 20) is None)
            result = case.run("stat", "--json", case.path("b"))
            expect(result.returncode == 0, result)
            device, = json.loads(result.stdout)["devices"]
            expect(device["device"] == "block" and device["connected"] == 1, device)
            expect(device["requests.read"] == 20 and device["bytes.read"] == 20 * 512, device)
            expect(device["queue.0.kicks"] == 21 and device["queue.0.interrupts"] == 21, device)
            expect(device["queue.2.kicks"] == 0, device)
            expect(0 < device["latency_ns.p50"] <= device["latency_ns.p99"] < 10**10, device)
        both = json.loads(case.run("stat", "--json", str(server.process.pid)).stdout)["devices"]
        expect([device["device"] for device in both] == ["block", "console"], both)
        text = case.run("stat", case.path("b")).stdout
        expect("requests.read" in text and "20" in text, text)
        server.end()
    fails(case.run("stat", case.path("b")), 1, "nobody serves there")
    fails(case.run("stat", "999999999"), 1, "nobody serves there")


def counters_tell_queues_apart(case):
    with case.block("--queues", "3") as server:
        for turn in (1, 2):  # they count on, whoever is connected
            with peer.Peer(case.path("b")) as driver:
                driver.negotiate()
                driver.share()
                for queue, requests, sectors in ((0, 5, 1), (2, 7, 3)):
                    at = queue * 0x8000
                    events = driver.start(queue, peer.USER + at)
                    for index in range(requests):
                        expect(driver.read_sectors(index, index, sectors, at, events) ==
                               b"".join(bytes([index + more]) * 512 for more in range(sectors)),
                               queue, index, server.log())
                # An error is a request without bytes.
                expect(driver.read_sectors(MIB // 512, 7, 3, at, events) is None)
                device, = json.loads(case.run("stat", "--json", case.path("b")).stdout)["devices"]
                expected = {0: (5, 5 * 512), 1: (0, 0), 2: (8, 7 * 3 * 512)}
                for queue, (requests, length) in expected.items():
                    expect(device[f"queue.{queue}.requests"] == turn * requests, device)
                    expect(device[f"queue.{queue}.bytes"] == turn * length, device)
                    expect(device[f"queue.{queue}.kicks"] == turn * requests, device)
                    expect(device[f"queue.{queue}.interrupts"] == turn * requests, device)
                expect(device["requests.read"] == turn * 12, device)
                expect(device["bytes.read"] == turn * 26 * 512, device)


def a_killed_process_is_replaced_at_once(case):
    """With a request in flight, whose image is locked until the disk has done with it."""
    server = case.block("--sandbox=off")
    for _ in range(10):
        with server, peer.Peer(case.path("b")) as driver:
            driver.negotiate()
            driver.share()
            driver.start_queue()
            driver.put_read(0, sectors=1024)
            server.process.kill()
            following = case.serve("block", "--socket", case.path("b"), "--image",
                                   case.path("disk.img"), "--sandbox=off")
        expect(following.ready == b"\n", following.log())
        server = following
    expect(server.end() == 0)


def one_connection_comes_after_another(case):
    with case.block("--log", "debug") as server:
        for _ in range(20):
            with peer.Peer(case.path("b")) as driver:
                driver.negotiate()
                driver.share()
                driver.start_queue()
                expect(driver.read_sector(7) == bytes([7]) * 512, server.log())
        expect(not server.errors(), server.errors())


TESTS = [value for value in list(globals().values())
         if callable(value) and getattr(value, "__code__", None) is not None
         and value.__code__.co_varnames[:value.__code__.co_argcount] == ("case",)]


def main(tests):
    vdev = os.path.abspath(sys.argv[1])
    failures = 0
    chosen = [test for test in tests if "--only" not in sys.argv or test.__name__ in sys.argv]
    for test in chosen:
        with tempfile.TemporaryDirectory(prefix="vdev-tool-") as folder:
            os.chmod(folder, 0o755)
            try:
                test(Case(vdev, folder))
            except Exception as error:  # one test's failure is not the next one's
                failures += 1
                print(f"{test.__name__}: {type(error).__name__}: {error}")
    print(f"{len(chosen) - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(TESTS))
