#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whatever names the version of this tree names the same: version.py SOURCE VERSION"""

import re
import sys
from pathlib import Path

# File: what is before the version. Each must occur once or more, and each time with the version.
PLACES = {
    "NEWS.md": r"\A# News\n\n## ",
    "debian/changelog": r"\Aviommu \(",
    "rpm/viommu.spec": r"^Version: *|^%changelog\n\* .* - ",
    "bindings/rust/viommu-sys/Cargo.toml": r"^version = \"",
    "bindings/rust/viommu/Cargo.toml": r"^version = \"|-sys\", version = \"",
    "bindings/rust/viommu-tables-sys/Cargo.toml": r"^version = \"",
    "bindings/rust/viommu-tables/Cargo.toml": r"^version = \"|-sys\", version = \"",
    "bindings/rust/Cargo.lock": r"^name = \"viommu.*\"\nversion = \"",
}
SYMBOLS = r"^ \(symver\)\w+ "   # the version that a symbol came with
NUMBER = r"(\d+\.\d+\.\d+)"


def found(text, before):
    return [match[1] for match in re.finditer(f"(?:{before}){NUMBER}", text, re.M)]


def of_header(text):
    parts = [re.search(rf"^#define VIOMMU_VERSION_{part} (\d+)$", text, re.M) for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(part[1] for part in parts if part)


def key(version):
    return [int(part) for part in version.split(".")]


def main(source, version):
    source, wrong = Path(source), []
    header = of_header((source / "include/viommu/version.h").read_text(encoding="utf-8"))
    if header != version:
        wrong.append(f"include/viommu/version.h: {header}")
    for name, before in PLACES.items():
        versions = found((source / name).read_text(encoding="utf-8"), before)
        if not versions or set(versions) != {version}:
            wrong.append(f"{name}: {', '.join(versions) or 'no version'}")
    for path in sorted(source.glob("debian/*.symbols")):
        versions = found(path.read_text(encoding="utf-8"), SYMBOLS)
        if not versions or max(map(key, versions)) > key(version):
            wrong.append(f"{path.relative_to(source)}: symbols of {', '.join(versions) or 'no version'}")
    for line in wrong:
        print(f"{line}, but meson.build has {version}", file=sys.stderr)
    return bool(wrong)


sys.exit(main(*sys.argv[1:]))
