#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""kinds.py VECTORS: files of tables that the folder of vectors has none of, and files with mistakes

Tables are written here by hand, a line an entry, with what the architecture says of them. Then the
program must find each expectation that is wrong, and say where a file cannot be read.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

VECTORS = sys.argv[1]


def hexes(words):
    return [hex(w) for w in words]


def cd(t0sz, tg0, ttb0, *, ips=5, t1sz=16, tg1=2, epd1=1, ttb1=0, flags=0, word1=0):
    """A valid context descriptor of AArch64, which aborts (A), with `flags` or'ed to word 0."""
    word = (t0sz | tg0 << 6 | t1sz << 16 | tg1 << 22 | epd1 << 30 | 1 << 31 | ips << 32 | 1 << 41 |
            1 << 45 | 1 << 46 | flags)
    return hexes([word, ttb0 | word1, ttb1, 0x44, 0, 0, 0, 0])


TBI0, TBI1, HD, HA = 1 << 38, 1 << 39, 1 << 42, 1 << 43
AF, RO, EL0, DBM, CONT, UXN = 1 << 10, 1 << 7, 1 << 6, 1 << 51, 1 << 52, 1 << 54
PAGE = AF | EL0 | 3
BLOCK = AF | EL0 | 1
ROOT = 0x80100000


def hit(pa, size, perm="rw", **more):
    return dict(pa=hex(pa), page_size=hex(size), perm=perm, **more)


def fault(name, level):
    return dict(fault=name, level=level)


def file(name, form, config, words, cases, **more):
    return name, dict(
        format=form, config=config, memory_limit="0xa0000000",
        memory=[dict(address=hex(a), word=hex(w)) for a, w in words.items()],
        cases=[dict(name=n, va=hex(va), access=access, expect=expect, **rest)
               for n, va, access, expect, rest in cases], **more)


def case(name, va, access, expect, **rest):
    return name, va, access, expect, rest


# Arm, 4 KiB, walk from level 0: four tables in a row.
ARM = {ROOT: ROOT + 0x1003, ROOT + 0x1000: ROOT + 0x2003, ROOT + 0x2000: ROOT + 0x3003}

