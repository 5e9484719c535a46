# SPDX-License-Identifier: BSD-2-Clause
"""Where the real drivers are: bounds on what the rows with driver VMs say, the hypervisor's longest
path, and that the picture has every figure."""

import re
import xml.etree.ElementTree

import machine
import picture
import report_placement
import workload

# World switches for a request, of one at a time and of 32.
SWITCHES = {"read-4k": 4, "read-64k": 4, "write-4k": 4, "write-64k": 4, "deep-4k": 0.5}
# All instructions of a bulk read through per-driver VMs, against the driver in the hypervisor.
BULK = 1.5


def find(rows, device, work, arrangement, placement):
    found = [
        row
        for row in report_placement.placed(rows)
        if (row["device"], row["workload"], row["arrangement"], row["placement"])
        == (device, work, arrangement, placement)
    ]
    return found[0] if len(found) == 1 else None


def rows_of(tests, rows, placements):
    """Every device, in every way, in each of these placements; and that its data are right."""
    for window in workload.WINDOWS:
        for arrangement in ("pure", "para"):
            for placement in placements:
                what = f"{arrangement}, {placement}: {window.device} {window.workload}"
                row = find(rows, window.device, window.workload, arrangement, placement)
                tests.check(f"{what}: there is a row", row is not None)
                if row is None:
                    continue
                tests.check(f"{what}: the data is right", row["verified"])
                apart = placement != "hypervisor"
                tests.check(
                    f"{what}: {'the driver VM runs' if apart else 'no other machine runs'}",
                    (row["world_switches"] > 0) == apart,
                    row["world_switches"],
                )


def bounds(tests, rows):
    for placement in machine.PLACEMENTS[1:]:
        for work, most in SWITCHES.items():
            row = find(rows, "block", work, "para", placement)
            if row:
                switches = row["world_switches"] / row["requests"]
                tests.check(
                    f"para, {placement}: block {work}: at most {most} world switches for a request",
                    switches <= most,
                    f"{switches:.2f}",
                )
    deep = find(rows, "block", "deep-4k", "para", "hypervisor")
    if deep:
        asked = deep["bytes"] // 4096
        tests.check(
            "block deep-4k: the guest's kernel does not join requests",
            deep["requests"] == asked,
            deep["requests"],
        )
    here, there = (
        find(rows, "block", "read-64k", "para", placement)
        for placement in ("hypervisor", "driver-vms")
    )
    if here and there:
        more = report_placement.total(there) / report_placement.total(here)
        tests.check(
            f"para: a bulk read through a driver VM costs at most {BULK} times as much in all",
            more <= BULK,
            f"{more:.2f}",
        )


def longest(tests, paths):
    for path in paths:
        tests.check(
            f"longest path: {path['boot']}, {path['work']}:"
            f" at most {report_placement.LONGEST_BOUND} instructions",
            path["instructions"] <= report_placement.LONGEST_BOUND,
            f"{path['instructions']}, {path['cause']}",
        )


def _words(text):
    """The figures in a picture's text, each element by itself."""
    tree = xml.etree.ElementTree.fromstring(text)
    return [" ".join(each.itertext()) for each in tree.iter() if each.tag.endswith(("text", "td"))]


def drawn(tests, result):
    """The picture and the page are well-formed, ask for nothing from elsewhere, and have every row's
    figures."""
    for name, make, figures in (
        ("report.svg", picture.svg, picture.beside),
        ("report.html", picture.html, picture.figures),
    ):
        text = make(result)
        try:
            words = _words(text)
        except xml.etree.ElementTree.ParseError as error:
            tests.check(f"{name} is well-formed", False, error)
            continue
        tests.check(f"{name} is well-formed", True)
        tests.check(
            f"{name} stands alone",
            "<script" not in text and not re.search(r"(src|href)=|url\(|@import", text),
        )
        left = {}
        for word in words:
            left[word] = left.get(word, 0) + 1
        wanted = {}
        for row in result["rows"]:
            for word in (picture.way(row), *figures(row)):
                wanted[word] = wanted.get(word, 0) + 1
        missing = [word for word, count in wanted.items() if left.get(word, 0) < count]
        tests.check(f"{name} has every row's figures", not missing, missing[:5])
        talk = [
            f"{whose}: {report_placement.number(theirs)}"
            for _, _, theirs, whose in picture.talk(result)
        ]
        missing = [each for each in talk if each not in words]
        tests.check(f"{name} has the talk's figures", not missing, missing)


def _made_up():
    """A result with what a real one seldom has: nothing measured, and names that are XML."""
    row = {
        "device": "block",
        "workload": "read-4k",
        "arrangement": "native",
        "placement": "none",
        "guest": "linux",
        "interface": "<&\">",
        "bytes": 4096,
        "requests": 1,
        "native_accesses": None,
        "device_traps": 0,
        "hyp_entries": 0,
        "hyp_instructions": 0,
        "guest_instructions": None,
        "world_switches": 0,
        "virtual_irqs": 0,
        "verified": False,
    }
    return {"entries": {}, "hypervisor_lines": 1, "rows": [row]}


def run(tests, result, placements):
    rows_of(tests, result["rows"], placements)
    bounds(tests, result["rows"])
    drawn(tests, result)
    drawn(tests, _made_up())
    if "longest_path" in result:
        longest(tests, result["longest_path"]["all"])
