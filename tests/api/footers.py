#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every public function's comment ends with the fixed line: footers.py SOURCE VERSION HEADER...

    Returns: ... Locks: ... Waits: ... Since: 0.1 (stable)

`Since` is not later than VERSION. A function is stable only if a VMM uses it: the sources below qemu/ and examples/.
"""

import re
import sys
from pathlib import Path

FUNCTION = re.compile(r"(?:/\*((?:[^*]|\*(?!/))*)\*/\n)?^[a-z][\w\s*]*?\**\b(viommu_\w+)\s*\(", re.M)
FOOTER = re.compile(r"Returns: [^:]+(?:: [^:]+)*\. Locks: [^:]+\. Waits: [^:]+\. "
                    r"Since: (\d+)\.(\d+) \((stable|testing)\)$")


def words(comment):
    return " ".join(re.sub(r"^\s*\*", "", line).strip() for line in comment.splitlines()).strip()


def functions(header):
    """A comment that is not directly above a prototype is not its own."""
    text = header.read_text(encoding="utf-8")
    text = re.sub(r"^(typedef|#).*(?:\\\n.*)*$", "", text, flags=re.M)
    for comment, name in FUNCTION.findall(text):
        yield name, words(comment)


def main(source, version, *headers):
    newest = tuple(int(part) for part in version.split(".")[:2])
    used = " ".join(path.read_text(encoding="utf-8") for folder in ("qemu", "examples")
                    for path in Path(source).glob(f"{folder}/**/*.c"))
    wrong, n = [], 0
    for header in map(Path, headers):
        for name, comment in functions(header):
            n += 1
            found = FOOTER.search(comment)
            if not found:
                wrong.append(f"{header.name}: {name}: its comment does not end with the fixed line")
                continue
            if (int(found.group(1)), int(found.group(2))) > newest:
                wrong.append(f"{header.name}: {name}: since a version after {version}")
            if found.group(3) == "stable" and not re.search(rf"\b{name}\b", used):
                wrong.append(f"{header.name}: {name}: stable, but no VMM uses it")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{n} functions")
    return bool(wrong) or not n


sys.exit(main(*sys.argv[1:]))
