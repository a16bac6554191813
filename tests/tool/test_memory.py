#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The command runs out of memory at every one of its allocations: it reports that, and has no effect.

    test_memory.py VIOMMU STARVE_SO FOLDER_OF_GOLDEN_FILES
"""
import os
import pathlib
import subprocess
import sys
import tempfile

TEXT = b"""viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }
host-bridges:
  - { buses: 00-7f, iommu: a }
"""
MESSAGE = b"viommu: out of memory"
EVERY = 300  # allocations are tried one by one up to here, and then fewer
STEPS = 60


def run(command, starve, most, folder):
    environment = {**os.environ, "LD_PRELOAD": starve}
    if most is not None:
        environment["STARVE"] = str(most)
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def wrong_with(command, starve, most, folder):
    """What is wrong when it has memory for so many allocations only; None if nothing is."""
    (folder / "kept").write_text("old")
    status, out, err = run(command, starve, most, folder)
    # Findings that were printed before stay.
    if status != 2 or not err.splitlines()[-1:] == [MESSAGE]:
        return f"exit {status}: {err[:200]}"
    if (folder / "kept").read_text() != "old":
        return "the old file is gone"
    left = sorted(entry.name for entry in folder.iterdir())
    return None if left == ["kept", "table", "text"] else f"it left {left}"


def main(viommu, starve, golden):
    viommu, starve = os.path.abspath(viommu), os.path.abspath(starve)
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "text").write_bytes(TEXT)
        (folder / "table").write_bytes((pathlib.Path(golden) / "virt-smmu.IORT").read_bytes())
        for command in (["generate", "viot", "text", "-o", "kept"], ["check", "table"],
                        ["convert", "--to", "dtb", "table", "-o", "kept"], ["dump", "-j", "table"],
                        ["resolve", "--all", "table"], ["check", "text"]):
            whole = [viommu, *command]
            needed = int(run(whole, starve, None, folder)[2].split()[-1])
            (folder / "kept").unlink(missing_ok=True)
            tried = [*range(min(needed, EVERY)), *range(EVERY, needed, needed // STEPS + 1)]
            for most in tried:
                wrong = wrong_with(whole, starve, most, folder)
                if wrong:
                    print(f"{' '.join(command)}: {most} of {needed} allocations: {wrong}")
                    failed += 1
                    break
            print(f"{' '.join(command)}: {len(tried)} of {needed} allocations failed one after another")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
