# SPDX-License-Identifier: BSD-2-Clause
"""./run size, held against the public headers and the rule that no global ever changes."""

import glob
import json
import os
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _expected():
    """The parts that the library offers: each has a header, and a ring has its two ends."""
    for room in ("drivers", "emulators", "backends", "frontends"):
        for path in glob.glob(os.path.join(SOURCE, "include", "vdev", room, "*.h")):
            yield f"{room}/{os.path.basename(path)[:-2]}"
    yield from ("ring/split_device", "ring/split_driver")


def run(tests, run_command):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "size.json")
        result = run_command("size", "--json", path)
        tests.check("size measures the library", result.returncode == 0, result.stderr)
        if result.returncode:
            return
        with open(path) as file:
            rows = json.load(file)["rows"]
    values = {row["name"]: row["value"] for row in rows}
    tests.check("size: no name stands twice", len(values) == len(rows))
    tests.check("size: all is in bytes", {row["unit"] for row in rows} == {"bytes"})
    missing = [name for name in _expected() if not values.get(f"{name} text")]
    tests.check("size: there is code for each public header", not missing, missing)
    changing = [name for name in values if not name.endswith(" text") and values[name]]
    tests.check("size: no part has data that changes", not changing, changing)
