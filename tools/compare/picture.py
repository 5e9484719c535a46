# SPDX-License-Identifier: BSD-2-Clause
"""The report as a picture and as a page, for someone who has read nothing else: what each way of
giving a device to a virtual machine costs, device by device, and the founding talk's figures beside.
Both are plain XML without scripts. It measures nothing."""

import math
import os
from xml.sax.saxutils import escape

import report
import report_network
import report_placement

TITLE = "What a virtual device costs"
INTRODUCTION = (
    """A virtual machine (VM) wants to use a disk, a console or a network. There are several ways to let
    it. This picture shows how much work the processor does for each of them: the number of
    instructions that it executes for one request to the disk, for 1 KiB over the console, or for one
    frame on the network. Shorter is cheaper.""",
    """The scale is logarithmic: from one vertical line to the next it is ten times as much. The figures
    are at the right.""",
)
# What each way is: colour, darker colour, name, and what that means.
WAYS = {
    "native": (
        *("#c4c4c4", "#777777", "bare board"),
        "No hypervisor: Linux runs on the machine itself, with its own devices or QEMU's virtio.",
    ),
    "vm-owned": (
        *("#b5dcae", "#3f8f37", "owned"),
        "The VM has the device for itself: no other can use it.",
    ),
    "pure": (
        *("#f8cfa0", "#d1700f", "pure"),
        "The VM's ordinary driver works on a device that is imitated in software: each access to one "
        "of its registers stops the VM (a trap).",
    ),
    "para": (
        *("#aecdec", "#1f6cb0", "para"),
        "The VM has a driver made for VMs (virtio): requests lie in memory that both sides see; only "
        "notifications stop the VM.",
    ),
}
PLACES = {
    "none": "",
    "hypervisor": "driver in hypervisor",
    "driver-vm": "one VM has all drivers",
    "driver-vms": "a VM for each driver",
}
DEVICES = {"block": "Disk", "console": "Console", "net": "Network"}
TALK_LINES = (("prototype", 6000), ("OKL4, a product", 9800))

WIDTH, MARGIN, GAP = 1280, 24, 32
COLUMN = (WIDTH - 2 * MARGIN - GAP) // 2
LABEL, BARS, SPACE, CELL = 176, 154, 16, 62
ROW, HEAD = 17, 46
FIGURES = (
    ("hyp_instructions", "hypervisor"),
    ("all_instructions", "everything"),
    ("traps", "traps"),
    ("world_switches", "switches"),
)


def way(row):
    """A row's name in words."""
    name = WAYS[row["arrangement"]][2]
    if row["guest"] != "linux":
        return f"{name}, bare-metal guest"
    if row["arrangement"] == "native":
        return f"{name}, QEMU's virtio" if row["interface"] == "virtio-mmio" else name
    return ", ".join(filter(None, (name, PLACES[row["placement"]])))


def _short(value):
    """As much of a figure as there is room for beside a bar."""
    if value is None or value < 1_000_000:
        return report_placement.number(value)
    return f"{value / 1_000_000:.2f} M"


def figures(row, say=report_placement.number):
    """What stands at a row's right, in the order of FIGURES, as text. What a register access is
    natively would be a trap."""
    values = report_placement.per_unit(row)
    texts = [say(values[name]) for name, _ in FIGURES]
    if row["arrangement"] == "native" and row["native_accesses"] is not None:
        accesses = row["native_accesses"] / report_placement.unit(row)[1]
        texts[2] = f"({report_placement.number(accesses)})"
    return texts


def beside(row):
    """The same, as the picture has it."""
    return figures(row, _short)


def groups(rows):
    """The rows by piece of work, of the devices in the order in which people ask for them."""
    found = {}
    for row in rows:
        found.setdefault((row["device"], row["workload"]), []).append(row)
    order = list(DEVICES)
    return sorted(found.items(), key=lambda each: order.index(each[0][0]))


class Drawing:
    def __init__(self):
        self.parts = []

    def text(self, x, y, text, size=11, anchor="start", weight="normal", fill="#222"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
            f' font-weight="{weight}" fill="{fill}">{escape(text)}</text>'
        )

    def box(self, x, y, width, height, fill, title=None):
        inside = f"<title>{escape(title)}</title>" if title else ""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
            f' fill="{fill}">{inside}</rect>'
        )

    def line(self, x, y, x2, y2, stroke="#ddd"):
        self.parts.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'
        )

    def paragraph(self, x, y, text, width, size=13):
        """Lines of a width; returns where the next begins."""
        words, line = text.split(), ""
        for word in words + [None]:
            if word is None or len(line) + len(word) + 1 > width / (size * 0.54):
                self.text(x, y, line, size)
                y, line = y + size * 1.4, ""
            line = f"{line} {word}".strip()
        return y


