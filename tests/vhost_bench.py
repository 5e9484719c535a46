#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run bench vhost, made short: what it refuses, and what rows it writes. No figure is judged.

usage: vhost_bench.py BENCH BUILD
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=110)


def main():
    bench, build = sys.argv[1:3]
    for wrong in (["--rounds", "0"], ["--only", "nothing-like-it"], ["--json", "/nowhere/a.json"],
                  ["--client", "sleep"], ["--image", "1"]):
        result = run(bench, "--check", *wrong)
        assert result.returncode == 2 and result.stderr, wrong
    assert run(bench, "--check").returncode == 0
    result = run(bench, build, "--vdev", "/nowhere/vdev")
    assert result.returncode == 1 and "not there" in result.stderr, result.stderr
    if shutil.which("qemu-storage-daemon") is None:
        print("qemu-storage-daemon (Debian's qemu-system-common) is not here: nothing to measure")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.json")
        for client in ("wait", "poll"):
            result = run(bench, build, "--rounds", "1", "--seconds", "0.2", "--image", "16",
                         "--only", "4k-depth4", "--client", client, "--json", path)
            assert result.returncode == 0, result.stderr
            with open(path) as file:
                rows = json.load(file)
            names = [row["name"] for row in rows]
            assert names == [
                f"vhost/block/{order}-4k-depth4/{what}" for order in ("read", "write")
                for what in ("rate", "cpu", "p50", "p99")
            ] + ["vhost/block/resident-idle", "vhost/block/resident-after"], names
            for row in rows:
                assert set(row) == {"name", "value", "unit", "peer", "peer_value", "ratio"}, row
                if row["ratio"] is not None:
                    rate = row["name"].endswith("/rate")
                    ours, peer = row["value"], row["peer_value"]
                    expected = ours / peer if rate else peer / ours
                    assert abs(row["ratio"] - expected) < 0.02 * expected + 0.002, row
    print("the bench's rows are as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
