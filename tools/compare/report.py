# SPDX-License-Identifier: BSD-2-Clause
"""The report: one table for people and one file for programs. It measures nothing."""

import json
import os

# Of the founding talk (docs/architecture.md names it): its prototype's instructions, and what vdev aims at.
ENTRIES = (
    ("null_hypercall", "null hypercall, entry and exit", 120, 60),
    ("emulated_access", "read of an emulated register", 176, 88),
    ("irq", "interrupt injected", 270, 135),
    ("stage2_fault", "stage-2 mapping fault", 356, 178),
)
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
    """By piece of work, and within one from the machine itself to the most virtualized."""
    work = list(dict.fromkeys((row["device"], row["workload"]) for row in rows))
    rows.sort(key=lambda row: (work.index((row["device"], row["workload"])), ORDER[row["arrangement"]],
                               row["interface"] == "virtio-mmio"))


def write(path, report):
    with open(path + ".new", "w") as out:
        json.dump(report, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)


def _number(value):
    return "-" if value is None else f"{value:,}"


def _per_kib(value, size):
    return "-" if value is None else f"{value / (size / 1024):.2f}"


def print_table(rows):
    head = "{:10}{:13}{:>11}{:>11}{:>11}{:>11}{:>14}{:>10}  {}"
    last = None
    for row in rows:
        work = (row["device"], row["workload"])
        if work != last:
            direction = "written" if row["workload"].startswith("write") else "read"
            size = f"{row['bytes'] >> 20} MiB" if row["bytes"] >> 20 else f"{row['bytes'] >> 10} KiB"
            request = f" in requests of {row['workload'].split('-')[1][:-1]} KiB" if row["device"] == "block" else ""
            print(f"\n{row['device']}: {size} {direction}{request}")
            print(head.format("", "interface", "natively", "traps", "traps/KiB", "entries", "instructions",
                              "virq", "data"))
            last = work
        virtual = row["arrangement"] != "native"
        print(head.format(
            row["arrangement"], row["interface"], _number(row["native_accesses"]),
            _number(row["device_traps"] if virtual else None),
            _per_kib(row["device_traps"] if virtual else None, row["bytes"]),
            _number(row["hyp_entries"] if virtual else None), _number(row["hyp_instructions"] if virtual else None),
            _number(row["virtual_irqs"] if virtual else None), "good" if row["verified"] else "WRONG"))


def print_explanations(rows):
    print("\nnatively: accesses to the device's registers in QEMU's own trace, with no hypervisor, for the same work on"
          "\n  the same interface. traps: accesses to the emulated device, counted by the hypervisor. entries: into the"
          "\n  hypervisor, of any cause. instructions: executed in Hyp mode. virq: virtual interrupts injected.")
    chosen = {row["arrangement"]: row for row in rows
              if (row["device"], row["workload"], row["interface"]) == ("console", "read-4k", "pl011")}
    if "native" in chosen and "pure" in chosen:
        print(f"\nConsole input: {_number(chosen['native']['native_accesses'])} accesses natively, "
              f"{_number(chosen['pure']['device_traps'])} traps in pure. QEMU's PL011 interrupts at every byte received"
              "\n  (it takes its trigger level as 1); the emulator does as the manual says: at the trigger level that the"
              "\n  driver sets, or when the line has been idle for 32 bits (receive time-out). The two may rightly differ;"
              "\n  with one byte at a time, as the work types them, both interrupt once for each."
              "\n  On virtio-mmio the count depends on when the host's next byte comes: it varies from run to run.")


def print_entries(entries, lines):
    if not entries:
        return
    form = "{:36}{:>10}{:>10}{:>18}"
    print()
    print(form.format("instructions in the hypervisor", "vdev", "aim", "talk's prototype"))
    for name, title, talk, aim in ENTRIES:
        print(form.format(title, _number(entries.get(name)), aim, talk))
    print(form.format("lines of the hypervisor (hyp/)", _number(lines), "3,000", "6,000"))
