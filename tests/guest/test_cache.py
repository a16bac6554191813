#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Several runs use the cache of guests at once: test_cache.py"""

import multiprocessing
import os
import pathlib
import shutil
import tempfile
import time
import unittest
from unittest import mock

import initramfs
import iommufd
import kernel_module
import packages
import small_kernel

FORK = multiprocessing.get_context("fork")
SECONDS = 30


class Packages:
    """Instead of an Archive: a package with one file."""

    def __init__(self, folder):
        self.folder = folder

    def download(self, folder, name):
        with open(f"{self.folder}/downloads", "a", encoding="ascii") as file:
            file.write("download\n")
        time.sleep(0.5)
        control = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        (control / "DEBIAN").mkdir()
        (control / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: none\nDescription: none\n", encoding="ascii")
        (control / "content").write_text("content", encoding="ascii")
        (control / name).touch()
        os.makedirs(folder, exist_ok=True)
        packages.run("dpkg-deb", "-b", str(control), f"{folder}/{name}_1.deb")
        return [f"{folder}/{one}" for one in sorted(os.listdir(folder))]


def quiet(_):
    pass


def fetch(folder, answers):
    found = packages.unpacked("thing", lambda: (Packages(folder), ["thing"]), quiet)
    inode = os.stat(found).st_ino
    time.sleep(1)
    answers.put(os.stat(found).st_ino == inode and os.path.exists(f"{found}/content"))


def build(barrier):
    """Instead of the compiler: the module is its source."""
    def compiled(_root, tree, _architecture):
        barrier.wait(SECONDS)
        shutil.copy(f"{tree}/named.c", f"{tree}/named.ko")
    return compiled


def make(folder, content, barrier, answers):
    sources = pathlib.Path(tempfile.mkdtemp(dir=folder))
    (sources / "named.c").write_text(content, encoding="ascii")
    with mock.patch.object(kernel_module, "sources", lambda: [str(sources / "named.c")]), \
         mock.patch.object(kernel_module, "OBJECTS", {"named": ""}), \
         mock.patch.object(packages, "toolchain", lambda *_: f"{folder}/root"), \
         mock.patch.object(iommufd, "build", build(barrier)):
        target = sources / "target"
        kernel_module.make("named", "amd64", "", "6.12", str(target), quiet)
    answers.put(target.read_text(encoding="ascii") == content)


def slowly(folder, path):
    """Create a file, and say so."""
    with open(f"{folder}/builds", "a", encoding="ascii") as file:
        file.write("build\n")
    time.sleep(0.5)
    pathlib.Path(path).write_text("built", encoding="ascii")


def build_kernel(folder):
    """Instead of the compiler."""
    def compiled(_source, _tools, tree, _report):
        os.makedirs(f"{tree}/arch/arm64/boot")
        slowly(folder, f"{tree}/arch/arm64/boot/Image")
    return compiled


def image(folder, answers):
    with mock.patch.object(packages, "kernel_source", lambda *_: f"{folder}/source"), \
         mock.patch.object(packages, "build_tools", lambda *_: ""), \
         mock.patch.object(small_kernel, "build", build_kernel(folder)):
        path = pathlib.Path(small_kernel.image(quiet))
    answers.put(path.read_text(encoding="ascii") == "built")


def keep(folder, answers):
    path = pathlib.Path(initramfs.kept("things", ["thing"], lambda work: slowly(folder, work)))
    answers.put(path.read_text(encoding="ascii") == "built")


def unpack(folder, answers):
    def dpkg_source(*words):
        for name in "kept", "other":
            os.makedirs(f"{words[-1]}/{name}")
        slowly(folder, f"{words[-1]}/kept/file")
    with mock.patch.object(packages, "run", dpkg_source), \
         mock.patch.object(packages.Archive, "refresh", lambda _: None), \
         mock.patch.object(packages.Archive, "sources", lambda *_: "thing.dsc"):
        path = pathlib.Path(packages.source("thing", "trixie", ["kept"], quiet))
    answers.put(sorted(str(one.relative_to(path)) for one in path.rglob("*")) == ["kept", "kept/file"])


class Cache(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        patch = mock.patch.object(packages, "CACHE", os.path.join(self.folder, "cache"))
        patch.start()
        self.addCleanup(patch.stop)

    def answers(self, target, *arguments):
        """Run a function in a process for each of its arguments; returns what each has put."""
        queue = FORK.Queue()
        processes = [FORK.Process(target=target, args=(self.folder, *more, queue), daemon=True) for more in arguments]
        for process in processes:
            process.start()
        for process in processes:
            process.join(SECONDS)
            self.assertEqual(process.exitcode, 0)
        return [queue.get(timeout=SECONDS) for _ in processes]

    @unittest.skipUnless(shutil.which("dpkg-deb"), "no dpkg-deb")
    def test_two_runs_fetch_a_package_once(self):
        self.assertEqual(self.answers(fetch, (), ()), [True, True])
        downloads = pathlib.Path(self.folder, "downloads").read_text(encoding="ascii")
        self.assertEqual(downloads.splitlines(), ["download"])

    @unittest.skipUnless(shutil.which("dpkg-deb"), "no dpkg-deb")
    def test_packages_of_two_archives_are_in_one_folder(self):
        source = Packages(self.folder)
        found = packages.unpacked("thing", lambda: (source, ["one"], (source, ["other"])), quiet)
        self.assertEqual(sorted(os.listdir(found)), ["content", "one", "other"])

    def test_two_runs_make_a_kernel_a_file_or_a_source_once(self):
        for make_one in image, keep, unpack:
            self.assertEqual(self.answers(make_one, (), ()), [True, True])
            builds = pathlib.Path(self.folder, "builds")
            self.assertEqual(builds.read_text(encoding="ascii").splitlines(), ["build"])
            builds.unlink()

    def test_what_could_not_be_created_is_created_next_time(self):
        def fail(work):
            pathlib.Path(work).touch()
            raise OSError
        with self.assertRaises(OSError):
            initramfs.kept("things", ["thing"], fail)
        self.assertEqual([path.name for path in pathlib.Path(packages.CACHE, "things").iterdir() if path.suffix != ".lock"], [])
        path = initramfs.kept("things", ["thing"], lambda work: pathlib.Path(work).write_text("built", encoding="ascii"))
        self.assertEqual([str(one) for one in pathlib.Path(packages.CACHE, "things").iterdir()], [path])

    def test_sources_are_fetched_more_than_once(self):
        lists = []

        def apt(archive, _tool, *_arguments, **_options):
            path = pathlib.Path(archive.folder, "sources.list")
            lists.append(path.read_text(encoding="utf-8").splitlines())
            return ""
        pathlib.Path(self.folder, "thing.dsc").touch()
        with mock.patch.object(packages.Archive, "_apt", apt), mock.patch.object(packages, "mirror", lambda: "mirror"):
            archive = packages.Archive("trixie-backports", "amd64")
            archive.refresh()
            for _ in range(2):
                self.assertEqual(archive.sources(self.folder, "thing"), f"{self.folder}/thing.dsc")
        self.assertEqual([sorted({line.split()[0] for line in lines}) for lines in lists],
                         [["deb"], *[["deb", "deb-src"]] * 4])
        self.assertEqual(lists[1], lists[-1])

    def test_two_runs_build_each_its_own_sources(self):
        os.makedirs(f"{self.folder}/root/usr/bin")
        os.makedirs(f"{self.folder}/root/usr/src/linux-headers-1")
        barrier = FORK.Barrier(2)
        self.assertEqual(self.answers(make, ("one", barrier), ("two", barrier)), [True, True])

    def test_a_module_is_built_again_after_its_makefile_changed(self):
        path = pathlib.Path(kernel_module.__file__)
        with mock.patch.object(packages, "kernel", lambda *_: "linux"), \
             mock.patch.object(kernel_module, "make", lambda *more: pathlib.Path(more[4]).touch()):
            before = initramfs.module("virtio-iommu", "amd64", "", quiet, "6.12")
            with mock.patch.object(initramfs, "contents",
                                   lambda name: b"changed" if pathlib.Path(name) == path else
                                   pathlib.Path(name).read_bytes()):
                self.assertNotEqual(initramfs.module("virtio-iommu", "amd64", "", quiet, "6.12"), before)


if __name__ == "__main__":
    unittest.main()
