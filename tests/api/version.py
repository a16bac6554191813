#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whatever names the version of this tree names the same, and the day of its release: version.py SOURCE VERSION"""

import re
import sys
from datetime import datetime
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
# File: what is around the day of a release, and the form of the day. NEWS.md has none before a release.
DAYS = {
    "NEWS.md": (r"\A# News\n\n## [\d.]+, (\d{4}-\d\d-\d\d)$", "%Y-%m-%d"),
    "debian/changelog": (r"^ -- .*>  (\w{3}, \d\d \w{3} \d{4}) ", "%a, %d %b %Y"),
    "rpm/viommu.spec": (r"^%changelog\n\* (\w{3} \w{3} \d\d \d{4}) ", "%a %b %d %Y"),
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


def days(source):
    for name, (pattern, form) in DAYS.items():
        match = re.search(pattern, (source / name).read_text(encoding="utf-8"), re.M)
        yield name, match and datetime.strptime(match[1], form).date()


def wrong_days(source):
    (_, released), *others = days(source)
    return [f"{name}: {day or 'no day'}, but NEWS.md has {released}" for name, day in others if released and day != released]


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
    wrong = [f"{line}, but meson.build has {version}" for line in wrong] + wrong_days(source)
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


sys.exit(main(*sys.argv[1:]))
