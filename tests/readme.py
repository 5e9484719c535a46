#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the documents say that can be held against the tree: the README's example is the one that
compiles and runs, links lead to files, each Debian package is explained, and files, functions and
tests that are named exist.

Usage: readme.py SOURCE
"""

import glob
import os
import re
import subprocess
import sys

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/dependencies.md",
    "docs/message-transport.md",
    "docs/networks.md",
    "docs/placement.md",
    "docs/testing-drivers.md",
    "docs/walks.md",
)
CODE_FOLDERS = (
    *("include", "src", "drivers", "boards", "hyp", "examples", "tools", "tests", "bench", "fuzz"),
    "images",
)

passed = failed = 0


def check(what, good):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what}")


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as text:
        return text.read()


def check_links(root, path, content):
    for target in re.findall(r"\]\(([^)#\s]+)", content):
        if "://" not in target:
            there = os.path.join(root, os.path.dirname(path), target)
            check(f"{path}: the link to {target} leads somewhere", os.path.exists(there))


def check_paths(root, path, content):
    """Files of the tree named in `code` style, where they stand alone in it."""
    folders = "|".join([*CODE_FOLDERS, "docs", "cross"])
    for name in sorted(set(re.findall(rf"`((?:{folders})/[\w./-]*)`", content))):
        check(f"{path}: there is {name}", os.path.exists(os.path.join(root, name)))


def check_functions(path, content, code):
    for name in sorted(set(re.findall(r"`(vdev_\w+)(?:\(\))?`", content))):
        check(f"{path}: {name} is in the code", re.search(rf"\b{name}", code) is not None)


def check_tests(root, path, content):
    """A test is named `program: test`; `program` may be the beginning of the program's name."""
    for program, name in sorted(set(re.findall(r"`(\w+): (\w+)`", content))):
        sources = glob.glob(os.path.join(root, "tests", f"{program}*.c"))
        there = any(f"START_TEST({name})" in read(root, source) for source in sources)
        check(f"{path}: tests/{program}*.c has a test {name}", there)


def check_driver_example(root):
    """docs/testing-drivers.md shows all of its driver, and parts of its test, as they are."""
    folder = "examples/driver"
    driver = read(root, f"{folder}/thermometer.c")
    test = read(root, f"{folder}/thermometer_test.c")
    page = read(root, "docs/testing-drivers.md")
    blocks = re.findall(r"^```c\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    check("docs/testing-drivers.md shows the driver as it is", driver in blocks)
    for number, block in enumerate(blocks):
        check(f"docs/testing-drivers.md's block {number} is in {folder}",
              block == driver or block in test)
    shown = sum(len(block) for block in blocks if block in test)
    check("docs/testing-drivers.md shows nearly all of the test", shown > len(test) * 3 // 4)


def main():
    root = os.path.abspath(sys.argv[1])
    code = ""
    for folder in CODE_FOLDERS:
        for at, _, files in os.walk(os.path.join(root, folder)):
            for file in files:
                if file.endswith((".c", ".h", ".S", ".py")):
                    code += read(root, os.path.join(at, file))
    for path in DOCUMENTS:
        content = read(root, path)
        check_links(root, path, content)
        check_paths(root, path, content)
        check_functions(path, content, code)
        check_tests(root, path, content)

    blocks = re.findall(r"^```c\n(.*?)^```$", read(root, "README.md"), re.MULTILINE | re.DOTALL)
    check("README.md shows examples/backend.c as it is", read(root, "examples/backend.c") in blocks)

    check_driver_example(root)

    script = read(root, "tools/setup/packages.sh")
    packages = re.search(r"required_packages=\((.*?)\)", script, re.DOTALL)
    names = packages.group(1).split() if packages else []
    check("tools/setup/packages.sh has a list of packages", len(names) > 5)
    dependencies = read(root, "docs/dependencies.md")
    for name in names:
        check(f"docs/dependencies.md explains the package {name}", f"`{name}`" in dependencies)

    command_line = [os.path.join(root, "run"), "help"]
    usage = subprocess.run(command_line, stdout=subprocess.PIPE, text=True).stdout
    texts = "".join(read(root, path) for path in DOCUMENTS)
    for command in sorted(set(re.findall(r"`?\./run (\w+)", texts))):
        known = re.search(rf"^  {command}\b", usage, re.MULTILINE)
        check(f"./run help knows {command}", known is not None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
