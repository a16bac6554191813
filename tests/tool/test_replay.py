#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""viommu replay: test_replay.py VIOMMU MAKE_TRACE FOLDER...

Traces are written here by docs/traces.md alone, so that what libviommu records is read by a second reader, and
what viommu reads is written by a second writer.
"""
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zlib

VIOMMU, MAKE_TRACE, FOLDERS = sys.argv[1], sys.argv[2], list(map(pathlib.Path, sys.argv[3:]))
END, DEVICE, ENDPOINT, STATE, REQUEST, ACCESS = 1, 2, 3, 6, 11, 12
N_VALUES = {END: 2, DEVICE: 11, ENDPOINT: 5, 4: 1, 5: 2, STATE: 1, 7: 1, 8: 1, 9: 1, 10: 0, REQUEST: 1, ACCESS: 7}
WITH_BYTES = (ENDPOINT, STATE, REQUEST)
MAP_OK, MAP_RANGE = 0, 5


def number(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytearray([value]))


def packed(data):
    out = bytearray(number(len(data)))
    for at in range(0, len(data), 8):
        part = data[at:at + 8]
        out.append(sum(1 << bit for bit, byte in enumerate(part) if byte))
        out += bytes(byte for byte in part if byte)
    return bytes(out)


def encode(record):
    kind, time, values, data = record
    return (bytes([kind]) + number(time) + b"".join(map(number, values)) +
            (packed(data) if kind in WITH_BYTES else b""))


def trace_of(records):
    head = b"VIOMMUTR" + (1).to_bytes(4, "little")
    checksum = zlib.crc32(head)
    out = head + checksum.to_bytes(4, "little")
    for record in records:  # a block each
        body = encode(record)
        length = len(body).to_bytes(4, "little")
        checksum = zlib.crc32(length + body, checksum)
        out += length + checksum.to_bytes(4, "little") + body
    return out


class Reader:
    def __init__(self, data):
        assert data[:8] == b"VIOMMUTR" and zlib.crc32(data[:12]) == int.from_bytes(data[12:16], "little")
        self.data, self.at, self.checksum = data, 16, zlib.crc32(data[:12])

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def packed(self):
        out = bytearray(self.number())
        for at in range(0, len(out), 8):
            mask = self.data[self.at]
            self.at += 1
            for bit in range(8):
                if mask >> bit & 1:
                    out[at + bit] = self.data[self.at]
                    self.at += 1
        return bytes(out)

    def records(self):
        while self.at < len(self.data):
            length = int.from_bytes(self.data[self.at:self.at + 4], "little")
            self.checksum = zlib.crc32(self.data[self.at:self.at + 4], self.checksum)
            self.checksum = zlib.crc32(self.data[self.at + 8:self.at + 8 + length], self.checksum)
            assert self.checksum == int.from_bytes(self.data[self.at + 4:self.at + 8], "little")
            self.at += 8
            end = self.at + length
            while self.at < end:
                kind = self.data[self.at]
                self.at += 1
                time = self.number()
                values = [self.number() for _ in range(N_VALUES[kind])]
                yield kind, time, values, self.packed() if kind in WITH_BYTES else b""


class Replay(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.trace = pathlib.Path(temporary.name) / "trace"
        subprocess.run([MAKE_TRACE, self.trace], check=True)
        self.records = list(Reader(self.trace.read_bytes()).records())

    def replay(self, data, *options, status):
        self.trace.write_bytes(data)
        done = subprocess.run([VIOMMU, "replay", *options, self.trace], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def refused(self, records, rule, offset=None):
        said = self.replay(trace_of(records), status=2).stderr
        self.assertIn(f"[{rule}]", said)
        self.assertIn("; ", said)  # the cure
        if offset is not None:
            self.assertIn(f"trace:{offset:#x}: error", said)

    def index(self, kind, nth=0):
        return [i for i, record in enumerate(self.records) if record[0] == kind][nth]

    def test_a_recorded_trace_has_no_difference(self):
        done = self.replay(self.trace.read_bytes(), status=0)
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"(?m)^MAP +4 +0 +0 ")
        self.assertRegex(done.stdout, r"(?m)^access +10 +5 +0 ")
        self.assertIn("at most 2 mappings", done.stdout)

    def test_pasids_are_recorded_and_replayed(self):
        subprocess.run([MAKE_TRACE, self.trace, "pasids"], check=True)
        records = list(Reader(self.trace.read_bytes()).records())
        self.assertEqual([(values[1], values[5]) for kind, _, values, _ in records if kind == ACCESS],
                         [(6, 0), (7, 1), (0, 1), (6, 1)])  # PASID and 1; reached or refused
        answer = json.loads(self.replay(trace_of(records), "--json", status=0).stdout)
        self.assertEqual({call["call"]: (call["number"], call["refused"]) for call in answer["calls"]},
                         {"ATTACH": (2, 1), "DETACH": (1, 0), "MAP": (1, 0), "access": (4, 3)})

    def test_a_device_with_page_tables_of_its_guest_is_refused(self):
        kind, time, values, data = self.records[0]
        self.records[0] = kind, time, [values[0] | 1 << 4 | 1 << 57] + values[1:], data
        self.refused(self.records, "trace-device")
        self.assertIn("page tables of its guest", self.replay(trace_of(self.records), status=2).stderr)

    def test_it_is_the_same_trace_if_it_is_written_again(self):
        self.replay(trace_of(self.records), status=0)

    def test_a_compressed_trace_is_read(self):
        self.replay(gzip.compress(self.trace.read_bytes()), status=0)

    def test_json_has_the_counts(self):
        answer = json.loads(self.replay(self.trace.read_bytes(), "--json", status=0).stdout)
        self.assertTrue(answer["complete"])
        self.assertEqual({call["call"]: call["number"] for call in answer["calls"]},
                         {"MAP": 4, "UNMAP": 4, "DETACH": 1, "PROBE": 1, "end of a batch": 4, "access": 10})

    def test_another_status_is_a_finding_at_its_record(self):
        at = self.index(REQUEST)
        self.records[at] = (REQUEST, 0, [MAP_RANGE], self.records[at][3])
        said = self.replay(trace_of(self.records), status=1).stderr
        place = len(trace_of(self.records[:at])) + 8
        self.assertIn(f"trace:{place:#x}: warning: MAP had the status 5 when it was recorded, and has 0 here", said)
        answer = json.loads(self.replay(trace_of(self.records), "--json", status=1).stdout)
        self.assertEqual(answer["findings"][0]["id"], "trace-status")

    def test_another_answer_of_an_access_is_a_finding(self):
        kind, time, values, data = self.records[self.index(ACCESS)]
        self.records[self.index(ACCESS)] = kind, time, values[:-1] + [values[-1] + 1], data
        self.assertIn("[trace-access]", self.replay(trace_of(self.records), status=1).stderr)

    def test_an_error_behind_many_differences_is_the_last_finding(self):
        at = self.index(REQUEST)
        different = (REQUEST, 0, [MAP_RANGE], self.records[at][3])
        data = trace_of(self.records[:at] + [different] * 1001)
        self.assertIn("[trace-end]", self.replay(data, status=2).stderr.splitlines()[-1])
        findings = json.loads(self.replay(data, "--json", status=2).stdout)["findings"]
        self.assertEqual(findings[-1]["id"], "trace-end")

    def test_resets_and_changes_of_bypass_visit_a_bounded_number_of_endpoints(self):
        known = [record[2][0] for record in self.records if record[0] == ENDPOINT]
        kind, time, values, data = self.records[self.index(ENDPOINT)]
        fresh = max(known) + 1
        records = self.records[:-1] + [(kind, time, [fresh + i] + values[1:], data)
                                       for i in range(1 << 12)]
        resets = [(9, 0, [0], b"") if i % 2 else (8, 0, [i // 2 % 2], b"") for i in range(1 << 10)]
        end = (END, 0, [0, len(records) + 1], b"")
        self.replay(trace_of(records + resets[:1] + [end]), status=0)
        self.refused(records + resets, "trace-visits")

    def test_a_cut_trace_is_refused(self):
        data = self.trace.read_bytes()
        self.assertIn("trace:0x10: error", self.replay(data[:-1], status=2).stderr)
        self.refused(self.records[:-1], "trace-end", len(trace_of(self.records[:-1])))

    def test_a_damaged_trace_is_refused(self):
        data = bytearray(self.trace.read_bytes())
        data[100] ^= 1
        self.assertIn("trace:0x10: error: the checksum", self.replay(bytes(data), status=2).stderr)

    def test_another_version_is_refused(self):
        data = bytearray(self.trace.read_bytes())
        data[8] = 2
        data[12:16] = zlib.crc32(data[:12]).to_bytes(4, "little")
        self.assertIn("[trace-version]", self.replay(bytes(data), status=2).stderr)

    def test_what_is_no_trace_is_refused(self):
        self.assertIn("[trace-head]", self.replay(b"viommu: 1\n", status=2).stderr)
        self.replay(b"", status=2)

    def test_a_device_that_cannot_be_is_refused(self):
        kind, time, values, data = self.records[0]
        self.records[0] = kind, time, [1 << 40] + values[1:], data
        self.refused(self.records, "trace-device")

    def test_an_endpoint_that_cannot_be_is_refused(self):
        at = self.index(ENDPOINT)
        kind, time, values, _ = self.records[at]
        self.records[at] = kind, time, values, b"\xff" * 24
        self.refused(self.records, "trace-device")

    def test_a_state_that_cannot_be_is_refused(self):
        at = self.index(STATE)
        kind, time, values, data = self.records[at]
        self.records[at] = kind, time, values, data[:-1]
        self.refused(self.records, "trace-state")

    def test_records_in_the_wrong_place_are_refused(self):
        self.refused(self.records[1:], "trace-record")
        self.refused([self.records[0]] + self.records, "trace-record")
        self.refused(self.records + [self.records[1]], "trace-record")

    def test_values_out_of_their_range_are_refused(self):
        kind, time, values, data = self.records[self.index(ENDPOINT)]
        self.records[self.index(ENDPOINT)] = kind, time, [1 << 32] + values[1:], data
        self.refused(self.records, "trace-record")

    def test_what_was_recorded_before_has_no_difference(self):
        traces = [trace for folder in FOLDERS for trace in sorted(folder.iterdir())]
        self.assertGreater(len(traces), len(FOLDERS))
        for trace in traces:
            with self.subTest(trace.name):
                self.replay(trace.read_bytes(), status=0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
