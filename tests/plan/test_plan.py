#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is planned for devices of a host, and what is refused: test_plan.py VIOMMU [--sanitized]"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import trees

VIOMMU = os.path.abspath(sys.argv[1])
ARM_MSI = "0x0000000008000000 0x00000000080fffff msi"


def run(*arguments):
    done = subprocess.run([VIOMMU, *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def smmus(n):
    return [{"name": f"smmu3.0x{0x5000000 + 0x1000000 * i:016x}",
             "parent": f"platform/arm-smmu-v3.{i}.auto", "numa_node": i} for i in range(n)]


def dmars(n, **more):
    return [{"name": f"dmar{i}", "files": {"intel-iommu/address": f"{0xd0000000 + i * 0x1000:x}",
                                           **more}} for i in range(n)]


def device(at, iommu, **more):
    return {"at": at, "iommu": iommu, "driver": "vfio-pci", **more}


def arm_host(n):
    iommus = smmus(n)
    return {"iommus": iommus,
            "devices": [device(f"{i:04x}:01:00.0", iommus[i]["name"], reserved=[ARM_MSI])
                        for i in range(n)]}


def pc_host(n, **more):
    return {"iommus": dmars(n), "devices": [device(f"0000:{0x20 * i + 1:02x}:00.0", f"dmar{i}", **more)
                                            for i in range(n)]}


def plan(host, *arguments, devices=None):
    devices = devices or [d["at"] for d in host["devices"]]
    wishes = [word for name in devices for word in ("--device", name)]
    return run("plan", "--root", trees.make(host, "host.tar"), *wishes, *arguments)


def planned(host, *arguments, **more):
    status, out, err = plan(host, *arguments, **more)
    assert status == 0, (status, err)
    return out


def refused(host, rule, *arguments, **more):
    status, out, err = plan(host, *arguments, **more)
    assert status == 2 and f"[{rule}]" in err and not out, (rule, status, out, err)
    assert "; " in err, f"no way out: {err}"
    return err


def in_json(host, *arguments, **more):
    return json.loads(planned(host, "--format", "json", *arguments, **more))


# -- placement ---------------------------------------------------------------------------------


def each_physical_iommu_gets_a_bridge_with_its_devices():
    host = pc_host(3)
    bridges = in_json(host)["bridges"]
    assert [bridge["host-iommu"] for bridge in bridges] == ["dmar0", "dmar1", "dmar2"]
    for bridge, given in zip(bridges, host["devices"]):
        assert [d["host"] for p in bridge["ports"] for d in p["devices"]] == [given["at"]]


def worked_example(name):
    """The bytes of an example in the C tests of IORT."""
    rig = os.path.join(os.path.dirname(__file__), "../tables/formats/iort/iort_rig.h")
    with open(rig, encoding="ascii") as file:
        text = file.read()
    body = text.split(f"uint8_t {name}[] = {{", 1)[1].split("};", 1)[0]
    return bytes(int(word, 16) for word in re.findall(r"0x[0-9a-f]{2}", body))


def three_smmus_with_eight_ports_each_are_the_example_of_2024_byte_for_byte():
    host = arm_host(3)
    text = planned(host, "--spare", "7", "--format", "topology", "--accel", "off", "--ats", "on")
    with open("guest.yaml", "w", encoding="ascii") as file:
        file.write(text + "tables: { iort: { oem-table-id: 'EXAMPLE ' } }\n")
    status, _, err = run("generate", "iort", "-o", "IORT", "guest.yaml")
    assert status == 0, err
    with open("IORT", "rb") as file:
        table = file.read()
    expected = worked_example("example_c")
    assert len(expected) == 452
    assert table == expected, table.hex(" ", 16)


def two_smmus_at_requested_buses_are_the_example_of_2019_byte_for_byte():
    host = arm_host(2)
    names = [iommu["name"] for iommu in host["iommus"]]
    text = planned(host, "--spare", "6", "--format", "topology", "--accel", "off", "--ats", "on",
                   "--bus", f"{names[0]}=8", "--bus", f"{names[1]}=0x10", "--root-ports", "7")
    with open("guest.yaml", "w", encoding="ascii") as file:
        file.write(text + "tables: { iort: { oem-table-id: 'EXAMPLE ' } }\n")
    status, _, err = run("generate", "iort", "-o", "IORT", "guest.yaml")
    assert status == 0, err
    with open("IORT", "rb") as file:
        table = file.read()
    expected = worked_example("example_b")
    assert len(expected) == 344
    assert table == expected, table.hex(" ", 16)


def requested_buses_are_free_and_the_others_are_beside_them():
    host = pc_host(3)
    bridges = in_json(host, "--bus", "dmar1=254", "--spare", "0")["bridges"]
    assert {b["host-iommu"]: b["bus"] for b in bridges} == {"dmar0": 250, "dmar1": 254, "dmar2": 252}
    bridges = in_json(host, "--bus", "dmar0=253")["bridges"]
    assert {b["host-iommu"]: b["bus"] for b in bridges} == {"dmar0": 253, "dmar1": 249, "dmar2": 251}
    for words in (["--bus", "dmar0=255"], ["--bus", "dmar0=9", "--bus", "dmar1=10"],
                  ["--bus", "dmar7=9"], ["--bus", "dmar0=3", "--root-ports", "3"]):
        refused(host, "plan-bus-numbers", *words)


def bus_numbers_run_from_ff_down_without_overlap():
    bridges = in_json(pc_host(4), "--spare", "3")["bridges"]
    assert [(b["bus"], b["last"]) for b in bridges] == [(0xec, 0xf0), (0xf1, 0xf5), (0xf6, 0xfa),
                                                        (0xfb, 0xff)]
    taken = [bus for b in bridges for bus in range(b["bus"], b["last"] + 1)]
    assert len(taken) == len(set(taken)) and max(taken) == 0xff
    for bridge in bridges:
        assert [p["bus"] for p in bridge["ports"]] == list(
            range(bridge["bus"] + 1, bridge["last"] + 1))


def functions_of_one_slot_share_a_port():
    host = pc_host(1)
    host["devices"] += [device("0000:01:00.1", "dmar0"), device("0000:02:00.0", "dmar0")]
    ports = in_json(host)["bridges"][0]["ports"]
    assert [[d["function"] for d in p["devices"]] for p in ports] == [[0, 1], [0]]
    assert "multifunction=on" in planned(host, "--format", "qemu")


def a_lone_function_becomes_function_0():
    host = {"iommus": dmars(1), "devices": [device("0000:01:00.3", "dmar0")]}
    assert in_json(host)["bridges"][0]["ports"][0]["devices"][0]["function"] == 0


def a_virtual_function_has_a_port_of_its_own():
    host = {"iommus": dmars(1), "devices": [device("0000:01:00.0", "dmar0")]}
    host["devices"] += [device(f"0000:01:10.{i}", "dmar0", pf="0000:01:00.0") for i in range(2)]
    ports = in_json(host, devices=["0000:01:10.0", "0000:01:10.1"])["bridges"][0]["ports"]
    assert [len(p["devices"]) for p in ports] == [1, 1]


def the_order_of_a_request_does_not_matter():
    host = pc_host(3)
    names = [d["at"] for d in host["devices"]]
    assert planned(host) == planned(host, devices=names[::-1])


def domains_of_five_digits_are_planned_for():
    host = {"iommus": dmars(1), "devices": [device("10000:e1:00.0", "dmar0")]}
    assert ",sysfsdev=/sys/bus/pci/devices/10000:e1:00.0," in planned(host, "--format", "qemu")
    refused(host, "plan-device", "--format", "libvirt")


def bridges_get_the_guest_node_of_the_hosts():
    out = planned(arm_host(2), "--node", "0=1", "--node", "1=0", "--format", "qemu")
    assert re.findall(r"numa_node=(\d)", out) == ["1", "0"]
    refused(arm_host(2), "plan-node", "--node", "0=1")


def large_bars_make_the_memory_window_larger():
    host = arm_host(2)
    for given in host["devices"]:
        given["bars"] = [(0x20000000000, 1 << 38, 0x14220c)]
    assert "highmem-mmio-size=1024G" in planned(host, "--format", "qemu")
    assert "highmem-mmio-size" not in planned(arm_host(2), "--format", "qemu")
    assert "<pcihole64 unit=\"KiB\">1073741824<" in planned(host, "--format", "libvirt")
    err = refused(host, "plan-qemu-version", "--format", "qemu", "--qemu", "9.2", "--iommu", "virtio")
    assert "window of 1024 GiB" in err, err


def bars_beyond_all_addresses_are_refused():
    host = arm_host(2)
    for length in (1 << 62, (1 << 64) - 1, 1 << 47):
        host["devices"][0]["bars"] = [(0, length, 0x14220c)] * 3
        refused(host, "plan-memory-window", "--format", "qemu")


# -- kinds -------------------------------------------------------------------------------------


def auto_says_why_it_chose():
    assert "SMMUv3" in in_json(arm_host(2))["why"]
    assert in_json(arm_host(2))["iommu"] == "smmuv3"
    assert in_json(arm_host(2), "--qemu", "10.1")["iommu"] == "virtio"
    assert in_json(pc_host(2))["iommu"] == "virtio"
    assert in_json(pc_host(1))["iommu"] == "virtio-stock"


def every_kind_has_its_device():
    for kind, name in (("intel", "intel-iommu"), ("amd", "amd-iommu"), ("virtio", "viommu-pci"),
                       ("virtio-stock", "virtio-iommu-pci")):
        assert f"-device {name}," in planned(pc_host(1), "--iommu", kind, "--format", "qemu")
    assert "-device arm-smmuv3," in planned(arm_host(1), "--iommu", "smmuv3", "--format", "qemu")


def sixteen_viommus_are_where_libvirt_places_nothing():
    out = planned(pc_host(8) | {"iommus": dmars(16), "devices": [
        device(f"{i:04x}:01:00.0", f"dmar{i}") for i in range(16)]}, "--format", "qemu")
    found = re.findall(r"viommu-pci,[^ ]*addr=(\w+)\.(\d)", out)
    assert found == [("0x1e", str(i)) for i in range(8)] + [("0x1c", str(i)) for i in range(8)]


def attributes_of_an_smmu_are_not_made_up():
    out = planned(arm_host(1), "--format", "qemu")
    assert "-device arm-smmuv3,id=viommu0,primary-bus=pxb0,accel=on " in out, out
    assert ",ats=off " in planned(arm_host(1), "--format", "qemu", "--ats", "off")
    out = planned(arm_host(1), "--format", "qemu", "--qemu", "11.0")
    assert ",accel=on,ats=off,ril=off " in out, out


def nested_translation_is_planned_for_from_qemu_11():
    out = planned(arm_host(1), "--format", "qemu", "--qemu", "10.2")
    assert "-device arm-smmuv3,id=viommu0,primary-bus=pxb0 " in out, out
    refused(arm_host(1), "plan-qemu-version", "--qemu", "10.2", "--accel", "on")
    refused(pc_host(1), "plan-machine", "--accel", "on")


def type1_may_charge_the_memory_for_each_device():
    host = arm_host(2)
    for given in host["devices"]:
        given["vfio"] = "vfio0"
    assert in_json(host, "--memory", "4G")["locked-memory"] == 8 << 30
    assert "locked memory: 8192 MiB" in planned(host, "--memory", "4G")
    assert "locked" not in planned(host)


def initiators_come_after_the_nodes_of_the_guest():
    host = arm_host(1)
    host["devices"][0] |= {"bars": [(0x20000000000, 1 << 37, 0x14220c)],
                           "files": {"vendor": "0x10de", "class": "0x030200"}}
    nodes = [w for n in range(3) for w in ("-numa", f"node,nodeid={n}")]
    status, out, err = from_qemu(host, "-device", "vfio-pci,host=0000:01:00.0", *nodes,
                                 wishes=("--format", "qemu"))
    assert status == 0 and "-numa node,nodeid=3 " in out and ",node=10" in out, (out, err)
    status, out, err = rewritten(host, domain(host, "virt"))
    assert status == 0 and 'nodeset="2-9"' in out, err
    text = re.sub("<numatune>.*?</numatune>|<cpu>.*?</cpu>", "", domain(host, "virt"))
    status, out, err = rewritten(host, text)
    assert '<cell id="0" cpus="0-3" memory="4194304" unit="KiB"/>' in out and (
        'nodeset="1-8"' in out), (out, err)


def iommufd_is_used_where_the_kernel_has_it():
    host = arm_host(1)
    assert ",iommufd=iommufd0" in planned(host, "--format", "qemu"), "it is not known"
    host["devices"][0]["vfio"] = "vfio0"
    out = planned(host, "--format", "qemu")
    assert "iommufd" not in out and "accel" not in out, out
    err = refused(host, "plan-driver", "--accel", "on")
    assert "iommufd" in err, err
    host["devices"][0]["cdev"] = True
    out = planned(host, "--format", "qemu")
    assert ",iommufd=iommufd0" in out and "accel=on" in out, out


def an_amd_iommu_has_the_slot_of_the_plan_and_translates():
    out = planned(pc_host(1), "--iommu", "amd", "--format", "qemu")
    slot = re.search(r"-device AMDVI-PCI,id=viommu0-pci,bus=pcie.0,addr=(\w+)", out)[1]
    assert len(re.findall(rf"addr={slot}\b", out)) == 1, out
    assert "-device amd-iommu,id=viommu0,intremap=on,pci-id=viommu0-pci,dma-remap=on" in out, out
    refused(pc_host(1), "plan-qemu-version", "--iommu", "amd", "--qemu", "10.1")


def riscv_host(n):
    names = [f"riscv-iommu@{0x3010000 + 0x1000 * i:x}.iommu" for i in range(n)]
    return {"iommus": [{"name": name} for name in names],
            "devices": [device(f"{i:04x}:01:00.0", name, reserved=[]) for i, name in
                        enumerate(names)]}


def nested_host(n, msi):
    names = [f"0000:00:{i + 3:02x}.0" for i in range(n)]
    return {"iommus": [{"name": name, "parent": f"pci0000:00/{name}/virtio{i}"}
                       for i, name in enumerate(names)],
            "devices": [{"at": name} for name in names] + [
                device(f"0000:{0xf0 + i:02x}:00.0", name, reserved=[msi])
                for i, name in enumerate(names)]}


def the_machine_is_that_of_the_host():
    devices = ["0000:f0:00.0", "0000:f1:00.0"]
    assert in_json(nested_host(2, ARM_MSI), devices=devices)["machine"] == "virt"
    assert in_json(nested_host(2, trees.MSI), devices=devices)["machine"] == "q35"
    for host, words in ((arm_host(2), ["--machine", "q35"]), (arm_host(1), ["--iommu", "intel"]),
                        (pc_host(2), ["--machine", "virt"]), (pc_host(1), ["--iommu", "smmuv3"])):
        assert "and the machine " in refused(host, "plan-machine", *words)


def a_riscv_host_is_planned_for_but_not_for_qemu():
    plan_ = in_json(riscv_host(3))
    assert plan_["machine"] == "virt" and len(plan_["bridges"]) == 3
    assert "riscv-iommu@3011000.iommu" in planned(riscv_host(3))
    for form in ("qemu", "qemu-json", "readconfig", "libvirt"):
        assert "no pxb-pcie" in refused(riscv_host(3), "plan-machine", "--format", form)


def every_topology_is_without_findings():
    for kind in ("intel", "amd", "virtio", "virtio-stock"):
        with open("guest.yaml", "w", encoding="ascii") as file:
            file.write(planned(pc_host(1), "--iommu", kind, "--format", "topology"))
        status, _, err = run("check", "guest.yaml")
        assert status == 0, (kind, err)


# -- arguments of QEMU -------------------------------------------------------------------------


def from_qemu(host, *arguments, wishes=("--format", "json")):
    return run("plan", "--root", trees.make(host, "host.tar"), *wishes, "--", *arguments)


def devices_are_read_from_arguments_of_qemu():
    host = arm_host(3)
    status, out, err = from_qemu(
        host, "-M", "virt", "-m", "4G", "-device", "vfio-pci,host=0000:01:00.0,id=a", "-device",
        '{"driver": "vfio-pci", "host": "0001:01:00.0"}', "--device",
        "vfio-pci,sysfsdev=/sys/bus/pci/devices/0002:01:00.0", "-device", "virtio-net-pci,host=x")
    assert status == 0, err
    assert sorted(places(json.loads(out))) == [d["at"] for d in host["devices"]]


def arguments_that_qemu_refuses_are_refused():
    vfio = ("-device", "vfio-pci,host=0000:01:00.0")
    smmu = ("-device", "arm-smmuv3,primary-bus=p1")
    for words, rule in ((smmu + smmu, "plan-shared-bus"),
                        (("-device", "pcie-root-port,id=p1,bus=x") + smmu, "plan-port-iommu"),
                        (("-device", "vfio-pci,fd=3"), "plan-device")):
        status, out, err = from_qemu(arm_host(1), *vfio, *words)
        assert status == 2 and f"[{rule}]" in err and not out, err
    assert "[plan-device]" in from_qemu(arm_host(1), "-M", "virt")[2]


def other_devices_of_the_arguments_keep_their_places():
    vfio = ("-device", "vfio-pci,host=0000:01:00.0")
    others = ("-device", "e1000e,bus=pcie.0,addr=1", "-device",
              '{"driver": "pcie-root-port", "id": "r", "bus": "pcie.0", "addr": "0x3.0x1", "chassis": 1}')
    status, out, err = from_qemu(pc_host(1), *vfio, *others)
    assert status == 0, err
    bridge = json.loads(out)["bridges"][0]
    assert bridge["slot"] == 2 and bridge["ports"][0]["chassis"] == 2, bridge
    err = from_qemu(pc_host(1), *vfio, *others, wishes=("--spare", "253"))[2]
    assert "[plan-bus-numbers]" in err, err


def memory_is_read_from_arguments_of_qemu():
    hole = "0x0000000200000000 0x00000002ffffffff reserved"
    host = pc_host(1, reserved=[hole, trees.MSI])
    vfio = ("-device", "vfio-pci,host=0000:01:00.0")
    for size in ("16G", "16384", "size=16g,slots=2", "16384M"):
        status, _, err = from_qemu(host, *vfio, "-m", size)
        assert status == 2 and "[plan-reserved-memory]" in err, (size, err)
    for size in ("2G", "size=2048", "lots"):
        assert from_qemu(host, *vfio, "-m", size)[0] == 0, size


def a_comma_in_a_value_begins_no_key():
    status, out, err = from_qemu(pc_host(1), "-device", "vfio-pci,id=a,,host=b,host=0000:01:00.0")
    assert status == 0, err
    assert list(places(json.loads(out))) == ["0000:01:00.0"]


def arguments_for_another_machine_are_refused():
    vfio = ("-device", "vfio-pci,host=0000:01:00.0")
    for words in (("-M", "pc"), ("-machine", "type=microvm,accel=kvm"),
                  ("-machine", "accel=kvm", "-M", "pc-i440fx-8.2")):
        status, out, err = from_qemu(pc_host(1), *words, *vfio)
        assert status == 2 and "[plan-machine]" in err and not out, (words, out, err)
        assert "; choose a q35 or virt machine" in err, err
    for words in (("-M", "q35"), ("-machine", "accel=kvm,type=pc-q35-8.2"),
                  ("-machine", "accel=kvm", "-M", "q35"), ("-M", "q35", "-machine", "accel=kvm")):
        status, out, err = from_qemu(pc_host(1), *words, *vfio)
        assert status == 0, (words, err)


# -- hotplug -----------------------------------------------------------------------------------


def keep(text):
    with open("before.json", "w", encoding="utf-8") as file:
        file.write(text)
    return ["--keep", "before.json"]


def places(plan_):
    return {d["host"]: (b["name"], b["bus"], p["name"], p["bus"], p["chassis"], d["function"])
            for b in plan_["bridges"] for p in b["ports"] for d in p["devices"]}


def a_device_that_comes_later_moves_none():
    host = pc_host(3)
    host["devices"] += [device("0000:00:02.0", "dmar0"), device("0000:21:00.1", "dmar1")]
    names = [d["at"] for d in host["devices"]]
    first = planned(host, "--format", "json", "--spare", "1", "--iommu", "virtio",
                    devices=names[1:2])
    second = planned(host, *keep(first), "--format", "json", devices=[names[1], names[4]])
    third = planned(host, *keep(second), "--format", "json", devices=names)
    one, two, three = (places(json.loads(text)) for text in (first, second, third))
    assert two | one == two and three | two == three and len(three) == 5, (one, two, three)
    assert three[names[0]][1] < one[names[1]][1], "a new bridge is below"
    assert planned(host, *keep(third), "--format", "json", devices=names) == third


def a_device_that_comes_back_has_its_old_port():
    host = {"iommus": dmars(1), "devices": [device(f"0000:01:0{i}.0", "dmar0") for i in range(3)]}
    first = planned(host, "--format", "json")
    name = host["devices"][1]["at"]
    assert places(in_json(host, *keep(first), devices=[name]))[name] == places(json.loads(first))[name]


def a_kept_plan_without_a_free_port_is_refused():
    host = pc_host(1)
    host["devices"].append(device("0000:02:00.0", "dmar0"))
    first = planned(host, "--format", "json", devices=["0000:01:00.0"])
    refused(host, "plan-keep", *keep(first))


def what_is_no_earlier_plan_is_refused():
    host = pc_host(2)
    good = planned(host, "--format", "json")
    for text in ("", "{", "[]", '{"format": 2}', good.replace('"last" : 255', '"last" : 254'),
                 good.replace("dmar1", "dmar7"), good.replace('"bus" : 252', '"bus" : -1'),
                 good.replace('"iommu" : "virtio"', '"iommu" : "x"'),
                 good.replace("dmar1", "dmar0"), good.replace('"chassis" : 1', '"chassis" : 0')):
        refused(host, "plan-keep", *keep(text))
    refused(host, "plan-keep", *keep(good), "--machine", "virt")


def a_kept_device_that_is_behind_another_iommu_is_refused():
    host = pc_host(2)
    first = planned(host, "--format", "json")
    host["devices"][0]["iommu"] = "dmar1"
    err = refused(host, "plan-keep", *keep(first))
    assert "0000:01:00.0" in err and "dmar0" in err and "dmar1" in err, err


def an_earlier_plan_with_a_place_taken_twice_is_refused():
    host = pc_host(2)
    good = json.loads(planned(host, "--format", "json"))
    for key in ("name", "slot", "iommu-function"):
        bad = json.loads(json.dumps(good))
        bad["bridges"][1][key] = bad["bridges"][0][key]
        err = refused(host, "plan-keep", *keep(json.dumps(bad)))
        assert err.count("[plan-") == 1, err
    bad = json.loads(json.dumps(good))
    bad["bridges"][0]["iommu-slot"] = bad["bridges"][1]["slot"]
    refused(host, "plan-keep", *keep(json.dumps(bad)))
    assert refused(host, "plan-keep", *keep("")).count("[plan-") == 1


def a_kept_function_is_not_renumbered():
    host = pc_host(1)
    host["devices"].append(device("0000:01:00.1", "dmar0"))
    first = planned(host, "--format", "json")
    err = refused(host, "plan-keep", *keep(first), devices=["0000:01:00.1"])
    assert "0000:01:00.1 is function 1 of rp0.0" in err, err
    second = in_json(host, *keep(first), devices=["0000:01:00.0"])
    assert places(second)["0000:01:00.0"] == places(json.loads(first))["0000:01:00.0"]


def an_earlier_plan_with_a_number_given_twice_is_refused():
    host = pc_host(2)
    host["devices"].append(device("0000:01:00.1", "dmar0"))
    good = json.loads(planned(host, "--format", "json", "--spare", "1"))

    def spoiled(change):
        bad = json.loads(json.dumps(good))
        change(bad["bridges"][0]["ports"], bad["bridges"][1]["ports"])
        return refused(host, "plan-keep", *keep(json.dumps(bad)))

    def same_chassis(ports, others):
        others[0]["chassis"] = ports[0]["chassis"]

    def same_function(ports, _):
        ports[0]["devices"][1]["function"] = 0

    def same_device(ports, _):
        ports[1]["devices"] = ports[0]["devices"][:1]

    assert "chassis" in spoiled(same_chassis)
    assert "function" in spoiled(same_function)
    assert "twice" in spoiled(same_device)


def files_without_an_end_are_refused():
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    wishes = ["--root", trees.make(pc_host(1), "host.tar")]
    for words in (["--domain-xml", "/dev/zero"], ["--device", "0000:01:00.0", "--keep", "/dev/zero"]):
        done = subprocess.run([VIOMMU, "plan", *wishes, *words], capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL,
                              preexec_fn=None if "--sanitized" in sys.argv else limit)
        assert done.returncode == 2 and "larger than 64 MiB" in done.stderr, (words, done.stderr)


# -- libvirt -----------------------------------------------------------------------------------

DOMAIN = '''<domain type='kvm'>
  <!-- ours -->
  <name>one &amp; two</name>
  <memory unit='GiB'>4</memory>
  <vcpu>4</vcpu>
  <numatune><memnode cellid='1' mode='strict' nodeset='0'/><memnode cellid='0' mode='strict' nodeset='1'/></numatune>
  <os>
    <type arch='{arch}' machine='{machine}'>hvm</type>
  </os>
  <cpu><numa><cell id='0' cpus='0-1' memory='2' unit='GiB'/><cell id='1' cpus='2-3' memory='2' unit='GiB'/></numa></cpu>
  <devices>
    <emulator>/usr/bin/qemu</emulator>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='3' model='pcie-root-port'>
      <target chassis='3' port='0x0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
    </controller>
    <interface type='network'><source network='default'/><model type='virtio'/></interface>
{devices}    <memballoon model='none'/>
  </devices>
</domain>
'''


def hostdev(at, managed="no"):
    segment, bus, rest = at.split(":")
    slot, function = rest.split(".")
    return (f"    <hostdev mode='subsystem' type='pci' managed='{managed}'>\n      <source>"
            f"<address domain='0x{segment}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/>"
            "</source>\n    </hostdev>\n")


def domain(host, machine, extra=""):
    arch = "aarch64" if machine == "virt" else "x86_64"
    return DOMAIN.format(arch=arch, machine=machine, devices=extra + "".join(
        hostdev(d["at"]) for d in host["devices"]))


def rewritten(host, text, *arguments):
    with open("domain.xml", "w", encoding="utf-8") as file:
        file.write(text)
    return run("plan", "--root", trees.make(host, "host.tar"), "--domain-xml", "domain.xml",
               "--format", "libvirt", *arguments)


def strip_plan(root):
    """Take out what a plan puts in."""
    for name in list(root):
        if name.tag in ("iommufd", "{http://libvirt.org/schemas/domain/qemu/1.0}commandline"):
            root.remove(name)
    devices = root.find("devices")
    for node in list(devices):
        planned_port = node.get("model") == "pcie-root-port" and node.get("index") != "3"
        if node.tag == "iommu" or node.get("model") == "pcie-expander-bus" or planned_port:
            devices.remove(node)
        if node.tag == "hostdev":
            for child in list(node):
                if child.tag in ("address", "driver"):
                    node.remove(child)


def canonical(root):
    text = xml.etree.ElementTree.tostring(root, encoding="unicode")
    return xml.etree.ElementTree.canonicalize(text, strip_text=True, with_comments=True)


def a_domain_is_rewritten_with_nothing_else_touched():
    for host, machine in ((arm_host(2), "virt"), (pc_host(2), "q35")):
        text = domain(host, machine)
        status, out, err = rewritten(host, text)
        assert status == 0, err
        given, got = (xml.etree.ElementTree.fromstring(t) for t in (text, out))
        strip_plan(got)
        assert canonical(given) == canonical(got), out
        assert "<!-- ours -->" in out and "one &amp; two" in out


def each_hostdev_is_below_the_bridge_of_its_iommu():
    host = arm_host(2)
    status, out, err = rewritten(host, domain(host, "virt"))
    assert status == 0, err
    devices = xml.etree.ElementTree.fromstring(out).find("devices")
    above = {c.get("index"): c.find("address").get("bus") for c in devices.findall("controller")
             if c.find("address") is not None}
    models = {c.get("index"): c.get("model") for c in devices.findall("controller")}
    buses = set()
    for given in devices.findall("hostdev"):
        port = str(int(given.find("address").get("bus"), 16))
        bridge = str(int(above[port], 16))
        assert models[port] == "pcie-root-port" and models[bridge] == "pcie-expander-bus"
        buses.add(bridge)
    assert buses == {i.find("driver").get("pciBus") for i in devices.findall("iommu")}
    assert len(buses) == 2
    assert [n.text for n in devices.iter("node")] == ["1", "0"], "memnode"
    slots = [c.find("address").get("slot") for c in devices.findall("controller")
             if c.find("address") is not None and c.find("address").get("bus") == "0x00"]
    assert len(slots) == len(set(slots)), slots


def two_smmus_on_one_bus_are_refused_though_libvirt_takes_them():
    host = arm_host(1)
    smmu = "    <iommu model='smmuv3'><driver pciBus='{}'/></iommu>\n"
    status, _, err = rewritten(host, domain(host, "virt", 2 * smmu.format(0)))
    assert status == 2 and "[plan-shared-bus]" in err, err
    status, _, err = rewritten(host, domain(host, "virt", smmu.format(3)))
    assert status == 2 and "[plan-port-iommu]" in err, err


def a_domain_for_another_machine_is_refused():
    for machine in ("pc", "pc-i440fx-8.2", "microvm"):
        status, out, err = rewritten(pc_host(1), domain(pc_host(1), machine))
        assert status == 2 and "[plan-machine]" in err and machine in err and not out, (out, err)
        assert "; choose a q35 or virt machine" in err, err
    assert rewritten(pc_host(1), domain(pc_host(1), "pc-q35-8.2"))[0] == 0


def a_machine_that_is_not_that_of_the_domain_is_refused():
    host = arm_host(1)
    for words, machine in ((["--machine", "q35"], "virt"), (["--machine", "virt"], "virt-9.0")):
        status, out, err = rewritten(host, domain(host, machine), *words)
        if words[1] == "virt":
            assert status == 0, err
            continue
        assert status == 2 and "[plan-machine]" in err and not out, err
        assert "--machine q35, and the domain has virt" in err, err
    status, out, err = from_qemu(pc_host(1), "-M", "q35", "-device", "vfio-pci,host=0000:01:00.0",
                                 wishes=("--machine", "virt"))
    assert status == 2 and "--machine virt, and the arguments have q35" in err and not out, err


def a_network_interface_of_the_host_is_planned_for():
    host = pc_host(1)
    host["devices"].append(device("0000:02:00.0", "dmar0"))
    interface = hostdev("0000:02:00.0").replace("<hostdev mode='subsystem' type='pci'",
                                               "<interface type='hostdev'")
    interface = interface.replace("<address ", "<address type='pci' ").replace(
        "</hostdev>", "<mac address='52:54:00:6d:90:02'/></interface>")
    text = domain({"devices": host["devices"][:1]}, "q35", interface)
    status, out, err = rewritten(host, text)
    assert status == 0, err
    devices = xml.etree.ElementTree.fromstring(out).find("devices")
    found = [n for n in devices.findall("interface") if n.get("type") == "hostdev"]
    assert len(found) == 1 and len(devices.findall("hostdev")) == 1, out
    buses = {n.find("address").get("bus") for n in found + devices.findall("hostdev")}
    assert len(buses) == 2, buses
    strip = xml.etree.ElementTree.fromstring(out)
    for node in strip.iter("interface"):
        for address in node.findall("address"):
            node.remove(address)
    strip_plan(strip)
    assert canonical(xml.etree.ElementTree.fromstring(text)) == canonical(strip), out


def an_old_address_leaves_nothing_behind():
    host = pc_host(1)
    old = ("<address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0' "
           "multifunction='on'/>\n    </hostdev>")
    text = domain(host, "q35").replace("\n    </hostdev>", old)
    status, out, err = rewritten(host, text)
    assert status == 0, err
    address = xml.etree.ElementTree.fromstring(out).find("devices/hostdev/address")
    assert address.get("multifunction") is None, out


def what_is_no_domain_is_refused():
    host = pc_host(1)
    for text in ("", "<domain/>", "<x", "<domain><devices/></domain>", "\0",
                 "<!DOCTYPE d [<!ENTITY a 'b'>]>" + domain(host, "q35"),
                 domain(host, "q35").replace("bus='0x01'", "bus='x'")):
        status, out, err = rewritten(host, text)
        assert status == 2 and "[plan-domain]" in err and not out, (text, err)


def new_ports_have_a_free_chassis():
    host = pc_host(4)
    port = ("    <controller type='pci' index='9' model='pcie-root-port'><target chassis='254'/>"
            "</controller>\n")
    status, out, err = rewritten(host, domain(host, "q35", port), "--spare", "2")
    assert status == 0, err
    found = [int(n) for n in re.findall(r"chassis=.(\d+)", out)]
    assert len(found) == len(set(found)) and max(found) == 254, found


def emulated_devices_have_ports_of_their_own_before_free_ones():
    host = pc_host(2)
    disks = "".join(f"    <disk device='disk'><target dev='vd{c}' bus='virtio'/></disk>\n" for c in "ab")
    status, out, err = rewritten(host, domain(host, "q35", disks), "--spare", "1")
    assert status == 0, err
    ports = xml.etree.ElementTree.fromstring(out).findall("devices/controller[@type='pci']")
    first = next(int(c.get("index")) for c in ports if c.get("model") == "pcie-expander-bus")
    own = [c for c in ports if c.get("model") == "pcie-root-port" and c.find("address") is None]
    assert len(own) >= 6 and all(int(c.get("index")) < first for c in own if c.get("index") != "3")
    assert "index=\"4\" model=\"pcie-expander-bus\"" in rewritten(host, domain(host, "q35", disks))[1]


def what_libvirt_needs_for_one_iommu_is_written():
    host = pc_host(1)
    for kind in ("intel", "amd"):
        status, out, err = rewritten(host, domain(host, "q35"), "--iommu", kind)
        assert status == 0 and '<ioapic driver="qemu"/>' in out, (out, err)
        assert '"default-bus-bypass-iommu=on"' in out, out
    assert '"amd-iommu.dma-remap=on"' in out, out


def the_path_of_the_module_is_the_installed_one_or_the_users():
    host = pc_host(1)
    own = ["--iommu", "virtio", "--plugin", "/opt/viommu-qemu.so"]
    for form in ("qemu", "readconfig", "libvirt", "virt-install"):
        assert "/opt/viommu-qemu.so" in planned(host, *own, "--format", form), form
        assert "viommu-qemu.so" in planned(host, *own[:2], "--format", form), form
    for form in ("libvirt", "virt-install"):
        assert "/usr/lib/x86_64-linux-gnu/viommu/viommu-qemu.so" in planned(host, *own[:2], "--format", form)
    for form, path in (("libvirt", "viommu-qemu.so"), ("qemu", "/opt/a,b.so"), ("qemu", "")):
        status, _, err = plan(host, *own[:2], "--plugin", path, "--format", form)
        assert status == 2 and "--plugin" in err, (form, path, status, err)


def units_of_memory_are_those_of_libvirt():
    hole = "0x0000000200000000 0x00000002ffffffff reserved"
    host = pc_host(1, reserved=[hole, trees.MSI])
    for unit in ("gib", "GiB", "g", "TB"):
        text = re.sub("<memory.*</memory>", f"<memory unit='{unit}'>16</memory>", domain(host, "q35"))
        assert "[plan-reserved-memory]" in rewritten(host, text)[2], unit


def libvirts_schema_takes_the_domains():
    if not shutil.which("virt-xml-validate"):
        print("no virt-xml-validate: its schema was not asked")
        return
    for kind in ("intel", "virtio", "virtio-stock"):    # libvirt 9.0 does not know AMD-Vi
        for out in (planned(pc_host(1), "--iommu", kind, "--format", "libvirt"),
                    planned(far_host(*FAR), *NUMA, "--iommu", "virtio", "--format", "libvirt"),
                    rewritten(pc_host(1), domain(pc_host(1), "q35"), "--iommu", kind)[1]):
            with open("new.xml", "w", encoding="utf-8") as file:
                file.write(out)
            done = subprocess.run(["virt-xml-validate", "new.xml", "domain"], capture_output=True,
                                  text=True, check=False)
            assert done.returncode == 0, (kind, done.stderr, out)


# -- refusals ----------------------------------------------------------------------------------


def a_device_that_is_not_there_is_refused():
    refused(pc_host(1), "plan-device", devices=["0000:77:00.0"])


def a_device_without_an_iommu_is_refused():
    host = pc_host(1)
    host["devices"].append({"at": "0000:05:00.0"})
    refused(host, "plan-no-iommu", devices=["0000:05:00.0"])


def a_device_that_the_host_uses_is_refused():
    host = pc_host(1, driver="nvme")
    host["devices"][0]["driver"] = "nvme"
    refused(host, "plan-driver")
    planned(host, "--managed")


def a_driver_of_vfio_is_no_driver_of_the_host():
    host = pc_host(1, group=7)
    host["devices"].append(device("0000:01:00.1", "dmar0", group=7))
    for one, other in (("mlx5_vfio_pci", "nvgrace-gpu-vfio-pci"), ("vfio-pci", "qat_vfio_pci")):
        host["devices"][0]["driver"], host["devices"][1]["driver"] = one, other
        planned(host)
        planned(host, devices=["0000:01:00.0"])


def a_group_mate_that_the_host_uses_is_refused():
    host = pc_host(1)
    host["devices"][0]["group"] = 7
    host["devices"].append(device("0000:01:00.1", "dmar0", group=7))
    host["devices"][1]["driver"] = "snd_hda_intel"
    err = refused(host, "plan-group-mate", devices=["0000:01:00.0"])
    assert "0000:01:00.1" in err and "snd_hda_intel" in err


def a_group_behind_two_iommus_is_refused():
    host = pc_host(2)
    for given in host["devices"]:
        given["group"] = 3
    refused(host, "plan-group-split")


def memory_of_the_firmware_is_refused_unless_it_is_relaxable():
    direct = "0x0000000000100000 0x00000000001fffff direct"
    refused(pc_host(1, reserved=[direct, trees.MSI]), "plan-direct-region")
    planned(pc_host(1, reserved=[direct + "-relaxable", trees.MSI]))


def memory_that_the_iommu_reserves_is_refused_in_the_guest():
    hole = "0x000000fd00000000 0x000000ffffffffff reserved"
    host = pc_host(1, reserved=[hole, trees.MSI])
    planned(host, "--memory", "64G")
    refused(host, "plan-reserved-memory", "--memory", "1100G")


def memory_of_amd_guests_is_above_the_hole_from_qemu_7_1():
    hole = "0x000000fd00000000 0x000000ffffffffff reserved"
    host = {"iommus": [{"name": "ivhd0", "parent": "pci0000:00/0000:00:00.2"}],
            "devices": [device("0000:01:00.0", "ivhd0", reserved=[hole, trees.MSI])]}
    for size in ("960G", "985G", "1100G", "4T"):
        planned(host, "--memory", size)
    assert "QEMU 7.1" in refused(host, "plan-reserved-memory", "--memory", "1100G", "--qemu", "7.0")
    planned(host, "--memory", "1000G", "--qemu", "7.0")
    text = re.sub("<memory.*</memory>", "<memory unit='GiB'>1100</memory>", domain(host, "pc-q35-7.0"))
    assert "[plan-reserved-memory]" in rewritten(host, text)[2]
    status, _, err = rewritten(host, text.replace("q35-7.0", "q35-7.1"))
    assert status == 0, err


def too_many_buses_are_refused_with_the_arithmetic():
    err = refused(pc_host(2), "plan-bus-numbers", "--spare", "200")
    assert "404" in err and "dmar0: 1 + 201" in err, err
    planned(pc_host(1), "--spare", "253")
    refused(pc_host(1), "plan-bus-numbers", "--spare", "253", "--root-ports", "1")


def too_many_bridges_for_pcie0_are_refused():
    refused(pc_host(8) | {"iommus": dmars(31), "devices": [
        device(f"{i:04x}:01:00.0", f"dmar{i}") for i in range(31)]}, "plan-slots")


def with_registers(ecaps, cap="8d2078c106f0466"):
    host = pc_host(len(ecaps))
    for iommu, ecap in zip(host["iommus"], ecaps):
        iommu["files"] |= {"intel-iommu/cap": cap, "intel-iommu/ecap": ecap,
                           "intel-iommu/version": "1:0"}
    return host


def with_iort(host, ats):
    """A host of arm_host() whose IORT says which root complexes have ATS."""
    bases = [name["name"].partition(".")[2] for name in host["iommus"]]
    lines = ["viommu: 1", "iommus:"]
    lines += [f"  - {{ name: s{i}, kind: smmu-v3, at: {base}, interrupts: [40, 41, 42, 43] }}"
              for i, base in enumerate(bases)]
    lines += ["host-bridges:"]
    lines += [f"  - {{ segment: {i}, buses: 00-ff, iommu: s{i}, ats: {'yes' if has else 'no'} }}"
              for i, has in enumerate(ats)]
    with open("host.yaml", "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    status, _, err = run("generate", "iort", "-o", "host.iort", "host.yaml")
    assert status < 2, err
    with open("host.iort", "rb") as file:
        return host | {"tables": {"IORT": file.read()}}


def ats_of_some_smmus_only_is_refused():
    err = refused(with_iort(arm_host(2), [True, False]), "plan-mixed-ats")
    assert "smmu3.0x0000000005000000 has ATS, but smmu3.0x0000000006000000 does not" in err, err
    planned(with_iort(arm_host(2), [True, False]), "--ats", "off")
    planned(with_iort(arm_host(2), [True, False]), "--iommu", "virtio")
    out = planned(with_iort(arm_host(2), [True, True]), "--format", "qemu")
    assert out.count("ats=on") == 2, out


def ats_that_neither_host_nor_guest_has_is_refused():
    with_ats, without = "f020df", "f020db"
    refused(with_registers([without]), "plan-ats", "--ats", "on")
    refused(with_registers([with_ats]), "plan-ats", "--ats", "on", "--iommu", "virtio")
    planned(with_registers([with_ats, without]))
    assert "device-iotlb=on" in planned(with_registers([with_ats]), "--iommu", "intel",
                                        "--format", "qemu")


def memory_beyond_the_iommus_width_is_refused():
    narrow = with_registers(["f020df"], cap=f"{0x8d2078c106f0466 & ~(0x3f << 16) | 38 << 16:x}")
    planned(narrow, "--memory", "256G")
    refused(narrow, "plan-address-width", "--memory", "600G")


def with_node(number):
    host = pc_host(2)
    host["devices"][0]["files"] = {"numa_node": str(number)}
    return host


def memory_that_is_bound_to_a_node_of_the_host_maps_it_to_the_guest():
    devices = [word for name in ("0000:01:00.0", "0000:21:00.0")
               for word in ("-device", f"vfio-pci,host={name}")]
    bound = ["-object", "memory-backend-ram,id=m1,size=1G,host-nodes=3,policy=bind",
             "-numa", "node,nodeid=0,memdev=m1",
             "-object", '{"qom-type":"memory-backend-ram","id":"m2","host-nodes":[1]}',
             "-numa", "node,nodeid=1,memdev=m2", *devices]

    def nodes(host, *arguments):
        status, out, err = run("plan", "--root", trees.make(host, "host.tar"), "--format", "json",
                               *arguments)
        return [bridge["guest-node"] for bridge in json.loads(out)["bridges"]] if not status else err

    assert nodes(with_node(3), "--", *bound) == [0, -1]
    assert nodes(with_node(1), "--", *bound) == [1, -1]
    assert nodes(with_node(2), "--", *bound) == [-1, -1]
    assert nodes(with_node(1), "--node", "1=1", "--", *bound) == [1, -1]
    told = nodes(with_node(1), "--node", "1=0", "--", *bound)
    assert "[plan-node]" in told and "the memory of the guest's node 1 is there" in told, told
    both = [word.replace("host-nodes=3", "host-nodes=1") for word in bound]
    assert [nodes(with_node(1), "--node", f"1={n}", "--", *both) for n in (0, 1)] == [[0, -1], [1, -1]]
    several = [word.replace("host-nodes=3", "host-nodes=3-4") for word in bound]
    assert nodes(with_node(3), "--", *several) == [-1, -1]


def what_the_virtual_iommu_must_not_map_is_in_every_form():
    """Limits that VFIO reports to QEMU 9.1 and later are arguments for an older one."""
    narrow = with_registers(["f020df"], cap=f"{0x8d2078c106f0466 & ~(0x3f << 16) | 38 << 16:x}")
    narrow["devices"][0]["reserved"] = [trees.MSI,
                                        "0x0000000000001000 0x0000000000001fff direct-relaxable",
                                        "0x000000000a000000 0x000000000affffff reserved",
                                        "0x000000000b000000 0x000000000bffffff reserved",
                                        "0x0000004000000000 0xffffffffffffffff reserved"]
    old = planned(narrow, "--iommu", "virtio", "--format", "qemu", "--qemu", "7.2")
    assert "aw-bits=39,reserved=0xa000000-0xaffffff+0xb000000-0xbffffff+" \
        "0x4000000000-0x7fffffffff" in old, old
    domain = planned(narrow, "--iommu", "virtio", "--format", "libvirt", "--qemu", "7.2")
    assert "aw-bits=39,reserved=0xa000000-" in domain, domain
    new = planned(narrow, "--iommu", "virtio", "--format", "qemu", "--qemu", "9.1")
    assert "aw-bits" not in new and "reserved" not in new and "probe-size" not in new, new
    needs = in_json(narrow)["bridges"][0]["needs"]
    assert needs["last"] == "0x7fffffffff" and needs["probe-size"] == 512, needs
    assert needs["reserved"][-2] == {"first": "0xfee00000", "last": "0xfeefffff", "kind": "msi"}, needs
    assert "addresses up to 0x7fffffffff, reserved 0xa000000-0xaffffff" in planned(narrow)


def more_reserved_regions_than_an_answer_to_probe_has_room_for_make_it_larger():
    """24 bytes for each region and for the addresses above the IOMMU's width, and 8 for each property."""
    regions = [f"0x{i << 24:016x} 0x{(i << 24) + 0xffff:016x} reserved" for i in range(1, 31)]
    host = pc_host(1, reserved=regions)
    for version in "7.2", "11.1":
        out = planned(host, "--iommu", "virtio", "--format", "qemu", "--qemu", version)
        assert f"probe-size={30 * 24 + 16}" in out, out


GPU = {"files": {"vendor": "0x10de", "device": "0x2941", "class": "0x030200"},
       "bars": [(0x660008000000, 1 << 24, 0x14220c), (0x670000000000, 1 << 37, 0x14220c)]}


def gpu_host(n, size="0x400000000"):
    """n GPUs, each behind its own SMMU, and one region of memory for all of them."""
    iommus = smmus(n)
    names = [f"{8 + i:04x}:06:00.0" for i in range(n)]
    return {"iommus": iommus, "egm": [{"name": "egm4", "size": size, "gpus": names}],
            "devices": [device(at, iommu["name"], reserved=[ARM_MSI], **GPU)
                        for at, iommu in zip(names, iommus)]}


def memory_of_gpus_is_the_memory_of_the_guest():
    out = in_json(gpu_host(2), "--egm", "--ats", "off")
    assert out["egm"] == [{"name": "egm4", "size": 16 << 30, "guest-node": 0}], out
    assert out["locked-memory"] == 16 << 30 and [b["guest-node"] for b in out["bridges"]] == [0, 0]
    assert "node 0 of the guest: 16384 MiB of /dev/egm4" in planned(gpu_host(2), "--egm", "--ats", "off")
    text = planned(gpu_host(2), "--egm", "--ats", "off", "--cpus", "3", "--format", "readconfig")
    assert '[memory]\n  size = "16384M"' in text and '  cpus = "0-2"' in text, text


def memory_of_gpus_without_one_of_its_gpus_is_refused():
    host = gpu_host(3)
    names = [d["at"] for d in host["devices"]]
    err = refused(host, "plan-egm", "--egm", "--ats", "off", devices=names[:2])
    assert names[2] in err and "egm4" in err, err
    planned(host, "--ats", "off", devices=names[:2])


def memory_of_gpus_is_kept_or_refused():
    host = gpu_host(2)
    host["egm"] = [{"name": f"egm{4 + i}", "size": "0x400000000", "gpus": [d["at"]]}
                   for i, d in enumerate(host["devices"])]
    names = [d["at"] for d in host["devices"]]
    wishes = ["--egm", "--ats", "off"]
    first = planned(host, *wishes, "--format", "json", devices=names[1:])
    again = in_json(host, *wishes, *keep(first), devices=names[1:])
    assert again["bridges"] == json.loads(first)["bridges"] and again["egm"] == json.loads(first)["egm"]
    err = refused(host, "plan-keep", *wishes, *keep(first))
    assert '"egm5" by the earlier plan, and "egm4 egm5" by the request' in err, err
    refused(host, "plan-keep", "--ats", "off", *keep(first), devices=names[1:])


def requests_that_memory_of_gpus_contradicts_are_refused():
    for words in (["--node", "0=0", "--node", "1=0"], ["--memory", "8G"], ["--iommu", "virtio"],
                  ["--format", "libvirt"], ["--format", "qemu"]):
        refused(gpu_host(2), "plan-egm", "--egm", "--ats", "off", *words)
    planned(gpu_host(2), "--egm", "--ats", "off", "--cpus", "2", "--format", "qemu", "--cmdqv", "on")
    none = gpu_host(2)
    none["egm"] = []
    refused(none, "plan-egm", "--egm", "--ats", "off")
    for size in ("0", "0x400000001", "x"):
        refused(gpu_host(2, size), "plan-egm", "--egm", "--ats", "off")


# -- NUMA nodes of the guest -----------------------------------------------------------------------


def numa_host(*nodes):
    host = pc_host(len(nodes))
    for one, node in zip(host["devices"], nodes):
        one["files"] = {**one.get("files", {}), "numa_node": str(node)}
    return host


NUMA = ["--numa", "--memory", "16G", "--cpus", "8"]


def memory_and_processors_are_on_the_nodes_of_the_devices():
    text = planned(numa_host(3, 1), *NUMA, "--format", "qemu")
    assert "-m size=16384M" in text and "-smp cpus=8" in text, text
    for node, host in enumerate((1, 3)):
        assert f"memory-backend-ram,id=ram{node},size={8 << 30},host-nodes={host},policy=bind" in text, text
        assert f"-numa node,nodeid={node},memdev=ram{node},cpus={4 * node}-{4 * node + 3}" in text, text
    out = in_json(numa_host(3, 1), *NUMA)
    assert [b["guest-node"] for b in out["bridges"]] == [1, 0], out
    assert out["nodes"][1] == {"guest-node": 1, "host-node": 3, "memory": 8 << 30, "first-cpu": 4, "last-cpu": 7}
    assert "node 1 of the guest: 8192 MiB of node 3 of the host, CPUs 4-7" in planned(numa_host(3, 1), *NUMA)
    objects = re.findall(r"-object '(.*?)'", planned(numa_host(1), *NUMA, "--format", "qemu-json"), re.DOTALL)
    assert [1] in [json.loads(text).get("host-nodes") for text in objects], objects
    text = planned(numa_host(1), *NUMA, "--format", "readconfig")
    assert '[smp-opts]\n  cpus = "8"' in text and '  host-nodes.0 = "1"\n' in text, text
    assert "proximity-domain: 1" in planned(numa_host(3, 1), *NUMA, "--format", "topology")


def far_host(*lines):
    """Node 2 has no device of the guest."""
    host = numa_host(3, 1)
    host["nodes"] = [{"number": n, "memory": 16 << 30, "distance": line}
                     for n, line in zip((1, 2, 3), lines) if line is not None]
    return host


FAR = ("10 12 21", "12 10 17", "22 17 10")


def distances_are_those_of_the_host():
    host = far_host(*FAR)
    text = planned(host, *NUMA, "--format", "qemu")
    assert re.findall(r"-numa (dist\S*)", text) == ["dist,src=0,dst=1,val=21", "dist,src=1,dst=0,val=22"], text
    assert [cell["distances"] for cell in in_json(host, *NUMA)["nodes"]] == [[10, 21], [22, 10]]
    assert "CPUs 4-7, distances 22 10" in planned(host, *NUMA)
    assert '[numa]\n  type = "dist"\n  src = "0"' in planned(host, *NUMA, "--format", "readconfig")
    first = planned(host, *NUMA, "--format", "json")
    assert in_json(host, *NUMA, *keep(first))["nodes"] == json.loads(first)["nodes"]


def distances_that_are_not_whole_are_left_out():
    for lines in (("10 12", "12 10 17", "22 17 10"), ("10 12 10", "12 10 17", "22 17 10"),
                  ("10 12 256", *FAR[1:]), ("10 12 x", *FAR[1:]), ("", *FAR[1:]), (*FAR[:2], "9" * 400)):
        text = planned(far_host(*lines), *NUMA, "--format", "qemu")
        assert "nodeid=1" in text and "dist" not in text, (lines, text)
    assert "dist" not in planned(numa_host(3, 1), *NUMA, "--format", "qemu")


def nodes_have_a_form_for_libvirt():
    host = far_host(*FAR)
    one = xml.etree.ElementTree.fromstring(planned(host, *NUMA, "--format", "libvirt"))
    other = re.sub("<numatune>.*|<cpu>.*", "", domain(host, "q35"))
    status, text, err = rewritten(host, other, *NUMA)
    assert status == 0, err
    for root in one, xml.etree.ElementTree.fromstring(text):
        assert (root.find("memory").text, root.find("vcpu").text) == (str(16 << 20), "8"), text
        cells = root.findall("cpu/numa/cell")
        assert [cell.attrib for cell in cells] == [
            {"id": str(n), "cpus": f"{4 * n}-{4 * n + 3}", "memory": str(8 << 20), "unit": "KiB"} for n in (0, 1)]
        assert [[(s.get("id"), s.get("value")) for s in cell.findall("distances/sibling")] for cell in cells] == [
            [("0", "10"), ("1", "21")], [("0", "22"), ("1", "10")]]
        assert [node.attrib for node in root.findall("numatune/memnode")] == [
            {"cellid": str(n), "mode": "strict", "nodeset": str(host)} for n, host in enumerate((1, 3))]
        assert [node.text for node in root.findall("devices/controller/target/node")] == ["1", "0"]
    # a balloon would take the new memory
    balloon = re.sub("(<memory.*)", r"\1<currentMemory unit='GiB'>2</currentMemory>", other)
    for words, kept in (NUMA, 0), (("--numa",), 1):
        status, text, err = rewritten(host, balloon, *words)
        assert status == 0 and text.count("<currentMemory") == kept, (words, text, err)
    # a domain with the size that is asked for keeps its words, and a memnode of its own its mode
    own = other.replace("  <os>", "  <numatune><memnode cellid='0' mode='preferred' nodeset='3'/>"
                        "<memnode cellid='1' mode='strict' nodeset='1'/></numatune>\n  <os>")
    status, text, err = rewritten(host, own, "--numa")
    assert status == 0 and "<memory unit=\"GiB\">4</memory>" in text, (text, err)
    assert re.findall(r"<memnode.*?mode=.(\w+)", text) == ["preferred", "strict"], text


def nodes_have_no_form_for_virt_install():
    err = refused(numa_host(0, 1), "plan-node", *NUMA, "--format", "virt-install")
    assert "--domain-xml" in err, err


def memory_for_command_queues_is_the_users_if_there_is_some():
    """arm-smmuv3 needs the guest's memory in huge pages: the plan's own object, unless one is given."""
    words = ("--cmdqv", "on", "--memory", "4G", "-f", "qemu")
    given = ("-M", "virt,memory-backend=mine", "-object", "memory-backend-memfd,id=mine,size=4G,hugetlb=on")
    status, text, err = of_arguments(arm_host(1), "-M", "virt", request=words)
    assert status == 0 and "memory-backend=ram0" in text and "id=ram0" in text, (text, err)
    status, text, err = of_arguments(arm_host(1), *given, request=words)
    assert status == 0 and "memory-backend" not in text, (text, err)
    status, text, err = of_arguments(arm_host(1), "-M", "virt", "-object", "memory-backend-ram,id=ram0,size=4G",
                                     request=words)
    assert status == 2 and not text and "an object ram0, as the plan names the memory of the machine" in err, err
    for number, status in (0, 2), (2, 0):
        ended = of_arguments(arm_host(2), "-M", "virt", "-object", f"memory-backend-ram,id=ram{number},size=4G",
                             request=("--numa", "--cpus", "4", *words))
        assert ended[0] == status, ended


def memory_is_divided_to_the_last_byte():
    out = in_json(numa_host(0, 1, 2), "--numa", "--memory", "1025M", "--cpus", "4")["nodes"]
    assert [cell["memory"] >> 20 for cell in out] == [340, 340, 345], out
    assert [(cell["first-cpu"], cell["last-cpu"]) for cell in out] == [(0, 0), (1, 1), (2, 3)], out


def a_node_of_the_request_needs_no_device():
    text = planned(numa_host(2), *NUMA, "--node", "2=1", "--node", "0=0", "--format", "qemu")
    assert "id=ram0,size=8589934592,host-nodes=0" in text and "id=ram1,size=8589934592,host-nodes=2" in text, text
    assert "numa_node=1" in text, text


def memory_and_processors_of_the_arguments_are_divided():
    text = run("plan", "--root", trees.make(numa_host(2, 3), "host.tar"), "--numa", "-f", "qemu", "--",
               "-M", "q35", "-m", "8G", "-smp", "4", "-device", "vfio-pci,host=0000:01:00.0",
               "-device", "vfio-pci,host=0000:21:00.0")[1]
    assert "id=ram1,size=4294967296,host-nodes=3" in text and "cpus=2-3" in text, text
    assert "-smp" not in text and "-m " not in text, text


def of_arguments(host, *arguments, request=("--numa", "-f", "qemu")):
    devices = [word for one in host["devices"] for word in ("-device", f"vfio-pci,host={one['at']}")]
    return run("plan", "--root", trees.make(host, "host.tar"), *request, "--", *arguments, *devices)


def memory_that_differs_from_that_of_the_arguments_is_in_the_plan():
    request = ("--numa", "--memory", "4100M", "-f", "qemu")
    status, text, err = of_arguments(numa_host(0, 1), "-M", "q35", "-m", "4G", "-smp", "4", request=request)
    assert status == 0 and "-m size=4100M" in text, (text, err)
    text = of_arguments(numa_host(0, 1), "-M", "q35", "-m", "4100M", "-smp", "4", request=request)[1]
    assert "id=ram1" in text and "-m " not in text, text


def processors_that_are_plugged_in_later_have_nodes():
    status, text, err = of_arguments(numa_host(0, 1), "-M", "q35", "-m", "4G", "-smp", "4,maxcpus=8")
    assert status == 0 and "cpus=0-3" in text and "cpus=4-7" in text, (text, err)


def nodes_of_all_devices_are_nodes_of_the_guest():
    host = numa_host(0, 1)
    out = in_json(host, *NUMA, "--bypass", "0000:21:00.0", devices=["0000:01:00.0"])
    assert [cell["host-node"] for cell in out["nodes"]] == [0, 1], out
    host["devices"][1]["iommu"] = "dmar0"
    out = in_json(host, *NUMA)
    assert len(out["bridges"]) == 1 and [cell["host-node"] for cell in out["nodes"]] == [0, 1], out


def memory_of_the_arguments_that_qemu_rejects_beside_nodes_is_refused():
    memory = ["-m", "4G", "-smp", "4"]
    status, out, err = of_arguments(numa_host(0, 1), "-M", "q35,memory-backend=mem", "-object",
                                    "memory-backend-memfd,id=mem,size=4G", *memory)
    assert status == 2 and not out and "leave out memory-backend=" in err and "[plan-node]" in err, (out, err)
    for given in ("memory-backend-ram,id=ram1,size=1G", '{"qom-type":"memory-backend-ram","id":"ram1","size":1024}'):
        status, out, err = of_arguments(numa_host(0, 1), "-M", "q35", "-object", given, *memory)
        assert status == 2 and not out and "an object ram1" in err and "[plan-node]" in err, (out, err)
    for name in ("ram2", "ram01", "ram1x"):
        status, out, err = of_arguments(numa_host(0, 1), "-M", "q35", "-object",
                                        f"memory-backend-ram,id={name},size=1G", *memory)
        assert status == 0, (name, err)


def a_domain_gives_memory_and_processors_of_nodes():
    host = numa_host(0, 1)
    text = domain(host, "q35")
    status, out, err = rewritten(host, text, "--numa", "--format", "text")
    assert status == 2 and not out and "<numa> of the domain" in err and "CPUs" not in err, err
    status, out, err = rewritten(host, re.sub("<numatune>.*|<cpu>.*", "", text), "--numa", "--format", "text")
    assert status == 0 and "2048 MiB of node 1 of the host, CPUs 2-3" in out, (out, err)


def memory_of_a_node_is_in_huge_pages_for_command_queues():
    text = planned(gpu_host(2), "--numa", "--node", "0=0", "--node", "1=1", "--memory", "16G", "--cpus", "2",
                   "--ats", "off", "--cmdqv", "on", "--format", "qemu")
    assert text.count("mem-path=/dev/hugepages,prealloc=on,share=on,host-nodes=") == 2, text
    assert "memory-backend=" not in text, text
    assert "nodeid=2" in text, "initiators follow the nodes"


def nodes_that_cannot_be_are_refused():
    host = numa_host(0, 1)
    for words in (["--numa", "--cpus", "8"], ["--numa", "--memory", "16G", "--cpus", "1"],
                  ["--numa", "--memory", "3M", "--cpus", "8"], [*NUMA, "--node", "0=0", "--node", "1=0"],
                  [*NUMA, "--node", "0=1", "--node", "1=2"]):
        refused(host, "plan-node", *words)
    refused(numa_host(-1), "plan-node", *NUMA)
    refused(gpu_host(2), "plan-node", *NUMA, "--ats", "off", "--egm")
    status, out, err = run("plan", "--root", trees.make(host, "host.tar"), *NUMA, "-f", "qemu", "--",
                           "-M", "q35", "-numa", "node", "-device", "vfio-pci,host=0000:01:00.0")
    assert status == 2 and "[plan-node]" in err and not out, err


def a_node_of_the_host_with_less_memory_is_refused():
    host = numa_host(0, 1)
    host["nodes"] = [{"number": 0, "memory": 16 << 30}, {"number": 1, "memory": 4 << 30}]
    err = refused(host, "plan-node", *NUMA)
    assert "node 1 of the guest needs 8192 MiB, and node 1 of the host has 4096" in err, err
    planned(host, "--numa", "--memory", "8G", "--cpus", "8")
    host["nodes"][1]["memory"] = 0
    err = refused(host, "plan-node", "--numa", "--memory", "8G", "--cpus", "8")
    assert "needs 4096 MiB, and node 1 of the host has 0" in err, err
    host["nodes"][0]["memory"] = 0
    planned(host, *NUMA)


def a_node_that_the_host_does_not_have_is_refused():
    host = numa_host(0, 1)
    host["nodes"] = [{"number": 0, "memory": 16 << 30}, {"number": 1, "memory": 16 << 30}]
    err = refused(host, "plan-node", *NUMA, "--node", "0=0", "--node", "1=1", "--node", "5=2")
    assert "node 2 of the guest is on node 5 of the host, which does not exist" in err, err


def more_nodes_than_qemu_has_are_refused():
    words = ["--numa", "--memory", "600G", "--cpus", "300"]
    nodes = [word for node in range(129) for word in ("--node", f"{node}={node}")]
    planned(numa_host(0, 1), *words, *nodes[:-2])
    err = refused(numa_host(0, 1), "plan-node", *words, *nodes)
    assert "the guest has 129 NUMA nodes, and QEMU allows 128" in err, err


def a_kept_bridge_has_its_node_by_its_devices():
    first = planned(numa_host(0, 1), "--node", "0=1", "--node", "1=0", "--format", "json")
    assert [b["guest-node"] for b in json.loads(first)["bridges"]] == [1, 0], first
    again = in_json(numa_host(0, 1), "--node", "0=1", "--node", "1=0", *keep(first))
    assert again["bridges"] == json.loads(first)["bridges"], again


def nodes_are_kept_or_refused():
    host = numa_host(0, 1)
    names = [d["at"] for d in host["devices"]]
    first = planned(host, *NUMA, "--format", "json")
    again = in_json(host, *NUMA, *keep(first))
    assert again["nodes"] == json.loads(first)["nodes"]
    for words in ([], ["--numa", "--memory", "8G", "--cpus", "8"], ["--numa", "--memory", "16G", "--cpus", "4"]):
        refused(host, "plan-keep", *words, *keep(first))
    alone = planned(host, *NUMA, "--iommu", "virtio", "--format", "json", devices=names[:1])
    refused(host, "plan-keep", *NUMA, *keep(alone))
    err = refused(host, "plan-keep", *NUMA, *keep(planned(host, "--format", "json")))
    assert 'the NUMA nodes "none" by the earlier plan' in err, err
    err = refused(host, "plan-node", "--numa", "--memory", "16G", *keep(first))
    assert "[plan-keep]" not in err, err


# -- devices that bypass -----------------------------------------------------------------------


def bypassing(plan):
    return {d["host"]: (port["slot"], d["function"]) for port in plan.get("bypassing", []) for d in port["devices"]}


def a_device_that_bypasses_is_on_the_first_bus_without_an_iommu():
    host = pc_host(3)
    out = in_json(host, "--bypass", "0000:21:00.0")
    assert [b["host-iommu"] for b in out["bridges"]] == ["dmar0", "dmar2"], out
    slot = bypassing(out)["0000:21:00.0"][0]
    text = planned(host, "--bypass", "0000:21:00.0", "--format", "qemu")
    assert f"pcie-root-port,id=bypass0,bus=pcie.0,addr=0x{slot:x},chassis=" in text, text
    assert "vfio-pci,id=hostdev2,host=0000:21:00.0,bus=bypass0,addr=0x0.0" in text, text
    assert text.count("viommu-pci,") == 2, text
    tree = xml.etree.ElementTree.fromstring(planned(host, "--bypass", "0000:21:00.0", "--format", "libvirt"))
    ports = {c.get("index"): c for c in tree.iter("controller")}
    device = next(d for d in tree.iter("hostdev") if d.find("source/address").get("bus") == "0x21")
    port = ports[str(int(device.find("address").get("bus"), 16))]
    assert port.get("model") == "pcie-root-port" and port.find("address").get("bus") == "0x00"
    assert f"slot {slot:02x}  0000:21:00.0 at 00.0" in planned(host, "--bypass", "0000:21:00.0")


def a_device_that_bypasses_need_not_be_named_twice():
    host = pc_host(2)
    assert bypassing(in_json(host, "--bypass", "0000:21:00.0", devices=["0000:01:00.0"])).keys() == {"0000:21:00.0"}


def functions_of_a_slot_that_bypass_share_a_port():
    host = pc_host(1)
    host["devices"] += [device(f"0000:02:00.{i}", "dmar0") for i in range(2)]
    out = in_json(host, "--bypass", "0000:02:00.0", "--bypass", "0000:02:00.1")
    places = bypassing(out)
    assert places["0000:02:00.0"][0] == places["0000:02:00.1"][0] and places["0000:02:00.1"][1] == 1, out
    assert len(out["bypassing"]) == 1, out


def group_mates_bypass_together():
    host = pc_host(1)
    host["devices"] += [device("0000:02:00.0", "dmar0", group=7), device("0000:03:00.0", "dmar0", group=7)]
    err = refused(host, "plan-group-split", "--bypass", "0000:02:00.0")
    assert "one of them is to bypass" in err, err
    planned(host, "--bypass", "0000:02:00.0", "--bypass", "0000:03:00.0")


def a_guest_whose_devices_all_bypass_has_no_plan():
    refused(pc_host(1), "plan-device", "--bypass", "0000:01:00.0")
    refused(pc_host(1), "plan-device", "--bypass", "0000:77:00.0")


def a_kept_device_keeps_bypassing_in_its_slot():
    host = pc_host(3)
    names = [d["at"] for d in host["devices"]]
    first = planned(host, "--bypass", names[1], "--format", "json")
    again = in_json(host, *keep(first))
    assert again["bypassing"] == json.loads(first)["bypassing"], "without naming it again"
    assert places(again) == places(json.loads(first))
    second = in_json(host, *keep(first), "--bypass", names[1])
    assert bypassing(second) == bypassing(json.loads(first))
    third = planned(host, "--bypass", names[2], "--format", "json", devices=[names[0]])
    refused(host, "plan-keep", *keep(first), "--bypass", names[0])
    fourth = in_json(host, *keep(third), "--bypass", names[1])
    assert bypassing(fourth)[names[2]] == bypassing(json.loads(third))[names[2]]
    assert bypassing(fourth)[names[1]] != bypassing(fourth)[names[2]]
    bad = json.loads(first)
    for slot in (0, bad["bridges"][0]["slot"], bad["bridges"][0]["iommu-slot"], 32):
        bad["bypassing"][0]["slot"] = slot
        refused(host, "plan-keep", *keep(json.dumps(bad)))


def ports_of_devices_that_bypass_need_bus_numbers_and_slots():
    host = pc_host(1)
    host["devices"] += [device(f"0000:{i:02x}:00.0", "dmar0") for i in range(2, 34)]
    wishes = [word for d in host["devices"][1:] for word in ("--bypass", d["at"])]
    refused(host, "plan-slots", *wishes)
    refused(host, "plan-bus-numbers", *wishes[:40], "--spare", "233")
    planned(host, *wishes[:40], "--spare", "200")


def stage_2_is_shared_where_linux_does():
    same, differ = with_registers(["f020df"] * 2), with_registers(["f020df", "f020db"])
    for host, answer in ((same, "yes"), (differ, "not known"), (arm_host(2), "no")):
        assert in_json(host, "--ats", "off")["bridges"][1]["shares-stage-2-with-first"] == answer


def kinds_with_one_in_a_machine_are_refused_for_more():
    for kind in ("intel", "amd", "virtio-stock"):
        refused(pc_host(2), "plan-one-iommu", "--iommu", kind)


def a_qemu_without_the_kind_is_refused():
    refused(arm_host(1), "plan-qemu-version", "--iommu", "smmuv3", "--qemu", "10.1")


def a_machine_without_the_kind_is_refused():
    refused(pc_host(1), "plan-machine", "--iommu", "smmuv3", "--machine", "q35")


def wrong_options_are_refused():
    for words in (["--iommu", "x"], ["--format", "x"], ["--spare", "-1"], ["--qemu", "new"],
                  ["--node", "1"], ["--memory", "0"], ["--bus", "1"], ["--bus", "dmar0=256"], ["--machine", "pc"], ["--ats", "maybe"],
                  ["--cpus", "-1"], ["--cpus", "65537"]):
        assert plan(pc_host(1), *words)[0] == 2, words


def if_needed_prints_only_domains():
    with open("done.xml", "w", encoding="ascii") as file:
        file.write("<domain type='kvm'><devices/></domain>\n")
    for form, status in ("libvirt", 0), ("virt-install", 2), ("json", 2):
        done = run("plan", "--domain-xml", "done.xml", "--if-needed", "--format", form)
        assert done[0] == status, (form, done)


def main():
    steps = [value for name, value in globals().items()
             if callable(value) and name.count("_") >= 3]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for step in steps:
            try:
                step()
                print("ok", step.__name__)
            except AssertionError as error:
                failed += 1
                print("FAILED", step.__name__, error)
    print(f"{len(steps)} steps, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