def _scale(rows):
    """The whole powers of ten that a group's bars lie between."""
    values = [
        value
        for row in rows
        for name in ("hyp_instructions", "all_instructions")
        if (value := report_placement.per_unit(row)[name])
    ]
    if not values:
        return 0, 1
    low = max(0, math.floor(math.log10(min(values))))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _length(value, low, high):
    if not value:
        return 0
    return max(0.0, (math.log10(value) - low) / (high - low)) * BARS


def _power(exponent):
    return f"{10**exponent:,}" if exponent < 4 else f"{10 ** (exponent - 3):,}k" if exponent < 6 else (
        f"{10 ** (exponent - 6):,}M"
    )


def _height(rows):
    return HEAD + ROW * len(rows) + 26


def _group(drawing, x, y, key, rows):
    device, workload = key
    unit, _ = report_placement.unit(rows[0])
    low, high = _scale(rows)
    words = report_placement.WORDS[device][workload]
    drawing.text(x, y + 14, f"{DEVICES[device]}: {words}", 14, weight="bold")
    drawing.text(x, y + 32, f"instructions for one {unit}", 10, fill="#666")
    left, top = x + LABEL, y + HEAD
    for index, (_, name) in enumerate(FIGURES):
        drawing.text(left + BARS + SPACE + CELL * (index + 1), y + 38, name, 10, "end", fill="#666")
    for exponent in range(low, high + 1):
        at = left + _length(10**exponent, low, high)
        drawing.line(at, top - 4, at, top + ROW * len(rows))
        if exponent % 2 == low % 2 or high - low < 4:
            drawing.text(at, y + 38, _power(exponent), 9, "middle", fill="#999")
    for index, row in enumerate(rows):
        at = top + ROW * index
        light, dark, _, _ = WAYS[row["arrangement"]]
        values = report_placement.per_unit(row)
        drawing.text(left - 8, at + 11, way(row), 11, "end")
        for name, colour, offset, thickness in (
            ("all_instructions", light, 1, 13),
            ("hyp_instructions", dark, 4, 7),
        ):
            value = values[name]
            what = "in the hypervisor" if name == "hyp_instructions" else "altogether"
            drawing.box(
                left,
                at + offset,
                _length(value, low, high),
                thickness,
                colour,
                f"{report_placement.number(value)} instructions {what}" if value else None,
            )
        for column, text in enumerate(beside(row)):
            drawing.text(left + BARS + SPACE + CELL * (column + 1), at + 11, text, 11, "end")


def _legend(drawing, y):
    for name, (light, dark, words, meaning) in WAYS.items():
        drawing.box(MARGIN, y - 11, 30, 13, light)
        drawing.box(MARGIN, y - 8, 15, 7, dark)
        drawing.text(MARGIN + 40, y, f"{words}:", 13, weight="bold")
        drawing.text(MARGIN + 136, y, meaning, 13)
        y += 20
    for text in (
        """The wide light bar is everything: hypervisor and all virtual machines. The narrow dark one in it is
        the hypervisor's part. What the hypervisor or a VM does to move the data is in there.""",
        """traps: how often the device stopped the VM (natively, in parentheses: accesses to its registers, each
        of which would be one). switches: how often the processor went from one VM to another. A dash: was
        not counted, or does not exist there.""",
        """For pure and para there is a choice where the driver of the real device is: in the hypervisor, in
        one VM that has all drivers, or in a VM for each. The more apart, the less a faulty driver can
        harm.""",
    ):
        y = drawing.paragraph(MARGIN, y + 4, text, WIDTH - 2 * MARGIN)
    return y


def talk(result):
    """The founding talk's figures and ours: what, ours, the other, and what the other is."""
    entries = result["entries"]
    rows = [
        (f"{title}, instructions", entries.get(name), prototype, "talk")
        for name, title, prototype, _ in report.ENTRIES
    ]
    rows += [
        ("lines of the hypervisor", result["hypervisor_lines"], lines, f"talk, {name}")
        for name, lines in TALK_LINES
    ]
    path = result.get("longest_path")
    if path:
        rows.append(
            (
                "longest time without interrupts, instructions",
                path["instructions"],
                path["bound"],
                "10 µs at the talk's 500 MHz",
            )
        )
    return rows


def overheads(rows):
    """What virtualization adds to the network's transfers, as title and texts of each way."""
    here = [row for row in rows if row["placement"] in ("none", "hypervisor")]
    found = []
    for workload in ("tcp-out", "tcp-in", "udp-1472"):
        chosen = report_network._chosen(here, workload)
        added = {
            name: report_network.overhead(chosen.get(name), chosen.get("native"))
            for name in ("vm-owned", "pure", "para")
        }
        if any(value is not None for value in added.values()):
            texts = ["-" if value is None else f"{value:+.1f} %" for value in added.values()]
            found.append((report_network.SHORT[workload], *texts, report_network.TALK))
    return found


