#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The steps of a model are those of the code: steps.py SOURCE

A model lists the atomic accesses and fences of each function that it models, one a line, in the order of the code:

    Step: src/sync/readers.h reader_enter NO_FENCE_OF_READER: fence()

What a function calls, in this order, beside anything else, is listed as

    Call: src/device/quiesce.c device_synchronize NO_WAIT: wait_for_sections(device)

After the function come the steps of the model that stand for it, and the names without which the model must
break (check.py); "-" if it needs none. A function has these accesses, in this order, and no other. Each
step is marked in the model by a comment or is one of its NO_... names, and each NO_... name belongs to a step, here or
("Elsewhere: NO_A: other.pml NO_B") of another model. So a change that adds, removes or weakens an access fails until
the model has it, and no part of a model is without code.
"""

import re
import sys
from pathlib import Path

STEP = re.compile(r"Step: (\S+) (\w+) ([A-Z_ -]+): (.+)")
CALL = re.compile(r"Call: (\S+) (\w+) ([A-Z_ -]+): (.+)")
ELSEWHERE = re.compile(r"Elsewhere: (NO_\w+): (\S+) (NO_\w+)")
NAME = re.compile(r"\bNO_[A-Z_]+[A-Z]\b")
ACCESS = re.compile(r"\b(?:atomic_(?!init)\w+|fence)\(")


def body_of(text, function):
    found = re.search(rf"^[^\n;{{}}()]*\b{function}\([^;{{]*\)\n{{\n(.*?)^}}", text, re.M | re.S)
    return found[1] if found else None


def accesses(body):
    """The calls of atomic functions and fences, each with its arguments."""
    for match in ACCESS.finditer(body):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(body[at], 0)
            at += 1
        yield " ".join(body[match.start():at].split())


def bodies(source, steps):
    """Of each function: its file, its name, what is listed of it, and its body."""
    listed = {}
    for name, function, _, access in steps:
        listed.setdefault((name, function), []).append(access.strip())
    for (name, function), expected in listed.items():
        text = re.sub(r"/\*.*?\*/", " ", (source / name).read_text(encoding="utf-8"), flags=re.S)
        yield name, function, expected, body_of(text, function)


def wrong_calls(source, model, calls):
    for name, function, expected, body in bodies(source, calls):
        if body is None:
            yield f"{model.name}: {name} has no function {function}()"
            continue
        rest = " ".join(body.split())
        for call in expected:
            _, found, rest = rest.partition(call)
            if not found:
                yield f"{model.name}: {name}: {function}() does not call {call}, or not in the order of the model"
                break


def wrong_functions(source, model, steps):
    for name, function, expected, body in bodies(source, steps):
        if body is None:
            yield f"{model.name}: {name} has no function {function}()"
        elif list(accesses(body)) != expected:
            yield (f"{model.name}: {name}: {function}() has the steps\n    "
                   + "\n    ".join(accesses(body)) + "\n  and the model lists\n    "
                   + "\n    ".join(expected))


def wrong_names(source, model, text, steps):
    code = text.split("*/", 2)[2]
    named = {name for _, _, names, _ in steps for name in names.split()} - {"-"}
    elsewhere = {ours: (where, theirs) for ours, where, theirs in ELSEWHERE.findall(text)}
    for name in sorted(named):
        if not re.search(rf"\b{name}\b", code):
            yield f"{model.name}: {name} is a step of the code, and not of the model"
    for name in sorted(set(NAME.findall(code)) - named):
        where, theirs = elsewhere.get(name, (None, None))
        if where is None:
            yield f"{model.name}: {name} belongs to no step of the code"
        elif theirs not in (source / "tests/model" / where).read_text(encoding="utf-8"):
            yield f"{model.name}: {where} has no {theirs}"


def main(source):
    wrong, n = [], 0
    for model in sorted((source / "tests/model").glob("*.pml")):
        text = model.read_text(encoding="utf-8")
        steps, calls = STEP.findall(text), CALL.findall(text)
        n += len(steps) + len(calls)
        if not steps and not calls:
            wrong.append(f"{model.name}: lists no steps of the code")
        wrong += [*wrong_functions(source, model, steps), *wrong_calls(source, model, calls),
                  *wrong_names(source, model, text, steps + calls)]
    print("\n".join(wrong) or f"{n} steps are those of the code",
          file=sys.stderr if wrong else sys.stdout)
    return bool(wrong)


sys.exit(main(Path(sys.argv[1])))
