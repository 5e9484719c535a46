#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the bytes of the comparison's work to a file. Usage: pattern.py TOOLS OUTPUT."""

import os
import sys

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(sys.argv[1], "compare"))
    import workload

    with open(sys.argv[2], "wb") as out:
        out.write(workload.pattern())
