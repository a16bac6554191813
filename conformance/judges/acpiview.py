#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the parsers of UEFI's acpiview (edk2) say of the tables that we write.

    acpiview.py VIOMMU FOLDER PROGRAM

The parsers are built into PROGRAM from the source package of Debian 12; newer ones were not at the mirror
when this was written. They know IORT and SRAT, and neither VIOT nor DMAR nor IVRS. Each IORT of FOLDER is
written again from its topology by VIOMMU. Exit status 1: a parser finds an error; 77: there is no source
here, and none can be fetched.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "guest"), str(Path(__file__).resolve().parent)]

import fwts        # noqa: E402  pylint: disable=wrong-import-position
import packages    # noqa: E402  pylint: disable=wrong-import-position

RELEASE = "bookworm"
LIBRARY = "ShellPkg/Library/UefiShellAcpiViewCommandLib"
PRINT = "MdePkg/Library/BasePrintLib"
SOURCES = [f"{LIBRARY}/{name}.c" for name in ("AcpiParser", "AcpiViewConfig", "Parsers/Iort/IortParser",
                                              "Parsers/Srat/SratParser")]
SOURCES += [f"{PRINT}/PrintLib.c", f"{PRINT}/PrintLibInternal.c"]
INCLUDES = ["MdePkg/Include", "MdePkg/Include/X64", "MdeModulePkg/Include", "ShellPkg/Include", LIBRARY, PRINT]
KEPT = ["MdePkg/Include", "MdeModulePkg/Include", "ShellPkg/Include", LIBRARY, PRINT]

# These parsers do not know revisions 1 to 4 of IORT.
REVISION = re.compile(rb"revision: [1-4]$", re.M)
SRAT = b"""viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 5a:1e.3, proximity-domain: 7 }
host-bridges:
  - { buses: 00-ff, iommu: a }
"""


def source():
    """The folder with what is kept of edk2."""
    return Path(packages.source("edk2", RELEASE, KEPT, print))


def build(program):
    """The parsers and acpiview.c; an x86 program, as their headers are those of one architecture."""
    folder = source()
    if not shutil.which("gcc"):
        raise packages.Unavailable("no gcc")
    with tempfile.TemporaryDirectory() as work:
        # What edk2's build makes for each module.
        Path(work, "AutoGen.h").write_text(
            "#include <Uefi.h>\n#define EFI_CALLER_BASE_NAME \"acpiview\"\n"
            "#define _PCD_GET_MODE_32_PcdMaximumUnicodeStringLength 1000000\n"
            "#define _PCD_GET_MODE_32_PcdMaximumAsciiStringLength 1000000\n", encoding="ascii")
        subprocess.run(["gcc", "-w", "-O1", "-fshort-wchar", "-fno-builtin",
                        "-DEFIAPI=__attribute__((ms_abi))", "-include", f"{work}/AutoGen.h",
                        *(f"-I{folder / name}" for name in INCLUDES), "-o", program,
                        str(Path(__file__).with_suffix(".c")), *(str(folder / name) for name in SOURCES)], check=True)


def tables(viommu, folder):
    for path in sorted(Path(folder).glob("*.IORT")):
        table = fwts.written_by_us(viommu, path, "iort", lambda text: REVISION.sub(b"revision: 5", text))
        yield path.name, "IORT", table
    done = subprocess.run([viommu, "generate", "srat", "-"], input=SRAT, capture_output=True, check=True)
    yield "an SRAT", "SRAT", done.stdout


def main():
    viommu, folder, program = sys.argv[1:]
    if os.uname().machine != "x86_64":
        print("acpiview is built for x86-64 only")
        sys.exit(fwts.SKIPPED)
    try:
        build(program)
    except packages.Unavailable as reason:
        print(reason)
        sys.exit(fwts.SKIPPED)
    judged = bad = 0
    with tempfile.NamedTemporaryFile() as file:
        for name, signature, table in tables(viommu, folder):
            Path(file.name).write_bytes(table)
            done = subprocess.run([os.path.abspath(program), file.name, signature], text=True, errors="replace",
                                  capture_output=True, check=False, timeout=60)
            judged += 1
            if done.returncode:
                bad += 1
                print(f"{name}: status {done.returncode}")
                print("\n".join(line for line in done.stdout.splitlines() if "ERROR" in line or "error" in line))
    print(f"{judged} tables, {bad} with an error")
    sys.exit(bool(bad) or not judged)


if __name__ == "__main__":
    main()
