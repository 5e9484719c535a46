# SPDX-License-Identifier: BSD-2-Clause
"""The report: one table for people and one file for programs. It measures nothing."""

import errno
import json
import os
import textwrap

import report_network

# Of the founding talk (docs/architecture.md names it): its prototype's instructions, and what vdev
# aims at.
ENTRIES = (
    ("null_hypercall", "null hypercall, entry and exit", 120, 60),
    ("emulated_access", "read of an emulated register", 176, 88),
    ("irq", "interrupt injected", 270, 135),
    ("stage2_fault", "stage-2 mapping fault", 356, 178),
    ("world_switch", "world switch", 2824, 700),
)
PLACES = ("none", "hypervisor", "driver-vm", "driver-vms")
ORDER = {"native": 0, "vm-owned": 1, "pure": 2, "para": 3}


def hypervisor_lines(source):
    """Lines of all C and assembly files below hyp/, comments and empty lines included."""
    lines = 0
    for folder, _, files in os.walk(os.path.join(source, "hyp")):
        for file in files:
            if file.endswith((".c", ".h", ".S")):
                with open(os.path.join(folder, file)) as text:
                    lines += sum(1 for _ in text)
    return lines


def sort(rows):
    """By guest and piece of work, and within one from the machine itself to the most
    virtualized."""
    work = list(dict.fromkeys((row["device"], row["workload"]) for row in rows))
    rows.sort(
        key=lambda row: (
            row["guest"] != "linux",
            work.index((row["device"], row["workload"])),
            ORDER[row["arrangement"]],
            PLACES.index(row["placement"]),
            row["interface"] == "virtio-mmio",
        )
    )


def check_place(path):
    """Raises OSError where write() would."""
    if os.path.isdir(path or "."):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with open(path + ".new", "w"):
        pass
    os.remove(path + ".new")


def write(path, report):
    with open(path + ".new", "w") as out:
        json.dump(report, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)


def _number(value):
    return "-" if value is None else f"{value:,}"


HEADINGS = " interface natively traps traps/KiB entries instructions virq data".split(" ")
FORM = "{:10}{:13}{:>11}{:>11}{:>11}{:>11}{:>14}{:>10}  {}"


def _title(row):
    if row["device"] == "net":
        return report_network.title(row["workload"])
    size = row["bytes"]
    size = f"{size >> 20} MiB" if size >> 20 else f"{size >> 10} KiB"
    direction, request = row["workload"].split("-")
    title = f"{row['device']}: {size} {'written' if direction == 'write' else 'read'}"
    if direction == "deep":
        title += ", 32 at a time,"
    if row["guest"] != "linux":
        title = f"guest {row['guest']}, {title}"
    return f"{title} in requests of {request[:-1]} KiB" if row["device"] == "block" else title


def print_table(rows):
    """A part for each piece of work; a dash where nothing is virtual and so nothing to count."""
    title = None
    for row in rows:
        if _title(row) != title:
            title = _title(row)
            print(f"\n{title}")
            print(report_network.HEADING if row["device"] == "net" else FORM.format(*HEADINGS))
        if row["device"] == "net":
            print(report_network.line(row))
            continue
        costs = ["-"] * 5
        if row["arrangement"] != "native":
            costs = [
                _number(row["device_traps"]),
                f"{row['device_traps'] / (row['bytes'] / 1024):.2f}",
                _number(row["hyp_entries"]),
                _number(row["hyp_instructions"]),
                _number(row["virtual_irqs"]),
            ]
        data = "good" if row["verified"] else "WRONG"
        native = _number(row["native_accesses"])
        print(FORM.format(row["arrangement"], row["interface"], native, *costs, data))


def _print_text(text):
    print("\n" + textwrap.fill(" ".join(text.split()), 98, subsequent_indent="  "))


def print_explanations(rows):
    _print_text("""natively: accesses to the device's registers in QEMU's own trace, with no
        hypervisor, for the same work on the same interface. traps: accesses to the emulated device, counted by
        the hypervisor. entries: into the hypervisor, of any cause. instructions: executed in Hyp
        mode. virq: virtual interrupts injected.""")
    typed = ("console", "read-4k", "pl011")
    chosen = {
        row["arrangement"]: row
        for row in rows
        if (row["device"], row["workload"], row["interface"]) == typed
    }
    if "native" in chosen and "pure" in chosen:
        native, pure = chosen["native"]["native_accesses"], chosen["pure"]["device_traps"]
        _print_text(f"""Console input: {_number(native)} accesses natively, {_number(pure)} traps in
            pure. QEMU's PL011 interrupts at every byte received (it takes its trigger level as 1);
            the emulator does as the manual says: at the trigger level that the driver sets, or when
            nothing more comes (receive time-out). The two may rightly differ; with one byte at a
            time, as the work types them, both interrupt once for each. When the host's next byte
            comes is the host's affair: entries and interrupts of console input vary from run to
            run, and on virtio-mmio the traps, too.""")
    if any(row["device"] == "net" for row in rows):
        for text in report_network.EXPLANATIONS:
            _print_text(text)
    if any(row["guest"] == "beagle" for row in rows):
        _print_text("""Guest beagle: the bare-metal image for the BeagleBoard, with this library's
            drivers on the emulators (pure) and with its front-ends on the back-ends (para). It has
            nothing native: QEMU has no such board. Its interrupt controller is emulated whole, so
            that each interrupt costs it several entries more.""")


def print_transfers(rows):
    if report_network.print_transfers(rows):
        _print_text(report_network.PARTS)


def print_entries(entries, lines):
    if not entries:
        return
    form = "{:36}{:>10}{:>10}{:>18}"
    print()
    print(form.format("instructions in the hypervisor", "vdev", "aim", "talk's prototype"))
    for name, title, talk, aim in ENTRIES:
        print(form.format(title, _number(entries.get(name)), aim, talk))
    print(form.format("lines of the hypervisor (hyp/)", _number(lines), "4,000", "6,000"))
