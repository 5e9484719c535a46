#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run compare: the same work in every arrangement, by Linux and by a bare-metal guest, and one
report of what each cost.

It plans the boots and puts the parts together: machine.py has the command lines, boot.py runs one,
counts.py takes differences, report.py prints.
"""

import argparse
import concurrent.futures
import fcntl
import os
import sys
import threading
import time

import boot
import counts
import machine
import picture
import report
import report_placement
import workload

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The longest first, so that the last to end is a short one.
PLAN = (
    "pure",
    "native-board",
    "vm-owned",
    "beagle-pure",
    "para",
    "beagle-para",
    "native-virtio",
)
# With --all: the drivers elsewhere, ...
PLACED = ("pure-driver-vm", "pure-driver-vms", "para-driver-vm", "para-driver-vms")
# ... and once more, with the hypervisor looking for its longest path, which costs it instructions.
MEASURED = ("pure", "para", *PLACED)
WORK = ("block", "console", "net")


def boots(names, work):
    """The boots that do it all, each as its name, its arrangement and its work. The network has
    boots of its own, in which time is another (machine.py)."""
    own = [each for each in work if each != "net"]
    planned = [(name, machine.ARRANGEMENTS[name], own) for name in names]
    if "net" in work:
        planned += [(f"{name}-net", machine.ARRANGEMENTS[name], ["net"]) for name in names]
    return [each for each in planned if boot.windows(each[1], each[2])]


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, as every failure here; ./run help has the rest."""
        print(f"compare: {message}", file=sys.stderr)
        sys.exit(2)


def parse(arguments):
    parser = Parser(prog="run compare", add_help=False, allow_abbrev=False)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--all", action="store_true", help="every placement of the drivers, too")
    parser.add_argument("--only", choices=WORK, help="this device alone")
    parser.add_argument("--disk", metavar="FILE", help="work on a copy of this disk image")
    parser.add_argument("--json", metavar="FILE", help="write the report there too")
    parser.add_argument(
        "--arrangement",
        metavar="NAME",
        action="append",
        choices=("native", "vm-owned", "pure", "para"),
        help="this arrangement alone",
    )
    options = parser.parse_args(arguments)
    options.work = [options.only] if options.only else list(WORK)
    return options


class Progress:
    """Lines on the terminal, each with the time since the start, from several threads."""

    def __init__(self):
        self.start, self.lock = time.monotonic(), threading.Lock()

    def __call__(self, text):
        with self.lock:
            print(f"[{time.monotonic() - self.start:5.1f} s] {text}", flush=True)


def check(options):
    """What can be wrong with the words of the command, said before anything is built or booted."""
    if options.disk is not None:
        workload.check_disk_file(options.disk)
    if options.json is not None:
        # Only trying tells: a folder's permissions say nothing of /proc or of a full disk.
        try:
            report.check_place(options.json)
        except OSError as error:
            raise ValueError(f"--json {options.json}: {error.strerror}") from None


def prepare_disk(options, directory):
    """The disk that every arrangement gets a copy of."""
    if options.disk:
        return options.disk
    disk = os.path.join(directory, "disk.img")
    workload.make_disk(disk)
    return disk


