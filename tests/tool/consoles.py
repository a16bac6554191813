# SPDX-License-Identifier: BSD-3-Clause
"""The output in documents is that of the command.

    consoles.py VIOMMU FOLDER DOCUMENT...

A block that begins with ```console is a session: lines that begin with "$ " are run in a copy of
the folders that the documents name, and the lines after them are its output. A line of "..." stands for
any number of lines.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FOLDERS = ["docs/pictures", "tests/golden"]


def sessions(document):
    for block in re.findall(r"^```console\n(.*?)^```$", document.read_text(), re.M | re.S):
        for session in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, expected = session.partition("\n")
            yield command, expected


def matches(said, expected):
    pattern = re.escape(expected).replace(re.escape("...\n"), r"(?:.*\n)*?")
    return re.fullmatch(pattern, said)


def run(command, place, viommu):
    environment = dict(os.environ, PATH=f"{viommu.parent}:{os.environ['PATH']}")
    done = subprocess.run(command, shell=True, cwd=place, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout


def main(viommu, root, *documents):
    failed = count = 0
    with tempfile.TemporaryDirectory() as place:
        for folder in FOLDERS:
            shutil.copytree(pathlib.Path(root) / folder, pathlib.Path(place) / folder)
        for document in map(pathlib.Path, documents):
            for command, expected in sessions(document):
                count += 1
                if " --format svg" in command and not shutil.which("dot"):
                    continue
                said = run(command, place, pathlib.Path(viommu).resolve())
                if not matches(said, expected):
                    failed += 1
                    print(f"{document}: $ {command}\n{said}")
    print(f"{count} sessions, {failed} not as they are written")
    return failed or not count


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
