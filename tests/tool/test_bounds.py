#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What hostile inputs of the command may cost: files that are read, programs that are started, bytes.

    test_bounds.py VIOMMU TABLE [--sanitized]
"""
import gzip
import io
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

import hostile

VIOMMU = os.path.abspath(sys.argv[1])
SANITIZED = "--sanitized" in sys.argv
MIB = 1 << 20
TREE = b"/dts-v1/;\n/* %s */\n/ { model = \"x\"; %s };\n"


def write_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT, compresslevel=1) as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


class Bounds(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.programs = self.folder / "programs"
        self.programs.mkdir()

    def viommu(self, *arguments, timeout=60):
        """Its exit status, what it says, and its memory in MiB.

        It may take `timeout` seconds of a processor. It may wait ten times as long: for other
        programs, and for a processor on a busy machine.
        """
        path = f"{self.programs}:{os.environ['PATH']}"
        said = self.folder / "said"
        with open(said, "wb") as to:
            child = subprocess.Popen([VIOMMU, *arguments], stdout=to, stderr=to, stdin=subprocess.DEVNULL,
                                     preexec_fn=lambda: resource.setrlimit(
                                         resource.RLIMIT_CPU, (timeout, timeout)),
                                     env={**os.environ, "PATH": path})
        end = time.monotonic() + 10 * timeout
        pid = 0
        while not pid and time.monotonic() < end:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            time.sleep(0.02)
        if not pid:
            child.kill()
            child.wait()
            self.fail(f"{arguments} does not end")
        child.returncode = os.waitstatus_to_exitcode(status)
        self.assertNotIn(child.returncode, (-signal.SIGXCPU, -signal.SIGKILL),
                         f"{arguments} takes more than {timeout} seconds of a processor")
        return child.returncode, said.read_text(errors="replace"), usage.ru_maxrss / 1024

    def program(self, name, script):
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def source(self, comment, content):
        path = self.folder / "tree.dts"
        path.write_bytes(TREE % (comment, content))
        return path

    # -- sources of device trees --

    def test_a_nul_in_a_comment_hides_no_inclusion_of_a_file(self):
        secret = self.folder / "secret"
        secret.write_text("a secret")
        source = self.source(b"x" * 70000 + b"\0", b"stolen = /incbin/(\"%s\");" % os.fsencode(secret))
        status, said, _ = self.viommu("dump", source)
        self.assertEqual(status, 2)
        self.assertIn("/incbin/", said)

    def test_a_nul_in_a_comment_hides_no_inclusion_of_a_pipe(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        source = self.source(b"x" * 70000 + b"\0", b"stolen = /incbin/(\"%s\");" % os.fsencode(pipe))
        self.assertEqual(self.viommu("dump", source, timeout=30)[0], 2)

    def test_dtc_gets_nothing_of_a_comment_or_string_that_does_not_end(self):
        self.program("dtc", 'for source; do :; done; echo "$(wc -c <"$source") bytes" >&2; exit 1')
        begin = "/dts-v1/;\n/* a */ / { a = \"b\"; /* c\n */ "
        for mark, more in ("/*", "\n"), ("\"", "\\\""), ("\"", "\n"):
            source = self.folder / "tree.dts"
            source.write_text(begin + mark + more * 100000)
            self.assertIn(f"dtc: {len(begin + mark)} bytes", self.viommu("dump", source)[1])

    def test_dtc_that_waits_is_ended(self):
        self.program("dtc", "exec sleep 60")
        status, said, _ = self.viommu("dump", self.source(b"", b""), timeout=30)
        self.assertEqual(status, 2)
        self.assertIn("10 seconds", said)

    def test_dtc_without_a_message_is_reported_with_its_status(self):
        for script, reason in (("exit 3", "dtc ended with exit status 3, and without a message"),
                               ("kill -SEGV $$", "dtc was ended by signal 11")):
            self.program("dtc", script)
            status, said, _ = self.viommu("dump", self.source(b"", b""), timeout=30)
            self.assertEqual(status, 2)
            self.assertIn(reason, said)

    # -- archives --

    def test_no_program_is_started_for_an_archive(self):
        started = self.folder / "started"
        packed = {"lrzip": b"LRZI\0\6", "lzop": b"\x89LZO\0\r\n\x1a\n\x10\x30\x20\xa0\x09\x40"}
        for name, magic in packed.items():
            self.program(name, f"echo {name} >> {started}\nexit 1")
            path = self.folder / "archive"
            path.write_bytes(magic + bytes(520))
            for command in (["check"], ["host"]):
                self.viommu(*command, path)
        self.assertFalse(started.exists(), started.read_text() if started.exists() else "")

    def expect_bomb(self, path):
        status, said, memory = self.viommu("check", path)
        self.assertEqual(status, 2, said[:300])
        self.assertIn("archive bomb", said)
        if not SANITIZED:
            self.assertLess(memory, 700)

    def test_the_room_is_common_to_all_depths(self):
        inner = gzip.compress(b"x" * (40 * MIB), 1)  # not an empty tar
        path = self.folder / "nest.tgz"
        write_tar(path, [(f"m{i}.gz", inner) for i in range(8)])
        self.expect_bomb(path)

    def test_the_number_of_members_is_common_to_all_depths(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
            for i in range(10000):
                tar.addfile(tarfile.TarInfo(f"m{i}"))
        path = self.folder / "many.tgz"
        write_tar(path, [(f"a{i}.tgz", buffer.getvalue()) for i in range(8)])
        self.expect_bomb(path)

    def test_data_of_members_that_are_no_files_counts(self):
        path = self.folder / "skipped.tgz"
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            entry = tarfile.TarInfo("hole")
            entry.size = 600 * MIB
            entry.type = b"0"
            tar.addfile(entry, Zeros())
        self.expect_bomb(path)

    def test_a_longer_path_than_linux_has_is_refused(self):
        path = self.folder / "long.tgz"
        write_tar(path, [("a" * 5000 + "/x", b"x"), ("b", b"y")])
        status, said, _ = self.viommu("check", path)
        self.assertEqual(status, 2)
        self.assertIn("too large", said)

    def test_paths_count_against_the_room(self):
        path = self.folder / "names.tgz"
        long = "/".join(["b" * 250] * 15)
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=1) as tar:
            for i in range(45000):
                tar.addfile(tarfile.TarInfo(f"{i}{long}/x"))
        self.expect_bomb(path)

    def test_a_member_is_no_larger_than_a_file(self):
        path = self.folder / "large.tgz"
        write_tar(path, [("large.gz", gzip.compress(b"x" * (65 * MIB), 1)),
                         ("DMAR", pathlib.Path(TABLE).read_bytes())])
        status, said, _ = self.viommu("dump", path)
        self.assertEqual(status, 2, said[:300])
        self.assertIn("larger than 64 MiB", said)
        self.assertIn("DMAR", said)

    # -- sets of tables --

    def test_a_table_that_many_entries_name_is_read_once(self):
        n = 2000 if SANITIZED else 20000
        for made in (hostile.set_one_table, hostile.set_nested, hostile.set_fadts, hostile.set_roots):
            path = self.folder / "set"
            path.write_bytes(made(16 * n))
            for command in ("check", "dump"):
                with self.subTest(f"{command} {made.__name__}"):
                    _, _, memory = self.viommu(command, path, timeout=5)
                    if not SANITIZED:
                        self.assertLess(memory, 200)

    def test_a_device_of_many_hardware_ids_is_searched_once(self):
        names = b"\x08_HID\x0dNVDA200C\0" * 4000
        length = 3 + 4 + len(names)
        device = b"\x5b\x82" + bytes((0x80 | length & 15, length >> 4 & 255, length >> 12)) + b"SMQ0" + names
        folder = self.folder / "tables"
        folder.mkdir()
        n = 4 if SANITIZED else 200
        (folder / "DSDT").write_bytes(hostile.acpi(b"DSDT", device * n, 2))
        iort = (pathlib.Path(TABLE).parent / "virt-smmu.IORT").read_bytes()
        for i in range(8):
            (folder / f"IORT{i}").write_bytes(iort[:9] + bytes(((iort[9] - i + iort[24]) & 255,)) + iort[10:24]
                                              + bytes((i,)) + iort[25:])
        status, said, _ = self.viommu("topology", folder, timeout=5)
        self.assertIn(status, (0, 1), said)
        self.assertIn("kind: smmu-v3", said)

    # -- texts --

    def test_a_long_line_of_beginnings_is_read_once(self):
        header = "44 4D 41 52 58 00 00 00"
        n = 1000 if SANITIZED else 300000
        lines = {
            "comments": f"{header} // " * n,
            "text columns": f"{header}  zz " * n,
            "tables and spaces": ("RE1BUlgAAAAA" * 6 + "!") * (n // 100) + " " * (50 * n),
        }
        for name, line in lines.items():
            path = self.folder / "line.txt"
            path.write_text(line)
            with self.subTest(name):
                self.viommu("check", path, timeout=15)

    def test_many_checksums_of_a_structure_are_added_up_once(self):
        source = self.folder / "source"
        source.write_text("T {\n" + "0 1 Checksum = checksum\n" * 300000 + "}\n")
        status, said, _ = self.viommu("assemble", source, "-o", self.folder / "table", timeout=15)
        self.assertEqual(status, 0, said)
        self.assertEqual((self.folder / "table").read_bytes(), bytes(300000))

    def test_a_memory_map_of_many_lines_needs_little_memory(self):
        log = self.folder / "log"
        log.write_bytes(b"\n" * (63 * MIB) + b"BIOS-e820: [mem 0x0-0x9fbff] usable\n")
        status, said, memory = self.viommu("check", "--memory", log, TABLE, timeout=30)
        self.assertIn(status, (0, 1), said)
        if not SANITIZED:
            self.assertLess(memory, 200)

    # -- folders --

    def test_a_large_property_is_not_read_whole(self):
        tree = self.folder / "tree"
        tree.mkdir()
        for name in ("#address-cells", "#size-cells"):
            (tree / name).write_bytes(b"\0\0\0\1")
        with open(tree / "large", "wb") as large:
            large.truncate(1024 * MIB)
        status, said, memory = self.viommu("dump", tree)
        self.assertEqual(status, 0, said[:300])
        if not SANITIZED:
            self.assertLess(memory, 200)

    def test_a_large_file_does_not_end_the_folder(self):
        folder = self.folder / "tables"
        folder.mkdir()
        with open(folder / "a", "wb") as large:
            large.truncate(65 * MIB)
        shutil.copy(TABLE, folder / "b")
        status, said, _ = self.viommu("dump", folder)
        self.assertEqual(status, 2)
        self.assertIn("larger than 64 MiB", said)
        self.assertIn("DMAR", said)

    def test_a_folder_with_too_many_files_is_reported(self):
        folder = self.folder / "tables"
        folder.mkdir()
        for i in range(65537):
            (folder / f"{i:05}").touch()
        status, said, _ = self.viommu("dump", folder)
        self.assertEqual(status, 2)
        self.assertIn("more than 65536 files", said)


class Zeros(io.RawIOBase):
    def read(self, size=-1):
        return bytes(size)


if __name__ == "__main__":
    TABLE = sys.argv[2]
    unittest.main(argv=sys.argv[:1])
