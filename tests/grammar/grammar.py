#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The protocol as files for fuzzers of others, from our rows.

    grammar.py SOURCE           write conformance/grammar/virtio-iommu.{json,txt,dict}
    grammar.py SOURCE --check   fail if one of them is stale

json: every structure, number and status, for fuzzers that are told a grammar. txt: descriptions in syzlang, for
syzkaller. dict: words for libFuzzer and AFL. docs/fuzzing.md has their use.
"""

import json
import re
import sys
from pathlib import Path

import rows

KINDS = {"TYPE": "type", "RESERVED": "reserved", "FLAGS": "flags", "ENUM": "enum", "BYTES": "bytes"}
PROPOSED = {"PASID", "TABLE", "NEST", "PAGE_REQUEST"}
# That of drafts, with the bit of BYPASS_CONFIG.
SUPERSEDED = {"TOPOLOGY"}


def prefixed(protocol, prefix):
    """The numbers whose names begin so, by the rest of the name."""
    return {name.removeprefix(prefix): value for name, value in protocol.numbers.items() if name.startswith(prefix)}


# -- json ---------------------------------------------------------------------------------


def field_json(field):
    described = {"name": field.name, "at": field.at, "length": field.length, "kind": KINDS.get(field.kind, "number")}
    if field.values:
        described["values"] = {name: value for value, name in field.values.items()}
    return described


def layout_json(layout):
    described = {"name": layout.name, "length": layout.length, "fields": [field_json(f) for f in layout.fields]}
    return {"name": layout.name, "type": layout.type} | described if layout.type else described


def request_json(request):
    needs = ([request.feature] if request.feature else []) + (["PASID"] if request.pasid else [])
    answer = {"properties": "probe_size"} if request.layout.name == "PROBE" else {}
    statuses = [{"status": status.status, "when": status.when} | ({"clause": status.clause} if status.clause else {})
                for status in request.statuses]
    return layout_json(request.layout) | {"needs": needs, "answer": answer | {"tail": 4}, "statuses": statuses}


def feature_json(name, mask):
    described = {"name": name, "bit": mask.bit_length() - 1}
    return described | ({"proposal": True} if name in PROPOSED else {})


def as_json(protocol):
    features = prefixed(protocol, "VIOMMU_F_")
    whole = {
        "protocol": "virtio-iommu",
        "device_id": protocol.numbers["VIOMMU_DEVICE_ID"],
        "byte_order": "little",
        "queues": ["requests", "events"],
        "features": [feature_json(name, mask) for name, mask in features.items() if name not in SUPERSEDED],
        "statuses": prefixed(protocol, "VIOMMU_S_"),
        "tail": {"length": 4, "fields": [{"name": "status", "at": 0, "length": 1, "kind": "enum"},
                                         {"name": "reserved", "at": 1, "length": 3, "kind": "reserved"}]},
        "requests": [request_json(request) for request in protocol.requests],
        "records": [layout_json(record) for record in protocol.records],
        "properties": [layout_json(row) for row in protocol.properties],
        "configuration": layout_json(protocol.config),
        "table_formats": formats(protocol),
    }
    return json.dumps(whole, indent=1) + "\n"


def formats(protocol):
    table = prefixed(protocol, "VIOMMU_TABLE_")
    return {name: value for name, value in table.items() if not re.match(r"F_|BODY_", name)}


# -- syzlang --------------------------------------------------------------------------------

SYZLANG = """# SPDX-License-Identifier: BSD-3-Clause
#
# Requests of virtio-iommu (virtio 1.3, 5.13.6, and docs/proposal-address-spaces.md of viommu) in syzlang.
# Written by tests/grammar/grammar.py: not to be edited.
#
# A write is the readable part of one request. What hands it to the request queue is the fuzzer's: a driver in its
# guest, or a harness of the device; the path stands for it. All fields are little-endian, and so must the host be.

resource fd_viommu[fd]

openat$viommu({args}) fd_viommu
"""
OPEN = 'fd const[0xffffffffffffff9c], file ptr[in, string["/dev/viommu"]], flags const[0x2], mode const[0x0]'


# Few numbers, so that requests meet.
ALIASES = """
type viommu_domain int32[0:7]
type viommu_endpoint int32[0:63]
type viommu_pasid flags[viommu_pasids, int32]
type viommu_first flags[viommu_firsts, int64]
type viommu_last flags[viommu_lasts, int64]

