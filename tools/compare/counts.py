# SPDX-License-Identifier: BSD-2-Clause
"""What one window cost: differences between the counters at its two marks. Prints nothing and boots
nothing."""

import machine

# What the bare-metal guest measures in each of its windows, after the first, which is empty, and
# the counter that says how often it did so: how often is its own affair (bench/guest/entries.S).
BENCH_WINDOWS = (
    ("null_hypercall", lambda cost: cost["hyp_entries_by_cause"].get("hypercall", 0)),
    ("emulated_access", lambda cost: cost["hyp_entries_by_cause"].get("emulated_access", 0)),
    ("irq", lambda cost: cost["virtual_irqs"]),
    ("stage2_fault", lambda cost: cost["hyp_entries_by_cause"].get("stage2_fault", 0)),
)


def traced_accesses(before, after, base, size):
    """Accesses that QEMU's tracer saw to the registers of one device, as a total and by
    register."""
    registers = {}
    for text, (_, reads, writes) in after.items():
        address = int(text, 0)
        if base <= address < base + size:
            _, old_reads, old_writes = before.get(text, ("", 0, 0))
            if (reads, writes) != (old_reads, old_writes):
                registers[f"{address - base:#05x}"] = [reads - old_reads, writes - old_writes]
    return total(registers), registers


def total(registers):
    return sum(reads + writes for reads, writes in registers.values())


def hypervisor_cost(before, after):
    """The hypervisor's counters over one window."""
    devices = {}
    for name, registers in after["devices"].items():
        old = before["devices"].get(name, {})
        changed = {}
        for register, (reads, writes) in registers.items():
            old_reads, old_writes = old.get(register, (0, 0))
            if (reads, writes) != (old_reads, old_writes):
                changed[f"{int(register, 0):#05x}"] = [reads - old_reads, writes - old_writes]
        devices[name] = changed
    causes = {
        cause: count - before["hyp_entries"].get(cause, 0)
        for cause, count in after["hyp_entries"].items()
    }
    return {
        "traps": devices,
        "hyp_entries": sum(causes.values()),
        "hyp_entries_by_cause": causes,
        **{
            name: after[name] - before[name]
            for name in ("hyp_instructions", "virtual_irqs", "world_switches")
        },
        "guest_instructions": _difference(before, after, "guest_instructions"),
    }


def _difference(before, after, name):
    return after[name] - before[name] if name in before and name in after else None


NOTHING = {
    "traps": {},
    "hyp_entries": 0,
    "hyp_entries_by_cause": {},
    "hyp_instructions": 0,
    "virtual_irqs": 0,
    "world_switches": 0,
    "guest_instructions": None,
}
# Where a LAN9118 takes and gives a frame's words [LAN9118, Direct Address Space].
DATA_PORTS = range(0x00, 0x40)


