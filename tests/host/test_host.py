#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Scan trees of machines with the command: whole ones, contradictory ones, hostile ones.

    test_host.py VIOMMU MACHINES [--sanitized]
"""

import glob
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_host  # noqa: E402

VIOMMU, MACHINES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
SANITIZED = "--sanitized" in sys.argv
FOUND = set()  # ids of rules that some test has seen


def load(name):
    with open(os.path.join(MACHINES, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def viommu(*arguments, timeout=60):
    return subprocess.run([VIOMMU, *arguments], capture_output=True, text=True, check=False,
                          timeout=timeout)


def few_addresses():
    """Sanitizers reserve more addresses than there are bytes: they are not limited."""
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def scan(*trees):
    """One object a tree; findings are remembered."""
    result = viommu("host", "--json", *trees)
    hosts = [json.loads(line) for line in result.stdout.splitlines()]
    for host in hosts:
        FOUND.update(finding["id"] for finding in host["findings"])
    return hosts


def without_name(host):
    return {key: value for key, value in host.items() if key not in ("host", "findings")}


def ids(host):
    return sorted(finding["id"] for finding in host["findings"])


class Base(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.tree = os.path.join(self.folder, "tree")
        self.addCleanup(shutil.rmtree, self.folder)

    def make(self, machine, name="tree"):
        tree = os.path.join(self.folder, name)
        make_host.make(VIOMMU, machine, tree)
        return tree

    def scan_one(self, machine):
        return scan(self.make(machine))[0]

    def put(self, path, content):
        make_host.Tree(self.tree).put(path, content)

    def device(self, host, name):
        return next(device for device in host["devices"] if device["name"] == name)


class Machines(Base):
    """The seven machines: sysfs and tables agree, and each device is where it was put."""

    hosts = {}

    def host(self, name):
        if name not in self.hosts:
            self.hosts[name] = self.scan_one(load(name))
        return self.hosts[name]

    def test_every_device_is_behind_its_iommu_in_sysfs_and_in_the_tables(self):
        names = [os.path.basename(name)[:-5] for name in glob.glob(MACHINES + "/*.json")]
        self.assertEqual(len(names), 7)
        for name in names:
            with self.subTest(name):
                machine = load(name)
                host = self.hosts.setdefault(name, scan(self.make(machine, name))[0])
                self.assertEqual(host["findings"], [])
                self.check_devices(machine, host)
                self.check_iommus(machine, host)

    def check_devices(self, machine, host):
        units = {iommu["name"]: iommu.get("in_table") for iommu in host["iommus"]}
        self.assertEqual(len(host["devices"]),
                         len(machine["devices"]) + len(machine.get("platform", [])))
        for device in machine["devices"]:
            found = self.device(host, device["at"])
            self.assertEqual(found.get("iommu"), device.get("iommu"), device["at"])
            self.assertEqual(found.get("group"), device.get("group"), device["at"])
            self.assertEqual(found.get("driver"), device.get("driver"), device["at"])
            self.assertEqual(found.get("pf"), device.get("vf-of"), device["at"])
            if "iommu" in device:
                self.assertEqual(found["iommu_in_table"], units[device["iommu"]], device["at"])
            else:
                self.assertEqual(found["no_iommu"], "is an IOMMU")

    def check_iommus(self, machine, host):
        self.assertEqual({iommu["name"] for iommu in host["iommus"]},
                         {iommu["name"] for iommu in machine["iommus"]})
        for iommu in host["iommus"]:
            self.assertIn("in_table", iommu)
            self.assertIn("base", iommu)
            self.assertEqual(iommu["devices"],
                             sum(device.get("iommu") == iommu["name"]
                                 for device in machine["devices"] + machine.get("platform", [])))

    def test_iommus_are_in_the_order_of_their_numbers(self):
        host = self.host("dl560")
        self.assertEqual([iommu["name"] for iommu in host["iommus"]],
                         [f"dmar{i}" for i in range(16)])

    def test_a_node_comes_from_the_tables_where_sysfs_has_none(self):
        host = self.host("dl560")
        self.assertEqual(host["iommus"][15]["node"], 0)
        self.assertTrue(host["iommus"][15]["node_from_table"])

    def test_an_iommu_may_have_no_device(self):
        host = self.host("supermicro-2024")
        self.assertEqual([iommu["devices"] for iommu in host["iommus"]][1:7], [0] * 6)

    def test_a_device_behind_vmd_has_the_requester_id_of_vmd(self):
        device = self.device(self.host("dl560"), "10000:e1:00.0")
        self.assertEqual(device["dma_function"], "0000:5d:05.5")
        self.assertEqual(device["upstream"], "10000:e0:02.0")
        self.assertEqual(device["id"], 0x5d2d)

    def ids_of_vfs(self, pf, *without):
        """The IDs of a VF, in a tree without some of its files, and in a saved copy."""
        vf = {"at": "0000:01:00.1", "id": "15b3:101e", "vf-of": "0000:01:00.0"}
        tree = self.make({"iommus": [], "devices": [
            {"at": "0000:01:00.0", "id": "15b3:1021", "caps": {"sriov": 1}, **pf}, vf]})
        for name in without:
            os.unlink(f"{tree}/sys/devices/pci0000:01/0000:01:00.1/{name}")
        saved = os.path.join(self.folder, "saved.tar")
        self.assertEqual(viommu("host", tree, "--save", saved).returncode, 0)
        found = [self.device(host, vf["at"]) for host in scan(tree, saved)]
        self.assertEqual(found[0], found[1])
        return found[0]["vendor"], found[0]["device"]

    def test_vfs_have_the_ids_that_their_pf_has_for_them(self):
        self.assertEqual(self.ids_of_vfs({"vf-number": "101e"}, "vendor", "device"),
                         ("0x15b3", "0x101e"))

    def test_vfs_have_the_ids_of_their_files_if_their_pf_has_none(self):
        self.assertEqual(self.ids_of_vfs({}), ("0x15b3", "0x101e"))

    def test_bars_have_their_sizes(self):
        device = self.device(self.host("grace"), "0009:01:00.0")
        self.assertEqual([(bar["bar"], int(bar["length"], 16)) for bar in device["bars"]],
                         [(0, 16 << 20), (2, 128 << 30), (4, 32 << 20)])
        self.assertTrue(all(bar["prefetchable"] and bar["64_bits"] for bar in device["bars"]))

    def test_capabilities_are_read(self):
        host = self.host("grace")
        gpu, disk = self.device(host, "0008:01:00.0"), self.device(host, "0002:01:00.0")
        self.assertEqual([gpu[key] for key in ("ats", "pri", "pasid", "acs")],
                         [True, True, True, False])
        self.assertEqual(gpu["pasid_bits"], 20)
        self.assertEqual([disk[key] for key in ("ats", "pri", "pasid", "acs")], [False] * 4)
        self.assertEqual(self.device(host, "0008:00:00.0")["port"], "root port")

    def test_a_vf_uses_pasid_of_its_pf(self):
        host = self.host("supermicro-2024")
        self.assertEqual(self.device(host, "0000:4b:00.1")["pasid_bits"], 16)
        self.assertEqual(self.device(host, "0000:4b:00.1")["device"], "0x101e")

    def test_registers_of_vtd_are_decoded(self):
        iommu = self.host("supermicro-2024")["iommus"][0]
        self.assertEqual((iommu["nested"], iommu["dirty"], iommu["ats"], iommu["coherent"]),
                         (True, True, True, True))
        self.assertEqual(iommu["page_sizes"], "0x40201000")
        self.assertEqual(iommu["input_bits"], 57)

    def test_registers_of_amd_are_decoded(self):
        iommu = self.host("rome")["iommus"][0]
        self.assertEqual((iommu["ats"], iommu["pri"], iommu["pasid"], iommu["pasid_bits"]),
                         (True, True, True, 16))

    def test_reserved_regions_have_their_types(self):
        host = self.host("x10dai")
        group = self.device(host, "0000:00:1d.0")["group"]
        regions = next(g for g in host["groups"] if g["number"] == group)["reserved"]
        self.assertEqual([(region["first"], region["type"]) for region in regions],
                         [("0xbdf3c000", "direct-relaxable"), ("0xfee00000", "msi")])


class Kinds(Base):
    """IOMMUs that none of the seven has."""

    def test_a_nested_guest_has_a_virtio_iommu_by_pci_function(self):
        host = self.scan_one({
            "iommus": [{"name": "0000:00:03.0", "parent": "pci0000:00/0000:00:03.0/virtio1"}],
            "devices": [{"at": "0000:00:03.0", "id": "1af4:1057", "port": "conventional"},
                        {"at": "0000:00:04.0", "iommu": "0000:00:03.0", "group": 1}],
            "table": "VIOT",
            "topology": {"iommus": [{"name": "v", "kind": "virtio-iommu-pci", "at": "00:03.0"}],
                         "host-bridges": [{"buses": "00-ff", "iommu": "v"}]}})
        self.assertEqual(host["iommus"][0]["kind"], "virtio-iommu")
        self.assertEqual(host["iommus"][0]["function"], "0000:00:03.0")
        self.assertIn("in_table", host["iommus"][0])
        self.assertEqual(host["devices"][0]["no_iommu"], "is an IOMMU")

    def test_functions_of_all_segments_are_different(self):
        host = self.scan_one({
            "iommus": [{"name": f"{at}:00:03.0", "parent": f"pci{at}:00/{at}:00:03.0/virtio1"}
                       for at in ("0000", "8000")],
            "devices": [{"at": f"{at}:00:03.0", "id": "1af4:1057", "port": "conventional"}
                        for at in ("0000", "8000")],
            "table": "VIOT",
            "topology": {"iommus": [{"name": "a", "kind": "virtio-iommu-pci", "at": "0000:00:03.0"},
                                    {"name": "b", "kind": "virtio-iommu-pci", "at": "8000:00:03.0"}],
                         "host-bridges": [{"buses": "00-ff", "iommu": "a"}]}})
        names = [iommu["in_table"] for iommu in host["iommus"]]
        self.assertEqual(len(set(names)), 2, names)

    def riscv(self, *names):
        """A RISC-V machine with UEFI: a function, and a window of registers."""
        return self.scan_one({
            "iommus": [{"name": f"riscv-iommu@{name}"} for name in names],
            "devices": [{"at": "0000:00:01.0", "id": "1b36:0014"},
                        {"at": "0001:00:02.0", "iommu": "riscv-iommu@RSCV0004:00", "group": 1},
                        {"at": "0000:00:02.0", "iommu": "riscv-iommu@0000:00:01.0", "group": 0}],
            "table": "RIMT",
            "topology": {"iommus": [
                {"name": "a", "kind": "riscv-iommu", "at": 0x3010000, "hid": "RSCV0004"},
                {"name": "b", "kind": "riscv-iommu-pci", "at": "00:01.0"}],
                "host-bridges": [{"segment": 0, "buses": "00-ff", "iommu": "b"},
                                 {"segment": 1, "buses": "00-ff", "iommu": "a"}]}})

    def test_riscv_iommus_are_joined_with_those_of_a_rimt(self):
        host = self.riscv("RSCV0004:00", "0000:00:01.0")
        self.assertEqual([("in_table" in iommu, iommu.get("base")) for iommu in host["iommus"]],
                         [(True, None), (True, "0x3010000")])
        self.assertEqual([device.get("iommu_in_table") for device in host["devices"]][1:],
                         ["riscv1", "riscv0"])
        self.assertEqual(ids(host), [])

    def test_several_riscv_iommus_without_an_address_are_not_guessed(self):
        host = self.riscv("RSCV0004:00", "RSCV0004:01", "0000:00:01.0")
        self.assertEqual(sum("in_table" in iommu for iommu in host["iommus"]), 1)

    def test_riscv_and_others_are_read(self):
        host = self.scan_one({
            "iommus": [{"name": "riscv-iommu@3010000.iommu"}, {"name": "apple-dart.0"},
                       {"name": "apple-dart.23b000000.iommu"}, {"name": "0001:00:04.0"},
                       {"name": "a003c00.virtio_mmio"},
                       {"name": "riscv-iommu@0000:00:01.0"},
                       {"name": "smmu.0x0000000000800000", "parent": "platform/arm-smmu.0.auto"},
                       {"name": "a003e00.virtio_mmio",
                        "parent": "platform/a003e00.virtio_mmio/virtio0"}],
            "devices": [],
            "platform": [{"name": "3000000.ethernet", "bus": "platform", "group": 4,
                          "iommu": "smmu.0x0000000000800000"}]})
        kinds = {iommu["name"]: (iommu["kind"], iommu.get("base"), iommu.get("function"))
                 for iommu in host["iommus"]}
        self.assertEqual(kinds["riscv-iommu@3010000.iommu"], ("riscv-iommu", "0x3010000", None))
        self.assertEqual(kinds["riscv-iommu@0000:00:01.0"], ("riscv-iommu", None, "0000:00:01.0"))
        self.assertEqual(kinds["apple-dart.0"], ("other", None, None))
        self.assertEqual(kinds["apple-dart.23b000000.iommu"], ("other", "0x23b000000", None))
        self.assertEqual(kinds["0001:00:04.0"], ("virtio-iommu", None, "0001:00:04.0"))
        self.assertEqual(kinds["a003c00.virtio_mmio"], ("virtio-iommu", "0xa003c00", None))
        self.assertEqual(kinds["smmu.0x0000000000800000"], ("smmu-v2", "0x800000", None))
        self.assertEqual(kinds["a003e00.virtio_mmio"], ("virtio-iommu", "0xa003e00", None))
        self.assertEqual(host["devices"][0]["bus"], "platform")
        self.assertEqual(host["devices"][0]["iommu"], "smmu.0x0000000000800000")


class Links(Base):
    """A device without a link to an IOMMU has a reason."""

    def reason(self, machine, at):
        return self.device(self.scan_one(machine), at)["no_iommu"]

    def test_no_iommu_is_up(self):
        machine = load("x399")
        machine["iommus"] = []
        for device in machine["devices"]:
            device.pop("iommu", None)
        self.assertEqual(self.reason(machine, "0000:08:00.0"), "no IOMMU is up")

    def unlinked(self, driver):
        machine = load("x399")
        device = next(d for d in machine["devices"] if d["at"] == "0000:08:00.0")
        for key in ("iommu", "group"):
            device.pop(key)
        if not driver:
            device.pop("driver")
        return machine

    def test_no_driver_is_bound(self):
        self.assertEqual(self.reason(self.unlinked(False), "0000:08:00.0"), "no driver yet")

    def test_a_driver_is_bound_and_the_link_is_missing(self):
        host = self.scan_one(self.unlinked(True))
        self.assertEqual(self.device(host, "0000:08:00.0")["no_iommu"], "link missing")
        self.assertEqual(ids(host), ["host-device-unlinked"])

    def test_tables_say_bypass_or_nothing(self):
        machine = self.unlinked(True)
        machine["topology"]["ranges"][0]["functions"] = "0000:00:00.3-07:1f.7"
        self.assertEqual(self.reason(machine, "0000:08:00.0"), "in no table")

    def test_the_iommu_of_the_tables_is_not_up(self):
        machine = self.unlinked(True)
        machine["topology"]["iommus"].append(
            {"name": "c", "kind": "amd-vi", "at": 0xfd000000, "function": "0000:08:01.0"})
        machine["topology"]["ranges"].insert(0, {"functions": "0000:08:00.0", "iommu": "c"})
        machine["topology"]["ranges"][1]["functions"] = "0000:00:00.3-07:1f.7"
        host = self.scan_one(machine)
        self.assertEqual(self.device(host, "0000:08:00.0")["no_iommu"], "its IOMMU is not up")
        self.assertIn("host-iommu-down", ids(host))

    def test_tables_are_not_there(self):
        machine = self.unlinked(True)
        machine.pop("table")
        self.assertEqual(self.reason(machine, "0000:08:00.0"), "tables not readable")


class Contradictions(Base):
    def test_sysfs_and_tables_name_different_iommus(self):
        machine = load("x399")
        machine["topology"]["ranges"] = [{"functions": "0000:00:00.3-fe:1f.7", "iommu": "unit0"},
                                         {"functions": "0000:ff:00.0-ff:1f.7", "iommu": "unit1"}]
        host = self.scan_one(machine)
        self.assertIn("host-device-iommu", ids(host))

    def test_an_iommu_is_in_no_table(self):
        machine = load("rome")
        machine["topology"]["iommus"].pop()
        machine["topology"]["ranges"].pop()
        self.assertIn("host-iommu-unsaid", ids(self.scan_one(machine)))

    def test_a_link_names_an_iommu_that_is_not_in_the_class(self):
        tree = self.make(load("x399"))
        os.unlink(tree + "/sys/class/iommu/ivhd1")
        self.assertIn("host-iommu-missing", ids(scan(tree)[0]))

    def test_an_iommu_does_not_list_a_device(self):
        tree = self.make(load("x399"))
        os.unlink(tree + "/sys/class/iommu/ivhd0/devices/0000:08:00.0")
        self.assertEqual(ids(scan(tree)[0]), ["host-listing"])

    def test_a_device_behind_an_iommu_has_no_group(self):
        tree = self.make(load("x399"))
        os.unlink(tree + "/sys/bus/pci/devices/0000:08:00.0/iommu_group")
        self.assertEqual(ids(scan(tree)[0]), ["host-group-missing"])

    def test_a_group_is_behind_two_iommus(self):
        machine = load("x399")
        machine["devices"][-1]["group"] = 1
        self.assertEqual(ids(self.scan_one(machine)), ["host-group-split"])

    def test_a_vf_is_behind_another_iommu_than_its_pf(self):
        machine = load("supermicro-2024")
        next(d for d in machine["devices"] if "vf-of" in d)["iommu"] = "dmar9"
        self.assertIn("host-vf-iommu", ids(self.scan_one(machine)))


class Rights(Base):
    """What may not be read is not known, and never "no"."""

    def test_64_bytes_of_configuration_space(self):
        machine = load("x399")
        tree = self.make(machine)
        for device in machine["devices"]:
            os.truncate(f"{tree}/sys/bus/pci/devices/{device['at']}/config", 64)
        host = scan(tree)[0]
        device = self.device(host, "0000:08:00.0")
        self.assertEqual([device[key] for key in ("ats", "pri", "pasid", "acs")], [None] * 4)
        self.assertEqual(ids(host), ["host-unreadable"])
        self.assertIn("ats?", viommu("host", tree).stdout)

    def test_256_bytes_of_an_express_device(self):
        tree = self.make(load("x399"))
        os.truncate(tree + "/sys/bus/pci/devices/0000:08:00.0/config", 256)
        os.truncate(tree + "/sys/bus/pci/devices/0000:00:00.2/config", 256)
        host = scan(tree)[0]
        self.assertIsNone(self.device(host, "0000:08:00.0")["ats"])
        self.assertIs(self.device(host, "0000:00:00.2")["ats"], False)


class SysfsAlone(Base):
    """A host without tables, or whose tables only root can read."""

    def setUp(self):
        super().setUp()
        tree = self.make(load("rome"))
        shutil.rmtree(tree + "/sys/firmware")

    def ask(self, *arguments, status=0):
        result = viommu(*arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout

    def test_resolve_has_the_iommu_and_the_group(self):
        text = self.ask("resolve", "--from", self.tree, "0000:01:00.0", "0000:00:00.2")
        self.assertIn("0000:01:00.0: ivhd0 (amd-vi at 0000:00:00.2), group 1, by sysfs", text)
        self.assertIn("0000:00:00.2: no IOMMU: is an IOMMU, by sysfs", text)
        answer = json.loads(self.ask("resolve", "--json", "--from", self.tree, "0000:01:00.0"))
        self.assertEqual(answer["answers"], [{"device": "0000:01:00.0", "by": "sysfs",
                                              "sysfs": {"iommu": "ivhd0", "group": 1}}])
        self.assertIn("0000:e1:00.0: ivhd7 ", self.ask("resolve", "--all", self.tree))
        maps = json.loads(self.ask("resolve", "--all", "--json", self.tree))["maps"]
        names = {device["device"] for device in maps[0]["devices"]}
        self.assertLessEqual({d["at"] for d in load("rome")["devices"]}, names)
        self.ask("resolve", "--from", self.tree, "0000:77:00.0", status=2)

    def test_what_is_not_known_is_no_answer(self):
        os.unlink(self.tree + "/sys/bus/pci/devices/0000:01:00.0/iommu")
        self.assertIn("tables not readable",
                      self.ask("resolve", "--from", self.tree, "0000:01:00.0", status=1))
        self.assertIn("not known", self.ask("explain", "--from", self.tree, "0000:01:00.0", status=1))

    def test_explain_uses_group_and_reserved_memory(self):
        self.assertIn("guest: yes", self.ask("explain", "--from", self.tree, "0000:01:00.0"))
        self.assertIn("it is a bridge",
                      self.ask("explain", "--from", self.tree, "0000:00:01.1", status=1))
        with open(self.tree + "/sys/kernel/iommu_groups/1/reserved_regions", "a",
                  encoding="ascii") as file:
            file.write("0x0000000000100000 0x00000000001fffff direct\n")
        self.assertIn("0x100000-0x1fffff must stay mapped",
                      self.ask("explain", "--from", self.tree, "0000:01:00.0", status=1))

    def test_check_compares_sysfs_with_itself(self):
        self.assertIn("sysfs alone was checked", self.ask("check", self.tree))
        os.unlink(self.tree + "/sys/bus/pci/devices/0000:01:00.0/iommu_group")
        self.assertEqual(viommu("check", self.tree).returncode, 1)


class Saved(Base):
    def test_a_saved_tree_gives_the_same_answers(self):
        for name in ("dl560", "grace", "rome"):
            with self.subTest(name):
                tree = self.make(load(name), name)
                for end in ("tar", "tar.gz", "tgz", "tar.zst", "tar.bz2", "tar.xz"):
                    saved = os.path.join(self.folder, f"{name}.{end}")
                    self.assertEqual(viommu("host", tree, "--save", saved).returncode, 0)
                    first, second = scan(tree, saved)
                    self.assertEqual(without_name(first), without_name(second))

    def test_features_of_amd_vi_have_a_second_register_in_newer_kernels(self):
        machine = load("rome")
        before = self.scan_one(machine)["iommus"]
        for iommu in machine["iommus"]:
            iommu["attributes"]["amd-iommu/features"] += ":1f"
        after = scan(self.make(machine, "newer"))[0]
        self.assertEqual(after["iommus"], before)
        self.assertEqual(after["findings"], [])

    def test_regions_of_gpu_memory_are_saved(self):
        tree, saved = self.make(load("grace")), os.path.join(self.folder, "saved.tar")
        self.assertEqual(viommu("host", tree, "--save", saved).returncode, 0)
        first, second = scan(tree, saved)
        self.assertEqual(first["egm"], [
            {"name": "egm4", "size": "0x6fc0000000", "gpus": ["0008:01:00.0", "0009:01:00.0"]},
            {"name": "egm5", "size": "0x6fc0000000", "gpus": ["0018:01:00.0", "0019:01:00.0"]}])
        self.assertEqual(first["egm"], second["egm"])
        self.assertIn("egm4        457728  0008:01:00.0 0009:01:00.0", viommu("host", saved).stdout)

    def make_with_queues(self, block):
        """A Grace with a CMDQV for each SMMU, whose devices are in that definition block."""
        machine = load("grace")
        for n, iommu in enumerate(machine["topology"]["iommus"]):
            iommu.update({"cmdqv": 0x5200000 + 0x100000 * n, "cmdqv-interrupt": 64 + n})
        text, acpi = os.path.join(self.folder, "machine.yaml"), os.path.join(self.folder, "acpi")
        with open(text, "w", encoding="utf-8") as file:
            json.dump({"viommu": 1, **machine["topology"]}, file)
        viommu("generate", "acpi", "--address", "0xe0000", text, "-o", acpi)
        tree = self.make(machine)
        with open(acpi, "rb") as file:
            tables = file.read()
        for name, signature in ("IORT", b"IORT"), (block, b"DSDT"):
            at = tables.index(signature)
            table = tables[at:at + int.from_bytes(tables[at + 4:at + 8], "little")]
            self.put("sys/firmware/acpi/tables/" + name, name[:4].encode() + table[4:])
        return tree, machine

    def test_command_queues_are_read_from_each_definition_block(self):
        for block in "DSDT", "SSDT", "SSDT1":
            with self.subTest(block=block):
                tree, machine = self.make_with_queues(block)
                saved = os.path.join(self.folder, "saved.tar")
                self.assertEqual(viommu("host", tree, "--save", saved).returncode, 0)
                for host in scan(tree, saved):
                    self.assertEqual(sorted(iommu["cmdqv"] for iommu in host["iommus"]),
                                     [f"0x{0x5200000 + 0x100000 * n:x}"
                                      for n in range(len(machine["iommus"]))])
                    self.assertEqual(ids(host), [])
                self.assertIn("CMDQV", viommu("host", saved).stdout)
                shutil.rmtree(tree)

    def test_a_machine_without_an_smmu_does_not_save_its_code(self):
        tree, saved = self.make(load("x399")), os.path.join(self.folder, "saved.tar")
        self.put("sys/firmware/acpi/tables/DSDT", b"DSDT" + bytes(60))
        self.assertEqual(viommu("host", tree, "--save", saved).returncode, 0)
        with tarfile.open(saved) as archive:
            self.assertFalse([name for name in archive.getnames() if "DSDT" in name])
        self.assertNotIn("CMDQV", viommu("host", saved).stdout)

    def test_a_gpu_of_a_region_that_is_no_device_is_reported(self):
        for listed in False, True:
            with self.subTest(listed=listed):
                host = scan(self.make({"iommus": [], "devices": [], "egm": [
                    {"name": "egm0", "size": "all", "gpus": ["0008:01:00.0"], "listed": listed}]},
                    f"tree-{listed}"))[0]
                self.assertEqual(host["egm"], [{"name": "egm0", "size": "0x0", "gpus": []}])
                self.assertEqual(ids(host), ["host-file", "host-link"])

    def test_a_vfio_device_without_a_cdev_is_saved(self):
        tree, saved = self.make(load("grace")), os.path.join(self.folder, "saved.tar")
        os.remove(f"{tree}/sys/devices/pci0008:00/0008:00:00.0/0008:01:00.0/vfio-dev/vfio4/dev")
        viommu("host", tree, "--save", saved)
        for host in scan(tree, saved):
            gpu = next(d for d in host["devices"] if d["name"] == "0008:01:00.0")
            self.assertEqual((gpu["vfio"], gpu["vfio-cdev"]), ("vfio4", False))

    def test_a_tar_by_tar_is_read_wherever_its_top_is(self):
        tree = self.make(load("x399"))
        tar = os.path.join(self.folder, "by-tar.tar")
        for folder, name in ((self.folder, "tree"), (tree, "."), (tree + "/sys", ".")):
            subprocess.run(["tar", "cf", tar, "-C", folder, name], check=True)
            first, second = scan(tree, tar)
            self.assertEqual(first["devices"], second["devices"])

    def test_a_saved_tree_is_compressed_by_its_suffix(self):
        tree = self.make(load("x399"))
        for end, magic in (("tar.bz2", b"BZh"), ("tbz2", b"BZh"), ("tar.xz", b"\xfd7zXZ"),
                           ("tar.zst", b"\x28\xb5\x2f\xfd"), ("tgz", b"\x1f\x8b"),
                           ("tar.lz4", b"\x04\x22\x4d\x18"), ("tar", b"proc/"), ("bug", b"proc/")):
            saved = os.path.join(self.folder, "saved." + end)
            self.assertEqual(viommu("host", tree, "--save", saved).returncode, 0, end)
            with open(saved, "rb") as file:
                self.assertEqual(file.read(len(magic)), magic, end)
        for end in ("tar.Z", "zip", "tar.rar"):
            saved = os.path.join(self.folder, "saved." + end)
            result = viommu("host", tree, "--save", saved)
            self.assertEqual(result.returncode, 2, end)
            self.assertIn("; name it .tar, ", result.stderr)
            self.assertFalse(os.path.exists(saved))

    def test_saving_twice_gives_the_same_bytes(self):
        tree, files = self.make(load("rome")), []
        for name in ("a.tar.gz", "b.tar.gz"):
            viommu("host", tree, "-s", os.path.join(self.folder, name))
            with open(os.path.join(self.folder, name), "rb") as file:
                files.append(file.read())
        self.assertEqual(files[0], files[1])

    def test_no_serial_number_is_saved(self):
        tree, saved = self.make(load("rome")), os.path.join(self.folder, "saved.tar")
        os.makedirs(tree + "/sys/class/dmi/id")
        self.put("sys/class/dmi/id/product_serial", "SECRET")
        serial = make_host.SERIAL.to_bytes(8, "little")[:6]
        with open(tree + "/sys/bus/pci/devices/0000:01:00.0/config", "rb") as file:
            self.assertIn(serial, file.read())
        viommu("host", tree, "--save", saved)
        with open(saved, "rb") as file:
            content = file.read()
        for secret in (serial, b"SECRET", b"hidden", b"sda1"):
            self.assertNotIn(secret, content)
        self.assertIn(b"iommu=pt", content)
        self.assertEqual(scan(saved)[0]["cmdline"], "iommu=pt")

    def test_no_serial_number_of_a_device_tree_is_saved(self):
        tree, saved = self.make(load("x399")), os.path.join(self.folder, "saved.tar")
        text = os.path.join(self.folder, "machine.yaml")
        with open(text, "w", encoding="utf-8") as file:
            file.write("viommu: 1\niommus: [{ name: a, kind: smmu-v3, at: 0x9050000 }]\n"
                       "host-bridges: [{ buses: 00-ff, iommu: a }]\n")
        blob = subprocess.run(
            ["dtc", "-q", "-I", "dts", "-O", "dtb"], capture_output=True, check=False,
            input=b'/dts-v1/; / { serial-number = "SECRET1"; eth { local-mac-address = '
                  b'[ca fe ba be 12 34]; }; };')
        if blob.returncode:
            self.skipTest("no dtc")
        self.put("sys/firmware/fdt", blob.stdout)
        viommu("host", tree, "--save", saved)
        with tarfile.open(saved) as tar:
            kept = tar.extractfile("sys/firmware/fdt").read()
        self.assertIn(b"serial-number", kept)
        self.assertNotIn(b"SECRET1", kept)
        self.assertNotIn(bytes.fromhex("cafebabe1234"), kept)

    def test_what_could_not_be_read_is_not_known_in_the_saved_tree_too(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        tree, saved = self.make(load("x399")), os.path.join(self.folder, "saved.tar")
        os.chmod(tree + "/sys/firmware/acpi/tables/IVRS", 0)
        viommu("host", tree, "--save", saved)
        first, second = scan(tree, saved)
        self.assertEqual(ids(first), ["host-unreadable"])
        self.assertEqual(ids(second), ["host-unreadable"])

    def test_an_unreadable_file_of_a_tar_is_not_known(self):
        tree, saved = self.make(load("x399")), os.path.join(self.folder, "saved.tar")

        def strip(entry):
            entry.mode = 0 if entry.name.endswith("IVRS") else entry.mode
            return entry

        with tarfile.open(saved, "w") as tar:
            tar.add(tree, ".", filter=strip)
        host = scan(saved)[0]
        self.assertEqual(ids(host), ["host-unreadable"])

    def test_a_command_line_that_is_empty_or_unreadable_is_saved(self):
        tree, saved = self.make(load("x399")), os.path.join(self.folder, "saved.tar")
        given = os.path.join(self.folder, "given.tar")

        def strip(entry):
            entry.mode = 0 if entry.name.endswith("proc/cmdline") else entry.mode
            return entry

        with tarfile.open(given, "w") as tar:
            tar.add(tree, ".", filter=strip)
        os.truncate(tree + "/proc/cmdline", 0)
        for root in (tree, given):
            self.assertEqual(viommu("host", root, "--save", saved).returncode, 0)
            with tarfile.open(saved) as tar:
                self.assertEqual(tar.getmember("proc/cmdline").size, 0)

    def test_a_link_stays_and_its_target_is_replaced(self):
        tree, link = self.make(load("x399")), os.path.join(self.folder, "link.tar")
        target, new = (os.path.join(self.folder, name) for name in ("target.tar", "new.tar"))
        with open(target, "w", encoding="ascii") as file:
            file.write("older")
        for place in (target, new):
            os.symlink(os.path.basename(place), link)
            self.assertEqual(viommu("host", tree, "--save", link).returncode, 0)
            self.assertTrue(os.path.islink(link))
            self.assertEqual(len(scan(place)[0]["devices"]), 8)
            os.unlink(link)

    def test_a_pipe_is_written_into(self):
        tree, saved = self.make(load("x399")), os.path.join(self.folder, "saved.tar.gz")
        pipe = os.path.join(self.folder, "pipe.tar.gz")
        viommu("host", tree, "--save", saved)
        with open(saved, "rb") as file:
            content = file.read()
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.assertEqual(viommu("host", tree, "--save", pipe).returncode, 0)
        self.assertTrue(stat.S_ISFIFO(os.lstat(pipe).st_mode))
        self.assertEqual(os.read(reader, len(content) + 1), content)

    def test_a_tar_that_cannot_be_written_is_an_error(self):
        result = viommu("host", self.make(load("x399")), "-s", self.folder + "/none/x.tar")
        self.assertEqual(result.returncode, 2)
        self.assertIn("[host-save]", result.stderr)
        FOUND.add("host-save")

    def test_a_finding_names_the_file_as_it_is_stored(self):
        tree = self.make(load("x399"))
        self.put("sys/bus/pci/devices/none", "")
        for root, shown in ((tree, tree + "/sys/bus/"), (tree + "/sys", tree + "/sys/bus/"),
                            (self.folder, self.folder + "/tree/sys/bus/")):
            self.assertTrue(viommu("host", root).stderr.startswith(shown), root)


class OtherCommands(Base):
    """A host is an input of other commands, too."""

    def test_resolve_knows_what_is_behind_bridges_and_shows_sysfs(self):
        tree = self.make(load("x10dai"))
        result = viommu("resolve", "--from", tree, "0000:81:00.0")
        self.assertIn("0000:81:00.0: dmar0", result.stdout)
        self.assertIn("sysfs: dmar0, group 9", result.stdout)
        table = tree + "/sys/firmware/acpi/tables/DMAR"
        self.assertIn("0000:81:00.0: dmar2", viommu("resolve", "--from", table,
                                                   "0000:81:00.0").stdout)

    def test_resolve_has_sysfs_with_tables_that_are_joined(self):
        for name in ("altra", "grace"):
            tree = self.make(load(name), name)
            device = next(d for d in scan(tree)[0]["devices"] if d["bus"] == "pci" and d.get("iommu"))
            result = viommu("resolve", "--from", tree, device["name"])
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(f"sysfs: {device['iommu']}, group {device['group']}", result.stdout)

    def test_resolve_has_sysfs_in_json(self):
        tree = self.make(load("x399"))
        result = viommu("resolve", "--json", "--from", tree, "0000:08:00.0", "0000:00:00.2")
        answers = json.loads(result.stdout)["answers"]
        self.assertEqual(answers[0]["sysfs"], {"iommu": "ivhd0", "group": 1})
        self.assertEqual(answers[1]["sysfs"], {"no_iommu": "is an IOMMU"})

    def test_every_form_of_a_tree_is_one_for_every_command(self):
        tree = self.make(load("x10dai"), "outer/tree")
        saved = os.path.join(self.folder, "saved.")
        above = os.path.dirname(tree)
        subprocess.run(["tar", "cf", saved + "v7", "--format=v7", "-C", tree, "."], check=True)
        subprocess.run(["tar", "cjf", saved + "wrapped", "-C", above, "tree"], check=True)
        for end in ("tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"):
            viommu("host", tree, "--save", saved + end)
        forms = [tree, tree + "/sys", above] + [saved + end for end in (
            "v7", "wrapped", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst")]
        for form in forms:
            with self.subTest(form):
                self.assertEqual(viommu("host", form).returncode, 0)
                self.assertEqual(viommu("check", form).returncode, 0)
                self.assertEqual(viommu("graph", form).returncode, 0)
                self.assertIn("sysfs: dmar0",
                              viommu("resolve", "--from", form, "0000:81:00.0").stdout)

    def test_check_compares_sysfs_and_tables(self):
        machine = load("x10dai")
        self.assertEqual(viommu("check", self.make(machine, "good")).returncode, 0)
        machine["topology"]["ranges"] = []
        result = viommu("check", self.make(machine, "bad"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("0000:81:00.0 is behind dmar0, but the table has dmar2", result.stderr)

    def test_graph_draws_a_host(self):
        tree, saved = self.make(load("grace")), os.path.join(self.folder, "saved.tar.gz")
        viommu("host", tree, "--save", saved)
        for root in (tree, saved):
            result = viommu("graph", root)
            self.assertEqual(result.returncode, 0)
            self.assertTrue(result.stdout.startswith("digraph host {"))
            for text in ("smmu3.0x0000000016000000", "NUMA node 1", "0019:01:00.0"):
                self.assertIn(text, result.stdout)
        self.assertEqual(viommu("graph", self.folder + "/none").returncode, 2)

    def test_graph_of_a_large_host_has_an_end(self):
        machine = load("x399")
        for i in range(300):
            machine["devices"].append({"at": f"{i + 1:04x}:00:00.0", "iommu": "ivhd0",
                                       "group": 100 + i})
            machine["devices"].append({"at": f"0000:08:{i >> 3:02x}.{i & 7}", "group": 400 + i,
                                       "iommu": "ivhd0"} if 16 <= i < 200 else
                                      {"at": f"{i + 1:04x}:00:01.0", "iommu": "ivhd0",
                                       "group": 800 + i})
        text = viommu("graph", self.make(machine)).stdout
        self.assertLess(text.count("\n"), 300)
        self.assertIn("more devices", text)


class Fleet(Base):
    def test_many_hosts_are_one_line_each_in_their_order(self):
        tree = self.make(load("x399"))
        os.mkdir(os.path.join(self.folder, "fleet"))
        for i in range(40):
            os.symlink(tree, os.path.join(self.folder, f"fleet/{i:03}"))
        with open(os.path.join(self.folder, "fleet", "999"), "w", encoding="utf-8") as file:
            file.write("no tree")
        result = viommu("host", "--json", "--root", os.path.join(self.folder, "fleet/*"))
        hosts = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([os.path.basename(host["host"]) for host in hosts],
                         [f"{i:03}" for i in range(40)] + ["999"])
        self.assertEqual(ids(hosts[-1]), ["host-root"])
        self.assertEqual(result.returncode, 2)
        FOUND.add("host-root")


class Hostile(Base):
    """A tree may come from anywhere: each of these ends soon, and says what was wrong."""

    def test_links_out_of_the_tree_are_not_followed(self):
        tree = self.make(load("x399"))
        secret = os.path.join(self.folder, "secret")
        shutil.copytree(tree + "/sys/devices/pci0000:00/0000:00:03.1", secret, symlinks=True)
        with open(secret + "/0000:08:00.0/config", "r+b") as file:
            file.write(b"\xad\xde")
        for target in (secret + "/0000:08:00.0", "../" * 40 + secret[1:] + "/0000:08:00.0",
                       "../../../../../secret/0000:08:00.0"):
            link = tree + "/sys/bus/pci/devices/0000:08:00.0"
            os.unlink(link)
            os.symlink(target, link)
            host = scan(tree)[0]
            self.assertIn("host-link", ids(host))
            self.assertNotIn("0xdead", [device["vendor"] for device in host["devices"]])

    def test_a_copy_without_links_is_reported(self):
        tree = self.make(load("x399"))
        self.assertNotIn("host-link", ids(scan(tree)[0]))
        for folder, folders, files in os.walk(tree + "/sys/devices"):
            for name in folders + files:
                if name == "iommu_group":
                    os.unlink(os.path.join(folder, name))
        host = scan(tree)[0]
        self.assertIn("there are groups, but no device with a link to one; copy the tree by `tar` or `cp -a`",
                      " ".join(finding["text"] for finding in host["findings"]))

    def test_a_folder_that_is_a_link_is_not_entered(self):
        tree = self.make(load("x399"))
        os.rename(tree + "/sys/devices/pci0000:40", self.folder + "/outside")
        os.symlink(self.folder + "/outside", tree + "/sys/devices/pci0000:40")
        host = scan(tree)[0]
        self.assertNotIn("0000:48:00.0", [device["name"] for device in host["devices"]])

    def test_links_in_a_circle(self):
        tree = self.make(load("x399"))
        for name in ("0000:10:00.0", "0000:10:00.1"):
            os.symlink("0000:10:00.1" if name[-1] == "0" else "0000:10:00.0",
                       f"{tree}/sys/bus/pci/devices/{name}")
        os.symlink(".", tree + "/sys/class/iommu/self")
        os.symlink("loop", tree + "/sys/class/iommu/loop")
        self.assertIn("host-link", ids(scan(tree)[0]))

    def test_files_that_are_none(self):
        tree = self.make(load("x399"))
        place = tree + "/sys/bus/pci/devices/0000:08:00.0/"
        for name in ("config", "numa_node", "resource", "vendor"):
            os.unlink(place + name)
            os.mkfifo(place + name)
        os.unlink(tree + "/sys/firmware/acpi/tables/IVRS")
        os.mkfifo(tree + "/sys/firmware/acpi/tables/IVRS")
        host = scan(tree)[0]
        self.assertEqual(self.device(host, "0000:08:00.0")["iommu"], "ivhd0")

    def test_huge_files(self):
        tree = self.make(load("x399"))
        for path in ("sys/firmware/acpi/tables/IVRS", "sys/bus/pci/devices/0000:08:00.0/config",
                     "sys/bus/pci/devices/0000:08:00.0/resource", "proc/cmdline",
                     "sys/kernel/iommu_groups/1/reserved_regions"):
            os.truncate(os.path.join(tree, path), 1 << 36)
        self.assertIn("host-limit", ids(scan(tree)[0]))

    def test_bad_numbers(self):
        tree = self.make(load("x399"))
        place = "sys/bus/pci/devices/0000:08:00.0/"
        for name, text in (("numa_node", "9" * 40), ("resource", "0xz\n" * 100),
                           ("class", "-1")):
            self.put(place + name, text)
        self.put("sys/kernel/iommu_groups/1/reserved_regions", "0x2 0x1 msi\nx\n")
        self.put("sys/bus/pci/devices/" + "f" * 200, "")
        os.symlink("../devices/pci0000:00", tree + "/sys/bus/pci/devices/0000:00:20.0")
        os.unlink(tree + "/sys/bus/pci/devices/0000:48:00.0/iommu_group")
        os.symlink("99999999999", tree + "/sys/bus/pci/devices/0000:48:00.0/iommu_group")
        self.assertIn("host-file", ids(scan(tree)[0]))

    def test_capabilities_in_a_circle(self):
        tree = self.make(load("x399"))
        path = tree + "/sys/bus/pci/devices/0000:08:00.0/config"
        with open(path, "r+b") as file:
            file.seek(0x40)
            file.write(b"\x01\x40")
            file.seek(0x100)
            file.write(b"\x03\x00\x01\x10")
        self.assertEqual(len(scan(tree)[0]["devices"]), 8)

    def test_names_are_shown_and_not_obeyed(self):
        tree = self.make(load("x399"))
        make_host.Tree(tree).folder("sys/devices/virtual/iommu/\x1b[2J/devices")
        os.symlink("../../devices/virtual/iommu/\x1b[2J", tree + "/sys/class/iommu/\x1b[2J")
        result = viommu("host", tree)
        self.assertNotIn("\x1b", result.stdout + result.stderr)

    def test_damaged_tars(self):
        saved = os.path.join(self.folder, "saved.tar")
        viommu("host", self.make(load("rome")), "-s", saved)
        with open(saved, "rb") as file:
            content = file.read()
        for length in range(0, len(content), len(content) // 30):
            with open(saved, "wb") as file:
                file.write(content[:length])
            self.assertIn(viommu("host", saved).returncode, (0, 1, 2))

    def test_paths_of_a_tar_lead_nowhere_else(self):
        saved = os.path.join(self.folder, "saved.tar")
        with tarfile.open(saved, "w") as tar:
            for name in ("../../etc/passwd", "/sys/class/iommu/", "sys/bus/pci/devices"):
                entry = tarfile.TarInfo(name)
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
        self.assertEqual(scan(saved)[0]["devices"], [])

    def test_paths_of_a_tar_cost_what_they_are_long(self):
        saved = os.path.join(self.folder, "saved.tar")
        with tarfile.open(saved, "w") as tar:
            for name in ("a/" * 40000 + "a", "sys/bus/pci/devices", "sys/class/iommu"):
                entry = tarfile.TarInfo(name)
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
        done = subprocess.run([VIOMMU, "host", saved], capture_output=True, text=True, check=False,
                              timeout=60, preexec_fn=few_addresses)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_tar_that_is_too_large_is_refused_with_the_limit(self):
        saved = os.path.join(self.folder, "large.tar.gz")
        with tarfile.open(saved, "w:gz") as tar:
            entry = tarfile.TarInfo("sys/class/iommu/x")
            entry.size = 1 << 32
            tar.fileobj.write(entry.tobuf())
        result = viommu("host", saved)
        self.assertEqual(result.returncode, 2)
        self.assertIn("more than 2 GiB unpacked", result.stderr)

    def test_what_is_no_tar_is_reported_with_a_cure(self):
        text = os.path.join(self.folder, "text.tar")
        with open(text, "w", encoding="ascii") as file:
            file.write("no tar\n" * 1000)
        self.assertIn("it is not a valid tar archive; give a file that viommu host --save wrote",
                      viommu("host", text).stderr)
        os.mkfifo(text + ".pipe")
        self.assertIn("it is neither a folder nor a file", viommu("host", text + ".pipe").stderr)

    def test_a_folder_without_sysfs_is_no_host(self):
        os.mkdir(self.tree)
        for root in (self.tree, self.folder + "/missing", "/dev/null"):
            result = viommu("host", root)
            self.assertEqual(result.returncode, 2, root)
            self.assertIn("[host-root]", result.stderr)


class ZRules(unittest.TestCase):
    """Last, by its name."""

    def test_every_rule_of_hosts_was_seen(self):
        listing = viommu("check", "--rules").stdout
        rules = {word.rstrip(":") for word in listing.split() if word.startswith("host-")}
        self.assertTrue(rules)
        self.assertEqual(rules - FOUND, set())


if __name__ == "__main__":
    del sys.argv[1:4 if SANITIZED else 3]
    unittest.main()
