# SPDX-License-Identifier: BSD-2-Clause
"""What it costs where the real driver is: the rows of `./run compare --all` by request, frame and KiB,
and the hypervisor's longest path. It measures nothing."""

import textwrap

PLACES = {
    "none": "-",
    "hypervisor": "hypervisor",
    "driver-vm": "one driver VM",
    "driver-vms": "VM of its own",
}
# Instructions with interrupts masked: the founding talk's 10 us at its 500 MHz.
LONGEST_BOUND = 5000
WORDS = {
    "block": {
        "read-4k": "4 MiB read in requests of 4 KiB",
        "read-64k": "4 MiB read in requests of 64 KiB",
        "write-4k": "4 MiB written in requests of 4 KiB",
        "write-64k": "4 MiB written in requests of 64 KiB",
        "deep-4k": "4 MiB read in requests of 4 KiB, 32 at a time",
    },
    "console": {"write-64k": "64 KiB written", "read-4k": "4 KiB typed and echoed"},
    "net": {
        "icmp": "100 pings of 1,400 bytes",
        "tcp-out": "4 MiB sent over TCP",
        "tcp-in": "4 MiB received over TCP",
        "udp-64": "1,000 datagrams of 64 bytes, each answered",
        "udp-512": "1,000 datagrams of 512 bytes, each answered",
        "udp-1472": "1,000 datagrams of 1,472 bytes, each answered",
    },
}

_FORM = "{:10}{:15}{:>10}{:>10}{:>14}{:>12}{:>10}{:>10}  {}"
_EXPLANATION = """Where the driver is: in the hypervisor, in one driver VM that owns all devices of the board,
    or in a driver VM for each. Para has its back-end there, too; in pure the emulator stays in the
    hypervisor. instructions: in Hyp mode. all: in Hyp mode and in all virtual machines together. switches:
    from one virtual machine to another. virq: virtual interrupts, the driver VMs' included."""


def unit(row):
    """What a row's figures are divided by: its name, and how many there were."""
    if row["device"] == "block":
        return "request", row["requests"]
    if row["device"] == "net":
        return "frame", row["frames"]
    return "KiB", row["bytes"] / 1024


def total(row):
    """Instructions in Hyp mode and in all virtual machines, or None."""
    if row["guest_instructions"] is None:
        return None
    return row["hyp_instructions"] + row["guest_instructions"]


def per_unit(row):
    """A row's figures for one request, frame or KiB, by name; None where nothing is counted."""
    _, count = unit(row)
    virtual = row["arrangement"] != "native"
    figures = {
        "traps": row["device_traps"] if virtual else None,
        "entries": row["hyp_entries"] if virtual else None,
        "hyp_instructions": row["hyp_instructions"] if virtual else None,
        "all_instructions": total(row),
        "world_switches": row["world_switches"] if virtual else None,
        "virtual_irqs": row["virtual_irqs"] if virtual else None,
    }
    return {
        name: None if value is None or not count else value / count
        for name, value in figures.items()
    }


def number(value):
    """Three digits or so of a figure, or all before the point."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def placed(rows):
    """The rows that are compared by placement: Linux's, on virtual devices that are shared."""
    return [row for row in rows if row["guest"] == "linux" and row["placement"] != "none"]


def print_table(rows):
    title = None
    for row in placed(rows):
        name, count = unit(row)
        words = f"{row['device']}: {WORDS[row['device']][row['workload']]}"
        if words != title:
            title = words
            print(f"\n{words}: for one {name}")
            print(
                _FORM.format(
                    *("", "driver in", "traps", "entries", "instructions", "all", "switches"),
                    *("virq", "data"),
                )
            )
        figures = per_unit(row)
        print(
            _FORM.format(
                row["arrangement"],
                PLACES[row["placement"]],
                number(figures["traps"]),
                number(figures["entries"]),
                number(figures["hyp_instructions"]),
                number(figures["all_instructions"]),
                number(figures["world_switches"]),
                number(figures["virtual_irqs"]),
                "good" if row["verified"] else "WRONG",
            )
        )
    print("\n" + textwrap.fill(" ".join(_EXPLANATION.split()), 98, subsequent_indent="  "))


def longest(paths):
    """Of all that was measured the longest, and the longest of each boot."""
    order = sorted(paths, key=lambda each: -each["instructions"])
    by_boot = {}
    for each in order:
        by_boot.setdefault((each["boot"], each["work"] == "between"), each)
    return {"bound": LONGEST_BOUND, **order[0], "paths": list(by_boot.values()), "all": paths}


def print_longest(paths):
    found = longest(paths)
    print(
        f"\nlongest path with interrupts masked: {found['instructions']:,} instructions, at most"
        f" {found['bound']:,} are allowed"
    )
    for each in found["paths"]:
        work = "beside the work" if each["work"] == "between" else each["work"]
        print(f"  {each['boot']:18}{work:22}{each['instructions']:>8,}  {each['cause']}")
