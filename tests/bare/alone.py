#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a test image that needs nothing from its host. usage: alone.py IMAGE"""

import sys

import image


def main():
    runs = [image.Image(sys.argv[1], mode) for mode in ("hyp", "svc")]
    for run in runs:
        run.run()
    image.conclude(runs)


if __name__ == "__main__":
    main()
