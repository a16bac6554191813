#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hold docs/security.md against the tests: promises.py SOURCE

Every promise names at least one test; every test named is a cmocka test that is registered, a row of
the guests (guest: `name`), a case of the module's (hostile: `name`), a step or a program of the
command's (tool: `name`), a fuzz target (fuzz: `name`) or a
folder of tests.
"""

import re
import sys
from pathlib import Path

NAMED = re.compile(r"(?:(\w+): )?`([\w/-]+)`")


def exists(source, kind, name):
    if kind == "guest":
        return f'Row("{name}"' in (source / "tests/guest/rows.py").read_text(encoding="utf-8")
    if kind == "hostile":
        return f"def {name}(" in (source / "tests/qemu/cases.py").read_text(encoding="utf-8")
    if kind == "fuzz":
        return (source / "fuzz" / f"{name}.c").exists() and (source / "fuzz/corpus" / name).is_dir()
    if kind == "tool":
        return (source / "tests/tool" / f"{name}.py").exists() or any(
            f"\n{name}() {{\n" in path.read_text(encoding="utf-8")
            for path in source.glob("tests/tool/*.sh"))
    if "/" in name:
        return (source / name).is_dir()
    pattern = re.compile(rf"(?:cmocka_unit_test\w*|[A-Z_]+)\(\s*{name}\b")
    return any(pattern.search(path.read_text(encoding="utf-8"))
               for path in source.glob("tests/**/*.c"))


def promises(source):
    text = (source / "docs/security.md").read_text(encoding="utf-8")
    table = text.split("| promise | shown by |\n|---|---|\n")[1].split("\n\n")[0]
    for line in table.splitlines():
        _, promise, shown, _ = line.split("|")
        yield promise.strip(), NAMED.findall(shown)


def main(source):
    rows = list(promises(source))
    bad = [f"{promise}: names no test" for promise, tests in rows if not tests]
    bad += [f"{promise}: there is no test {kind} {name}" for promise, tests in rows
            for kind, name in tests if not exists(source, kind, name)]
    print("\n".join(bad) or f"{len(rows)} promises, all shown")
    return bool(bad)


sys.exit(main(Path(sys.argv[1])))
