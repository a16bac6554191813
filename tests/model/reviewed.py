#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A model is reviewed whenever the code that it models changes.

    reviewed.py SOURCE           write the hashes of today's code into the models, after the review
    reviewed.py SOURCE --check   fail where code is not what a model was reviewed with

Each model names its files, one a line: "Reviewed with: src/sync/readers.c 0123456789abcdef". The hash is
of the code alone: comments and white space may change without a review.
"""

import hashlib
import re
import sys
from pathlib import Path

LINE = re.compile(r"(Reviewed with: )(\S+) (\w+)")


def hash_of(path):
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.S)
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def main(source, check):
    stale, n = [], 0
    for model in sorted((source / "tests/model").glob("*.pml")):
        text = model.read_text(encoding="utf-8")
        lines = LINE.findall(text)
        n += len(lines)
        stale += [f"{model.name}: {name} has changed: see whether the model still is what the code "
                  "does, change it if not, then run tests/model/reviewed.py on the source tree"
                  for _, name, old in lines if old != hash_of(source / name)]
        if not lines:
            stale.append(f"{model.name}: names no file that it was reviewed with")
        if not check:
            model.write_text(LINE.sub(lambda m: f"{m[1]}{m[2]} {hash_of(source / m[2])}", text),
                             encoding="utf-8")
    if check:
        print("\n".join(stale) or f"{n} files are as their models were reviewed with",
              file=sys.stderr if stale else sys.stdout)
    return bool(check and stale)


sys.exit(main(Path(sys.argv[1]), "--check" in sys.argv[2:]))