def network(boot, window, begin, end):
    """What only a network's row has. `frames` are those that the payload needs: of a stream its
    bytes by the segment's size, of datagrams all that were sent and came; `frames_out` and
    `frames_in` all that the guest's stack has sent and got, one that a driver moves several as
    counted as those. What the interface itself counts stands beside it. `nic_accesses` are all to
    the board's controller, the guest's or the hypervisor's, `nic_data_words` those with data."""
    said = {key: int(value) for key, value in boot.said[f"net-{window.workload}"].items()}
    arrangement, stream = boot.arrangement, window.workload.startswith("tcp-")
    _, _, base, size, _ = machine.BOARD["net"]
    accesses, registers = traced_accesses(boot.trace_marks[begin], boot.trace_marks[end], base, size)
    words = {key: value for key, value in registers.items() if int(key, 0) in DATA_PORTS}
    without = not arrangement.virtualized and arrangement.interface == "virtio"
    return {
        "guest_instructions": said.get("instructions"),
        "guest_microseconds": said["microseconds"],
        "frames": -(-window.bytes // said["mss"]) if stream else said["sent"] + said["received"],
        "frames_out": said["frames-out"],
        "frames_in": said["frames-in"],
        "interface_frames_out": said["interface-out"],
        "interface_frames_in": said["interface-in"],
        "interface_frames_lost": said["interface-lost"],
        "retransmitted": said.get("retransmitted", 0),
        "lost": 0 if stream else said["sent"] - said["received"],
        "corrupt": said.get("corrupt", 0),
        "duplicates": said.get("duplicates", 0),
        "reordered": said.get("reordered", 0),
        "nic_accesses": None if without else accesses,
        "nic_data_words": None if without else total(words),
    }


def requests(boot, window):
    """How many requests a disk was asked for, as its driver made them; None of other devices."""
    if window.device != "block":
        return None
    said = boot.said.get(f"requests {window.workload}")
    return int(said["count"]) if said else window.bytes // window.request


# Who a trap is for, by the hypervisor's class of it.
TRAPS = {0x01: "wait for interrupt", 0x07: "floating point", 0x12: "hypercall", 0x20: "fetch"}


def cause(path, devices=()):
    """What a path was entered for, in words; `devices` are names and pages."""
    syndrome, detail = path["syndrome"], path["detail"]
    if syndrome == 0:
        return f"interrupt {detail & 0x3FF}"
    kind = syndrome >> 26
    if kind in (0x24, 0x25):
        names = [name for name, page in devices if page == detail & ~0xFFF]
        if len(names) > 1:
            return "access to a virtio device"  # they share the page, which is all that is known
        return f"access to {names[0]}" if names else f"access at {detail:#x}"
    return f"{TRAPS.get(kind, f'trap of class {kind:#x}')}" + (
        f" {detail:#x}" if kind == 0x12 else ""
    )


def longest_paths(boot):
    """The longest path through the hypervisor in each window of a boot that looked for it, and
    before each."""
    names = {
        number: f"{window.device} {window.workload}" if number % 2 == 0 else "between"
        for window in boot.windows
        for number in (2 * window.number - 1, 2 * window.number)
    }
    every = [(name, base & ~0xFFF) for _, name, base, _, _ in boot.arrangement.devices.values()]
    every.append(("interrupt controller", machine.INTERRUPT_CONTROLLER))
    return [
        {
            "boot": boot.arrangement.title,
            "work": names.get(line["mark"], "end"),
            "instructions": line["longest"]["instructions"],
            "cause": cause(line["longest"], every),
        }
        for line in boot.log
        if "longest" in line
    ]


def hostile_paths(boot, paths):
    """The same of tests, by their names, whose marks are their own affair: of all the longest."""
    name, path = max(paths, key=lambda each: each[1]["instructions"])
    known = [
        (node, base & ~0xFFF)
        for _, node, base, _, _ in (machine.BOARD["console"], machine.VIRTIO["disk"])
    ] + [("interrupt controller", machine.INTERRUPT_CONTROLLER)]
    return [
        {
            "boot": boot,
            "work": name,
            "instructions": path["instructions"],
            "cause": cause(path, known),
        }
    ]


def row(boot, window):
    """One row of the report, of one window in one boot."""
    arrangement = boot.arrangement
    begin, end = 2 * window.number - 1, 2 * window.number
    cost = NOTHING
    if arrangement.virtualized:
        cost = hypervisor_cost(boot.hypervisor_marks[begin], boot.hypervisor_marks[end])
    node = "disk" if window.device == "block" else window.device
    _, name, base, size, _ = arrangement.devices[node]
    registers = cost["traps"].get(name, {})
    native = not arrangement.virtualized
    traced, traced_registers = (None, {})
    if begin in boot.trace_marks and end in boot.trace_marks:
        traced, traced_registers = traced_accesses(
            boot.trace_marks[begin], boot.trace_marks[end], base, size
        )
    result = {
        "device": window.device,
        "arrangement": arrangement.name,
        "placement": arrangement.placement,
        "guest": arrangement.guest,
        "interface": arrangement.interface_of(window.device),
        "workload": window.workload,
        "bytes": window.bytes,
        "device_traps": total(registers),
        "device_traps_by_register": registers,
        "native_accesses": traced if native else None,
        "hyp_entries": cost["hyp_entries"],
        "hyp_entries_by_cause": cost["hyp_entries_by_cause"],
        "hyp_instructions": cost["hyp_instructions"],
        "guest_instructions": cost["guest_instructions"],
        "requests": requests(boot, window),
        "virtual_irqs": cost["virtual_irqs"],
        "world_switches": cost["world_switches"],
        "traced_accesses": traced,
        "traced_accesses_by_register": traced_registers,
        "verified": bool(boot.verified.get(window.number)),
    }
    if window.device == "net":
        said = network(boot, window, begin, end)
        if arrangement.virtualized:
            said["guest_instructions"] = cost["guest_instructions"]
        result.update(said)
    return result


def add_native_accesses(rows):
    """What the same work on the same interface costs natively stands in every row that it is the
    measure of."""
    native = {
        (row["guest"], row["device"], row["interface"], row["workload"]): row["native_accesses"]
        for row in rows
        if row["arrangement"] == "native"
    }
    for each in rows:
        if each["native_accesses"] is None:
            each["native_accesses"] = native.get(
                (each["guest"], each["device"], each["interface"], each["workload"])
            )


def world_switch(marks):
    """Instructions in the hypervisor for one switch from a machine to another, from trap to
    return."""
    empty, turns = hypervisor_cost(marks[1], marks[2]), hypervisor_cost(marks[3], marks[4])
    times = turns["world_switches"]
    instructions = turns["hyp_instructions"] - empty["hyp_instructions"]
    return round(instructions / times, 1) if times else None


def entries(marks, switches):
    """Instructions in the hypervisor for one entry of each kind, from the marks of the bare-metal
    guests."""
    empty = hypervisor_cost(marks[1], marks[2])
    result = {}
    for index, (name, repetitions) in enumerate(BENCH_WINDOWS):
        begin = 2 * index + 3
        cost = hypervisor_cost(marks[begin], marks[begin + 1])
        times = repetitions(cost) - repetitions(empty)
        instructions = cost["hyp_instructions"] - empty["hyp_instructions"]
        result[name] = round(instructions / times, 1) if times > 0 else None
    result["world_switch"] = world_switch(switches)
    return result
