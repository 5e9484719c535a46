#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs every test of the build folders and the tests of the whole system, and counts them all.

A program that uses Check says how many checks it made, and they count one by one; any other counts
as one test. The last line is the total. It builds nothing: ./run test does that first.
"""

import json
import os
import re
import subprocess
import sys

import fuzz
import system

CHECKS = re.compile(r"\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)")


def count(record):
    """Passed and failed tests in one program's record in meson's log."""
    found = CHECKS.findall(record.get("stdout", ""))
    checks = sum(int(each[0]) for each in found)
    failed = sum(int(each[1]) + int(each[2]) for each in found)
    good = record["result"] in ("OK", "EXPECTEDFAIL")
    # A program may also fail after its last check, by a sanitizer's word for one.
    if not good and failed == 0:
        failed = 1
        checks += 1
    if not found:
        return (1, 0) if good else (0, 1)
    return checks - failed, failed


def run_folder(folder):
    name = os.path.basename(folder)
    log = os.path.join(folder, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    print(f"running the tests of build/{name}", flush=True)
    result = subprocess.run(
        ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    passed = failed = 0
    if os.path.exists(log):
        with open(log) as records:
            for line in records:
                record = json.loads(line)
                if record["result"] == "SKIP":
                    print(f"  {record['name']}: skipped")
                    continue
                good, bad = count(record)
                passed, failed = passed + good, failed + bad
                print(f"  {record['name']}: {good} passed, {bad} failed")
    if result.returncode and failed == 0:
        failed = 1
    if failed:
        print(result.stdout)
    return passed, failed


def main():
    build = os.path.abspath(sys.argv[1])
    passed = failed = 0
    runs = [
        lambda name=name: run_folder(os.path.join(build, name))
        for name in ("host", "sanitize", "arm")
    ]
    for run in [*runs, lambda: fuzz.run(build), lambda: system.run(build)]:
        good, bad = run()
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
