#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""docs/machines.md: the machines of tests/host/machines, and a plan for each.

    machines_doc.py VIOMMU TESTS DOCUMENT [--pictures FOLDER]

Without --pictures, compares the document with what viommu prints now; with it, writes both. Pictures
need Graphviz.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

VIOMMU, TESTS, DOCUMENT = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
PICTURES = Path(sys.argv[5]).resolve() if sys.argv[4:5] == ["--pictures"] else None

HEAD = """\
# Machines and plans

The machines of `tests/host/machines`: what public logs and tables say of them, and a plan for some of the devices of
each. `./run documents` writes this page.

"""
# (machine, what it is, devices, options)
MACHINES = [
    ("altra", "Ampere Altra: six SMMUv3s, a segment each",
     ["0000:01:00.0", "0002:01:00.0", "000c:01:00.0"], []),
    ("supermicro-2024", "a Xeon of 2024: ten DRHDs, six of them without a device",
     ["0000:4b:00.0", "0000:65:00.0"], ["--spare", "1"]),
    ("x10dai", "Supermicro X10DAi: two sockets, three DRHDs", ["0000:81:00.0", "0000:00:1b.0"], []),
    ("dl560", "HPE DL560: four sockets, sixteen DRHDs, and a VMD",
     ["0000:41:00.0", "0000:81:00.0", "0000:c1:00.0"], []),
    ("rome", "EPYC of the class of Rome: eight AMD-Vi", ["0000:01:00.0", "0000:e1:00.0"], []),
    ("grace", "GB200: ten SMMUv3s, segments of their own, four GPUs",
     ["0008:01:00.0", "0009:01:00.0", "0018:01:00.0", "0019:01:00.0"],
     ["--node", "0=0", "--node", "1=1", "--memory", "128G"]),
    ("x399", "Threadripper on an X399: two AMD-Vi",
     ["0000:08:00.0", "0000:08:00.1", "0000:48:00.0", "0000:48:00.1"], []),
]


def viommu(*arguments):
    return subprocess.run([VIOMMU, *arguments], check=True, capture_output=True, text=True).stdout


def section(name, what, devices, options):
    subprocess.run([sys.executable, TESTS / "host/make_host.py", VIOMMU,
                    TESTS / f"host/machines/{name}.json", name], check=True)
    words = [word for at in devices for word in ("-d", at)] + options + ["-g"]
    text = viommu("plan", "-r", name, *words)
    if PICTURES:
        viommu("graph", name, "-o", PICTURES / f"{name}.svg")
        Path("guest.yaml").write_text(viommu("plan", "-r", name, *words, "-f", "topology"),
                                      encoding="ascii")
        viommu("graph", "guest.yaml", "-o", PICTURES / f"{name}-guest.svg")
    return f"""\
## {name}

{what[0].upper()}{what[1:]}.

![The host](pictures/machines/{name}.svg)

```console
$ viommu plan -r {name} {' '.join(words)}
{text}```

![The guest](pictures/machines/{name}-guest.svg)

"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        text = HEAD + "".join(section(*machine) for machine in MACHINES).rstrip("\n") + "\n"
    if PICTURES:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif DOCUMENT.read_text(encoding="utf-8") != text:
        print(text)
        print(f"{DOCUMENT.name} is not what viommu prints: ./run documents writes it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
