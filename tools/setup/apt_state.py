# SPDX-License-Identifier: BSD-2-Clause
"""A private apt state for packages of one architecture and for sources, below one directory.

It reads the machine's own list of sources and keys and writes nothing outside its directory; it
installs nothing.
"""

import glob
import os
import re
import shutil
import subprocess


class AptError(Exception):
    """A package that could not be found or fetched; the text is one line for the user."""


def _from_one_line(text):
    """The lines of a sources.list, each as deb and as deb-src, without restriction to an
    architecture."""
    lines = []
    for line in text.splitlines():
        match = re.match(r"\s*deb(?:-src)?\s+(\[[^\]]*\])?\s*([^#]+)", line)
        if not match:
            continue
        options = re.sub(r"\barch[+-]?=\S+", "", (match.group(1) or "").strip("[]")).strip()
        options = f"[{options}] " if options else ""
        lines += [f"{kind} {options}{match.group(2).strip()}" for kind in ("deb", "deb-src")]
    return lines


def _from_deb822(text):
    """The stanzas of a .sources file, with both types and without restriction to an
    architecture."""
    stanzas = []
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        if not stanza.strip() or re.search(r"(?mi)^Enabled:\s*(no|false)", stanza):
            continue
        kept, dropping = [], False
        for line in stanza.strip().splitlines():
            if not line.startswith((" ", "\t")):
                dropping = re.match(r"(?i)(Types|Architectures):", line) is not None
            if not dropping:
                kept.append(line)
        stanzas.append("\n".join(["Types: deb deb-src", *kept]))
    return stanzas


class AptState:
    def __init__(self, directory, architecture):
        self.directory = os.path.abspath(directory)
        self.architecture = architecture
        self.configuration = os.path.join(self.directory, "apt.conf")
        self.updated = False

    def _path(self, *parts):
        return os.path.join(self.directory, *parts)

    def _prepare(self):
        for folder in ("lists/partial", "cache/archives/partial", "sources", "empty"):
            os.makedirs(self._path(folder), exist_ok=True)
        open(self._path("status"), "w").close()
        one_line, deb822 = [], []
        for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
            if not os.path.isfile(path):
                continue
            with open(path, errors="replace") as source:
                text = source.read()
            if path.endswith(".list"):
                one_line += _from_one_line(text)
            elif path.endswith(".sources"):
                deb822 += _from_deb822(text)
        with open(self._path("sources", "machine.list"), "w") as out:
            out.write("".join(f"{line}\n" for line in dict.fromkeys(one_line)))
        with open(self._path("sources", "machine.sources"), "w") as out:
            out.write("\n\n".join(dict.fromkeys(deb822)) + "\n")
        settings = {
            "APT::Architecture": self.architecture,
            "Dir::State::Lists": self._path("lists"),
            "Dir::State::status": self._path("status"),
            "Dir::Cache": self._path("cache"),
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": self._path("sources"),
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }
        # The machine's own hooks would act on the machine's state, which is not ours to touch.
        hooks = (
            "APT::Update::Pre-Invoke",
            "APT::Update::Post-Invoke",
            "APT::Update::Post-Invoke-Success",
            "DPkg::Post-Invoke",
            "APT::Architectures",
            "Acquire::IndexTargets::deb::DEP-11",
            "Acquire::IndexTargets::deb::Contents-deb",
        )
        with open(self.configuration, "w") as out:
            out.write("".join(f"#clear {hook};\n" for hook in hooks))
            out.write(f'APT::Architectures {{ "{self.architecture}"; }};\n')
            out.write("".join(f'{name} "{value}";\n' for name, value in settings.items()))

    def _run(self, program, *arguments, cwd=None):
        return subprocess.run(
            [program, "-c", self.configuration, "-q=2", *arguments],
            cwd=cwd or self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def update(self):
        """Fetches the lists once. A source that fails matters only when a package is then not
        found."""
        if not self.updated:
            self._prepare()
            print("setup: reading the package lists", flush=True)
            self.failure = self._failed_fetch(self._run("apt-get", "update"))
            self.updated = True

    @staticmethod
    def _failed_fetch(result):
        """The first file that apt could not fetch, and why, in apt's words; apt calls it a warning
        or an error."""
        found = re.search(r"(?m)^[EW]: (Failed to fetch .*)", result.stdout)
        return found.group(1) if found else ""

    def _refuse(self, package, result):
        # What failed for this package says most; then what failed for the lists, in which it was
        # not found.
        reason = self._failed_fetch(result) or self.failure or "no source of this machine has it"
        raise AptError(f"package {package} could not be fetched: {reason}")

    def dependency(self, package, pattern):
        """The one dependency of a package whose name matches, such as the versioned kernel of a
        meta-package."""
        self.update()
        result = self._run("apt-cache", "depends", package)
        names = re.findall(r"(?m)^\s*Depends:\s+(\S+)", result.stdout)
        names = [name for name in names if re.fullmatch(pattern, name)]
        if not names:
            self._refuse(package, result)
        return names[0]

    def download(self, package, destination):
        """Fetches a package and unpacks it below destination; the packed file is not kept."""
        return self.download_all((package,), destination)[0]

    def download_all(self, packages, destination):
        """The same for several, which apt fetches at once; the names of their files."""
        self.update()
        title = packages[0] if len(packages) == 1 else f"{len(packages)} packages"
        print(f"setup: fetching {title}", flush=True)
        folder = self._path("packages", packages[0])
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        result = self._run("apt-get", "download", *packages, cwd=folder)
        files = glob.glob(os.path.join(folder, "*.deb"))
        if result.returncode or len(files) != len(packages):
            missing = re.search(r"Unable to locate package (\S+)", result.stdout)
            self._refuse(missing.group(1) if missing else title, result)
        for path in files:
            subprocess.run(["dpkg-deb", "-x", path, destination], check=True)
        shutil.rmtree(folder)
        return [os.path.basename(path) for path in files]

    def source(self, package):
        """Fetches and unpacks a source package, Debian's patches applied; returns the unpacked
        folder."""
        self.update()
        print(f"setup: fetching the source of {package}", flush=True)
        folder = self._path("source", package)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        result = self._run("apt-get", "source", package, cwd=folder)
        unpacked = [path for path in glob.glob(os.path.join(folder, "*")) if os.path.isdir(path)]
        if result.returncode or not unpacked:
            self._refuse(package, result)
        return unpacked[0]
