#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the LAN9118 driver's image on QEMU's controller, with QEMU's user-mode network behind it.

usage: lan9118.py IMAGE. Time is counted in instructions, so that the image can tell what a frame of
1514 bytes costs its driver; the bounds are what README and the hypervisor's budget rest on.
"""

import sys

import image

# Instructions of one poll that sends, or receives, one frame of 1514 bytes.
BOUNDS = {"send": 1300, "receive": 1300, "send-offset": 1300, "receive-offset": 1300,
          "receive-shifted": 1300, "receive-offset-shifted": 1300,
          # Eight words by two instructions; what is shifted goes word by word.
          "burst-send": 550, "burst-receive": 550, "burst-send-offset": 550,
          "burst-receive-offset": 550, "burst-receive-shifted": 1300,
          "burst-receive-offset-shifted": 1300}


class Numbers:
    def __init__(self, run):
        self.run = run
        self.found = {}

    def line(self, line):
        if not line.startswith("number "):
            return
        _, name, value = line.split()
        self.found[name] = int(value)

    def judge(self):
        for name, bound in BOUNDS.items():
            value = self.found.get(name, 0)
            print(f"{name}: {value} instructions a frame, at most {bound}")
            good = 0 < value <= bound
            self.run.check(f"{name} is within its bound", None if good else f"it takes {value}")


def main():
    network = ["-netdev", "user,id=net,restrict=on", "-net", "nic,netdev=net,model=lan9118",
               "-icount", "shift=0,sleep=off"]
    runs = []
    for mode in ("hyp", "svc"):
        run = image.Image(sys.argv[1], mode, network)
        numbers = Numbers(run)
        run.run(numbers.line)
        numbers.judge()
        runs.append(run)
    image.conclude(runs)


if __name__ == "__main__":
    main()
