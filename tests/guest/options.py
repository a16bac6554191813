#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Try each option of `./run guest` with the quickest row: `./run guest --options`

Exit status 0 if each works as in --help. --shell is tried with a real guest, whose console is a
pipe.
"""

import glob
import os
import select
import subprocess
import sys
import tempfile
import time

import rows

HERE = os.path.dirname(os.path.abspath(__file__))
ROW = "friendly"            # boots, copies a few pages, and ends
SECONDS = 120
PROMPT = b"poweroff -f ends."
COMMAND = [sys.executable, os.path.join(HERE, "guest.py")]


class Wrong(Exception):
    """An option did not work; the text describes its effect."""


def guest(*arguments, **environment):
    """Returns (exit status, all output)."""
    done = subprocess.run(COMMAND + list(arguments), env={**os.environ, **environment}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=SECONDS)
    return done.returncode, done.stdout


def expect(condition, output):
    if not condition:
        raise Wrong(output)


def results(output):
    """The lines of rows that were run: (result, row, device)."""
    words = [line.split() for line in output.splitlines()]
    return [tuple(line[:3]) for line in words if line and line[0] in ("ok", "FAILED")]


def list_names_every_row_once():
    status, output = guest("--list")
    names = [line.split()[1] for line in output.splitlines()]
    expect(status == 0 and names == [row.name for row in rows.ROWS], output)


def help_names_every_option():
    status, output = guest("--help")
    expect(status == 0 and all(option in output for option in (
        "NAME", "--qemu", "--device", "--nested", "--shell", "--list", "--again", "--patience", "--jobs",
        "--keep")),
        output)


def an_unknown_row_is_refused():
    status, output = guest("nosuch")
    expect(status == 2 and "no such row: nosuch" in output, output)


def an_unknown_qemu_or_device_is_refused():
    for option in ("--qemu", "--device"):
        status, output = guest(option, "nosuch")
        expect(status == 2 and "invalid choice: 'nosuch'" in output, output)


def a_row_runs_with_both_devices():
    status, output = guest(ROW)
    expect(status == 0 and results(output) == [("ok", ROW, "builtin"), ("ok", ROW, "viommu")],
           output)


def device_chooses_one():
    status, output = guest(ROW, "--device", "builtin")
    expect(status == 0 and results(output) == [("ok", ROW, "builtin")], output)


def keep_keeps_the_files_of_a_run():
    with tempfile.TemporaryDirectory() as folder:
        status, output = guest(ROW, "--device", "builtin", "--keep", TMPDIR=folder)
        kept = glob.glob(f"{folder}/viommu-guest-*/initramfs")
        expect(status == 0 and len(kept) == 1 and os.path.dirname(kept[0]) in output, output)
        status, output = guest(ROW, "--device", "builtin", TMPDIR=f"{folder}")
        expect(status == 0 and glob.glob(f"{folder}/viommu-guest-*/initramfs") == kept, output)


def a_missing_module_is_no_success():
    status, output = guest(ROW, "--device", "viommu", VIOMMU_MODULE="/nonexistent.so")
    expect(status == 1 and f"skipped {ROW}" in output and "1 skipped" in output, output)


def nested_chooses_the_guests_in_guests():
    status, output = guest("--nested", VIOMMU_MODULE="/nonexistent.so")
    skipped = [line.split()[1].rstrip(":") for line in output.splitlines() if line.startswith("skipped")]
    expect(status == 1 and skipped == [row.name for row in rows.ROWS if row.inner] != [], output)


def again_runs_a_failed_row_once_more():
    """QEMU does not load a plugin that is no library."""
    arguments = [ROW, "--device", "viommu"]
    with tempfile.NamedTemporaryFile(suffix=".so") as module:
        status, output = guest(*arguments, VIOMMU_MODULE=module.name)
        expect(status == 1 and len(results(output)) == 1, output)
        status, output = guest(*arguments, "--again", VIOMMU_MODULE=module.name)
    expect(status == 1 and results(output) == [("FAILED", ROW, "viommu")] * 2, output)


def jobs_report_each_row_whole_and_in_order():
    with tempfile.NamedTemporaryFile(suffix=".so") as module:
        status, output = guest(ROW, "--jobs", "2", "--again", VIOMMU_MODULE=module.name)
    expect(status == 1 and "guests: 1 passed, 1 failed, 0 skipped" in output, output)
    expect(results(output) == [("ok", ROW, "builtin")] + [("FAILED", ROW, "viommu")] * 2, output)
    status, output = guest(ROW, "--jobs", "0")
    expect(status == 2 and "--jobs takes a number of at least 1" in output, output)


def read_until(process, text, output):
    """Append the output to what there is until it has a text."""
    deadline = time.monotonic() + SECONDS
    while text not in output:
        ready = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
        piece = os.read(process.stdout.fileno(), 4096) if ready else b""
        expect(piece, (output + b"\n(no more output)").decode(errors="replace"))
        output += piece
    return output


def shell_gives_a_prompt_with_the_helpers_of_scripts():
    process = subprocess.Popen(COMMAND + [ROW, "--shell", "--device", "builtin"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    with process:
        try:
            output = read_until(process, PROMPT, b"")
            output = read_until(process, b"# ", output)
            process.stdin.write(b"say $((6 * 7)); groups; echo $?-end; poweroff -f\n")
            process.stdin.flush()
            output = read_until(process, b"row: 42", output)
            output = read_until(process, b"0-end", output)
            process.stdin.close()
            expect(process.wait(SECONDS) == 0, output.decode(errors="replace"))
        finally:
            process.kill()
    expect(b"Kernel panic" not in output, output.decode(errors="replace"))


TESTS = [list_names_every_row_once, help_names_every_option, an_unknown_row_is_refused,
         an_unknown_qemu_or_device_is_refused, a_row_runs_with_both_devices, device_chooses_one,
         keep_keeps_the_files_of_a_run, a_missing_module_is_no_success,
         nested_chooses_the_guests_in_guests,
         again_runs_a_failed_row_once_more, jobs_report_each_row_whole_and_in_order,
         shell_gives_a_prompt_with_the_helpers_of_scripts]


def main():
    failed = 0
    for test in TESTS:
        started = time.monotonic()
        try:
            test()
            print(f"ok      {time.monotonic() - started:5.1f} s  {test.__name__}", flush=True)
        except (Wrong, subprocess.TimeoutExpired) as wrong:
            failed += 1
            print(f"FAILED  {test.__name__}\n{wrong}", flush=True)
    print(f"options: {len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
