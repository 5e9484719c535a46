#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Do the tool's --help, its man page and its completion name the same options?

Usage: vdev_papers.py VDEV SOURCE. The man page is rendered, too, where there is a groff.
"""

import os
import re
import shutil
import subprocess
import sys

DEVICES = ("block", "console", "net")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# The man page's headings of options, and whose they are.
HEADINGS = {
    "Of every device": DEVICES,
    "Of a block device": ("block",),
    "Of a console": ("console",),
    "Of a net device": ("net",),
    "Of the process": DEVICES,
    "Of stat": ("stat",),
}


def options_of_help(vdev, *command):
    """At the beginning of a line that is indented: what the list of options has."""
    result = subprocess.run([vdev, *command, "--help"], capture_output=True, text=True, timeout=10)
    assert result.returncode == 0 and not result.stderr, (command, result)
    if command == ("stat",):
        return set(OPTION.findall(result.stdout)) | {"--help"}
    return set(re.findall(r"^  (--[a-z-]+)", result.stdout, re.MULTILINE)) | {"--help"}


def options_of_page(text):
    """Of each command, those that a tagged paragraph is about."""
    found = {command: set() for command in (*DEVICES, "stat")}
    section = text[text.index("\n.SH OPTIONS"):text.index("\n.SH SANDBOX")].replace("\\-", "-")
    for part in section.split("\n.SS ")[1:]:
        heading = part.split("\n")[0]
        for option in re.findall(r"^\.TP\n\.BI? (--[a-z-]+)", part, re.MULTILINE):
            for command in HEADINGS[heading]:
                found[command].add(option)
    found["stat"].add("--help")
    return found


def complete(script, *words):
    """What bash would offer for the last word."""
    line = f"""
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _vdev; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    result = subprocess.run(["bash", "-c", line, "bash", script, *words], capture_output=True,
                            text=True, timeout=10)
    assert result.returncode == 0 and not result.stderr, (words, result)
    return set(result.stdout.split())


def main():
    vdev, source = sys.argv[1:3]
    page = os.path.join(source, "tools/vdev/vdev.1")
    script = os.path.join(source, "tools/vdev/completion.bash")
    with open(page, encoding="ascii") as text:
        of_page = options_of_page(text.read())
    passed, failures = 0, []

    def same(what, expected, found):
        nonlocal passed
        if expected == found:
            passed += 1
        else:
            failures.append(f"{what}: missing {sorted(expected - found)}, "
                            f"too many {sorted(found - expected)}")

    for command in (*DEVICES, "stat"):
        words = ("stat",) if command == "stat" else ("serve", command)
        options = options_of_help(vdev, *words)
        assert len(options) > 1, command
        same(f"{command}: man page", options, of_page[command])
        same(f"{command}: completion", options, complete(script, "vdev", *words, "--") - {"--"})
    # A second device's, and what follows an option.
    same("after --", options_of_help(vdev, "serve", "net"),
         complete(script, "vdev", "serve", "block", "--", "net", "--") - {"--"})
    same("device", {*DEVICES}, complete(script, "vdev", "serve", "") - {"--help"})
    same("next device", {*DEVICES},
         complete(script, "vdev", "serve", "net", "--", "") - {"--help"})
    same("mode", {"on", "off", "strict"},
         complete(script, "vdev", "serve", "net", "--sandbox", ""))
    same("mode after =", {"off", "on"},
         complete(script, "vdev", "serve", "net", "--sandbox", "=", "o"))
    same("commands", {"serve", "stat"}, complete(script, "vdev", "s"))

    if shutil.which("groff"):
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", page], capture_output=True,
                                text=True, timeout=30)
        same("man page's warnings", set(), set(result.stderr.splitlines()))
    else:
        print("left out, for there is no groff: the rendered page")
    for line in failures:
        print(line)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
