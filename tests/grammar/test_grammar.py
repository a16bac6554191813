#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_grammar.py SOURCE: the files of conformance/grammar agree with the header, each other, and their syntax."""

import json
import re
import sys
import unittest
from pathlib import Path

import rows
import syzlang

SOURCE = Path(sys.argv.pop(1))
FOLDER = SOURCE / "conformance/grammar"
SYZLANG = (FOLDER / "virtio-iommu.txt").read_text(encoding="utf-8")
WORD = re.compile(r'[a-z0-9_]+="((?:\\x[0-9a-f]{2})+)"')

# What is changed in the descriptions, and to what: each must be refused.
BROKEN = {
    "a constant that is too wide": ("const[0x46, int8]", "const[0x146, int8]"),
    "flags that do not exist": ("flags[viommu_map_flags, int32]", "flags[viommu_mapflags, int32]"),
    "flags that are too wide": ("flags[viommu_attach_slot_flags, int32]", "flags[viommu_attach_slot_flags, int16]"),
    "a type that does not exist": ("endpoint\tviommu_endpoint", "endpoint\tviommu_device"),
    "a structure that is used nowhere": ("ptr[in, viommu_probe]", "ptr[in, viommu_map]"),
    "a structure without an end": ("} [packed]\n\n# UNMAP", "\n# UNMAP"),
    "a name that is defined twice": ("viommu_unmap {", "viommu_map {"),
    "a field that is there twice": ("\treserved5\t", "\treserved\t"),
    "a field with a reserved name": ("\taddress\t", "\tparent\t"),
    "an open bracket": ("array[int8, 64]", "array[int8, 64"),
    "a range that goes down": ("int32[0:63]", "int32[63:0]"),
    "a length of nothing": ("length bytesize[request]", "length bytesize[bytes]"),
    "a resource that no call makes": (" fd_viommu\n", "\n"),
    "a symbolic constant": ("const[0xffffffffffffff9c]", "const[AT_FDCWD]"),
    "a line of nothing": ("# PROBE", "PROBE"),
}


class Grammar(unittest.TestCase):
    def setUp(self):
        self.protocol = rows.read(SOURCE)
        self.json = json.loads((FOLDER / "virtio-iommu.json").read_text(encoding="utf-8"))

    def test_each_request_of_the_header_is_in_the_grammar_with_its_length(self):
        numbers = self.protocol.numbers
        named = {request["name"]: request for request in self.json["requests"]}
        types = {name.removeprefix("VIOMMU_T_"): value
                 for name, value in numbers.items() if name.startswith("VIOMMU_T_")}
        self.assertEqual(set(named), set(types))
        for name, request in named.items():
            self.assertEqual(request["type"], types[name])
            self.assertEqual(request["length"], numbers[f"VIOMMU_{name}_LENGTH"])

    def test_fields_cover_their_structure(self):
        lists = [self.json[key] for key in ("requests", "records", "properties")]
        for layout in [layout for rows_ in lists for layout in rows_] + [self.json["configuration"], self.json["tail"]]:
            at = 0
            for field in layout["fields"]:
                self.assertEqual(field["at"], at, layout)
                self.assertTrue(field["length"] in (1, 2, 4, 8) or field["kind"] in ("reserved", "bytes"), layout)
                at += field["length"]
            self.assertEqual(at, layout["length"])

    def test_the_header_describes_each_field_at_its_place(self):
        """In comments, as `12 flags le32`."""
        header = (SOURCE / "include/viommu/protocol.h").read_text(encoding="utf-8")
        for request in self.json["requests"]:
            for field in request["fields"]:
                if field["kind"] in ("number", "flags", "enum"):
                    width = "u8" if field["length"] == 1 else f"le{8 * field['length']}"
                    self.assertRegex(header, rf"\b{field['at']} {field['name']} {width}\b", request["name"])

    def test_syzlang_has_every_request_byte_for_byte(self):
        description = syzlang.parse(SYZLANG)
        requests = {f"viommu_{r['name'].lower()}" + ("_slot" if "PASID" in r["needs"] else ""): r
                    for r in self.json["requests"]}
        self.assertEqual(set(description.structs), set(requests))
        for name, request in requests.items():
            self.assertEqual(description.size(name), request["length"])
            self.assertEqual(list(description.offsets(name).values()), [field["at"] for field in request["fields"]])

    def test_wrong_syzlang_is_refused(self):
        for name, (was, now) in BROKEN.items():
            with self.subTest(name):
                self.assertIn(was, SYZLANG)
                with self.assertRaises(syzlang.Wrong):
                    syzlang.parse(SYZLANG.replace(was, now, 1))

    def test_words_are_in_the_syntax_of_fuzzers_and_not_too_long(self):
        """libFuzzer and AFL: a comment, or NAME="BYTES"; libFuzzer refuses more than 64 bytes."""
        seen = set()
        for line in (FOLDER / "virtio-iommu.dict").read_text(encoding="utf-8").splitlines():
            if not line or line.startswith("#"):
                continue
            match = WORD.fullmatch(line)
            self.assertTrue(match, line)
            self.assertLessEqual(len(match.group(1)), 4 * 64)
            self.assertNotIn(match.group(1), seen)
            seen.add(match.group(1))
        for request in self.json["requests"]:
            head = f"\\x{request['type']:02x}" + 3 * "\\x00"
            self.assertTrue(any(word.startswith(head) for word in seen), request["name"])


if __name__ == "__main__":
    unittest.main()
