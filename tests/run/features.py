#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What users find installed, beside comparable projects: features.py FOLDER [PEERS]

FOLDER has the Debian packages of viommu, PEERS those of other projects: a folder for each, named as the project, which
is filled by `apt-get download` unless it is complete. A project whose packages cannot be had is skipped. Each cell is
read from the packages. Exits with 1 if viommu lacks something, or has it for some only: "3 of 5".
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = {
    "libxkbcommon": ["libxkbcommon0", "libxkbcommon-dev", "libxkbcommon-tools", "libxkbcommon-doc"],
    "kmod": ["kmod", "libkmod2", "libkmod-dev"],
    "dtc": ["device-tree-compiler", "libfdt1", "libfdt-dev", "python3-libfdt"],
    "acpica-tools": ["acpica-tools"],
}


class Project:
    """The files of a project's packages, unpacked."""

    def __init__(self, name, packages, work):
        self.name, self.root = name, Path(work, name)
        for package in packages:
            subprocess.run(["dpkg-deb", "-x", package, self.root], check=True)
            control = self.root / "DEBIAN" / package.stem
            control.mkdir(parents=True)
            subprocess.run(["dpkg-deb", "-e", package, control], check=True)
        self.files = sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())

    def matching(self, pattern):
        """The files whose whole name matches."""
        return [name for name in self.files if re.fullmatch(pattern, name)]

    def libraries(self):
        return [self.root / name for name in self.matching(r"(usr/)?lib/.*/lib[^/]*\.so(\.[^/]*)?")
                if not (self.root / name).is_symlink()]

    def functions(self):
        """The names of functions that the libraries export."""
        names = set()
        for library in self.libraries():
            out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, stdout=subprocess.PIPE, text=True)
            names |= set(re.findall(r" T (\w+)", out.stdout))
        return names


def present(pattern):
    return lambda project: "yes" if project.matching(pattern) else "no"


def of_commands(project):
    """How many commands have a manual page."""
    commands = {Path(name).name for name in project.matching(r"(usr/)?s?bin/[^/]+")}
    pages = {re.sub(r"\.\d(\.gz)?$", "", Path(name).name) for name in project.matching(r"usr/share/man/man[18]/.*")}
    return share(len(commands & pages), len(commands))


def of_functions(project):
    functions = project.functions()
    pages = {re.sub(r"\.3\w*(\.gz)?$", "", Path(name).name) for name in project.matching(r"usr/share/man/man3/.*")}
    return share(len(functions & pages), len(functions))


def share(part, whole):
    if not whole:
        return "none there"
    return f"{part} of {whole}" if part else "no"


def lacks(cell):
    """Does this cell say that something is not there, or only for a part?"""
    counts = re.fullmatch(r"(\d+) of (\d+)", cell)
    return counts[1] != counts[2] if counts else cell in ("no", "none there")


def versions(project):
    """Do all libraries have versions of their symbols?"""
    libraries = project.libraries()
    if not libraries:
        return "none there"
    found = [subprocess.run(["readelf", "-V", library], check=True, stdout=subprocess.PIPE, text=True).stdout
             for library in libraries]
    return "yes" if all("Version definition section" in text for text in found) else "no"


def completions(project):
    shells = {"bash": r"usr/share/bash-completion/.*", "zsh": r"usr/share/zsh/.*", "fish": r"usr/share/fish/.*"}
    return ", ".join(shell for shell, pattern in shells.items() if project.matching(pattern)) or "no"


ROWS = [
    ("manual pages of commands", of_commands),
    ("manual pages of file formats", present(r"usr/share/man/man5/.*")),
    ("completion in shells", completions),
    ("headers and pkg-config", present(r"usr/lib/.*/pkgconfig/.*\.pc")),
    ("versioned symbols", versions),
    ("symbols file of the package", present(r"DEBIAN/.*/symbols")),
    ("static library", present(r"usr/lib/.*\.a")),
    ("manual pages of functions", of_functions),
    ("pages of the interface as HTML", present(r"usr/share/(doc|gtk-doc)/.*\.html")),
    ("examples", present(r"usr/share/doc/.*/examples/.*")),
    ("schemas of JSON", present(r"usr/share/.*\.schema\.json")),
    ("Python module", present(r"usr/lib/python3/dist-packages/[^/]*\.(py|so)")),
]


def download(names, folder):
    """Debian's packages of these names, in a folder; none where the archive lacks one, or cannot be reached."""
    if len(list(folder.glob("*.deb"))) != len(names):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *names], check=False, cwd=folder)
    found = sorted(folder.glob("*.deb"))
    if len(found) != len(names):
        print(f"features.py: skipped: {folder.name}: {len(found)} of {len(names)} packages can be had", file=sys.stderr)
        return []
    return found


def main(folder, peers):
    ours = [path for path in Path(folder).glob("*.deb") if "-dbgsym_" not in path.name]
    if not ours:
        sys.exit(f"features.py: no packages in {folder}: ./run package {folder}")
    with tempfile.TemporaryDirectory() as work:
        projects = [Project("viommu", ours, work)]
        for name, names in PEERS.items():
            packages = download(names, Path(peers, name))
            if packages:
                projects.append(Project(name, packages, work))
        print("|", " | ".join(["what is installed"] + [project.name for project in projects]), "|")
        print("|" + "---|" * (len(projects) + 1))
        missing = []
        for title, cell in ROWS:
            cells = [cell(project) for project in projects]
            print("|", " | ".join([title] + cells), "|")
            missing += [title] * lacks(cells[0])
    if missing:
        sys.exit("features.py: viommu lacks " + ", ".join(missing))


if len(sys.argv) not in (2, 3):
    sys.exit(__doc__.splitlines()[0])
main(sys.argv[1], os.path.abspath(sys.argv[2] if len(sys.argv) == 3 else os.path.join(sys.argv[1], "peers")))
