#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run the suite in ours and in the virtio-iommu of each QEMU that is at hand, and other judges of ours.

    judge.py [--quick] [--document] [--jobs N] [PATTERN...]

A PATTERN chooses devices by name, and no other judge. --quick takes those of the installed QEMU on x86,
--document writes docs/judge.md. N devices and judges run at a time: as many as there are processors. Reports and a
matrix are in build/judge. The exit status is 1 for a difference that conformance/differences.rules does not explain,
for one that it explains and that is not there any more, for cases that are missing, and for a judge that fails or
hangs; 2 for a pattern of no device.
"""

import argparse
import concurrent.futures
import fnmatch
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "judge"
sys.path[:0] = [str(ROOT / "tests" / "guest"), str(ROOT / "tests" / "api")]

import coverage    # noqa: E402  pylint: disable=wrong-import-position
import packages    # noqa: E402  pylint: disable=wrong-import-position
import qemus       # noqa: E402  pylint: disable=wrong-import-position


def load(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "conformance" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


suite = load("viommu-conformance")

# The machine of each architecture, with QEMU's name of it. SeaBIOS waits for a SATA controller behind an
# IOMMU.
MACHINES = {"x86": ("amd64", ["-M", "q35,sata=off", "-cpu", "max"]),
            "x86-linux": ("amd64", ["-M", "q35,sata=off", "-cpu", "max"]),
            "x86-pvh": ("amd64", ["-M", "microvm,pcie=on", "-cpu", "max"]),
            "arm64": ("arm64", ["-M", "virt", "-cpu", "max", "-smp", "2"]),
            "arm64-acpi": ("arm64", ["-M", "virt", "-cpu", "max"]),
            "riscv64": ("riscv64", ["-M", "virt", "-cpu", "rv64"])}
COMMON = ["-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
          "-kernel", "{image}"]

# Of QEMU's rings, the packed ones are off by default. The region is memory behind the suite.
# viommu-dma asks libviommu itself. edu and disks go through QEMU's memory, as all devices of QEMU do; edu takes 0.1 s
# for an access.
DMA = ["-device", "viommu-dma,addr=5", "-device", "viommu-dma,addr=6"]
EDU = ["-device", "edu,addr=5,dma_mask=0xffffffffffffffff",
       "-device", "edu,addr=6,dma_mask=0xffffffffffffffff"]
OURS = ["-device", "viommu-pci,addr=4,packed=on,reserved=0xa000000-0xaffffff", *DMA]
DISK = OUT / "disk"
DISKS = [word for name in "ab" for word in ("-drive", f"if=none,id={name},file={DISK},format=raw,snapshot=on")]
DISKS_PCI = [*DISKS, "-device", "virtio-blk-pci,drive=a,addr=5,disable-legacy=on,iommu_platform=on",
             "-device", "virtio-blk-pci,drive=b,addr=6,disable-legacy=on,iommu_platform=on"]
TRANSPORT = ["-global", "virtio-mmio.force-legacy=false"]
MMIO = [*TRANSPORT, "-device", "viommu-device,bus=virtio-mmio-bus.0,pci=off"]
# A disk and a function that are not behind the IOMMU must not be taken for devices that are.
OURS_MMIO = [*TRANSPORT, "-device", "viommu-device,bus=virtio-mmio-bus.0,packed=on,pci=off", *DISKS,
             "-device", "virtio-blk-device,bus=virtio-mmio-bus.1,drive=a,iommu_platform=on",
             "-device", "virtio-blk-device,bus=virtio-mmio-bus.2,drive=b,iommu_platform=on",
             "-drive", f"if=none,id=c,file={DISK},format=raw,snapshot=on",
             "-device", "virtio-blk-pci,drive=c,disable-legacy=on,iommu_platform=on", "-device", "edu"]
OURS_PCI_ARM = ["-device", "viommu-pci,addr=4,packed=on,reserved=0x4a000000-0x4affffff"]
OURS_ARM = [*OURS_PCI_ARM, *DMA, *MMIO]
OURS_RISCV = ["-device", "viommu-pci,addr=4,packed=on,reserved=0x8a000000-0x8affffff", *DMA]
NARROW = ["-device", "viommu-pci,addr=4,aw-bits=39,domain-last=4095,page-size-mask=0xffffffffffffffff",
          *EDU]
SPACES = ["-device", "viommu-pci,addr=4,packed=on,tables=x86+arm+riscv+amd+generic,nest=on,pasid-bits=8,"
          "page-requests=32", *DMA]
NVME = ["-device", "nvme,serial=a,addr=5", "-device", "nvme,serial=b,addr=6"]
OURS_ALONE = ["-device", "viommu-pci,addr=4,packed=on"]
OURS_NVME = [*OURS_ALONE, *NVME]
BUILT_IN_ALONE = ["-device", "virtio-iommu-pci,addr=4,packed=on"]
BUILT_IN = [*BUILT_IN_ALONE, *EDU]
BUILT_IN_DISKS = [*BUILT_IN_ALONE, *DISKS_PCI]

Device = namedtuple("Device", "name qemu architecture options module quick")
DEVICES = [
    Device("viommu, QEMU 7.2", "7.2", "x86", OURS, True, True),
    Device("viommu with small ranges, QEMU 7.2", "7.2", "x86", NARROW, True, True),
    Device("viommu with address spaces, QEMU 7.2", "7.2", "x86", SPACES, True, True),
    Device("viommu, without DMA, QEMU 7.2", "7.2", "x86", OURS_ALONE, True, True),
    Device("viommu, with NVMe controllers, QEMU 7.2", "7.2", "x86", OURS_NVME, True, False),
    Device("viommu, QEMU 10.0", "10.0", "x86-linux", OURS, True, False),
    Device("viommu, QEMU 7.2, arm64", "7.2", "arm64", OURS_ARM, True, False),
    Device("viommu by ACPI, QEMU 7.2, arm64", "7.2", "arm64-acpi", [*OURS_PCI_ARM, *DMA], True, False),
    Device("viommu, QEMU 7.2, riscv64", "7.2", "riscv64", OURS_RISCV, True, False),
    Device("viommu on PCI of microvm, QEMU 7.2", "7.2", "x86-pvh", OURS, True, True),
    Device("viommu on microvm, QEMU 7.2", "7.2", "x86-pvh", OURS_MMIO, True, True),
    Device("viommu on virtio-mmio, QEMU 7.2, arm64", "7.2", "arm64", OURS_MMIO, True, False),
    Device("viommu on virtio-mmio by ACPI, QEMU 7.2, arm64", "7.2", "arm64-acpi", OURS_MMIO, True, False),
    Device("viommu on virtio-mmio, QEMU 7.2, riscv64", "7.2", "riscv64", OURS_MMIO, True, False),
    Device("built in, QEMU 7.2", "7.2", "x86", BUILT_IN, False, True),
    Device("built in, with disks, QEMU 10.0", "10.0", "x86", BUILT_IN_DISKS, False, False),
    Device("built in, with NVMe controllers, QEMU 10.0", "10.0", "x86", [*BUILT_IN_ALONE, *NVME], False, False),
    Device("built in, QEMU 10.0", "10.0", "x86", BUILT_IN, False, False),
    Device("built in, QEMU 11.1", "11.1", "x86", BUILT_IN, False, False),
    Device("built in, QEMU 7.2, arm64", "7.2", "arm64", BUILT_IN, False, False),
]

# Judges that are elsewhere in the tree: name, and the command that runs them.
JUDGES = [
    ("iasl, on the tables that we write",
     ["sh", "-c", "tests/tool/iasl.sh; exec conformance/judges/meson_tests.py build 'iasl reads *'"]),
    ("the RISC-V IOMMU's reference model, on random tables",
     ["sh", "-c", "tests/pgtable/reference/reference.sh --fetch; "
      "exec conformance/judges/meson_tests.py build 'walkers agree with the reference model *'"]),
    ("the newest iasl and its templates", ["conformance/judges/iasl.py", "build/tools/viommu"]),
    ("dtc, on the device trees that we write",
     ["conformance/judges/meson_tests.py", "build", "dtc reads *"]),
    ("fwts, on the tables that we write", ["conformance/judges/fwts.py", "build/tools/viommu", "tests/golden"]),
    ("acpiview of edk2, on the tables that we write",
     ["conformance/judges/acpiview.py", "build/tools/viommu", "tests/golden", str(OUT / "acpiview")]),
    ("QEMU 7.2's virtio-iommu-test, with our device and with its own", ["tests/qemu/own_test.sh", "7.2"]),
    ("QEMU 10.0's virtio-iommu-test, with our device and with its own", ["tests/qemu/own_test.sh", "10.0"]),
    ("Arm's BSA, in a machine with our device and with QEMU's", ["conformance/judges/bsa.py", "--fetch"]),
    ("Linux 7.3's mock of iommufd, under our backend", [sys.executable, "tests/guest/guest.py", "backend-mock"]),
]
NOT_RUN = [
    ("QEMU 11.1's qtests and iommu-testdev", "its source package is not at the mirror"),
]
SKIPPED = 77
JUDGE_SECONDS = 1800    # the first run of QEMU's test builds a part of QEMU


def command_of(device):
    """The words of the VMM."""
    host, words = MACHINES[device.architecture]
    qemu = next(iter(qemus.choose(device.qemu, lambda text: print(text, file=sys.stderr))))
    if not os.path.exists(qemu.program(host)):
        raise packages.Unavailable(f"QEMU {device.qemu} has no {qemus.BINARIES[host]}")
    environment = [f"{name}={value}" for name, value in qemu.environment.items()]
    module = []
    if device.module:
        if not os.path.exists(qemu.module()):
            raise packages.Unavailable(f"no module for QEMU {device.qemu}")
        module = ["-plugin", qemu.module()]
    return ["env", *environment, *qemu.command(host), *module, *words, *COMMON, *device.options]


# -- runs ------------------------------------------------------------------------------

# What runs: a judge, or, with the path of its report, the suite in a device.
Job = namedtuple("Job", "name command report", defaults=(None,))
Result = namedtuple("Result", "job status seconds output errors")


def make_images(architectures):
    """The images that are not those of these sources already."""
    conformance = ROOT / "conformance"
    sources = [conformance / "build.sh", *(path for folder in (conformance / "bare", conformance / "suite",
                                                               ROOT / "include") for path in folder.rglob("*"))]
    digest = hashlib.sha256()
    for path in sorted(path for path in sources if path.is_file()):
        digest.update(path.read_bytes())
    for architecture in sorted(architectures):
        image = OUT / f"suite-{architecture}"
        made_of = OUT / f"{image.name}.sources"
        if image.exists() and made_of.exists() and made_of.read_text(encoding="ascii") == digest.hexdigest():
            continue
        print(f"building the suite for {architecture}", flush=True)
        made_of.unlink(missing_ok=True)
        subprocess.run([conformance / "build.sh", OUT, architecture], check=True)
        made_of.write_text(digest.hexdigest(), encoding="ascii")


def device_jobs(devices):
    for number, device in enumerate(devices):
        try:
            command = command_of(device)
        except packages.Unavailable as reason:
            print(f"{device.name}: skipped: {reason}")
            continue
        report = OUT / f"report-{number}.json"
        yield Job(device.name, [sys.executable, ROOT / "conformance" / "viommu-conformance", "--name", device.name,
                                "--image", OUT / f"suite-{device.architecture}", "--json", report, "--", *command],
                  report)


def run_job(job):
    begun = time.monotonic()
    try:
        done = subprocess.run(job.command, cwd=ROOT, text=True, errors="replace", capture_output=True, check=False,
                              timeout=None if job.report else JUDGE_SECONDS)    # the suite ends a VMM that hangs
    except subprocess.TimeoutExpired:
        return Result(job, None, JUDGE_SECONDS, "", "")
    return Result(job, done.returncode, time.monotonic() - begun, done.stdout, done.stderr)


def run_jobs(jobs, at_a_time):
    """The result of each when it is there."""
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        running = [pool.submit(run_job, job) for job in jobs]
        try:
            for future in concurrent.futures.as_completed(running):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def take_device(result):
    """The report of a device, whose summary is printed."""
    print(result.errors, end="", file=sys.stderr)
    if result.status not in (0, 1):
        sys.exit(f"{result.job.name}: nothing could be judged")
    report = suite.read_report(result.job.report)
    print(suite.summary(report), flush=True)
    return report


def agrees(result):
    """Does this judge agree? Its verdict is printed."""
    name, status = result.job.name, result.status
    if status is None:
        print(f"{name}: failed: not finished in {JUDGE_SECONDS} s", flush=True)
    elif status == SKIPPED:
        reason = (result.output.strip() or "no reason given").splitlines()[-1]
        print(f"{name}: skipped: {reason} ({result.seconds:.1f} s)", flush=True)
    else:
        print(f"{name}: {'failed' if status else 'passed'} ({result.seconds:.1f} s)", flush=True)
    if status not in (0, SKIPPED):
        print((result.output + result.errors)[-3000:])
    return status in (0, SKIPPED)


def run_all(devices, judges, at_a_time):
    """The reports of the devices, in their order; and do all judges agree?"""
    begun, good, reports = time.monotonic(), True, {}
    of_devices = list(device_jobs(devices))
    of_judges = [Job(name, command) for name, command in judges]
    print(f"{len(of_devices)} devices and {len(judges)} other judges, {at_a_time} at a time", flush=True)
    # The slow devices are at the end of the list: what is long begins first.
    for result in run_jobs([*of_judges, *reversed(of_devices)], at_a_time):
        if result.job.report:
            reports[result.job.name] = take_device(result)
        else:
            good &= agrees(result)
    print(f"all of them: {time.monotonic() - begun:.0f} s")
    return [reports[job.name] for job in of_devices], good


# -- differences -----------------------------------------------------------------------

ENDED = "ENDED: "


def plain(name):
    return name.removesuffix(" (packed)")


Row = namedtuple("Row", "device case why cure", defaults=("",))


def read_explanations():
    return [Row(*fields) for fields in coverage.rows(ROOT / "conformance" / "differences.rules", 4)]


def explanation(explanations, device, case):
    """The row that explains what the case shows; None. A VMM that ends has a row of its own."""
    ends = case["result"] in ("ended", "hung")
    return next((row for row in explanations if fnmatch.fnmatchcase(device, row.device)
                 and row.case == plain(case["name"]) and row.why.startswith(ENDED) == ends), None)


def differences(reports):
    """(device, case) of all that is neither passed nor skipped."""
    return [(report["device"], case) for report in reports for case in report["cases"]
            if case["result"] not in ("passed", "skipped")]


def breaks_a_must(case):
    return case["result"] == "failed" and case["level"] == "MUST"


def unexplained(reports, whole):
    explanations, used = read_explanations(), set()
    yield from (f"{report['device']}: {report['problem']}" for report in reports if report["problem"])
    for device, case in differences(reports):
        row = explanation(explanations, device, case)
        used.add(row)
        if not row:
            yield f"{device}: {case['result']} without an explanation: {case['name']}"
        elif breaks_a_must(case) and not row.cure:
            yield f"{device}: breaks a MUST, and no cure is described: {case['name']}"
    if whole:
        yield from (f"explained, and not there: {row.device}: {row.case}" for row in explanations if row not in used)


# -- documents -------------------------------------------------------------------------

HEAD = """# Judged from a guest

