#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the hostile guest under the hypervisor, and the hypervisor with system descriptions that are wrong.

usage: hostile.py HYPERVISOR GUEST. The guest says on the first serial port what it found and what must stand in the
hypervisor's log, which is the second: both are judged here.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "compare"))
import machine  # noqa: E402

DEADLINE = 20  # seconds for one run of QEMU
LOGGED = 16    # refusals that the hypervisor writes down
MARKS = 1001   # marks that it does, and its own last one
ROOM = 32 << 20  # bytes for a kernel

passed = failed = 0


def check(name, why=None):
    global passed, failed
    print(f"FAIL {name}: {why}" if why else f"ok {name}")
    if why:
        failed += 1
    else:
        passed += 1


def run(hypervisor, directory, tree, image=None):
    """One run of QEMU to its end; returns the lines of both serial ports, or None if it did not end."""
    paths = [os.path.join(directory, name) for name in ("guest.log", "hypervisor.log", "disk.img")]
    for path in paths[:2]:
        open(path, "w").close()
    with open(paths[2], "wb") as disk:
        disk.truncate(1 << 26)
    command = ["qemu-system-arm", *machine.FLAGS, *machine.time_flags(False), "-serial", f"file:{paths[0]}",
               "-serial", f"file:{paths[1]}", "-drive", f"if=sd,format=raw,file={paths[2]}", "-kernel", hypervisor]
    for path, address in ((tree, machine.DESCRIPTION_ADDRESS), (image, machine.KERNEL_ADDRESS)):
        if path:
            command += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, env=machine.ENVIRONMENT)
    ended = True
    try:
        process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        ended = False
    outputs = []
    for path in paths[:2]:
        with open(path, errors="replace") as log:
            outputs.append([line.rstrip("\r\n") for line in log])
    return ended and process.returncode == 0, *outputs


def describe(devices, memory="0x10000000", kernel="0x8a000000 0x100000", more="", name="vm@0"):
    """A system description's source; `devices` are (name, compatible, arrangement, reg, interrupt)."""
    nodes = "".join(f'{node} {{ compatible = "{compatible}"; arrangement = "{arrangement}"; reg = <{reg}>; '
                    f"interrupts = <{interrupt}>; }};\n" for node, compatible, arrangement, reg, interrupt in devices)
    return f'''/dts-v1/;
/ {{ compatible = "vdev,system"; #address-cells = <1>; #size-cells = <1>;
    {name} {{ reg = <0 0>; #address-cells = <1>; #size-cells = <1>;
        memory = <{memory}>; kernel = <{kernel}>; bootargs = ""; {more}
        {nodes}
    }};
}};
'''


CONSOLE = ("console", "arm,pl011", "pure", "0x1c090000 0x1000", 5)
DISK = ("disk", "virtio,mmio", "para", "0x1c130200 0x200", 41)


def device(base, **changes):
    """A device with some of its fields changed."""
    fields = dict(zip(("name", "compatible", "arrangement", "reg", "interrupt"), base))
    fields.update(changes)
    return tuple(fields.values())


def judge_log(guest, log):
    """The hypervisor's side of what the guest did."""
    refused = [line.split()[1:] for line in guest if line.startswith("refused ")]
    logged = [line for line in log if line.startswith("vdev: guest at pc ")]
    check("log is bounded", None if len(logged) == LOGGED else f"{len(logged)} lines of refusals")
    for (pc, address), line in zip(refused, logged):
        if f"pc 0x{pc}:" not in line or f"address 0x{address}," not in line:
            check("log names pc and address", f"'{line}' should name pc {pc}, address {address}")
            break
    else:
        check("log names pc and address", None if len(refused) >= LOGGED else "too few refusals")
    count = sum(line.startswith("{") for line in log)
    check("marks are bounded", None if count == MARKS else f"{count} of them")
    check("log says where it ends", None if logged and logged[-1].endswith("further ones are only counted")
          else f"'{logged[-1:]}'")
    marks = {}
    for line in log:
        if line.startswith("{"):
            marks[json.loads(line)["mark"]] = json.loads(line)
    counted = [int(word, 16) for line in guest if line.startswith("counted ") for word in line.split()[1:]]
    if not {1, 2, 3, 4, 5, 6} <= set(marks) or len(counted) != 2:
        check("counters", f"marks {sorted(marks)}, {counted} announced")
        return
    is_refused = marks[2]["hyp_entries"]["refused"] - marks[1]["hyp_entries"]["refused"]
    is_unclaimed = marks[2]["unclaimed"] - marks[1]["unclaimed"]
    check("refusals are counted", None if is_refused == counted[0] else f"{is_refused}, not {counted[0]}")
    check("unclaimed accesses are counted", None if is_unclaimed == counted[1] else f"{is_unclaimed}, not {counted[1]}")

    def maintenance(first):
        return marks[first + 1]["maintenance"] - marks[first]["maintenance"]
    check("no entry for the end of a quieted device's interrupt",
          f"{maintenance(3)} maintenance interrupts" if maintenance(3) else None)
    check("one entry for each end with the line still high",
          None if maintenance(5) == 3 else f"{maintenance(5)} maintenance interrupts, not 3")
    check("no fault of the hypervisor's own", next((line for line in log if "itself" in line), None))