viommu_pasids = 0x0, 0x1, 0x2, 0xfffff, 0x100000
viommu_firsts = 0x0, 0x1, 0x1000, 0x2000, 0x3000, 0x10000, 0x200000, 0xfee00000, 0x100000000, 0xfffffffffffff000
viommu_lasts = 0x0, 0xfff, 0x1fff, 0x2fff, 0x3fff, 0xffff, 0x3fffff, 0xfeefffff, 0xffffffff, 0xffffffffffffffff
viommu_page_sizes = 0xc, 0xe, 0x10, 0x15, 0x1e
viommu_counts = 0x0, 0x1, 0x2, 0x200, 0xffffffffffffffff
"""
TYPES = {"domain": "viommu_domain", "parent": "viommu_domain", "endpoint": "viommu_endpoint", "pasid": "viommu_pasid",
         "virt_start": "viommu_first", "phys_start": "viommu_first", "address": "viommu_first",
         "virt_end": "viommu_last", "format": "flags[viommu_formats, int16]",
         "page_size": "flags[viommu_page_sizes, int8]", "nr_pages": "flags[viommu_counts, int64]",
         "group_id": "int16[0:3]", "id": "int64[0:3]"}


# A name that syzlang has reserved. The form of the text is that of syz-fmt.
RENAMED = {"parent": "parent_domain"}
TAB = 8


def listed(name, values):
    return f"{name} = " + ", ".join(f"{value:#x}" for value in values) + "\n"


def syz_type(request, field):
    if field.kind == "TYPE":
        return f"const[{request.layout.type:#x}, int8]"
    if field.kind in ("RESERVED", "BYTES"):
        element = "const[0x0, int8]" if field.kind == "RESERVED" else "int8"
        return f"array[{element}, {field.length}]"
    if field.values:
        return f"flags[{struct_name(request)}_{field.name}, int{8 * field.length}]"
    return TYPES.get(field.name, f"int{8 * field.length}")


def struct_name(request):
    return f"viommu_{request.layout.name.lower()}" + ("_slot" if request.pasid else "")


def struct_syz(request):
    """A struct, and the lists of its flags. Two fields cannot have one name."""
    lists = [listed(f"{struct_name(request)}_{field.name}", field.values)
             for field in request.layout.fields if field.values]
    names = [RENAMED.get(field.name, field.name) for field in request.layout.fields]
    names = [f"{name}{i if names[:i].count(name) else ''}" for i, name in enumerate(names)]
    column = max(map(len, names)) // TAB + 1
    lines = [f"\t{name}" + "\t" * (column - len(name) // TAB) + f"{syz_type(request, field)}\n"
             for name, field in zip(names, request.layout.fields)]
    statuses = ", ".join(dict.fromkeys(status.status for status in request.statuses))
    needs = [f"the feature {request.feature}"] if request.feature else []
    needs += ["the feature PASID"] if request.pasid else []
    comment = f"# {request.layout.name}" + (f", with {' and '.join(needs)}" if needs else "")
    struct = struct_name(request) + " {\n" + "".join(lines) + "} [packed]\n"
    return f"{comment}. Refused by {statuses}.\n" + "".join(lists) + ("\n" if lists else "") + struct


def as_syzlang(protocol):
    text = SYZLANG.replace("{args}", OPEN)
    buffers = {struct_name(request): struct_name(request) for request in protocol.requests}
    for name, buffer in (buffers | {"viommu_bytes": "array[int8, 0:104]"}).items():
        text += f"write${name}(fd fd_viommu, request ptr[in, {buffer}], length bytesize[request])\n"
    text += ALIASES + listed("viommu_formats", formats(protocol).values())
    return text + "".join("\n" + struct_syz(request) for request in protocol.requests)


# -- a dictionary -----------------------------------------------------------------------------

DICTIONARY = """# SPDX-License-Identifier: BSD-3-Clause
#
# Words of virtio-iommu for libFuzzer and AFL: whole requests, then values of fields. A word has at most 64 bytes, so
# the end of ATTACH_TABLE and of PROBE is left out. Written by tests/grammar/grammar.py: not to be edited.

"""
WORD_MAX = 64   # of libFuzzer
SAMPLE = {"domain": 1, "endpoint": 8, "virt_end": 0xfff, "nr_pages": 1,
          "page_size": 12, "phys_start": 0x1000}


def quoted(name, data):
    return f'{name}="' + "".join(f"\\x{byte:02x}" for byte in data[:WORD_MAX]) + '"\n'


def sample(request, protocol):
    """A request that may be answered OK."""
    data = bytearray(request.layout.length)
    for field in request.layout.fields:
        value = SAMPLE.get(field.name, 0)
        if field.kind == "TYPE":
            value = request.layout.type
        elif field.name == "format":
            value = formats(protocol)["GENERIC"]
        elif field.values and (field.kind == "ENUM" or field.name == "caches" or request.layout.name == "MAP"):
            value = next(iter(field.values))
        elif request.pasid and field.name in ("flags", "pasid"):
            value = {"flags": protocol.numbers["VIOMMU_SLOT_F_PASID"], "pasid": 1}[field.name]
        if field.kind not in ("RESERVED", "BYTES"):
            data[field.at:field.at + field.length] = value.to_bytes(field.length, "little")
    return bytes(data)


def words_of_fields(protocol):
    """Flags, formats, and the ends of ranges, as wide as they are on the wire."""
    for request in protocol.requests:
        for field in request.layout.fields:
            for value, name in field.values.items():
                yield f"{struct_name(request)}_{field.name}_{name.lower()}", value.to_bytes(field.length, "little")
    for name, value in formats(protocol).items():
        yield f"format_{name.lower()}", value.to_bytes(2, "little")
    for value in (0xfff, 0x1000, 0xfee00000, 0xffffffff, 0xfffffffffffff000, 0xffffffffffffffff):
        yield f"address_{value:x}", value.to_bytes(8, "little")


def as_dictionary(protocol):
    text = DICTIONARY
    for request in protocol.requests:
        text += quoted(struct_name(request), sample(request, protocol))
    words = dict.fromkeys(data for _, data in words_of_fields(protocol))
    names = {}
    for name, data in words_of_fields(protocol):
        names.setdefault(data, name)
    return text + "".join(quoted(names[data], data) for data in words)


# -- the files --------------------------------------------------------------------------------

FILES = {"virtio-iommu.json": as_json, "virtio-iommu.txt": as_syzlang, "virtio-iommu.dict": as_dictionary}


def main(source, check):
    protocol, stale = rows.read(source), []
    for name, make in FILES.items():
        path = source / "conformance/grammar" / name
        text = make(protocol)
        if check and (not path.is_file() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"conformance/grammar/{name}: stale: run tests/grammar/grammar.py on the source tree", file=sys.stderr)
    print(f"{len(protocol.requests)} requests")
    return bool(stale) or not protocol.requests


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--check" in sys.argv[2:]))
