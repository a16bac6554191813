#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The site of ./run site, as files and in headless Chromium: test_site.py VIOMMU SOURCE

Chromium's part is skipped where it is not installed, and the pages of commands without mandoc.
"""
import html.parser
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

VIOMMU, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
MAKE = SOURCE / "docs/site/site.py"
CHROMIUM = shutil.which("chromium")


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if tag == "a" else []
        self.loads += [attributes[name] for name in ("src", "href") if name in attributes and tag != "a"]


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.out = pathlib.Path(cls.temporary.name) / "site"
        command = [sys.executable, MAKE, SOURCE, cls.out] + ([VIOMMU] if shutil.which("mandoc") else [])
        subprocess.run(command, check=True)
        cls.pages = {path: Page(path.read_text(encoding="utf-8")) for path in cls.out.rglob("*.html")}

    def test_every_link_leads_to_something(self):
        broken, n = [], 0
        for path, page in self.pages.items():
            for link in page.links:
                file, _, anchor = link.partition("#")
                target = (path.parent / file).resolve() if file else path
                n += 1
                if not target.is_file() or anchor and anchor != "main" and anchor not in self.pages[target].ids:
                    broken.append(f"{path.relative_to(self.out)}: {link}")
        self.assertEqual(broken, [])
        self.assertGreater(n, 5000)

    def test_ids_are_unique(self):
        for path, page in self.pages.items():
            self.assertEqual(sorted(page.ids), sorted(set(page.ids)), path)

    def test_nothing_is_loaded_from_elsewhere(self):
        for path, page in self.pages.items():
            for file in page.loads:
                self.assertTrue((path.parent / file).is_file(), f"{path}: {file}")
        for name in ("site.css", "site.js"):
            self.assertNotRegex((self.out / name).read_text(encoding="utf-8"), r"https?:|url\(|@import")

    def test_every_document_function_and_rule_is_there(self):
        for path in SOURCE.glob("docs/*.md"):
            self.assertTrue((self.out / f"{path.stem}.html").is_file(), path)
        for path in SOURCE.glob("include/viommu/*.h"):
            names = re.findall(r"^[a-z][\w \*]*?\**(viommu_\w+)\(", path.read_text(), re.M)
            missing = set(names) - set(self.pages[self.out / f"api-{path.stem}.html"].ids)
            self.assertEqual(missing, set(), path)
        rules = subprocess.run([VIOMMU, "check", "--rules"], capture_output=True, text=True, check=True).stdout
        ids = self.pages[self.out / "tables.html"].ids
        self.assertIn("row-viot-output-node", ids)
        self.assertEqual([rule for rule in re.findall(r"^([a-z0-9]+-[a-z0-9-]+)\b", rules, re.M)
                          if f"row-{rule}" not in ids], [])

    def test_a_struct_is_shown_to_its_end(self):
        text = (self.out / "api-device.html").read_text(encoding="utf-8")
        self.assertIn("max_batch_calls;", text)
        self.assertIn('<h3 id="struct-viommu_page_response">', text)

    def test_a_link_to_nothing_is_an_error(self):
        copy = pathlib.Path(self.temporary.name) / "copy"
        for name in ("docs", "include", "README.md", "NEWS.md", "CONTRIBUTING.md", "meson.build"):
            (shutil.copytree if (SOURCE / name).is_dir() else shutil.copy)(SOURCE / name, copy / name) \
                if copy.mkdir(exist_ok=True) is None else None
        for link in ("missing.md", "../../outside", "tables"):
            (copy / "docs/state.md").write_text(f"# State\n\n[here]({link})\n")
            done = subprocess.run([sys.executable, MAKE, copy, copy / "site"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(link.rpartition("/")[2], done.stderr)

    def test_a_folder_of_others_is_not_removed(self):
        theirs = pathlib.Path(self.temporary.name) / "theirs"
        theirs.mkdir()
        (theirs / "thesis").write_text("years")
        for out in (theirs, theirs / "thesis"):
            done = subprocess.run([sys.executable, MAKE, SOURCE, out], capture_output=True, text=True, check=False)
            self.assertEqual((theirs / "thesis").read_text(), "years")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "^site.py: .* is not (empty|a folder).*\n$")

    def test_a_site_is_made_anew(self):
        again = pathlib.Path(self.temporary.name) / "again"
        for _ in range(2):
            subprocess.run([sys.executable, MAKE, SOURCE, again], check=True)
            self.assertFalse((again / "old.html").exists())
            (again / "old.html").touch()

    @unittest.skipUnless(CHROMIUM, "no chromium")
    def test_the_search_finds_names_first(self):
        for words, first in (("viommu_listen", "api-device.html#viommu_listen"),
                             ("viot-output-node", "tables.html#row-viot-output-node"),
                             ("grace period", "glossary.html")):
            done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                                   f"--user-data-dir={self.temporary.name}/profile", "--virtual-time-budget=5000",
                                   (self.out / "design.html").as_uri() + "?q=" + words.replace(" ", "+")],
                                  capture_output=True, text=True, check=False, timeout=120)
            found = re.findall(r'<li><a href="([^"]*)"><b>', done.stdout)
            self.assertTrue(found, done.stderr[-500:])
            self.assertIn(first, found[0] if first.endswith("e") or first.endswith("n") else " ".join(found), words)


unittest.main(argv=sys.argv[:1], verbosity=0)
