# SPDX-License-Identifier: BSD-3-Clause
"""Generates docs/performance.md: the text is in performance.md.in, the figures are added here.

In the template a line {{targets}}, {{notes}}, {{machine}}, {{tables PART}} or {{plot NAME}} is replaced.
"""

import os
import re
import shutil

import plot
from results import cell

HERE = os.path.dirname(os.path.abspath(__file__))
QUIET = 0.5     # the load of a machine that does little else
DOCS = os.path.join(os.path.dirname(HERE), "docs")


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def target_rows(targets):
    for target in targets:
        wanted = f"{'at most' if target.at_most else 'at least'} {target.wanted:g}{target.unit}"
        if not target.measured:
            yield [target.text, wanted, "-", "-", "not measured"]
            continue
        verdict = target.verdict()
        yield [target.text, wanted, f"{target.median:.2f}{target.unit}",
               f"{min(target.values):.2f} to {max(target.values):.2f}",
               f"**{verdict.lower()}**" if verdict == "MISSED" else verdict]


class Words:
    """The replacement of each placeholder in braces."""

    def __init__(self, results, parts, targets):
        self.results, self.targets = results, targets
        self.parts = {part.NAME: part for part in parts}
        self.plots = {picture["name"]: picture for part in parts for picture in part.plots(results)}

    def get_targets(self):
        return table(["ratio", "wanted", "median", "spread", "verdict"], list(target_rows(self.targets)))

    def get_notes(self):
        return "\n".join(f"* not measured: {note}" for note in self.results.notes)

    def get_machine(self):
        machine = self.results.machine
        busy = ("" if machine["load"] < QUIET else
                " So it was not quiet: read the ratios, and not the figures.")
        return (f"    {self.results.command}\n\n{machine['processors']} processors "
                f"({machine['processor']}), {machine['system']}, {machine['compiler']}; "
                f"load {machine['load']} when it began.{busy}")

    def get_tables(self, name):
        if name not in self.parts:
            return "Not measured in this run."
        return "\n\n".join(f"{title[0].upper()}{title[1:]}\n\n{table(head, rows)}"
                           for title, head, rows in self.parts[name].tables(self.results))

    def get_plot(self, name):
        picture = self.plots.get(name)
        if not picture or not picture["xs"]:
            return ""
        return f"![{picture['title']}](performance/{name}.svg)"


def write(results, parts, targets):
    words = Words(results, parts, targets)
    folder = os.path.join(DOCS, "performance")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for picture in words.plots.values():
        plot.write(folder, picture)
    with open(os.path.join(HERE, "performance.md.in"), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^\{\{(\w+) ?([\w-]*)\}\}$",
                  lambda found: getattr(words, f"get_{found[1]}")(*filter(None, [found[2]])),
                  text, flags=re.M)
    with open(os.path.join(DOCS, "performance.md"), "w", encoding="utf-8") as file:
        file.write(re.sub(r"\n{3,}", "\n\n", text))