Written by `./run judge --document`: not to be edited.

`conformance/` is a suite that a guest runs against any virtio-iommu: [README](../conformance/README.md).
{figure}.
The others have [a reason](../conformance/unseen.rules).

A case fails if the device breaks a MUST, or what the standard describes; or a SHOULD. Where the standard leaves a
choice, a case says whether the device made that of libviommu ([decisions.md](decisions.md)), and has not failed. The
VMM *ended* if it stopped at the case; it was started again for the next one. A case is skipped if the device does not
offer what it needs. The seconds are those of a machine with two processors that had other work, too.

| device | passed | MUST | SHOULD | ended or hung | another choice | skipped | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def total(report, *results):
    return sum(report["counts"].get(result, 0) for result in results)


def lines_of_totals(reports):
    for report in reports:
        numbers = [total(report, "passed"), total(report, "failed MUST"), total(report, "failed SHOULD"),
                   total(report, "ended", "hung"), total(report, "differs"), total(report, "skipped"),
                   f"{report['seconds']:.1f}"]
        yield f"| {report['device']} | {' | '.join(map(str, numbers))} |"


def result_of(case):
    return {"failed": f"fails a {case['level']}", "differs": "another choice"}.get(case["result"],
                                                                                  case["result"])


def lines_of_differences(reports):
    """A row for each case and explanation, with the devices that it holds for."""
    explanations, rows = read_explanations(), {}
    for device, case in differences(reports):
        row = explanation(explanations, device, case)
        why = row.why.removeprefix(ENDED) if row else "not explained"
        key = (plain(case["name"]), case["rule"], result_of(case), why)
        devices = rows.setdefault(key, [])
        if device not in devices:
            devices.append(device)
    for (name, rule, result, text), devices in sorted(rows.items(), key=lambda item: item[0][1]):
        yield f"| {name} | {rule} | {'<br>'.join(devices)} | {result} | {text} |"


