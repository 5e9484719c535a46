# SPDX-License-Identifier: BSD-2-Clause
"""What one window cost: differences between the counters at its two marks. Prints nothing and boots
nothing."""

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
    }


NOTHING = {
    "traps": {},
    "hyp_entries": 0,
    "hyp_entries_by_cause": {},
    "hyp_instructions": 0,
    "virtual_irqs": 0,
    "world_switches": 0,
}


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
    return {
        "device": window.device,
        "arrangement": arrangement.name,
        "placement": "hypervisor" if arrangement.name in ("pure", "para") else "none",
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
        "virtual_irqs": cost["virtual_irqs"],
        "world_switches": cost["world_switches"],
        "traced_accesses": traced,
        "traced_accesses_by_register": traced_registers,
        "verified": bool(boot.verified.get(window.number)),
    }


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


def entries(marks):
    """Instructions in the hypervisor for one entry of each kind, from the bare-metal guest's
    marks."""
    empty = hypervisor_cost(marks[1], marks[2])
    result = {}
    for index, (name, repetitions) in enumerate(BENCH_WINDOWS):
        begin = 2 * index + 3
        cost = hypervisor_cost(marks[begin], marks[begin + 1])
        times = repetitions(cost) - repetitions(empty)
        instructions = cost["hyp_instructions"] - empty["hyp_instructions"]
        result[name] = round(instructions / times, 1) if times > 0 else None
    return result
