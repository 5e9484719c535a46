# SPDX-License-Identifier: BSD-2-Clause
"""Searches with the fuzz targets of what strangers speak to, for a while each time the tests run.

By libFuzzer, which looks at coverage, where ./run has built it with clang; else by the targets' own
driver, which changes inputs of the corpus by a seed. Both begin with fuzz/corpus; what libFuzzer
adds stays in the build folder, and the next run goes on from there. One test for each target.
"""

import os
import re
import shutil
import subprocess
import time

TARGETS = ("vhost_user_codec", "vhost_user_session")
SECONDS = 30
PATIENCE = 60  # more, for the corpus and a slow input on a busy machine
LONGEST = 4096  # bytes of an input
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INPUTS = re.compile(r"^(?:Done )?(\d+) (?:runs in|inputs)", re.MULTILINE)


class Search:
    """One target at work. `found` is the file that an input which broke it is left in."""

    def __init__(self, build, name, seconds, seed, corpus=os.path.join(ROOT, "fuzz", "corpus")):
        self.name = name
        work = os.path.join(build, "fuzz-work")
        kept = os.path.join(corpus, name)
        own = os.path.join(work, "corpus", name)
        os.makedirs(own, exist_ok=True)
        self.found = os.path.join(work, f"{name}.finding")
        self.log = os.path.join(work, f"{name}.log")
        if os.path.exists(self.found):
            os.remove(self.found)
        program = os.path.join(build, "fuzz", "fuzz", f"libfuzzer-{name}")
        self.how = "libFuzzer"
        command = [program, f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-seed={seed}",
                   "-timeout=20", f"-exact_artifact_path={self.found}", own, kept]
        if shutil.which("clang") is None or not os.path.exists(program):
            self.how = "seeded driver (no clang)"
            program = os.path.join(build, "sanitize", "fuzz", f"fuzz-{name}")
            command = [program, "--seconds", str(seconds), "--seed", str(seed), "--corpus", kept,
                       "--keep", self.found]
        with open(self.log, "w") as log:
            log.write(" ".join(command) + "\n")
            log.flush()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        self.end = time.monotonic() + seconds + PATIENCE

    def wait(self):
        """Nothing was found?"""
        try:
            code = self.process.wait(max(1, self.end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "no end"
        with open(self.log, errors="replace") as text:
            said = text.read()
        inputs = INPUTS.findall(said)
        good = code == 0 and bool(inputs) and int(inputs[-1]) > 0
        print(f"  fuzz {self.name}: {self.how}, {inputs[-1] if inputs else 'no'} inputs: "
              f"{int(good)} passed, {int(not good)} failed", flush=True)
        if not good:
            print(f"    ended with {code}; the log: {self.log}")
            if os.path.exists(self.found):
                print(f"    the input that was found: {self.found}")
            print("".join(f"    {line}\n" for line in said.splitlines()[-40:]), end="")
        return good


def run(build, seconds=SECONDS, targets=TARGETS):
    """Passed and failed."""
    seed = int(time.time()) % 2**31 + 1
    print(f"searching with the fuzz targets for {seconds} s, seed {seed}", flush=True)
    searches = [Search(build, name, seconds, seed) for name in targets]
    passed = sum([search.wait() for search in searches])
    return passed, len(searches) - passed