def hostile(hypervisor, image, directory):
    tree = os.path.join(directory, "system.dtb")
    machine.compile_tree(describe([CONSOLE, DISK], kernel=f"0x8a000000 {os.path.getsize(image):#x}"), tree)
    ended, guest, log = run(hypervisor, directory, tree, image)
    global passed, failed
    for line in guest:
        if line.startswith(("ok ", "FAIL ")):
            print(line)
            passed += line.startswith("ok ")
            failed += line.startswith("FAIL ")
    if not ended or "finished" not in guest:
        check("guest comes to its end", "last lines: " + " | ".join(guest[-3:] + log[-3:])[-600:])
    else:
        check("guest comes to its end")
    judge_log(guest, log)


def descriptions(hypervisor, directory):
    """Each is to end in one line that names what is wrong, and power-off."""
    def source(*arguments, **named):
        path = os.path.join(directory, "wrong.dtb")
        machine.compile_tree(describe(*arguments, **named), path)
        with open(path, "rb") as file:
            return file.read()

    good = source([CONSOLE, DISK])
    cases = [
        ("no description", b"\0" * 64, "no system description"),
        ("truncated description", good[:len(good) // 2], "no system description"),
        ("description that lies about its size", good[:4] + struct.pack(">I", 0x7fffffff) + good[8:],
         "no system description"),
        ("no machine in it", source([CONSOLE], name="machine@0"), "/vm@0"),
        ("unknown device", source([device(CONSOLE, name="sound")]), "sound"),
        ("unknown arrangement", source([device(CONSOLE, arrangement="shared")]), "console"),
        ("arrangement of another kind of device", source([device(CONSOLE, arrangement="para")]), "console"),
        ("device without an arrangement",
         source([], more='console { compatible = "arm,pl011"; reg = <0x1c090000 0x1000>; interrupts = <5>; };'),
         "arrangement"),
        ("device without registers",
         source([], more='console { compatible = "arm,pl011"; arrangement = "pure"; interrupts = <5>; };'), "reg"),
        ("overlapping emulated devices", source([CONSOLE, device(DISK, reg="0x1c090200 0x200")]), "disk"),
        ("device on the interrupt controller", source([device(CONSOLE, reg="0x2c001000 0x1000")]), "console"),
        ("device on the interrupt controller's other half", source([device(CONSOLE, reg="0x2c003000 0x1000")]),
         "console"),
        ("owned device on the interrupt controller",
         source([device(CONSOLE, arrangement="vm-owned", reg="0x2c001000 0x1000")]), "console"),
        ("device in memory", source([device(CONSOLE, reg="0x80001000 0x1000")]), "console"),
        ("owned device in memory", source([device(CONSOLE, arrangement="vm-owned", reg="0x80001000 0x1000")]),
         "console"),
        ("device that wraps round", source([device(CONSOLE, reg="0xfffff000 0x2000")]), "console"),
        ("device larger than any", source([device(CONSOLE, reg="0x10000000 0x100000")]), "console"),
        ("device without any registers", source([device(CONSOLE, reg="0x1c090000 0")]), "console"),
        ("owned device off its page", source([device(CONSOLE, arrangement="vm-owned", reg="0x1c090800 0x1000")]),
         "console"),
        ("device off its alignment", source([device(CONSOLE, reg="0x1c090002 0x1000")]), "console"),
        ("interrupt that is not there", source([device(CONSOLE, interrupt=64)]), "interrupt 64"),
        ("second interrupt that is not there",
         source([("disk", "arm,pl181", "pure", "0x1c050000 0x1000", 63)]), "interrupt 64"),
        ("interrupt that wraps round", source([device(CONSOLE, interrupt="0xffffffe1")]), "interrupt 4294967265"),
        ("one interrupt for two devices", source([CONSOLE, device(DISK, interrupt=5)]), "interrupt 5"),
        ("owned device with another's interrupt", source([device(CONSOLE, arrangement="vm-owned", interrupt=7)]),
         "interrupt 7"),
        ("memory that is no multiple of 2 MiB", source([CONSOLE], memory="0x10010000"), "vm@0"),
        ("too little memory", source([CONSOLE], memory="0x02000000"), "vm@0"),
        ("more memory than there is", source([CONSOLE], memory="0xf0000000"), "vm@0"),
        ("kernel bigger than its room", source([CONSOLE], kernel=f"0x8a000000 {ROOM + 1:#x}"), "kernel"),
        ("empty kernel", source([CONSOLE], kernel="0x8a000000 0"), "kernel"),
        ("kernel outside of memory", source([CONSOLE], kernel="0x1c090000 0x1000"), "kernel"),
        ("initrd that wraps round", source([CONSOLE], more="initrd = <0x8c000000 0xff000000>;"), "initrd"),
    ]
    twice = source([CONSOLE, device(CONSOLE, name="consolf", reg="0x1c0b0000 0x1000", interrupt=7)])
    cases.append(("one device twice", twice.replace(b"consolf", b"console"), "console"))
    for name, blob, wanted in cases:
        path = os.path.join(directory, "wrong.dtb")
        with open(path, "wb") as file:
            file.write(blob)
        ended, _, log = run(hypervisor, directory, path)
        why = None
        if not ended:
            why = "QEMU had to be stopped"
        elif len(log) != 1 or wanted not in log[0]:
            why = f"the log should be one line with '{wanted}' and is {log}"
        check(f"description refused: {name}", why)


def main():
    hypervisor, image = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        hostile(hypervisor, image, directory)
        descriptions(hypervisor, directory)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
