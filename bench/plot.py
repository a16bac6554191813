# SPDX-License-Identifier: BSD-3-Clause
"""Line plots as SVG, with nothing but the standard library.

A plot is a dict: name, title, x, y (what the axes are), xs, lines [(who, values)], and log_x,
log_y where an axis is logarithmic. A value may be None: the line is broken there.
"""

import math
import os
from html import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 176, 48, 56
# Distinguishable without colour vision, also by the shapes of points.
COLOURS = ["#0072b2", "#56b4e9", "#d55e00", "#999999", "#009e73", "#cc79a7"]
SHAPES = ["circle", "square", "diamond", "triangle", "circle", "square"]


class Axis:
    """Where a value stands between two pixels."""

    def __init__(self, values, begin, end, log, from_zero):
        self.log, self.begin, self.end = log, begin, end
        low, high = min(values), max(values)
        if log:
            self.low, self.high = math.log10(low), math.log10(high)
            if from_zero:
                self.low, self.high = math.floor(self.low), math.ceil(self.high)
        else:
            self.low, self.high = (0 if from_zero else low), high * (1.08 if from_zero else 1)
        if self.low == self.high:
            self.low, self.high = self.low - 0.5, self.high + 0.5

    def at(self, value):
        place = math.log10(value) if self.log else value
        return self.begin + (self.end - self.begin) * (place - self.low) / (self.high - self.low)

    def ticks(self):
        if self.log:
            return [10 ** i for i in range(math.ceil(self.low), math.floor(self.high) + 1)]
        step = 10 ** math.floor(math.log10(self.high))
        while self.high / step < 4:
            step /= 2
        return [i * step for i in range(math.ceil(self.low / step), int(self.high / step) + 1)]


def number(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def text(x, y, words, anchor="middle", size=13, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{more}>'
            f"{escape(words)}</text>")


def point(x, y, shape, colour):
    fill = f'fill="{colour}" stroke="white" stroke-width="1"'
    corners = {"diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
               "square": ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
               "triangle": ((0, -6), (5.5, 4.5), (-5.5, 4.5))}.get(shape)
    if not corners:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {fill}/>'
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" {fill}/>'


def grid(picture, across, up):
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    yield text(LEFT, 26, picture["title"], "start", 16, ' font-weight="bold"')
    for tick in up.ticks():
        y = up.at(tick)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
        yield text(LEFT - 8, y + 4, number(tick), "end")
    for x in picture["xs"]:
        yield (f'<line x1="{across.at(x):.1f}" y1="{HEIGHT - BOTTOM}" x2="{across.at(x):.1f}" '
               f'y2="{HEIGHT - BOTTOM + 5}" stroke="#444"/>')
        yield text(across.at(x), HEIGHT - BOTTOM + 20, number(x))
    yield (f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - RIGHT}" y2="{HEIGHT - BOTTOM}" '
           'stroke="#444"/>')
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, picture["x"])
    yield text(18, (TOP + HEIGHT - BOTTOM) / 2, picture["y"], more=
               f' transform="rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2:.1f})"')


def line(places, colour):
    """Pieces between the values that are missing."""
    pieces, piece = [], []
    for place in [*places, None]:
        if place:
            piece.append(f"{place[0]:.1f},{place[1]:.1f}")
        elif piece:
            pieces.append(piece)
            piece = []
    for piece in pieces:
        yield (f'<polyline points="{" ".join(piece)}" fill="none" stroke="{colour}" '
               'stroke-width="2.2"/>')


def label_places(ends):
    """Labels stand where their lines end, and never nearer to each other than 17 pixels."""
    places, last = {}, -math.inf
    for y, i in sorted(ends):
        last = max(y, last + 17)
        places[i] = last
    return places


def draw(picture):
    lines = [(who, values) for who, values in picture["lines"] if any(v for v in values)]
    all_values = [v for _, values in lines for v in values if v]
    across = Axis(picture["xs"], LEFT + 14, WIDTH - RIGHT - 14, picture.get("log_x"), False)
    up = Axis(all_values, HEIGHT - BOTTOM, TOP, picture.get("log_y"), True)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" fill="#222">')
    yield from grid(picture, across, up)
    ends = []
    for i, (who, values) in enumerate(lines):
        places = [(across.at(x), up.at(v)) if v else None for x, v in zip(picture["xs"], values)]
        yield from line(places, COLOURS[i % len(COLOURS)])
        yield from (point(*p, SHAPES[i % len(SHAPES)], COLOURS[i % len(COLOURS)])
                    for p in places if p)
        ends.append(([p for p in places if p][-1][1], i))
    for i, y in label_places(ends).items():
        yield text(WIDTH - RIGHT + 6, y + 4, lines[i][0], "start", 13,
                   f' fill="{COLOURS[i % len(COLOURS)]}" font-weight="bold"')
    yield "</svg>"


def write(folder, picture):
    """Write the plot into the folder; returns the name of its file."""
    name = f"{picture['name']}.svg"
    if picture["xs"]:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("\n".join(draw(picture)) + "\n")
    return name
