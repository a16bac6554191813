#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keep rules and tests together.

    conformance.py SOURCE           write docs/conformance.md
    conformance.py SOURCE --check   fail where rules, tests and that page do not agree

The rules stand in docs/conformance.rules. A test says in the comment directly above it
which of them it shows ("Shows: attach-reserved, attach-no-side-effect"). Checked are: every
rule has a test, every rule that a test names exists, every such test is registered with
cmocka and its file is built, docs/decisions.md explains every decision and no other, and
the page is what would be written.
"""

import re
import sys
from collections import namedtuple
from itertools import groupby
from pathlib import Path

Rule = namedtuple("Rule", "id strength section text")
Test = namedtuple("Test", "path name rules registered")

STRENGTHS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "defined", "decision", "proposal", "draft"}
NEGATIVE = {"MUST NOT", "SHOULD NOT"}
TEST = re.compile(r"/\*((?:[^*]|\*(?!/))*)\*/\s*static void (\w+)\(void \*\*state\)")
SHOWS = re.compile(r"\bShows:\s*([a-z0-9,\s-]+?)\s*$")
REGISTERED = re.compile(r"\b(?:cmocka_unit_test\w*|ON_[A-Z_]+|TEST)\(\s*(\w+)")
EXPLAINED = re.compile(r"^\*\*([a-z0-9, -]+)\*\*", re.M)

HEAD = """# Conformance

Written by tests/conformance.py from docs/conformance.rules and from the tests: not to be edited.

Every device rule of virtio 1.3, 5.13, in our own words and in the order of the chapter, with the tests that show it. The
chapter is byte for byte the same in 1.2, 1.3 and 1.4: in the sources of the standard (github.com/oasis-tcs/virtio-spec)
`virtio-iommu.tex` of the tag v1.2-cs01 and `device-types/iommu/description.tex` of v1.3-wd02 and v1.4-cs01 are one
object, f8cbe8895f0d. From "Virtio device" on, the rules of virtio 1.4 for the transports, <viommu/mmio.h> and
<viommu/pci.h>. MUST NOT and SHOULD NOT rules say what does not happen. *defined* is what
the standard describes without such a word; *decision* is ours where it is silent
([decisions.md](decisions.md)); *proposal* is what no standard has yet, and off by default
([proposal-address-spaces.md](proposal-address-spaces.md)); *draft* is what a device does that speaks a published
draft ([drafts.md](drafts.md)).
"""


def read_rules(path):
    rules = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split(" | ", 3)]
        if len(fields) != 4 or fields[1] not in STRENGTHS or fields[0] in rules:
            sys.exit(f"{path}:{number}: not a rule, or one that is there already")
        rules[fields[0]] = Rule(*fields)
    return rules


def words_of(comment):
    """A comment as one line, without the stars that its lines begin with."""
    return " ".join(re.sub(r"^\s*\*", "", line).strip() for line in comment.splitlines())


def read_tests(source):
    for path in sorted(source.glob("tests/**/test_*.c")):
        text = path.read_text(encoding="utf-8")
        registered = set(REGISTERED.findall(text))
        for comment, name in TEST.findall(text):
            shows = SHOWS.search(words_of(comment).strip())
            if shows:
                ids = [rule.strip() for rule in shows.group(1).split(",")]
                yield Test(path.relative_to(source), name, ids, name in registered)


def is_built(source, path):
    """Does the meson.build beside it name the file, or what follows its `test_`?"""
    text = (source / path).with_name("meson.build").read_text(encoding="utf-8")
    return f"'{path.name}'" in text or f"'{path.stem.removeprefix('test_')}'" in text


def sentence_of(rule):
    return ("*Not:* " if rule.strength in NEGATIVE else "") + rule.text


def page(rules, tests):
    lines = [HEAD]
    for section, group in groupby(rules.values(), key=lambda rule: rule.section):
        lines += [f"## {section[0].upper() + section[1:]}", "",
                  "| rule | strength | | shown by |", "| --- | --- | --- | --- |"]
        for rule in group:
            shown = "<br>".join(f"[{t.name}](../{t.path})" for t in tests if rule.id in t.rules)
            lines.append(f"| {rule.id} | {rule.strength} | {sentence_of(rule)} | {shown} |")
        lines.append("")
    return "\n".join(lines)


def disagreements(source, rules, tests):
    shown = {rule for test in tests for rule in test.rules}
    decisions = {rule.id for rule in rules.values() if rule.strength == "decision"}
    text = (source / "docs/decisions.md").read_text(encoding="utf-8")
    explained = {rule.strip() for ids in EXPLAINED.findall(text) for rule in ids.split(",")}

    for rule in rules:
        if rule not in shown:
            yield f"docs/conformance.rules: no test shows {rule}"
    for test in tests:
        for rule in test.rules:
            if rule not in rules:
                yield f"{test.path}: {test.name} shows {rule}, which is no rule"
        if not test.registered:
            yield f"{test.path}: {test.name} is not registered with cmocka"
    for path in sorted({test.path for test in tests}):
        if not is_built(source, path):
            yield f"{path}: is not in the meson.build beside it"
    for rule in sorted(decisions - explained):
        yield f"docs/decisions.md: {rule} is not explained"
    for rule in sorted(explained - decisions):
        yield f"docs/decisions.md: {rule} is not a decision"


def main(source, check):
    rules = read_rules(source / "docs/conformance.rules")
    tests = list(read_tests(source))
    written = source / "docs/conformance.md"
    wrong = list(disagreements(source, rules, tests))

    if not check:
        written.write_text(page(rules, tests), encoding="utf-8")
    elif not written.exists() or written.read_text(encoding="utf-8") != page(rules, tests):
        wrong.append("docs/conformance.md: stale: run tests/conformance.py on the source tree")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(rules)} rules, {len(tests)} tests")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--check" in sys.argv[2:]))
