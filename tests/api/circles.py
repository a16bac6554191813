#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""No circle of files among linked objects: circles.py OBJECT-OR-ARCHIVE...

File A points at file B if A's object refers to a symbol that B's object defines; static functions
and tables of data count, since the references are the compiler's. Each circle is printed with the
symbols that close it. Exit status 1 if there is a circle, or nothing to look at.
"""

import re
import subprocess
import sys
from collections import defaultdict

DEFINED, UNDEFINED = "TDBRVWG", "U"


def read_symbols(paths):
    """name of an object -> (symbols it defines, symbols it refers to)"""
    objects = {}
    for path in paths:
        text = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
        name = path
        for line in text.splitlines():
            member = re.match(r"(\S+):$", line)
            if member:
                name = member[1]
            parts = line.split()
            if len(parts) < 2 or parts[-2] not in DEFINED + UNDEFINED:
                continue
            defined, referred = objects.setdefault(name, (set(), set()))
            (referred if parts[-2] == UNDEFINED else defined).add(parts[-1])
    return objects


def find_arrows(objects):
    home = {symbol: name for name, (defined, _) in objects.items() for symbol in defined}
    arrows = defaultdict(lambda: defaultdict(set))
    for name, (_, referred) in objects.items():
        for symbol in referred & home.keys():
            if home[symbol] != name:
                arrows[name][home[symbol]].add(symbol)
    return arrows


def reach(arrows, start):
    """All that can be reached from there, without recursion."""
    seen, todo = set(), [start]
    while todo:
        for target in arrows[todo.pop()]:
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


def find_circles(arrows):
    reached = {name: reach(arrows, name) for name in list(arrows)}
    circles = {frozenset(other for other in reached[name] if name in reached.get(other, ()))
               for name in reached if name in reached[name]}
    return sorted(circles, key=len, reverse=True)


def main(paths):
    objects = read_symbols(paths)
    arrows = find_arrows(objects)
    circles = find_circles(arrows)
    for circle in circles:
        print(f"a circle of {len(circle)} files:")
        for name in sorted(circle):
            for target in sorted(arrows[name].keys() & circle):
                print(f"    {name} -> {target}: {', '.join(sorted(arrows[name][target]))}")
    print(f"{len(objects)} objects, {len(circles)} circles")
    return 1 if circles or not objects else 0


sys.exit(main(sys.argv[1:]))
