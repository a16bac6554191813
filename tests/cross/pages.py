#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pages.py FOLDER SYSTEM SUITE...: run the tests of a build for ppc64el under a kernel with pages of 64 KiB.

The kernel is Debian's, in QEMU's machine pseries. FOLDER is the build folder, SYSTEM the one with Debian's packages
that the build used. The initramfs has the programs, their libraries, and the files that the tests read, each at the
path that it has here. Tests that are scripts are left out. Results are written as meson writes them, to
FOLDER/meson-logs/testlog.json.
"""

import glob
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/guest"))
# pylint: disable=wrong-import-position
import initramfs        # noqa: E402
import packages         # noqa: E402
import viommu_program   # noqa: E402

PAGES = "64"            # KiB
RELEASE, KERNEL = "bookworm", "linux-image-powerpc64le"
PREFIX = "powerpc64le-linux-gnu"
READ = ["tests", "docs", "include"]     # folders of the tree that tests read
LATER = "libgcc_s.so.1"  # what pthread_exit() loads
TIMEOUT = 7200
SLOWER = 10             # than on the build machine: for the limits of tests
BEGIN, END = re.compile(r"^begin (\d+)$"), re.compile(r"^end (\d+) (\d+)$")


def tests_of(folder, suites):
    """Returns (tests that are programs of the build, number of those that are not)."""
    text = packages.run("meson", "introspect", "--tests", folder)
    wanted = [test for test in json.loads(text)
              if {name.rpartition(":")[2] for name in test["suite"]} & set(suites)]
    programs = [test for test in wanted if test["cmd"][0].startswith(folder) and is_program(test["cmd"][0])]
    return programs, len(wanted) - len(programs)


def is_program(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def kernel():
    def find():
        source = packages.archive(RELEASE, "ppc64el")
        source.refresh()
        return source, [name for name in source.depends(KERNEL) if name.startswith("linux-image-")]
    folder = packages.unpacked("linux-64k-ppc64el", find, packages.note)
    return glob.glob(os.path.join(folder, "boot/vmlinux-*"))[0]


def libraries(programs, folder, system):
    """(name, path) of the libraries of all programs, and of the dynamic loader."""
    folders = [os.path.join(folder, name) for name in ("src", "tables", "host")]
    folders += [os.path.join(system, name) for name in (f"usr/lib/{PREFIX}", f"lib/{PREFIX}")]
    found = {LATER: next(path for path in (os.path.join(name, LATER) for name in folders) if os.path.exists(path))}
    for program in programs:
        found.update(viommu_program.closure(program, folders))
    loader = viommu_program.INTERPRETER.search(packages.run("readelf", "-l", programs[0]))[1]
    return [*((f"lib/{name}", path) for name, path in found.items()), (loader, os.path.join(system, loader))]


def read_files(folder, tests):
    """The paths of the files that tests read."""
    names = packages.run("git", "ls-files", "-z", *READ, cwd=ROOT).split("\0")
    paths = [os.path.join(ROOT, name) for name in names if name]
    made = {test["env"].get("VIOMMU_GOLDEN") for test in tests} - {None}
    made |= {os.path.join(ROOT, "../shared/vectors"), os.path.join(folder, "tests/tables/large")}
    for top in made:
        for at, _, files in os.walk(os.path.normpath(top)):
            paths += [os.path.join(at, name) for name in files]
    return paths


def script_of(test, number):
    """What the guest does for one test."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in test["env"].items()]
    command = " ".join(["timeout", "-s", "KILL", str(SLOWER * test["timeout"]), *map(shlex.quote, test["cmd"])])
    return "\n".join([f"echo begin {number}", "(", *lines, "export LD_LIBRARY_PATH=/lib",
                      f"cd {shlex.quote(test['workdir'] or ROOT)}", f"exec {command}",
                      ") >/tmp/out 2>&1", "code=$?", "cat /tmp/out", "echo", f"echo end {number} $code", ""])


def parents(paths):
    found = set()
    for path in paths:
        while os.path.dirname(path):
            path = os.path.dirname(path)
            found.add(path)
    return sorted(found)


def write_initramfs(path, folder, system, tests):
    programs = sorted({test["cmd"][0] for test in tests})
    files = {source.lstrip("/"): source for source in [*programs, *read_files(folder, tests)]}
    files.update(libraries(programs, folder, system))
    contents = [(name, initramfs.contents(source)) for name, source in files.items()]
    contents += [("bin/busybox", initramfs.contents(packages.busybox("ppc64el", packages.note))),
                 ("init", initramfs.contents(os.path.join(HERE, "pages_init"))),
                 ("tests", "".join(script_of(test, i) for i, test in enumerate(tests)).encode())]
    folders = parents([*files, "bin/busybox", "dev/console", "tmp/out", "proc/1", "sys/1", ROOT.lstrip("/") + "/x"])
    with open(path, "wb") as out:
        out.write(initramfs.archive(contents, folders, [("dev/console", (5, 1)), ("dev/null", (1, 3))]))


def boot(archive, log):
    command = ["qemu-system-ppc64", "-M", "pseries", "-cpu", "power9", "-smp", "2", "-m", "3G", "-nodefaults",
               "-display", "none", "-serial", "stdio", "-no-reboot", "-accel", "tcg,thread=multi", "-kernel", kernel(),
               "-initrd", archive, "-append", "console=hvc0 quiet panic=-1"]
    with open(log, "wb") as out:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=TIMEOUT, check=True)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            print(f"pages: the guest did not come to its end: {error}", file=sys.stderr)
    with open(log, encoding="utf-8", errors="replace") as file:
        return file.read().replace("\r", "").split("\n")


def result(test, code, output):
    return {"name": test["name"], "result": {0: "OK", 77: "SKIP"}.get(code, "FAIL"), "returncode": code,
            "stdout": "\n".join(output)}


def results(lines, tests):
    """The test log's entry of each test; without an end it has failed."""
    output, ended = [], set()
    for line in lines:
        if BEGIN.match(line):
            output = []
        elif match := END.match(line):
            ended.add(int(match[1]))
            yield result(tests[int(match[1])], int(match[2]), output)
        else:
            output.append(line)
    for i, test in enumerate(tests):
        if i not in ended:
            yield result(test, -1, ["it has no end"])


def main(folder, system, suites):
    tests, scripts = tests_of(folder, suites)
    log = os.path.join(folder, "pages.log")
    with tempfile.TemporaryDirectory() as work:
        archive = os.path.join(work, "initramfs")
        write_initramfs(archive, folder, system, tests)
        lines = boot(archive, log)
    if f"pages of {PAGES} kB" not in lines:
        sys.exit(f"pages.py: the kernel's pages are not of {PAGES} KiB: see {log}")
    entries = list(results(lines, tests))
    with open(os.path.join(folder, "meson-logs/testlog.json"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)
    for entry in entries:
        if entry["result"] == "FAIL":
            print(f"pages: {entry['name']}: exit {entry['returncode']}\n{entry['stdout']}", file=sys.stderr)
    print(f"pages: {len(tests)} programs, {scripts} scripts are left out; output: {log}", file=sys.stderr)


try:
    main(os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:])
except packages.Unavailable as unavailable:
    sys.exit(f"pages.py: {unavailable}")