def _talk(drawing, y, result):
    drawing.text(MARGIN, y, "Beside the talk that this project starts from", 16, weight="bold")
    y = drawing.paragraph(
        MARGIN,
        y + 22,
        """Gernot Heiser, "Low-Overhead Virtualization of Mobile Systems" (NICTA and UNSW, 2011) gave
        figures of a prototype hypervisor on an ARM processor. Ours, measured in an emulator that counts
        instructions, beside them; the longer bar is 100 %.""",
        WIDTH - 2 * MARGIN,
    )
    left, span = MARGIN + 380, 420
    for what, ours, theirs, whose in talk(result):
        most = max(ours or 0, theirs)
        y += 14
        drawing.text(left - 8, y + 12, what, 12, "end")
        for name, value, colour, offset in (
            ("vdev", ours, "#1f6cb0", 0),
            (whose, theirs, "#b9b9b9", 12),
        ):
            width = span * (value or 0) / most
            drawing.box(left, y + offset, width, 10, colour)
            text = report_placement.number(value) if value is None or value < 100 else f"{value:,}"
            drawing.text(left + width + 6, y + offset + 9, f"{name}: {text}", 11)
        y += 20
    added = overheads(result["rows"])
    if added:
        y += 34
        drawing.text(
            MARGIN,
            y,
            "Network: instructions of guest and hypervisor together that are more than on the bare board",
            13,
            weight="bold",
        )
        columns = (MARGIN, 330, 450, 570, 690)
        y += 20
        for at, text in zip(columns, ("", "owned", "pure", "para", "talk (time)")):
            drawing.text(at, y, text, 12, "start" if not text else "end", fill="#666")
        for cells in added:
            y += 18
            for at, text in zip(columns, cells):
                drawing.text(at, y, text, 12, "start" if at == MARGIN else "end")
    return y + 30


def svg(result):
    """The picture, as text."""
    drawing = Drawing()
    drawing.text(MARGIN, 40, TITLE, 26, weight="bold")
    y = 68
    for text in INTRODUCTION:
        y = drawing.paragraph(MARGIN, y, text, WIDTH - 2 * MARGIN)
    y = _legend(drawing, y + 12) + 16
    bottoms = [y, y]
    device = None
    for key, rows in groups(result["rows"]):
        if key[0] != device:
            device = key[0]
            bottoms = [max(bottoms)] * 2
        side = 0 if bottoms[0] <= bottoms[1] else 1
        _group(drawing, MARGIN + side * (COLUMN + GAP), bottoms[side], key, rows)
        bottoms[side] += _height(rows)
    height = _talk(drawing, max(bottoms) + 20, result)
    inside = "\n".join(drawing.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
        f' viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">\n'
        f"<title>{escape(TITLE)}</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{inside}\n</svg>\n'
    )


def _cells(texts, tag="td"):
    return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>"


def _tables(result):
    for (device, workload), rows in groups(result["rows"]):
        unit, _ = report_placement.unit(rows[0])
        words = report_placement.WORDS[device][workload]
        yield f"<h3>{escape(f'{DEVICES[device]}: {words}')}</h3><table>"
        heads = ("way", "hypervisor", "everything", "traps", "switches", "virtual interrupts")
        yield _cells([*heads, "entries", f"for one {unit}: the data were"], "th")
        for row in rows:
            values = report_placement.per_unit(row)
            more = [report_placement.number(values[name]) for name in ("virtual_irqs", "entries")]
            yield _cells([way(row), *figures(row), *more, "right" if row["verified"] else "WRONG"])
        yield "</table>"


def _longest(result):
    path = result.get("longest_path")
    if not path:
        return
    yield "<h2>The longest time without interrupts</h2><p>"
    yield escape(
        f"While the hypervisor works, interrupts wait. Of all that was done here the longest such time"
        f" was {path['instructions']:,} instructions; {path['bound']:,} are allowed."
    )
    yield "</p><table>" + _cells(("run", "work", "instructions", "begun by"), "th")
    for each in path["paths"]:
        yield _cells((each["boot"], each["work"], f"{each['instructions']:,}", each["cause"]))
    yield "</table>"


STYLE = """body { font-family: sans-serif; color: #222; max-width: 1280px; margin: 1em auto; padding: 0 1em; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin-bottom: 1.5em; }
th, td { padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }"""


def html(result):
    """The page: the picture, and every figure in tables."""
    parts = [
        *("<!DOCTYPE html>", '<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head>'),
        f'<meta charset="utf-8"/><title>{escape(TITLE)}</title><style>{STYLE}</style></head><body>',
        svg(result),
        "<h2>All figures</h2><p>Instructions in the hypervisor and in everything, and events, for one "
        "request, frame or KiB.</p>",
        *_tables(result),
        *_longest(result),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def write(directory, result):
    for name, text in (("report.svg", svg(result)), ("report.html", html(result))):
        path = os.path.join(directory, name)
        with open(path + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(path + ".new", path)
