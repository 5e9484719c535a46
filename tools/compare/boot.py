# SPDX-License-Identifier: BSD-2-Clause
"""Boots one arrangement, does the work with it, and checks the data. What it cost is read by
counts.py."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys

import machine
import network
import workload
from console import Console, ConsoleError

# How long a guest may say nothing. A window of 4 MiB takes a few seconds on an idle machine.
SILENCE = 240
# How long it may take from its last word to the end of QEMU.
POWER_OFF = 60
# The bare-metal guest's windows: one empty, and one for each kind of entry (counts.py says which).
BENCH_WINDOWS = 5
# Those that yield: an empty window, and the turns.
SWITCH_MARKS = 4
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MACHINES = os.path.join(SOURCE, "tests", "machines", "machines.py")


class BootError(Exception):
    """An arrangement that did not do its work; the text is one line, `details` what is known of
    why."""

    def __init__(self, text, details=""):
        super().__init__(text)
        self.details = details


def _json_lines(path):
    """The lines of a log that are JSON objects, and the others."""
    objects, others = [], []
    if os.path.exists(path):
        with open(path, errors="replace") as log:
            for line in log:
                try:
                    if not line.startswith("{"):
                        raise ValueError
                    objects.append(json.loads(line))
                except ValueError:
                    others.append(line.rstrip())
    return objects, others


def _bare(what, files, directory, disk, images, marks_wanted, devices=(), measure=False):
    """Runs bare-metal guests to their end; returns the marks that the first one wrote."""
    for path in (files.hypervisor, *images):
        if not os.path.exists(path):
            raise BootError(f"{what}: there is no {os.path.relpath(path)}: ./run build makes it")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    placed = [
        (path, machine.KERNEL_ADDRESS + index * 0x100000) for index, path in enumerate(images)
    ]
    tree, log = os.path.join(directory, "system.dtb"), os.path.join(directory, "hypervisor.log")
    machine.compile_tree(machine.bare_source(placed, devices, measure), tree)
    serials = (f"file,path={directory}/guest.log", f"file,path={log}")
    command = machine.system_command(files, tree, placed, serials, disk, False, False)
    # They leave the disk alone, or wrong: what they write is thrown away.
    command.append("-snapshot")
    with open(os.path.join(directory, "qemu.log"), "wb") as errors:
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=machine.ENVIRONMENT,
                timeout=SILENCE,
            )
        except subprocess.TimeoutExpired:
            raise BootError(
                f"{what}: the bare-metal guest has not ended after {SILENCE} seconds",
                "\n".join(_json_lines(log)[1][-20:]),
            ) from None
    objects, text = _json_lines(log)
    marks = {}
    for line in objects:
        marks.setdefault(line.get("mark"), line)
    missing = set(range(1, marks_wanted + 1)) - set(marks)
    if missing:
        raise BootError(
            f"{what}: the bare-metal guest wrote {len(marks)} marks and not number {min(missing)}",
            "\n".join(f"hypervisor: {line}" for line in text[-20:]),
        )
    return objects, marks


def bench(files, directory, disk, progress):
    """Runs the bare-metal guest that is entered for one thing at a time, and the two that yield to
    each other; returns the marks of both."""
    console = [("console", machine.BOARD["console"], "pure")]
    _, marks = _bare(
        "entries", files, directory, disk, [files.bench], 2 * BENCH_WINDOWS, console
    )
    _, switches = _bare(
        "entries", files, f"{directory}-switch", disk, [files.switch, files.partner], SWITCH_MARKS
    )
    progress("entries: the bare-metal guests are done")
    return marks, switches


def hostile(files, directory, disk, progress):
    """The longest paths, mark by mark, that the hostile guest's tests make."""
    devices = [
        ("console", machine.BOARD["console"], "pure"),
        ("disk", machine.VIRTIO["disk"], "para"),
    ]
    objects, _ = _bare(
        "hostile guest", files, directory, disk, [files.hostile], 1, devices, measure=True
    )
    progress("longest path: the hostile guest is done")
    return [line["longest"] for line in objects if "longest" in line]


