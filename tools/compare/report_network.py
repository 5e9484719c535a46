# SPDX-License-Identifier: BSD-2-Clause
"""The network's part of the report: a row for each window, and the table of the founding talk, which
compares whole transfers. It measures nothing."""

# Of the founding talk: what virtualization added to netperf's streams, in percent of the time.
TALK = "3 to 4 %"
SHORT = {
    "icmp": "ICMP, 1,400 bytes",
    "tcp-out": "TCP, sent",
    "tcp-in": "TCP, received",
    "udp-64": "UDP, 64 bytes",
    "udp-512": "UDP, 512 bytes",
    "udp-1472": "UDP, 1,472 bytes",
}
TITLES = {
    "icmp": "100 pings of 1,400 bytes",
    "tcp-out": "4 MiB sent over TCP",
    "tcp-in": "4 MiB received over TCP",
}
# In the talk's table, whose streams were TCP's and UDP's, and then the others.
TRANSFERS = ("tcp-out", "tcp-in", "udp-1472", "udp-512", "udp-64", "icmp")
COLUMNS = ("native", "vm-owned", "pure", "para")

EXPLANATIONS = (
    """Network: frames are those that the payload needs: of a TCP stream its bytes by the segment's
        size, of datagrams all that were sent and that came back. lost: datagrams without an answer,
        or segments of the guest's that it sent again. guest: instructions of the guest's kernel and
        user, natively by an event counter that a stub has opened to the guest, under the hypervisor
        by the hypervisor. An idle guest waits and executes nothing but its timers' interrupts.""",
    """QEMU hands frames over in no time: its LAN9118, which has room for seven full ones, loses what
        is beyond. So the guest's TCP window is eight segments, in every arrangement alike. How far the
        server on the host is ahead varies from run to run, and with it interrupts and small frames: the
        rows of TCP and UDP agree within some per cent, those of ICMP nearly to the instruction.""",
)
PARTS = """of it data: what the hypervisor executes for the words of frames, found as the slope between
    datagrams of 64 and of 1,472 bytes (in pure each word is a trap of the guest's, too). data words:
    accesses to the controller's data ports in QEMU's trace. other entries: neither traps of this
    device nor interrupts."""


_FORM = "{:10}{:13}{:>11}{:>11}{:>8}{:>7}{:>10}{:>13}{:>8}{:>9}{:>8}{:>13}{:>6}  {}"
HEADING = _FORM.format(
    *("", "interface", "natively", "traps", "/frame", "/KiB", "entries", "instructions", "/frame"),
    *("/KiB", "virq", "guest", "lost", "data"),
)


def _number(value):
    return "-" if value is None else f"{value:,}"


def _per(value, count, digits):
    return "-" if value is None or not count else f"{value / count:,.{digits}f}"


def title(workload):
    size = workload.removeprefix("udp-")
    return f"net: {TITLES.get(workload) or f'1,000 datagrams of {int(size):,} bytes, each answered'}"


def line(row):
    """One window, by frames and by KiB."""
    virtual = row["arrangement"] != "native"
    traps, entries, instructions, interrupts = (
        row[name] if virtual else None
        for name in ("device_traps", "hyp_entries", "hyp_instructions", "virtual_irqs")
    )
    frames, kib = row["frames"], row["bytes"] / 1024
    return _FORM.format(
        row["arrangement"],
        row["interface"],
        _number(row["native_accesses"]),
        _number(traps),
        _per(traps, frames, 2),
        _per(traps, kib, 1),
        _number(entries),
        _number(instructions),
        _per(instructions, frames, 0),
        _per(instructions, kib, 0),
        _number(interrupts),
        _number(row["guest_instructions"]),
        _number(row["lost"] + row["retransmitted"]),
        "good" if row["verified"] else "WRONG",
    )


def _chosen(rows, workload):
    """The row of each column, natively that of the board's own controller."""
    return {
        row["arrangement"]: row
        for row in rows
        if row["device"] == "net"
        and row["workload"] == workload
        and (row["arrangement"] != "native" or row["interface"] == "lan9118")
    }