FILES = [
    file("arm-contiguous", "arm-vmsav8-64-stage1", dict(cd=cd(16, 0, ROOT)),
         {**ARM, **{ROOT + 0x3000 + 8 * i: 0x80400000 + 0x1000 * i | PAGE | CONT for i in range(15)},
          ROOT + 0x2008: 0x80600000 | BLOCK | CONT}, [
             case("an entry of a contiguous range stands as it is", 0x3008, "w",
                  hit(0x80403008, 0x1000)),
             case("one of the sixteen is not valid", 0xf000, "r", fault("translation", 3)),
             case("a contiguous block", 0x212345, "r", hit(0x80612345, 0x200000))]),
    file("arm-tagged", "arm-vmsav8-64-stage1",
         dict(cd=cd(16, 0, ROOT, t1sz=16, epd1=0, ttb1=ROOT + 0x4000, flags=TBI0 | TBI1)),
         {**ARM, ROOT + 0x3000: 0x80400000 | PAGE,
          ROOT + 0x4ff8: ROOT + 0x5003, ROOT + 0x5ff8: ROOT + 0x6003, ROOT + 0x6ff8: ROOT + 0x7003,
          ROOT + 0x7ff8: 0x80500000 | PAGE}, [
             case("the lower half with a tag", 0xab00000000000010, "r", hit(0x80400010, 0x1000)),
             case("the upper half", 0xfffffffffffff010, "w", hit(0x80500010, 0x1000)),
             case("the upper half with a tag", 0x12fffffffffff010, "w", hit(0x80500010, 0x1000)),
             case("bit 55 chooses the half", 0x0080000000000010, "r", fault("translation", 0))]),
    file("arm-tagged-above", "arm-vmsav8-64-stage1",
         dict(cd=cd(16, 0, ROOT, t1sz=16, epd1=0, ttb1=ROOT + 0x4000, flags=TBI1)),
         {**ARM, ROOT + 0x3000: 0x80400000 | PAGE,
          ROOT + 0x4ff8: ROOT + 0x5003, ROOT + 0x5ff8: ROOT + 0x6003, ROOT + 0x6ff8: ROOT + 0x7003,
          ROOT + 0x7ff8: 0x80500000 | PAGE}, [
             case("TBI1 alone: a tag below faults", 0xab00000000000010, "r",
                  fault("translation", 0)),
             case("TBI1 alone: a tag above is ignored", 0x12fffffffffff010, "r",
                  hit(0x80500010, 0x1000))]),
    file("arm-rights", "arm-vmsav8-64-stage1", dict(cd=cd(16, 0, ROOT)),
         {ROOT: ROOT + 0x1003 | 1 << 62, ROOT + 0x1000: ROOT + 0x2003,
          ROOT + 0x2000: ROOT + 0x3003 | 1 << 61, ROOT + 0x2008: ROOT + 0x3003,
          ROOT + 0x3000: 0x80400000 | PAGE, ROOT + 0x3008: 0x80401000 | PAGE | UXN,
          ROOT + 0x3010: 0x80402000 | 3 | AF}, [
             case("APTable of level 0: no writes", 0x200000, "w", fault("permission", 3)),
             case("APTable of level 0: reads", 0x200000, "r", hit(0x80400000, 0x1000, "rx")),
             case("APTable of level 2: not for EL0", 0, "r", fault("permission", 3)),
             case("APTable of level 2: for EL1", 0, "r", dict(pa="0x80400000"), priv=True),
             case("UXN", 0x201000, "x", fault("permission", 3)),
             case("a page of EL1", 0x202000, "r", fault("permission", 3))]),
    file("arm-dirty", "arm-vmsav8-64-stage1", dict(cd=cd(16, 0, ROOT, flags=HA | HD)),
         {**ARM, ROOT + 0x3000: 0x80400000 | EL0 | 3 | RO | DBM,
          ROOT + 0x3008: 0x80401000 | EL0 | 3 | RO}, [
             case("a write sets the flag and clears AP[2]", 0, "w",
                  hit(0x80400000, 0x1000,
                      entries_after={hex(ROOT + 0x3000): hex(0x80400000 | PAGE | DBM)})),
             case("a read sets the flag alone", 0, "r",
                  dict(pa="0x80400000",
                       entries_after={hex(ROOT + 0x3000): hex(0x80400000 | PAGE | RO | DBM)})),
             case("without DBM it is read-only, and nothing changes", 0x1000, "w",
                  fault("permission", 3))]),
    file("arm-no-update", "arm-vmsav8-64-stage1",
         dict(cd=cd(16, 0, ROOT, flags=HA), ad_update=False), ARM,
         [case("HA, which the device does not have", 0, "r", fault("context", -1))]),
    file("arm-16k", "arm-vmsav8-64-stage1", dict(cd=cd(17, 2, ROOT)),
         {ROOT: ROOT + 0x4003, ROOT + 0x4000: ROOT + 0x8003, ROOT + 0x4008: 0x82000000 | BLOCK,
          ROOT + 0x8008: 0x80404000 | PAGE, ROOT + 8: 0x1000000000 | BLOCK}, [
             case("a page of 16 KiB", 0x4010, "r", hit(0x80404010, 0x4000)),
             case("a block of 32 MiB", 0x2000010, "w", hit(0x82000010, 0x2000000)),
             case("no block at level 1", 0x1000000000, "r", fault("translation", 1))]),
    file("arm-lpa2", "arm-vmsav8-64-stage1",
         dict(cd=cd(12, 0, ROOT, ips=6, ttb1=1 << 58)),
         {ROOT: ROOT + 0x1003, ROOT + 0x1000: ROOT + 0x2003, ROOT + 0x2000: ROOT + 0x3003,
          ROOT + 0x3000: ROOT + 0x4003, ROOT + 0x4008: 0x80400000 | PAGE & ~0x300 | 0x300,
          ROOT + 0x1008: 0x8000000000 | BLOCK, ROOT + 0x78: ROOT + 0x1003}, [
             case("bits 9:8 are address bits 51:50", 0x1010, "w",
                  hit(0xc000080400010, 0x1000)),
             case("a block of 512 GiB", 0x8000000123, "r", hit(0x8000000123, 0x8000000000)),
             case("level -1 has 16 entries", 0xf000000001010, "r", hit(0xc000080400010, 0x1000)),
             case("not valid at level -1", 0x1000000000000, "r", fault("translation", -1))]),
    file("x86-five-levels", "x86-first-stage", dict(root=hex(ROOT), levels=5, maxphyaddr=48),
         {ROOT: ROOT + 0x1007, ROOT + 0xff8: ROOT + 0x1007, ROOT + 0x1000: ROOT + 0x2007,
          ROOT + 0x1ff8: ROOT + 0x2007, ROOT + 0x2000: ROOT + 0x3007, ROOT + 0x2ff8: 0xc0000087,
          ROOT + 0x3000: 0x804000e7 | 1 << 63, ROOT + 8: 0x87, ROOT + 0x3008: 1 << 50 | 7}, [
             case("57 bits, the upper half", 0xffffffffc0000123, "r",
                  hit(0xc0000123, 0x40000000, entries_after={
                      hex(ROOT + 0xff8): hex(ROOT + 0x1027),
                      hex(ROOT + 0x1ff8): hex(ROOT + 0x2027),
                      hex(ROOT + 0x2ff8): hex(0xc00000a7)})),
             case("bit 56 is no sign", 0x0100000000000000, "r", fault("non-canonical", 5)),
             case("48 bits are no limit", 0x0000800000000000, "r", fault("translation", 4)),
             case("PS in level 5", 0x0001000000000000, "r", fault("reserved", 5)),
             case("XD", 0, "x", fault("permission", 2)),
             case("above 48 bits", 0x200000, "r", fault("reserved", 2)),
             case("a write", 0, "w", hit(0x80400000, 0x200000, "rw"), after={
                 hex(ROOT): hex(ROOT + 0x1027), hex(ROOT + 0x1000): hex(ROOT + 0x2027),
                 hex(ROOT + 0x2000): hex(ROOT + 0x3027)})]),
    file("riscv-sv57", "riscv-s-stage", dict(iosatp=hex(0xa << 60 | ROOT >> 12)),
         {ROOT: ROOT + 0x1000 >> 2 | 1, ROOT + 0x1000: ROOT + 0x2000 >> 2 | 1,
          ROOT + 0x2000: ROOT + 0x3000 >> 2 | 1, ROOT + 0x3000: ROOT + 0x4000 >> 2 | 1,
          ROOT + 0x4080: 0x80408000 >> 2 | 0xdf | 1 << 63, ROOT + 0x4008: 0x80401000 >> 2 | 0xd3,
          ROOT + 0xff8: 0x80400000 >> 2 | 0xdf}, [
             case("Svnapot: 64 KiB", 0x10123, "w", hit(0x80400123, 0x10000)),
             case("read-only", 0x1000, "w", fault("permission", 0)),
             case("a root leaf that is not aligned", 0xffff000000000000, "r",
                  fault("reserved", 4)),
             case("bit 57", 0x0200000000000000, "r", fault("non-canonical", 4))]),
    file("amd-two-levels", "amd-gcr3",
         dict(gcr3_root="0x80128000", glx=1, levels=4, maxphyaddr=52, giov=1),
         {0x80128000: 0x80129001, 0x80129000: ROOT | 1, 0x80129008: 0, 0x80129010: ROOT + 0x1000,
          ROOT: ROOT + 0x1007, ROOT + 0x1000: ROOT + 0x2007, ROOT + 0x2000: ROOT + 0x3007,
          ROOT + 0x3000: 0x80400067, ROOT + 0x800: ROOT + 0x1007}, [
             case("PASID 0", 8, "r", dict(pa="0x80400008"), pasid=0, after={
                 hex(ROOT): hex(ROOT + 0x1027), hex(ROOT + 0x1000): hex(ROOT + 0x2027),
                 hex(ROOT + 0x2000): hex(ROOT + 0x3027)}),
             case("without a PASID: PASID 0 by GIOV", 8, "r", dict(pa="0x80400008"), pasid=None,
                  after={hex(ROOT): hex(ROOT + 0x1027), hex(ROOT + 0x1000): hex(ROOT + 0x2027),
                         hex(ROOT + 0x2000): hex(ROOT + 0x3027)}),
             case("an entry that is not valid", 0, "r", fault("context", -1), pasid=1),
             case("a PASID beyond two levels", 0, "r", fault("context", -1), pasid=1 << 18)]),
    file("generic", "generic-virt", dict(pgd=hex(ROOT)),
         {ROOT: ROOT + 0x1003, ROOT + 0x1000: ROOT + 0x2003, ROOT + 0x2000: ROOT + 0x3003,
          ROOT + 0x3000: 0x80400000 | 9, ROOT + 0x2008: 0x80600000 | 13}, [
             case("write-only, written", 0, "w", dict(pa="0x80400000", perm="w")),
             case("write-only, read", 0, "r", fault("permission", 3)),
             case("2 MiB", 0x201234, "r", hit(0x80601234, 0x200000))]),
    file("nested-generic", "nested",
         dict(child="generic-virt", pgd="0x1000", parent=[
             dict(first="0x1000", last="0x4fff", phys=hex(ROOT)),
             dict(first="0x10000", last="0x107ff", phys="0x80400800", flags="r")]),
         {ROOT: 0x2003, ROOT + 0x1000: 0x3003, ROOT + 0x2000: 0x4003, ROOT + 0x3000: 0x10000 | 13,
          ROOT + 0x3008: 0x20000 | 13, ROOT + 8: 0x9003}, [
             case("half of the page is in the parent", 0x10, "r", dict(pa="0x80400810"),
                  contiguous="0x7f0"),
             case("the other half is not", 0x800, "r", fault("parent", -1)),
             case("read-only in the parent", 0, "w", fault("parent", -1),
                  parent_address="0x10000"),
             case("a page that the parent does not have", 0x1000, "r", fault("parent", -1)),
             case("a table that the parent does not have", 0x8000000000, "r",
                  fault("parent-walk", -1), parent_address="0x9000")]),
    file("vtd-two-tables", "vtd-pasid-table", dict(pasid_dir="0x80128000", pdts=3, maxphyaddr=48),
         {0x80128000: 0x80129001, 0x80129040: 1 | 1 << 6, 0x80129040 + 16: ROOT | 3,
          0x80129080: 1 | 4 << 6, 0x801290c0: 1 | 2 << 6,
          ROOT: ROOT + 0x1027, ROOT + 0x1000: ROOT + 0x2027, ROOT + 0x2000: ROOT + 0x3027,
          ROOT + 0x3000: 0x80400067}, [
             case("PASID 1", 0x10, "w", dict(pa="0x80400010", perm="rw"), pasid=1),
             case("PASID 2 passes through", 0x123456, "r", dict(pa="0x123456"), pasid="0x2"),
             case("PASID 3 has second-stage tables", 0, "r", fault("context", -1), pasid=3),
             case("PASID 64: no second table", 0, "r", fault("context", -1), pasid=64)]),
]


