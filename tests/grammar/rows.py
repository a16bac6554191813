# SPDX-License-Identifier: BSD-3-Clause
"""The rows of the protocol, read from the sources that the device runs on.

The layouts of requests, fault records, properties and configuration space are rows in src/device/, and the numbers
are in <viommu/protocol.h>, which also has each request's statuses in the order of the checks.
"""

import re
from collections import namedtuple

# `values` are the names of an ENUM or FLAGS by their number. Without `feature` a request does not exist.
Field = namedtuple("Field", "name at length kind values")
Layout = namedtuple("Layout", "name type length fields")
Request = namedtuple("Request", "layout feature pasid statuses")
Status = namedtuple("Status", "status when clause")
Protocol = namedtuple("Protocol", "numbers requests records properties config")

NAMES = re.compile(r"static const struct field_name (\w+)\[\] = \{(.*?)\n?\};", re.S)
NAMED = re.compile(r"\{ (\w+), \"(\w+)\" \}")
FIELDS = re.compile(r"static const struct field (\w+)\[\] = \{(.*?)\};", re.S)
LAYOUT = re.compile(r"(?:static )?const struct layout (\w+) =\s*"
                    r"LAYOUT(?:_AS_SENT)?\(\s*\"([^\"]+)\",\s*(\w+),\s*(\w+),\s*struct \w+,\s*(\w+)\)")
ROW = re.compile(r"(?:FIELD\(|ROW\(struct \w+, |ROW_NAMED\(struct \w+, |ROW_AS_SENT\(struct \w+, )"
                 r"([\w +]+), (\w+), [\w\[\]]+, \"([^\"]+)\"(?:,\s*(\w+))?\)")
CONSTANT = re.compile(r"\b(VIOMMU_[A-Z0-9_]+)\s*(?:=|[ \t\\\n]+)\s*(\(1u(?:ll)? << \d+\)|0x[0-9a-f]+|\d+)(?=u?\b|\s|$)")
MACRO = re.compile(r"#define (HEAD|FAULT_ROWS)\b(?:\(host\))?((?:.*\\\n)*.*)")
REQUEST = re.compile(r"\[(VIOMMU_T_\w+)\] = \{ &(\w+), (\w+),\s*(?:\.run = )?\w+ \}")
STATUS = re.compile(r"^ \*     ([A-Z_]*)\s+(INVAL|NOENT|RANGE|UNSUPP|NOMEM)\s+(.*?)(?:\s{2,}(5\.13[\d.]*))?$", re.M)
PROPERTY = re.compile(r'ROW\((\w+), (0x\w+), (\w+), (\w+), ([\w| ]+),\s*\\?\s*"([^"]*)"\)')


def value_of(text):
    shift = re.fullmatch(r"\(1u(?:ll)? << (\d+)\)", text)
    return 1 << int(shift.group(1)) if shift else int(text, 0)


def read_numbers(header):
    """The constants of <viommu/protocol.h>, those of properties with one value included."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    numbers = {}
    for name, number in CONSTANT.findall(code):
        numbers.setdefault(name, value_of(number))
    for name, number, *_ in PROPERTY.findall(code.replace("\\\n", " ")):
        numbers[f"VIOMMU_PROBE_T_{name}"] = int(number, 0)
        numbers[f"VIOMMU_PROBE_{name}_LENGTH"] = 8
    return numbers


def offset(text, numbers):
    return sum(numbers[term] if term in numbers else int(term, 0) for term in text.split(" + "))


def read_fields(body, macros, names, numbers, length):
    """A field ends where the next one begins."""
    for name, rows in macros.items():
        body = re.sub(rf"\b{name}\b(?:\([\w ]+\))?", lambda _: rows, body)
    written = len(re.findall(r"\b(?:FIELD|ROW|ROW_NAMED|ROW_AS_SENT)\(", body))
    if len(ROW.findall(body)) != written:
        raise SystemExit(f"rows.py: {written} rows, of which {len(ROW.findall(body))} are understood: {body}")
    rows = [(offset(at, numbers), kind, name, names.get(which, {})) for at, kind, name, which in ROW.findall(body)]
    ends = [row[0] for row in rows[1:]] + [length]
    return [Field(name, at, end - at, kind, values) for (at, kind, name, values), end in zip(rows, ends)]


def read_layouts(path, numbers):
    """The layouts of a source by the name of their variable."""
    text = path.read_text(encoding="utf-8")
    macros = {name: body.replace("\\\n", " ").replace("(host,", "(struct host,")
              for name, body in MACRO.findall(text)}
    names = {name: {numbers[value]: word for value, word in NAMED.findall(body)} for name, body in NAMES.findall(text)}
    bodies = dict(FIELDS.findall(text))
    layouts = {}
    for variable, name, kind, length, fields in LAYOUT.findall(text):
        length = numbers[length] if length in numbers else int(length)
        layouts[variable] = Layout(name, numbers.get(kind, 0), length,
                                   read_fields(bodies[fields], macros, names, numbers, length))
    return layouts, text


def read_statuses(header):
    """What each request is answered, in the order of the checks, by its name."""
    statuses, name = {}, None
    for own, status, when, clause in STATUS.findall(header):
        name = own or name
        statuses.setdefault(name, []).append(Status(status, when, clause))
    return statuses


def read_requests(source, numbers, statuses):
    layouts, text = read_layouts(source / "src/device/requests.c", numbers)
    parts = text.split("slot_rows[] = {")
    for part, has_pasid in zip(parts, (False, True)):
        for kind, layout, feature in REQUEST.findall(part):
            layout = layouts[layout]
            assert layout.type == numbers[kind]
            yield Request(layout, feature.removeprefix("VIOMMU_F_") if feature != "0" else None, has_pasid,
                          statuses[layout.name])


def read_properties(source, numbers, header):
    layouts, _ = read_layouts(source / "src/device/probe.c", numbers)
    value = layouts.pop("value_layout")
    rows = PROPERTY.findall(header.replace("\\\n", " "))
    return list(layouts.values()) + [value._replace(name=name, type=int(number, 0)) for name, number, *_ in rows]


def read(source):
    header = (source / "include/viommu/protocol.h").read_text(encoding="utf-8")
    numbers = read_numbers(header)
    requests = list(read_requests(source, numbers, read_statuses(header)))
    records = list(read_layouts(source / "src/device/fault.c", numbers)[0].values())
    config = read_layouts(source / "src/device/config.c", numbers)[0]["config_layout"]
    return Protocol(numbers, requests, records, read_properties(source, numbers, header), config)