def per_kib(row):
    """Instructions of guest and hypervisor together for one KiB of payload, or None."""
    if row is None or row["guest_instructions"] is None:
        return None
    return (row["guest_instructions"] + row["hyp_instructions"]) / (row["bytes"] / 1024)


def overhead(row, native):
    """In per cent of the same work natively on the board's controller; None if either is
    missing."""
    mine, base = per_kib(row), per_kib(native)
    return None if mine is None or not base else (mine / base - 1) * 100


def word_cost(rows):
    """Instructions in the hypervisor for one word of data that it moves between memory and the
    controller, for each arrangement in which it does: the slope from small datagrams to large, of
    which there are equally many. None where that cannot be said."""
    costs = {}
    for arrangement in ("pure", "para"):
        small, large = (
            _chosen(rows, workload).get(arrangement) for workload in ("udp-64", "udp-1472")
        )
        if small and large and large["nic_data_words"] > small["nic_data_words"]:
            costs[arrangement] = (large["hyp_instructions"] - small["hyp_instructions"]) / (
                large["nic_data_words"] - small["nic_data_words"]
            )
    return costs


def print_transfers(rows):
    """The talk's table, and what makes it up; whether there was anything to print."""
    if not any(row["device"] == "net" and row["guest_instructions"] is not None for row in rows):
        return False
    form = "{:20}{:>9}" + "{:>10}{:>9}" * 3 + "{:>12}"
    print("\nInstructions of guest and hypervisor together, and what is more than natively")
    print(
        form.format(
            *("per KiB", "native", "vm-owned", "", "pure", ""),
            *("para", "", "talk"),
        )
    )
    for workload in TRANSFERS:
        chosen = _chosen(rows, workload)
        if not chosen:
            continue
        cells = []
        for name in COLUMNS:
            row = chosen.get(name)
            cells.append(_per(per_kib(row), 1, 0))
            if name != "native":
                added = overhead(row, chosen.get("native"))
                cells.append("-" if added is None else f"{added:+,.1f} %")
        talk = TALK if workload in ("tcp-out", "tcp-in", "udp-1472") else ""
        print(form.format(SHORT[workload], *cells, talk))
    _print_parts(rows)
    return True


def _print_parts(rows):
    """What stands behind the sums, by name and for each frame."""
    costs = word_cost(rows)
    form = "{:20}{:10}{:>9}{:>10}{:>10}{:>8}{:>8}{:>8}{:>9}{:>9}"
    print("\nWhat they are spent on: instructions and events for each frame")
    print(
        form.format(
            *("per frame", "", "guest", "hyp.", "of it", "traps", "irqs", "virq"),
            *("other", "data"),
        )
    )
    print(form.format("", "", "", "", "data", "", "", "", "entries", "words"))
    for workload in TRANSFERS:
        chosen = _chosen(rows, workload)
        for name in COLUMNS:
            if name in chosen:
                row, frames = chosen[name], chosen[name]["frames"]
                words, cause = row["nic_data_words"], row["hyp_entries_by_cause"]
                data = costs[name] * words if name in costs and words else None
                physical = cause.get("irq") if cause else None
                rest = row["hyp_entries"] - row["device_traps"] - physical if cause else None
                first = name == next(each for each in COLUMNS if each in chosen)
                virtual = name != "native"
                print(
                    form.format(
                        SHORT[workload] if first else "",
                        name,
                        _per(row["guest_instructions"], frames, 0),
                        _per(row["hyp_instructions"], frames, 0) if virtual else "-",
                        _per(data, frames, 0),
                        _per(row["device_traps"], frames, 2) if virtual else "-",
                        _per(physical, frames, 2),
                        _per(row["virtual_irqs"], frames, 2) if virtual else "-",
                        _per(rest, frames, 2),
                        _per(words, frames, 0),
                    )
                )
