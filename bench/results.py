# SPDX-License-Identifier: BSD-3-Clause
"""Measurements: every value of every round, and statistics of them. A series is named by its part, the contestant, the
measured operation, and the case (ranges, order,
threads ...). Values of one round were taken one right after the other; so a ratio is made in
each round, and the median and the spread are those of the ratios.
"""

import json
import os
import platform
import statistics
import subprocess


class Results:
    def __init__(self, mode, command):
        self.mode = mode
        self.command = command
        self.machine = machine()
        self.notes = []
        self.profiles = {}    # title: [(function, share of the time)]
        self.series = {}

    def add(self, part, who, what, value, **case):
        key = (part, who, what, tuple(sorted(case.items())))
        self.series.setdefault(key, []).append(value)

    def note(self, text):
        """What could not be measured, and why."""
        if text not in self.notes:
            self.notes.append(text)

    def values(self, part, who, what, **case):
        return self.series.get((part, who, what, tuple(sorted(case.items()))), [])

    def median(self, part, who, what, **case):
        values = self.values(part, who, what, **case)
        return statistics.median(values) if values else None

    def cases(self, part, what, name):
        """Every value that `name` takes in the cases of a part, ascending or as met."""
        met = []
        for (p, _, w, case) in self.series:
            value = dict(case).get(name)
            if p == part and w == what and value is not None and value not in met:
                met.append(value)
        return sorted(met) if all(isinstance(v, int) for v in met) else met

    def whos(self, part, what=None):
        met = []
        for (p, who, w, _) in self.series:
            if p == part and what in (None, w) and who not in met:
                met.append(who)
        return met

    def as_json(self, targets):
        series = [{"part": part, "who": who, "what": what, **dict(case),
                   "median": statistics.median(values), "low": min(values), "high": max(values),
                   "rounds": len(values)}
                  for (part, who, what, case), values in self.series.items()]
        return json.dumps({"format": 1, "mode": self.mode, "command": self.command,
                           "machine": self.machine, "notes": self.notes,
                           "profiles": self.profiles,
                           "targets": [t.as_dict() for t in targets], "series": series}, indent=1)


class Ratio:
    """A target: how many times better than something, and how often it was measured."""

    def __init__(self, text, wanted, values, at_most=False, unit="x"):
        self.text, self.wanted, self.at_most, self.unit = text, wanted, at_most, unit
        self.values = values

    @property
    def measured(self):
        return bool(self.values)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def reached(self):
        return self.median <= self.wanted if self.at_most else self.median >= self.wanted

    def verdict(self):
        return ("reached" if self.reached else "MISSED") if self.measured else "not measured"

    def as_dict(self):
        row = {"text": self.text, "wanted": self.wanted, "at_most": self.at_most,
               "unit": self.unit, "verdict": self.verdict()}
        if self.measured:
            row.update(median=self.median, low=min(self.values), high=max(self.values))
        return row

    def line(self):
        sign = "<=" if self.at_most else ">="
        wanted = f"{sign} {self.wanted:g}{self.unit}"
        if not self.measured:
            return f"  {'-':>8} {wanted:>12}  not measured           {self.text}"
        spread = f"{min(self.values):.2f} to {max(self.values):.2f}"
        return f"  {self.median:7.2f}{self.unit[:1]} {wanted:>12}  {self.verdict():8} {spread:>16}  {self.text}"


def ratio_of(theirs, ours):
    """Round by round: how many times `theirs` is of `ours`."""
    return [t / o for t, o in zip(theirs, ours) if o]


def cell(value):
    """A figure as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}"


def machine():
    return {"processor": processor(), "processors": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "compiler": first_line(["cc", "--version"]),
            "load": round(os.getloadavg()[0], 2)}


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
