#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What --json prints is as docs/schemas says: test_schemas.py VIOMMU SOURCE

A schema permits keys that it does not name, because a later version may have them. Here it permits none,
so that no key is printed that the schemas do not describe.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    # Debian's package is for Debian's Python.
    if sys.executable != "/usr/bin/python3" and os.access("/usr/bin/python3", os.X_OK):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("python3-jsonschema is not installed")
    sys.exit(77)

VIOMMU, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
GOLDEN, HOSTS = SOURCE / "tests/golden", SOURCE / "tests/host/machines"


def closed(schema):
    """The schema without further keys, wherever it names some."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        shut.setdefault("additionalProperties", False)
    return shut


def schema(name):
    text = json.loads((SOURCE / f"docs/schemas/{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(text)
    return jsonschema.Draft202012Validator(closed(text)), jsonschema.Draft202012Validator(text)


SCHEMAS = {path.name.partition(".")[0]: schema(path.name.partition(".")[0])
           for path in sorted((SOURCE / "docs/schemas").glob("*.schema.json"))}
checked = {name: 0 for name in SCHEMAS}
failed = 0


def expect(name, *arguments):
    global failed
    done = subprocess.run([VIOMMU, *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode == 2 and not done.stdout and "usage:" not in done.stderr:
        return
    if not done.stdout:
        print(f"viommu {' '.join(arguments)}: {done.stderr}")
        failed += 1
        return
    for line in done.stdout.splitlines() if name == "host" else [done.stdout]:
        checked[name] += 1
        answer = json.loads(line)
        for error in sorted((error for form in SCHEMAS[name] for error in form.iter_errors(answer)), key=str):
            print(f"viommu {' '.join(arguments)}: {error.json_path}: {error.message}"[:300])
            failed += 1


def check_generated(folder):
    """Commands that write a table have their findings as those of check."""
    for table in sorted(GOLDEN.glob("*.dtb")) + sorted(GOLDEN.glob("*.VIOT")):
        source, out = folder / "source.txt", str(folder / "table")
        expect("check", "generate", "--json", "dmar", str(table), "-o", out)
        expect("check", "convert", "--json", "--to", "viot", str(table), "-o", out)
        source.write_bytes(subprocess.run([VIOMMU, "dump", "--source", table], capture_output=True, check=True).stdout)
        expect("check", "assemble", "--json", str(source), "-o", out)
    expect("check", "generate", "--json", "all", str(GOLDEN / "virt-smmu.dtb"), "-o", str(folder / "all"))


def make_hosts(folder):
    """Host trees of the machines of tests/host."""
    path = SOURCE / "tests/host/make_host.py"
    for machine in sorted(HOSTS.glob("*.json")):
        tree = folder / machine.stem
        subprocess.run([sys.executable, path, VIOMMU, machine, tree], check=True, capture_output=True)
        yield str(tree)


def check_host_without_tables(tree):
    shutil.rmtree(pathlib.Path(tree) / "sys/firmware")
    expect("map", "resolve", "--all", "--json", tree)
    expect("host", "host", "--json", tree)


def can_be_assigned(device):
    return (device.get("iommu") and device.get("port", "endpoint") == "endpoint" and "pf" not in device
            and device["bus"] == "pci" and not device["class"].startswith(("0x06", "0x08")))


def check_hosts(folder):
    for tree in make_hosts(folder):
        host = subprocess.run([VIOMMU, "host", "--json", tree], check=False, text=True, capture_output=True).stdout
        devices = json.loads(host)["devices"]
        wishes = [word for device in devices if can_be_assigned(device) for word in ("--device", device["name"])]
        expect("host", "host", "--json", tree)
        expect("check", "check", "--json", tree)
        expect("resolve", "resolve", "--json", "--from", tree, devices[-1]["name"])
        for device in devices:
            expect("explain", "explain", "--json", device["name"], tree)
        expect("map", "resolve", "--all", "--json", tree)
        expect("plan", "plan", "--root", tree, "--managed", *wishes, "--ats", "off", "--format", "json")
    check_host_without_tables(tree)


def check_topology_keys():
    """The schema names the keys of docs/topology.md, and no others."""
    global failed
    page = (SOURCE / "docs/topology.md").read_text(encoding="utf-8")
    properties = json.loads((SOURCE / "docs/schemas/topology.schema.json").read_text())["properties"]
    sections = properties["topologies"]["items"]["properties"]["topology"]["properties"]
    for name, section in sections.items():
        part = re.search(rf"^## {name}\n(.*?)(?=^## )", page, re.M | re.S)
        objects = section.get("items") or section.get("additionalProperties")
        if part and set(re.findall(r"^\| `([a-z0-9-]+)` \|", part[1], re.M)) != set(objects["properties"]) - {"place"}:
            print(f"topology.schema.json has other keys of {name} than docs/topology.md")
            failed += 1


def main():
    tables = sorted(path for path in GOLDEN.iterdir() if path.suffix[1:] in
                    ("VIOT", "IORT", "DMAR", "IVRS", "SRAT", "dtb"))
    for table in map(str, tables):
        expect("dump", "dump", "--json", table)
        expect("check", "check", "--json", table)
        expect("map", "resolve", "--all", "--json", table)
        expect("resolve", "resolve", "--json", "--pasid", "1", "--from", table, "00:02.0", "0x9000000")
        expect("explain", "explain", "--json", "00:02.0", table)
        expect("topology", "topology", "--json", table)
        expect("diff", "diff", "--json", table, str(tables[0]))
    for refused in sorted((SOURCE / "tests/tables").glob("**/refused/*.*")):
        if refused.suffix not in (".py", ".base"):
            expect("check", "check", "--json", str(refused))
            if refused.suffix == ".dmar":
                expect("dump", "dump", "--json", str(refused))
            expect("topology", "topology", "--json", str(refused))
    check_topology_keys()
    expect("rules", "check", "--rules", "--json")
    for trace in sorted((SOURCE / "tests/tool/traces").iterdir()):
        expect("replay", "replay", "--json", str(trace))
    with tempfile.TemporaryDirectory() as folder:
        check_hosts(pathlib.Path(folder))
        check_generated(pathlib.Path(folder))
    # A schema that accepts anything would pass.
    for name, (_, is_open) in SCHEMAS.items():
        if is_open.is_valid({"format": 2}) or is_open.is_valid([]):
            print(f"{name}.schema.json accepts what is not its object")
            sys.exit(1)
    print(", ".join(f"{name}: {n}" for name, n in checked.items()))
    sys.exit(1 if failed or 0 in checked.values() else 0)


main()
