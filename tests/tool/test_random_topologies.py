#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random topologies through every generator: no table is made that `check` calls an error.

    test_random_topologies.py VIOMMU [COUNT [SEED]]

And a table that is made without a warning says the same as its topology.
"""
import collections
import pathlib
import random
import subprocess
import sys
import tempfile

TABLES = ("viot", "viot-2019", "iort", "dmar", "ivrs", "srat", "rimt", "dtb")


class Writer:
    """One topology as text. Names refer to what is there; values are odd, but of their types."""

    def __init__(self, rng):
        self.rng = rng
        self.lines = ["viommu: 1"]

    def some(self, most):
        return range(self.rng.randint(0, most))

    def maybe(self, text, chance=0.3):
        return text if self.rng.random() < chance else ""

    def function(self, bus=None):
        bus = self.rng.choice((0, 1, 6, 0x40, 0x7f, 0x80, 0xff)) if bus is None else bus
        return f"{bus:02x}:{self.rng.choice((0, 1, 2, 0x14, 0x1f)):02x}.{self.rng.choice((0, 1, 7))}"

    def iommu(self, i, kind):
        base = self.rng.choice((0x9000000, 0xfed90000, 0x100000000)) + i * 0x100000
        text = f"  - {{ name: i{i}, kind: {kind}"
        if kind in ("virtio-iommu-pci", "riscv-iommu-pci"):
            text += f", at: {self.function(self.rng.choice((0, 0x40)))}"
        else:
            text += f", at: 0x{base:x}"
        if kind == "amd-vi":
            text += f", function: {self.function()}" + self.maybe(", capability: 0x40")
        if kind == "virtio-iommu-mmio":
            text += ", span: 512" + self.maybe(f", interrupts: [{40 + i}]", 0.7)
        if kind == "smmu-v3":
            text += self.maybe(f", interrupts: [{[64 + 4 * i + k for k in range(4)]}]"
                               .replace("[[", "[").replace("]]", "]"), 0.7)
        if kind == "riscv-iommu":
            text += self.maybe(f", interrupts: [{36 + i}], wire-flags: {self.rng.randint(0, 3)}")
        if kind == "smmu-v2":
            text += self.maybe(f", context-interrupts: [{96 + i}]", 0.7)
        if kind == "smmu-v3":
            text += self.maybe(f", cmdqv: 0x{base + 0x80000:x}, cmdqv-interrupt: {200 + i}", 0.2)
        return text + self.maybe(", its: g0", 0.3 if self.groups else 0) + \
            self.maybe(f", proximity-domain: {self.rng.randint(0, 3)}") + \
            self.maybe(f", hotplug: {self.rng.randint(1, 9)}", 0.2) + " }"

    def iommu_name(self, none=True):
        return self.rng.choice(self.names + (["none"] if none or not self.names else []))

    def section(self, title, lines):
        if lines:
            self.lines += [f"{title}:", *lines]

    def text(self):
        rng, family = self.rng, self.rng.choice((
            ("virtio-iommu-pci", "virtio-iommu-mmio"), ("smmu-v3",), ("smmu-v3", "smmu-v2"),
            ("vt-d",), ("amd-vi",), ("smmu-v3", "virtio-iommu-pci"), ("vt-d", "virtio-iommu-pci"),
            ("riscv-iommu", "riscv-iommu-pci"), ("riscv-iommu-pci", "virtio-iommu-pci")))
        self.groups = rng.random() < 0.4
        kinds = [rng.choice(family) for _ in self.some(3)]
        self.names = [f"i{i}" for i in range(len(kinds))]
        self.section("iommus", [self.iommu(i, kind) for i, kind in enumerate(kinds)])
        if self.groups:
            self.section("its-groups", ["  - { name: g0, ids: [0] }"])
        cuts = rng.choice(((0, 0x100), (0, 0x80, 0x100), (0, 0x40, 0x80, 0x100), (0, 0x80)))
        self.section("host-bridges", [
            f"  - {{ buses: {first:02x}-{end - 1:02x}, iommu: {self.iommu_name()}"
            + self.maybe(", ats: yes") + self.maybe(", pasid: yes")
            + self.maybe(", its: g0", 0.4 if self.groups else 0) + " }"
            for first, end in zip(cuts, cuts[1:])])
        self.section("ranges", [self.range() for _ in self.some(3)])
        self.section("devices", [self.device(i) for i in self.some(3)])
        self.section("interrupt-sources", [
            f"  - {{ kind: {rng.choice(('ioapic', 'hpet'))}, number: {rng.randint(0, 3)}, "
            f"function: {self.function()}, iommu: {self.iommu_name(False)} }}"
            for _ in self.some(2) if self.names])
        self.section("reserved-memory", [self.memory() for _ in self.some(2)])
        self.section("monitors", [self.monitor(i) for i in self.some(3)])
        self.section("wire-bridges", [
            f"  - {{ name: \\_SB_.IWB{i}, at: 0x{0xa000000 + i * 0x10000:x}"
            + self.maybe(", its: g0, msi-id: 7", 0.4 if self.groups else 0) + " }"
            for i in range(self.maybe("x", 0.1).count("x"))])
        revision = self.maybe("tables: { iort: { revision: 3 } }", 0.1)
        return "\n".join(self.lines + ([revision] if revision else [])) + "\n"

    def range(self):
        iommu, first = self.iommu_name(), self.function()
        last = self.rng.choice((first, first[:2] + ":1f.7"))
        text = f"  - {{ functions: {first}-{last}, iommu: {iommu}" if last != first else \
            f"  - {{ functions: {first}, iommu: {iommu}"
        if iommu != "none":
            text += self.maybe(f", first-id: 0x{self.rng.choice((0x100, 0x600, 0x20000)):x}") + \
                self.maybe(", one-id: yes", 0.2)
        return text + " }"

    def device(self, i):
        name = self.rng.choice((f"\\_SB_.DEV{i}", f"/soc/dev@{i + 1}000000", f"\\_SB.X{i}"))
        iommu = self.iommu_name()
        text = f"  - {{ name: {name}, iommu: {iommu}"
        text += self.maybe(f", at: 0x{i + 1}000000")
        if iommu != "none":
            text += f", id: 0x{self.rng.choice((0xa8, 0xb0, 0x20000 + i)):x}"
        return text + self.maybe(", hid: AMDI0020") + \
            self.maybe(f", number: {self.rng.randint(1, 2)}", 0.6) + " }"

    def monitor(self, i):
        whose = self.rng.choice(("segment: 0", "segment: 1", f"iommu: {self.iommu_name()}"))
        return f"  - {{ at: 0x{0xb000000 + i * 0x20000:x}, {whose}" + \
            self.maybe(f", page-1: 0x{0xb010000 + i * 0x20000:x}", 0.5) + \
            (self.maybe(", its: g0, msi-id: 5") if self.groups else "") + \
            f", interrupt: {300 + i} }}"

    def memory(self):
        first = self.rng.choice((0, 0x1000, 0x8000000, 0x7b000000))
        whose = f"functions: {self.function()}" if self.rng.random() < 0.6 or not self.names \
            else f"iommu: {self.iommu_name(False)}"
        return f"  - {{ range: 0x{first:x}-0x{first + self.rng.choice((0xffff, 0xfff, 0xff)):x}, " \
               f"kind: {self.rng.choice(('identity', 'reserved', 'msi'))}, {whose} }}"


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def main(viommu, count="60", seed="1"):
    counts, wrong = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        topology, table = folder / "topology.yaml", folder / "table"
        for n in range(int(count)):
            topology.write_text(Writer(random.Random(f"{seed} {n}")).text(), encoding="utf-8")
            for what in TABLES:
                table.unlink(missing_ok=True)
                status, told = run(viommu, "generate", what, topology, "-o", table)
                counts[f"{what}: exit {status}"] += 1
                if status > 2 or status < 0 or (status <= 1) != table.exists():
                    wrong += 1
                    print(f"{n} {what}: exit {status}: {told}")
                if status > 1:
                    continue
                _, found = run(viommu, "check", table)
                if ": error: " in found:
                    wrong += 1
                    print(f"{n} {what}: {found}{topology.read_text()}")
    print(", ".join(f"{what} {n}" for what, n in sorted(counts.items())))
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
