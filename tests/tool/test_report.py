#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The page of viommu report, as text and in headless Chromium: test_report.py VIOMMU SOURCE

Chromium's part is skipped where it is not installed.
"""
import base64
import collections
import hashlib
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import hostile

VIOMMU, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
GOLDEN = SOURCE / "tests/golden"
CHROMIUM = shutil.which("chromium")
HOSTILE = """viommu: 1
iommus:
  - { name: "<script>document.title='gone'</script>", kind: virtio-iommu-pci, at: 00:01.0 }
  - { name: "<img src=x onerror=\\"document.title='gone'\\">", kind: virtio-iommu-pci, at: 00:02.0 }
host-bridges:
  - { name: "</table></svg><script>document.title='gone'</script>", buses: 00-7f, iommu: "<script>document.title='gone'</script>" }
devices:
  - { name: "javascript:alert(1)\\" onmouseover=\\"document.title='gone'", at: 0x10001000, iommu: "<img src=x onerror=\\"document.title='gone'\\">", id: 0x20000 }
"""


class Page(html.parser.HTMLParser):
    """Elements that never close, and what could load or run something."""

    VOID = {"meta", "br", "input", "polygon", "path", "ellipse", "polyline"}
    OPTIONAL = {"th", "td", "tr"}

    def __init__(self, text):
        super().__init__()
        self.open, self.scripts, self.bad, self.ids, self.links, self.text = [], [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.bad += [f"{tag} {name}" for name in attributes if name.startswith("on") or name in ("src", "srcset")]
        if tag in ("iframe", "object", "embed", "link", "base", "form", "img"):
            self.bad.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "a":
            self.links.append(attributes.get("href"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.bad.append(f"/{tag} closes nothing")

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


class Reports(unittest.TestCase):
    def expensive(self, name, size):
        file = self.folder / name
        file.write_bytes(hostile.FILES[name](size))
        return file

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, *arguments, status=0):
        page = self.folder / "page.html"
        done = subprocess.run([VIOMMU, "report", "-o", page, *map(str, arguments)], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return page

    def hostile(self):
        file = self.folder / "hostile.yaml"
        file.write_text(HOSTILE)
        return self.write(file)

    def check(self, page):
        text = page.read_text(encoding="utf-8")
        parsed = Page(text)
        self.assertEqual(parsed.bad, [])
        self.assertEqual(parsed.open, [])
        script, = parsed.scripts
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        self.assertIn(f"script-src 'sha256-{digest}'", text)
        self.assertIn("default-src 'none'", text)
        self.assertEqual([name for name, n in collections.Counter(parsed.ids).items() if n > 1], [])
        self.assertEqual([link for link in parsed.links if link[1:] not in parsed.ids], [])
        self.assertNotRegex(re.sub(r'xmlns(:\w+)?="[^"]*"', "", text), r"https?://")
        return parsed

    def test_a_page_of_every_golden_table_is_whole(self):
        for path in sorted(GOLDEN.iterdir()):
            if path.suffix in (".VIOT", ".IORT", ".DMAR", ".IVRS", ".SRAT", ".dtb"):
                findings = json.loads(subprocess.run([VIOMMU, "check", "--json", path], capture_output=True,
                                                     check=False).stdout)["findings"]
                worst = any(finding["severity"] != "note" for finding in findings)
                text = " ".join(self.check(self.write(path, status=int(worst))).text)
                for finding in findings:
                    self.assertIn(finding["text"], text, path)

    def test_every_field_is_beside_its_bytes(self):
        page = self.write(GOLDEN / "q35-vtd.DMAR").read_text(encoding="utf-8")
        self.assertIn('<td class="at">0004</td><td>Length</td><td class="bytes">70 00 00 00</td>'
                      '<td>length (112)</td>', page)
        self.assertEqual(page.count('<td class="at">'),
                         len(re.findall(r" = ", subprocess.run([VIOMMU, "dump", "--source", GOLDEN / "q35-vtd.DMAR"],
                                                               capture_output=True, text=True, check=True).stdout)) - 1)

    def test_hostile_names_are_text(self):
        parsed = self.check(self.hostile())
        self.assertIn("<script>document.title='gone'</script>", parsed.text)

    def test_a_rule_is_explained_beside_its_finding(self):
        page = self.write(SOURCE / "tests/tables/formats/viot/refused/viot-output-node.viot", status=1)
        text = " ".join(self.check(page).text)
        for part in ("write the offset of a virtio-iommu node", "ACPI 6.5, VIOT, Output node", "No IOMMU node found"):
            self.assertIn(part, text)

    def test_what_changed_is_listed(self):
        page = self.write("--compare", GOLDEN / "virt-smmu.dtb", GOLDEN / "virt-smmu.IORT", status=1)
        self.assertIn("0000:01:00.0-ff:1f.7", " ".join(re.findall(r"<li>(.*?)</li>", page.read_text())))
        page = self.write("--compare", GOLDEN / "virt-smmu.IORT", GOLDEN / "virt-smmu.IORT", status=1)
        self.assertIn("Nothing in meaning.", page.read_text())

    def machine(self, name, **files):
        folder = self.folder / name
        folder.mkdir()
        for file, table in files.items():
            shutil.copy(GOLDEN / table, folder / file)
        return folder

    def test_a_map_is_compared_with_the_map_of_the_same_table(self):
        before = self.machine("before", a="q35-vtd.DMAR", b="q35-two-expanders.VIOT")
        after = self.machine("after", a="q35-two-expanders.VIOT", b="q35-vtd.DMAR")
        self.assertIn("Nothing in meaning.", self.write("--compare", before, after, status=1).read_text())

    def test_device_trees_are_compared_by_their_files(self):
        before = self.machine("before", b="virt-smmu.dtb", c="virt-no-iommu.dtb")
        after = self.machine("after", a="virt-numa.dtb", b="virt-smmu.dtb", c="virt-no-iommu.dtb")
        items = re.findall(r"<li>(.*?)</li>", self.write("--compare", before, after).read_text())
        self.assertEqual(items, ["table DTB: is new"])

    def test_a_table_that_only_one_machine_has_is_listed(self):
        before = self.machine("before", a="q35-vtd.DMAR", b="q35-two-expanders.VIOT")
        after = self.machine("after", b="q35-vtd.DMAR")
        items = re.findall(r"<li>(.*?)</li>", self.write("--compare", before, after).read_text())
        self.assertEqual(items, ["table VIOT: is gone"])

    def test_a_folder_shows_its_tables_without_iommus(self):
        folder = self.machine("numa", VIOT="q35-numa.VIOT", SRAT="q35-numa.SRAT")
        text = self.write(folder).read_text()
        self.assertIn("<summary>SRAT, ", text)
        self.assertIn("Proximity domain", text)

    def test_a_folder_without_a_table_of_iommus_is_no_page(self):
        done = subprocess.run([VIOMMU, "report", self.machine("numa", SRAT="q35-numa.SRAT")], capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("no table that describes IOMMUs", done.stderr)

    def test_why_an_earlier_machine_cannot_be_read_is_said(self):
        bad = self.folder / "bad"
        bad.write_bytes((GOLDEN / "q35-vtd.DMAR").read_bytes()[:20])
        missing, new = self.folder / "missing", GOLDEN / "q35-vtd.DMAR"
        for before, says in ((bad, f"{bad}:0x0: error: "), (missing, f"{missing}: No such file")):
            done = subprocess.run([VIOMMU, "report", "-o", self.folder / "page.html", "--compare", before, new],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, before)
            self.assertIn(says, done.stderr)
            self.assertFalse((self.folder / "page.html").exists())

    def test_elements_of_several_pictures_have_ids_of_their_own(self):
        parsed = self.check(self.write(SOURCE / "docs/pictures/four-smmus.yaml", SOURCE / "docs/pictures/pc.yaml",
                                       GOLDEN / "q35-numa.VIOT"))
        self.assertEqual(len([name for name in parsed.ids if name.endswith("graph0")]), 3)

    def test_a_page_has_a_bounded_number_of_pictures(self):
        text = self.write(*[GOLDEN / "q35-minimal.VIOT"] * 34).read_text(encoding="utf-8")
        self.assertEqual(text.count("<svg"), 32)
        self.assertEqual(text.count("The page has no more pictures: "), 2)

    def test_a_page_shows_a_bounded_number_of_tables(self):
        text = self.write(self.expensive("raw_tables", 20000), status=1).read_text(encoding="utf-8")
        self.assertEqual(text.count("VIOT, 48 bytes: "), 256)
        self.assertIn(" more tables and topologies are not shown: <code>viommu dump</code>", text)
        self.assertEqual(Page(text).bad, [])

    def test_a_map_shows_a_bounded_number_of_lines(self):
        text = self.write(self.expensive("dmar_functions", 100000)).read_text(encoding="utf-8")
        table = text[text.index(">PCI functions<"):]
        self.assertEqual(table[:table.index("</table>")].count("<tr>"), 1 + 5000)
        self.assertIn(" more lines: <code>viommu resolve --all</code>", table)
        self.assertEqual(Page(text).bad, [])

    def test_a_table_shows_a_bounded_number_of_structures_and_fields(self):
        text = self.write(self.expensive("dmar_scopes", 100000), status=1).read_text(encoding="utf-8")
        self.assertLess(text.count("<summary>") + text.count('<td class="at">'), 21000)
        self.assertIn(" more fields: <code>viommu dump</code>", text)
        self.assertEqual(Page(text).bad, [])

    def test_what_cannot_be_read_is_no_page(self):
        self.write(self.folder / "missing", status=2)
        self.assertFalse((self.folder / "page.html").exists())
        self.write("-", status=2)

    def test_standard_input_is_read_once(self):
        table = GOLDEN / "q35-minimal.VIOT"
        for words, status in ([], 0), (["--compare", table], 2):
            done = subprocess.run([VIOMMU, "report", *words, "-"], input=table.read_bytes(), capture_output=True,
                                  check=False, timeout=60)
            self.assertEqual((done.returncode, b"VIOT, 88 bytes: " in done.stdout), (status, not status), done.stderr)

    def chromium(self, page, *arguments):
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,1600",
                               f"--user-data-dir={self.folder}/profile", *arguments, page.as_uri()],
                              capture_output=True, text=True, check=False, timeout=120)
        return done.stdout + done.stderr

    @unittest.skipUnless(CHROMIUM, "Chromium is not installed")
    def test_a_browser_runs_no_script_of_a_name(self):
        shown = self.chromium(self.hostile(), "--virtual-time-budget=2000", "--dump-dom")
        self.assertIn("<title>IOMMUs of ", shown)
        self.assertNotIn("<title>gone", shown)
        # The page's own script has run: it sets the size of the picture.
        self.assertRegex(shown, r'<svg width="[0-9.]+" height="[0-9.]+"')

    def found(self, page, wanted):
        """The rows that the filter shows for these words, by a script of the test in the place of the page's policy."""
        script = f"filter.value = '{wanted}'; filter.dispatchEvent(new Event('input'))"
        text = re.sub("<meta http-equiv=[^>]*>", "", page.read_text(encoding="utf-8"))
        typed = self.folder / "typed.html"
        typed.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
        shown = self.chromium(typed, "--virtual-time-budget=2000", "--dump-dom")
        maps = shown[shown.index('id="maps"'):shown.index('id="tables"')]
        return re.findall(r"<tr><td>([^<]*)", maps)

    @unittest.skipUnless(CHROMIUM, "Chromium is not installed")
    def test_the_filter_finds_a_function_in_its_range(self):
        page = self.write(GOLDEN / "q35-two-expanders.VIOT")
        for wanted in ("31:02.0", "0000:31:02.0", "0000:32:1f.7", "30:00.0"):
            self.assertEqual(self.found(page, wanted), ["0000:30:00.0-32:1f.7"], wanted)
        self.assertEqual(self.found(page, "00:05.0"), ["0000:00:00.0-00:1f.7"])
        for wanted in ("33:00.0", "0001:31:02.0", "2f:1f.7"):
            self.assertEqual(self.found(page, wanted), [], wanted)

    @unittest.skipUnless(CHROMIUM, "Chromium is not installed")
    def test_the_policy_stops_a_script_that_is_not_the_pages(self):
        page = self.hostile()
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("<main", "<script>document.title='gone'</script><main", 1), encoding="utf-8")
        shown = self.chromium(page, "--virtual-time-budget=2000", "--dump-dom")
        self.assertNotIn("<title>gone", shown)
        self.assertIn("<title>IOMMUs of ", shown)


unittest.main(argv=sys.argv[:1], verbosity=0)
