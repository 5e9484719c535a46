#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints the path of the BeagleBoard's device tree as Debian's kernel package has it, or nothing.

Usage: find_tree.py SOURCE, which is where the package was unpacked below by "./run setup".
"""

import glob
import os
import sys

PLACE = "build/guest/root/usr/lib/linux-image-*/omap3-beagle.dtb"

if __name__ == "__main__":
    for path in sorted(glob.glob(os.path.join(sys.argv[1], PLACE)))[-1:]:
        print(os.path.abspath(path))