def lines_for_maintainers(reports):
    """Each MUST that is broken: what the rule says, what was seen, the cause, and a cure."""
    explanations = read_explanations()
    rules = {row[0]: row for row in coverage.rows(ROOT / "docs" / "conformance.rules", 4)}
    found = {}
    for device, case in differences(reports):
        if breaks_a_must(case):
            found.setdefault((plain(case["name"]), case["rule"]), []).append((device, case))
    for (name, rule), cases in sorted(found.items(), key=lambda item: item[0][1]):
        device, case = cases[-1]
        row = explanation(explanations, device, case)
        devices = dict.fromkeys(device for device, _ in cases)
        yield f"### {name[0].upper() + name[1:]}"
        yield ""
        points = [f"Rule `{rule}`: {rules[rule][3]}", f"In {'; '.join(devices)}.",
                  f"Seen: {'; '.join(dict.fromkeys(case['notes']))}."]
        if row:
            points += [f"Cause: {row.why}.", f"Cure: {row.cure}."]
        for point in points:
            yield textwrap.fill(point, 118, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
        yield ""


def document(reports):
    head = HEAD.format(figure=coverage.figure(ROOT)[0].upper() + coverage.figure(ROOT)[1:])
    return (head + "\n".join(lines_of_totals(reports))
            + "\n\n## Differences\n\n| case | rule | device | | why |\n| --- | --- | --- | --- | --- |\n"
            + "\n".join(lines_of_differences(reports))
            + "\n\n## For maintainers\n\n"
            "What breaks a MUST, or what the standard describes. A device named here runs with the command in\n"
            "`build/judge/reports.json`, and `./run judge PATTERN` repeats the case.\n\n"
            + "\n".join(lines_for_maintainers(reports)).rstrip("\n") + "\n\n"
            + (ROOT / "conformance" / "others.md").read_text(encoding="utf-8"))


def chosen():
    """The options, and the devices that they choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--document", action="store_true")
    parser.add_argument("--jobs", type=int, metavar="N", default=len(os.sched_getaffinity(0)))
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    options = parser.parse_args()
    if options.document and (options.quick or options.patterns):
        parser.error("--document is about all devices: neither --quick nor a PATTERN")
    devices = [device for device in DEVICES if device.quick or not options.quick]
    for pattern in options.patterns:
        if not fnmatch.filter((device.name for device in devices), pattern):
            parser.error(f"no device has the name {pattern}; there are: "
                         + "; ".join(device.name for device in devices))
    return options, [device for device in devices if not options.patterns or
                     any(fnmatch.fnmatchcase(device.name, pattern) for pattern in options.patterns)]


def main():
    options, devices = chosen()
    OUT.mkdir(parents=True, exist_ok=True)
    make_images({device.architecture for device in devices})
    DISK.write_bytes(bytes(1 << 20))
    whole = not options.quick and not options.patterns
    reports, good = run_all(devices, JUDGES if whole else [], options.jobs)
    for name, reason in NOT_RUN if whole else []:
        print(f"{name}: skipped: {reason}")
    if not reports:
        sys.exit("judge: no device is here")
    suite.write(OUT / "matrix.html", suite.matrix(reports))
    suite.write(OUT / "reports.json", json.dumps(reports, indent=1) + "\n")
    if options.document:
        suite.write(ROOT / "docs" / "judge.md", document(reports))
    problems = list(unexplained(reports, len(reports) == len(DEVICES)))
    print("\n".join(problems))
    sys.exit(bool(problems) or not good)


if __name__ == "__main__":
    main()
