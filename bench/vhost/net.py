# SPDX-License-Identifier: BSD-2-Clause
"""The network's part of ./run bench vhost: frames that go round between two processes, each with a
processor of its own and polling: our front-end and our back-end, and beside them two testpmd, one
with DPDK's virtio_user, the other with its net_vhost. Split rings of 256, no huge pages.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import time

PEER = "dpdk-testpmd"
PEER_PACKAGE = "dpdk-dev"
LOADS = [("net-64", 64), ("net-1500", 1500)]
TICKS = os.sysconf("SC_CLK_TCK")
START = 20  # seconds until a socket is there, or a process has ended


class Failure(Exception):
    """What a person is told instead of figures."""


def wanted(only):
    return [load for load in LOADS if not only or only in load[0]]


def missing():
    """Why there are no rows, or nothing."""
    if shutil.which(PEER) is None:
        return f"{PEER}: not there; it is in Debian's package {PEER_PACKAGE}"
    if len(os.sched_getaffinity(0)) < 2:
        return "two processors are needed, one for each side"
    return None


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def start(command, socket, **options):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **options)
    deadline = time.monotonic() + START
    while not os.path.exists(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            end(process, socket)
            raise Failure(f"{command[0]} does not start")
        time.sleep(0.02)
    time.sleep(0.3)  # the file is there before somebody listens
    return process


def end(process, socket):
    process.kill()
    process.wait()
    process.stdin.close()
    if os.path.exists(socket):
        os.unlink(socket)


def run_ours(build, folder, size, seconds, processors):
    """Frames a second, and the share of its processor that a side had at the least."""
    socket = os.path.join(folder, "net.sock")
    server = start([os.path.join(build, "bench/vhost/vhost-net-loop"), socket, str(processors[1])],
                   socket)
    try:
        before = processor_seconds(server), time.monotonic()
        result = subprocess.run(
            [os.path.join(build, "bench/vhost/vhost-net-load"), socket, str(size), str(seconds),
             str(processors[0])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=seconds + START)
        share = (processor_seconds(server) - before[0]) / (time.monotonic() - before[1])
    except subprocess.TimeoutExpired:
        raise Failure("our frames: no end") from None
    finally:
        end(server, socket)
    if result.returncode != 0:
        raise Failure(result.stderr.strip())
    seen = json.loads(result.stdout)
    return seen["frames"] / seen["seconds"], min(share, seen["client_cpu"] / seen["seconds"])


def testpmd(processor, device, *options):
    return [PEER, "--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry",
            "--iova-mode=va", "--lcores", f"0@{processor},1@{processor}", "--vdev", device, "--",
            "--forward-mode=io", "--port-topology=loop", "--no-mlockall",
            "--total-num-mbufs=8192", *options]


def run_peer(folder, size, seconds, processors):
    socket = os.path.join(folder, "peer.sock")
    environment = dict(os.environ, XDG_RUNTIME_DIR=folder)
    server = start(testpmd(processors[1], f"net_vhost0,iface={socket},queues=1", "--auto-start"),
                   socket, env=environment)
    client = None
    try:
        client = subprocess.Popen(
            testpmd(processors[0], f"net_virtio_user0,path={socket},queues=1,queue_size=256",
                    "-i", f"--txpkts={size}"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment)
        time.sleep(1)  # it takes so long to start; what is said meanwhile waits in the pipe
        client.stdin.write("start tx_first 8\n")
        client.stdin.flush()
        time.sleep(2)
        client.stdin.write("show port stats 0\n")
        client.stdin.flush()
        before = processor_seconds(server), processor_seconds(client), time.monotonic()
        time.sleep(seconds)
        client.stdin.write("show port stats 0\n")
        client.stdin.flush()
        elapsed = time.monotonic() - before[2]
        share = min(processor_seconds(server) - before[0],
                    processor_seconds(client) - before[1]) / elapsed
        printed, _ = client.communicate("stop\nquit\n", timeout=START)
    except (subprocess.TimeoutExpired, BrokenPipeError):
        raise Failure(f"{PEER}: no end") from None
    finally:
        if client is not None and client.poll() is None:
            client.kill()
            client.wait()
        end(server, socket)
    rates = re.findall(r"Rx-pps:\s+(\d+)", printed)
    if len(rates) != 2 or rates[1] == "0":
        raise Failure(f"{PEER}: nothing goes round: {printed.strip()[-400:]}")
    return float(rates[1]), share


def measure(arguments, folder, show):
    """A row for each length: millions of frames a second that came back, and the peer's."""
    processors = sorted(os.sched_getaffinity(0))[:2]
    rows = []
    for name, size in wanted(arguments.only):
        rounds = {"vdev": [], PEER: []}
        for number in range(arguments.rounds):
            for who in sorted(rounds, reverse=number % 2 == 0):
                if who == PEER:
                    seen = run_peer(folder, size, arguments.seconds, processors)
                else:
                    seen = run_ours(arguments.build, folder, size, arguments.seconds, processors)
                rounds[who].append(seen)
        ours, peer = (statistics.median(rate for rate, _ in rounds[who]) / 1e6
                      for who in ("vdev", PEER))
        rows.append(show({"name": f"vhost/{name}/rate", "value": round(ours, 3), "unit": "Mpps",
                          "peer": PEER, "peer_value": round(peer, 3),
                          "ratio": round(ours / peer, 3)}))
        for who, seen in rounds.items():
            if arguments.verbose:
                print(f"  {who}: rounds " + " ".join(f"{rate / 1e6:.3f}" for rate, _ in seen)
                      + "; a side's processor, at the least "
                      + " ".join(f"{share:.0%}" for _, share in seen))
            if min(share for _, share in seen) < 0.9:
                print(f"bench: {name}, {who}: a side had less than nine tenths of its processor: "
                      "the machine is busy, and the figure is too low")
    return rows
