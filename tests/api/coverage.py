#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every rule has a case of conformance/suite, or a reason why a guest cannot see it.

    coverage.py SOURCE            fail where rules, cases, reasons and differences do not agree
    coverage.py SOURCE --figure   print how many rules are seen

Checked are: each rule has a case or a row of conformance/unseen.rules, and not both; both name rules that
exist; no case says more of its rule than docs/conformance.rules does; and conformance/differences.rules
names cases that exist.
"""

import fnmatch
import re
import sys
from pathlib import Path

ROW = re.compile(r'\{\s*("[^{}]*?"),\s*"([a-z0-9-]+)",\s*(MUST|SHOULD|CHOICE),', re.S)
LEVELS = ["CHOICE", "SHOULD", "MUST"]
STRENGTHS = {"MUST": 2, "MUST NOT": 2, "defined": 2, "SHOULD": 1, "SHOULD NOT": 1, "MAY": 0,
             "decision": 0, "proposal": 0}


def rows(path, n):
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield [field.strip() for field in line.split(" | ", n - 1)]


def read_cases(source):
    """{name: (rule, level)}"""
    cases = {}
    for path in sorted((source / "conformance/suite").glob("cases_*.c")):
        for name, rule, level in ROW.findall(path.read_text(encoding="utf-8")):
            name = "".join(re.findall(r'"([^"]*)"', name))
            if name in cases:
                sys.exit(f"{path}: two cases are named \"{name}\"")
            cases[name] = (rule, level)
    return cases


def problems(source):
    rules = {row[0]: row[1] for row in rows(source / "docs/conformance.rules", 4)}
    cases = read_cases(source)
    reasons = [row[0] for row in rows(source / "conformance/unseen.rules", 2)]
    seen = {rule for rule, _ in cases.values()}
    unseen = {rule for rule in rules
              if any(fnmatch.fnmatchcase(rule, pattern) for pattern in reasons)}
    yield from (f"{rule}: neither a case nor a reason" for rule in rules if rule not in seen | unseen)
    yield from (f"{rule}: a case, and a reason why there is none" for rule in seen & unseen)
    yield from (f"{rule}: a case of no rule" for rule in seen - set(rules))
    yield from (f"{pattern}: a reason of no rule" for pattern in reasons
                if not fnmatch.filter(rules, pattern))
    for name, (rule, level) in cases.items():
        if rule in rules and LEVELS.index(level) > STRENGTHS[rules[rule]]:
            yield f"\"{name}\" says {level}, {rule} only {rules[rule]}"
    for _, name, *_ in rows(source / "conformance/differences.rules", 3):
        if name not in cases:
            yield f"\"{name}\" is explained, and is no case"


def figure(source):
    rules = {row[0]: row[1] for row in rows(source / "docs/conformance.rules", 4)}
    cases = read_cases(source)
    seen = {rule for rule, _ in cases.values()}
    standard = {rule for rule, strength in rules.items() if strength not in ("decision", "proposal", "draft")}
    return (f"{len(cases)} cases show {len(seen)} of {len(rules)} rules; of the {len(standard)} rules of the "
            f"standard {len(seen & standard)}")


def main():
    source = Path(sys.argv[1])
    if "--figure" in sys.argv:
        print(figure(source))
        return
    found = list(problems(source))
    print("\n".join(found))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