def take(directory):
    """The lock of the folder that a comparison works in, held until it is closed: two of them would
    delete each other's disks."""
    lock = open(os.path.join(directory, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise boot.BootError(
            f"another comparison is at work in {os.path.relpath(directory, SOURCE)}"
        ) from None
    return lock


def _gather(options, running, benching, finished):
    """Awaits the boots: the rows, the figures of the entries, and what went wrong."""
    rows, errors = [], []
    for name, future in running.items():
        try:
            done = future.result()
            if finished is not None:
                finished[name] = done
            wanted = [window for window in done.windows if window.device in options.work]
            rows += [counts.row(done, window) for window in wanted]
        except boot.BootError as error:
            errors.append(error)
    entries = {}
    try:
        entries = counts.entries(*benching.result()) if benching else {}
    except boot.BootError as error:
        errors.append(error)
    return rows, entries, errors


def _look_for_paths(options, names, files, disk, directory, pool, progress):
    """The boots that find the longest path, begun: functions that await each and say it."""
    begun = [
        pool.submit(
            boot.Boot(
                *(arrangement, files, os.path.join(directory, f"{name}-longest"), disk, work),
                progress,
                measure=True,
            ).run
        )
        for name, arrangement, work in boots(names, options.work)
    ]
    hostile = pool.submit(boot.hostile, files, os.path.join(directory, "hostile"), disk, progress)

    machines = pool.submit(boot.machines, files, os.path.join(directory, "machines"), progress)

    def await_hostile():
        lines = [("all its tests", line) for line in hostile.result()]
        return counts.hostile_paths("hostile guest", lines) + counts.hostile_paths(
            "several machines", machines.result().items()
        )

    return [lambda each=each: counts.longest_paths(each.result()) for each in begun] + [
        await_hostile
    ]


def measure(options, names, bench, progress, finished=None, measured=()):
    """Boots two arrangements at a time; returns the rows, the figures of the entries, the longest
    paths of the arrangements in `measured`, and what went wrong.

    `finished`, a dictionary, receives each boot that did its work, for who wants more than its
    rows.
    """
    files = machine.Files(options.build)
    directory = os.path.join(files.build, "compare")
    os.makedirs(directory, exist_ok=True)
    planned = boots(names, options.work)
    for name, arrangement, _ in planned:
        missing = files.missing(arrangement)
        if missing:
            raise boot.BootError(
                f"{name}: there is no {os.path.relpath(missing, SOURCE)}: ./run build makes it"
            )
    lock = take(directory)
    disk = prepare_disk(options, directory)
    paths = []
    with lock, concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        running = {
            name: pool.submit(
                boot.Boot(
                    arrangement, files, os.path.join(directory, name), disk, work, progress
                ).run
            )
            for name, arrangement, work in planned
        }
        benching = (
            pool.submit(boot.bench, files, os.path.join(directory, "entries"), disk, progress)
            if bench
            else None
        )
        looking = (
            _look_for_paths(options, measured, files, disk, directory, pool, progress)
            if measured
            else []
        )
        try:
            rows, entries, errors = _gather(options, running, benching, finished)
            for each in looking:
                try:
                    paths += each()
                except boot.BootError as error:
                    errors.append(error)
        except KeyboardInterrupt:
            # The machines at work have got it, too, and end; no other is to begin.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    rows.sort(
        key=lambda row: [(window.device, window.workload) for window in workload.WINDOWS].index(
            (row["device"], row["workload"])
        )
    )
    counts.add_native_accesses(rows)
    report.sort(rows)
    return rows, entries, paths, errors


def main(arguments):
    options = parse(arguments)
    wanted = options.arrangement or ["native", "vm-owned", "pure", "para"]
    plan = PLAN + PLACED if options.all else PLAN
    names = [name for name in plan if machine.ARRANGEMENTS[name].name in wanted]
    measured = [name for name in MEASURED if options.all and name in names]
    bench = not options.arrangement or "pure" in wanted
    try:
        check(options)
        if options.check:
            return 0
        rows, entries, paths, errors = measure(
            options, names, bench, Progress(), measured=measured
        )
    except (ValueError, OSError, boot.BootError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compare: interrupted", file=sys.stderr)
        return 130
    lines = report.hypervisor_lines(SOURCE)
    here = [row for row in rows if row["placement"] not in machine.PLACEMENTS[1:]]
    report.print_table(here)
    report.print_explanations(here)
    report.print_transfers(here)
    if options.all:
        report_placement.print_table(rows)
    report.print_entries(entries, lines)
    result = {"entries": entries, "hypervisor_lines": lines, "rows": rows}
    if paths:
        report_placement.print_longest(paths)
        result["longest_path"] = report_placement.longest(paths)
    directory = os.path.join(options.build, "compare")
    path = os.path.join(directory, "report.json")
    try:
        for each in filter(None, (path, options.json)):
            report.write(each, result)
        if options.all:
            picture.write(directory, result)
    except OSError as error:
        print(f"compare: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"\nThe same, with every register, is in {os.path.relpath(path, SOURCE)}")
    if options.all:
        print(f"A picture of it is in {os.path.relpath(directory, SOURCE)}: report.svg, report.html")
    for error in errors:
        print(f"compare: {error}", file=sys.stderr)
        if error.details:
            print(error.details, file=sys.stderr)
    wrong = [row for row in rows if not row["verified"]]
    for row in wrong:
        print(
            f"compare: {row['arrangement']} on {row['interface']}: "
            f"{row['device']} {row['workload']}: the data is wrong",
            file=sys.stderr,
        )
    return 1 if errors or wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