def run(*paths):
    done = subprocess.run([VECTORS, *paths], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def write(folder, name, value):
    path = folder / f"{name}.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def fail(*text):
    print(*text, file=sys.stderr)
    sys.exit(1)


def agree(folder):
    """All cases of all files."""
    paths = [write(folder, name, value) for name, value in FILES]
    n = sum(len(value["cases"]) for _, value in FILES)
    status, out, err = run(*paths)
    if status or out != f"{n} cases, 0 disagree\n" or err:
        fail("status", status, out, err)


def wrong(folder):
    """Each expectation, changed in turn, is found: 1, and the case is named."""
    def must_find(value, text):
        status, out, _ = run(write(folder, "wrong", value))
        if status != 1 or not all(t in out for t in text) or "1 disagree" not in out:
            fail("not found:", text, out)

    _, good = next(f for f in FILES if f[0] == "x86-five-levels")
    for i, member, value, text in (
            (0, "pa", "0xc0000124", "pa is 0xc0000123, not 0xc0000124"),
            (0, "page_size", "0x1000", "page_size is 0x40000000"),
            (0, "perm", "r", "perm has w"), (1, "level", 4, "level 5, not 4"),
            (1, "fault", "reserved", "fault non-canonical"),
            (3, "fault", None, "fault reserved"), (0, "fault", "translation", "no fault"),
            (6, "entries_after", {hex(ROOT + 0x3000): "0x1"}, "word 0x80103000 is"),
            (0, "entries_after", {"0x90000000": "0x1"}, "word 0x90000000 is 0x0, not 0x1")):
        copy = json.loads(json.dumps(good))
        copy["cases"][i]["expect"][member] = value
        must_find(copy, (f"cases[{i}] ({copy['cases'][i]['name']}): ", text))


def unreadable(folder):
    """2, and the place."""
    good = FILES[-1][1]
    for text, change in (
            ("cases[0] (PASID 1): there is no \"va\"", lambda f: f["cases"][0].pop("va")),
            ("cases[1] (PASID 2 passes through): \"va\" is not a number: \"12z\"",
             lambda f: f["cases"][1].update(va="12z")),
            ("\"access\" is not made of", lambda f: f["cases"][0].update(access="q")),
            ("\"access\" is not made of", lambda f: f["cases"][0].pop("access")),
            ("there is no \"expect\"", lambda f: f["cases"][0].pop("expect")),
            ("format \"vtd\" is unknown", lambda f: f.update(format="vtd")),
            ("there is no \"format\"", lambda f: f.pop("format")),
            ("there is no \"pasid_dir\"", lambda f: f["config"].pop("pasid_dir")),
            ("there is no \"pasid_dir\"", lambda f: f.pop("config")),
            ("memory[0] is not an object", lambda f: f["memory"].insert(0, 7)),
            ("memory[1] is not aligned", lambda f: f["memory"][1].update(address="0x4")),
            ("neither \"word\" nor 8 \"bytes\"", lambda f: f["memory"][1].pop("word")),
            ("\"memory\" is not an array", lambda f: f.update(memory="none")),
            ("cases[0]: cases[0] is not an object", lambda f: f["cases"].insert(0, [])),
            ("\"cases\" is not an array", lambda f: f.update(cases={})),
            ("there is no \"cases\"", lambda f: f.pop("cases"))):
        copy = json.loads(json.dumps(good))
        change(copy)
        status, _, err = run(write(folder, "bad", copy))
        if status != 2 or text not in err or "bad.json" not in err:
            fail("status", status, "instead of", text, err)
    for text in ("", "[", "[1]", "7", "{\"cases\": [{"):
        status, _, err = run(write(folder, "bad", text))
        if status != 2 or "bad.json" not in err:
            fail("status", status, text, err)
    status, out, err = run(str(folder / "missing.json"), write(folder, "good", good))
    if status != 2 or "4 cases, 0 disagree, 1 cannot be read" not in out:
        fail("the other file was not tried", out, err)
    if run()[0] != 1 or run(write(folder, "none", dict(cases=[])))[0] != 1:
        fail("no case at all is no success")


def spelled(folder):
    """Words as bytes, as an object; numbers of JSON; members that are unknown."""
    _, good = FILES[-1]
    copy = json.loads(json.dumps(good))
    for word in copy["memory"]:
        word["bytes"] = int(word.pop("word"), 16).to_bytes(8, "little").hex()
    copy.update(extra=[1], name="x")
    copy["cases"][0].update(va=16, agreed_by=["x"], differs={"x": 1}, reason=None)
    paths = [write(folder, "bytes", copy)]
    copy["memory"] = {w["address"]: w["word"] for w in good["memory"]}
    paths.append(write(folder, "object", copy))
    copy["memory"] = []
    for this in copy["cases"]:
        this["memory"] = good["memory"]
        this["pasid_dir"] = copy["config"]["pasid_dir"]
    copy["config"] = {"pdts": 3, "maxphyaddr": 48}
    paths.append(write(folder, "per-case", copy))
    status, out, err = run(*paths)
    if status or out != "12 cases, 0 disagree\n":
        fail("status", status, out, err)


with tempfile.TemporaryDirectory() as name:
    for test in agree, wrong, unreadable, spelled:
        test(pathlib.Path(name))
print(f"{sum(len(v['cases']) for _, v in FILES)} cases in {len(FILES)} files")