def machines(files, directory, progress):
    """The longest path in each case of the tests of several machines, by the case's name."""
    os.makedirs(directory, exist_ok=True)
    paths, log = (os.path.join(directory, name) for name in ("paths.json", "log"))
    with open(log, "w") as output:
        run = subprocess.run(
            [sys.executable, MACHINES, files.hypervisor, files.driver, files.machines]
            + [os.path.dirname(files.kernel), "--paths", paths],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if run.returncode != 0:
        with open(log) as output:
            raise BootError("machines: a test of several machines failed", output.read())
    progress("longest path: the tests of several machines are done")
    with open(paths) as file:
        return json.load(file)


def windows(arrangement, work):
    """What a guest does of it in one boot: the bare-metal one has no network and does one thing at a
    time, and does all else unasked."""
    known, every = work, workload.WINDOWS + workload.OMAP3_WINDOWS
    if arrangement.guest == "beagle":
        image = ("block", "console")
        known = image if set(image) & set(work) else ()
        every = [window for window in every if not window.workload.startswith("deep")]
    return [window for window in every if window.device in known]


class Boot:
    """One run. Afterwards: `verified` per window, the marks that the hypervisor and the tracer saw,
    and in `said` what the guest found out about its pins and interrupts."""

    def __init__(self, arrangement, files, directory, disk, work, progress, measure=False):
        self.arrangement, self.files, self.directory = arrangement, files, directory
        self.original, self.work, self.progress = disk, work, progress
        self.measure = measure
        # QEMU's trace shows the guest's own accesses to the board's devices wherever it has them:
        # natively, and if it owns them under the hypervisor, which counts the rest. Of the network
        # controller it shows the hypervisor's own, too.
        self.trace = arrangement.name in ("native", "vm-owned") or "net" in work
        self.windows = windows(arrangement, work)
        self.verified, self.said = {}, {}
        self.log, self.log_text = [], []

    def run(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self.server = network.Server() if self._has("net") else None
        self.disk = os.path.join(self.directory, "disk.img")
        subprocess.run(["cp", "--sparse=always", self.original, self.disk], check=True)
        try:
            self._run_machine()
            self._check_disk()
        finally:
            if self.server:
                self.server.close()
            if os.path.exists(self.disk):
                os.remove(self.disk)
        self.hypervisor_marks = {line["mark"]: line for line in self.log if "mark" in line}
        self.trace_marks = {
            line["mark"]: line["accesses"]
            for line in _json_lines(os.path.join(self.directory, "trace.json"))[0]
        }
        self._require_marks(
            "hypervisor" if self.arrangement.virtualized else "tracer",
            self.hypervisor_marks if self.arrangement.virtualized else self.trace_marks,
        )
        return self

    def _has(self, device):
        return any(window.device == device for window in self.windows)

    def _require_marks(self, observer, marks):
        for window in self.windows:
            for mark in (2 * window.number - 1, 2 * window.number):
                if mark not in marks:
                    raise self._error(
                        f"the {observer} has not seen mark {mark}, of"
                        f" {window.device} {window.workload}"
                    )

    def _run_machine(self):
        ours, theirs = socket.socketpair()
        descriptors = [theirs.fileno()]
        trace_filter, trace_write = None, None
        self.console = Console(ours, SILENCE)
        sockets, second = [ours, theirs], None
        if "second-console" in self.arrangement.devices:
            sockets += socket.socketpair()
            descriptors.append(sockets[3].fileno())
            second = f"socket,fd={descriptors[-1]}"
            self.second = Console(sockets[2], SILENCE)
        if self.trace:
            trace_read, trace_write = os.pipe()
            descriptors.append(trace_write)
        command = machine.command(
            self.arrangement,
            self.files,
            self.directory,
            f"socket,fd={theirs.fileno()}",
            trace_write,
            self.work,
            self.disk,
            second=second,
            server=self.server and f"{network.ADDRESS}:{self.server.port}",
            measure=self.measure,
        )
        with open(os.path.join(self.directory, "command"), "w") as out:
            out.write(" ".join(command) + "\n")
        errors = open(os.path.join(self.directory, "qemu.log"), "wb")
        if self.trace:
            trace_filter = subprocess.Popen(
                [self.files.filter, hex(machine.MARK_REGISTER)],
                stdin=trace_read,
                stdout=open(os.path.join(self.directory, "trace.json"), "wb"),
            )
            os.close(trace_read)
        qemu = subprocess.Popen(
            command,
            pass_fds=descriptors,
            env=machine.ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
        for each in sockets[1::2]:
            each.close()
        if self.trace:
            os.close(trace_write)
        try:
            self._work()
            qemu.wait(timeout=POWER_OFF)
            self.console.drain()
        except (ConsoleError, OSError, subprocess.TimeoutExpired) as error:
            qemu.kill()
            qemu.wait()
            self.log, self.log_text = self._read_log()
            late = isinstance(error, subprocess.TimeoutExpired)
            raise self._error(
                "the guest has done its work and not powered off" if late else str(error)
            ) from None
        finally:
            if qemu.poll() is None:
                qemu.kill()
                qemu.wait()
            if trace_filter:
                trace_filter.wait()
            for each in sockets[::2]:
                each.close()
            errors.close()
        self.log, self.log_text = self._read_log()
        if qemu.returncode:
            raise self._error(f"QEMU ended with {qemu.returncode}")

    def _read_log(self):
        return _json_lines(os.path.join(self.directory, "hypervisor.log"))

    def _error(self, text):
        details = []
        with open(os.path.join(self.directory, "qemu.log"), errors="replace") as log:
            details += [f"qemu: {line.rstrip()}" for line in log if "audio" not in line][-5:]
        details += [f"hypervisor: {line}" for line in self.log_text[-20:]]
        text_lines = self.console.transcript.decode(errors="replace").splitlines()
        details += [f"guest: {line.rstrip()}" for line in text_lines[-20:]]
        return BootError(f"{self.arrangement.title}: {text}", "\n".join(details))

    def _expect(self, words):
        line = self.console.line()
        if not line.startswith(words):
            raise ConsoleError(f"the guest said '{line}' where '{words}' was due")
        return line[len(words) :].strip()

    def _work(self):
        system = self._expect("started ")
        self.progress(f"{self.arrangement.title}: {system} is up")
        for window in self.windows:
            if window.device == "block":
                if window.workload.startswith("deep"):
                    self._words(f"requests {window.workload}")
                result = self._expect(f"checksum {window.workload} ")
                good = result == workload.disk_checksum(self.original, window)
            elif window.device == "gpio":
                good = self._words("pins")
            elif window.device == "net":
                good = self._network(window)
            elif window.workload.startswith("write"):
                good = self._console_output(window)
            else:
                good = self._console_input(window)
            self.verified[window.number] = good
            self.progress(
                f"{self.arrangement.title}: {window.device} {window.workload} done"
                f"{'' if good else ': THE DATA IS WRONG'}"
            )
        if self.arrangement.guest == "linux":
            self._words("interrupts")
        self._expect("finished")

    def _words(self, name):
        """What the guest found, as words NAME=VALUE: kept for who judges it."""
        self.said[name] = dict(word.split("=", 1) for word in self._expect(f"{name} ").split())
        return True

    def _network(self, window):
        name = f"net-{window.workload}"
        self._words(name)
        if window.workload.startswith("tcp-"):
            checksum = self._expect(f"checksum {window.workload} ")
            return checksum == hashlib.sha256(workload.disk_data(window)).hexdigest()
        return network.judge(window, self.said[name], self.server.take_corrupt())

    def _console_of(self, window):
        return self.second if window.device == "second-console" else self.console

    def _console_output(self, window):
        self._expect(f"output {window.bytes}")
        data = self._console_of(window).bytes(window.bytes)
        self._expect(f"written {window.bytes}")
        return data == workload.pattern()[: window.bytes]

    def _console_input(self, window):
        self._expect(f"input {window.bytes}")
        data = workload.pattern()[: window.bytes]
        console = self._console_of(window)
        wrong = console.bytes(1) != b">"
        wrong += console.type(data)
        wrong += len(console.pending) if console is not self.console else 0
        checksum = self._expect("checksum console-read ")
        return not wrong and checksum == hashlib.sha256(data).hexdigest()

    def _check_disk(self):
        """The image must hold what the guest wrote and be otherwise what it was."""
        writes = [window for window in self.windows if window.writes_disk]
        for window in set(workload.wrong_disk_areas(self.original, self.disk, writes)):
            # A wrong byte where nobody was to write belongs to no single window: it spoils all that
            # wrote.
            for spoilt in [window] if window else writes or self.windows:
                self.verified[spoilt.number] = False
                self.progress(
                    f"{self.arrangement.title}: THE DISK IS WRONG after {spoilt.workload}"
                )
