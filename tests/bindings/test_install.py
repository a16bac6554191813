#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Python module is installed if it is asked for, and only then: test_install.py SOURCE"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = sys.argv[1]


class Install(unittest.TestCase):
    def plan(self, *options):
        """What meson would install."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["meson", "setup", "-Dtests=false", "-Dtools=disabled", *options, folder, SOURCE],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:])
            plan = json.loads((pathlib.Path(folder) / "meson-info/intro-install_plan.json").read_text())
        return [entry["destination"] for part in plan.values() for entry in part.values()]

    def test_the_module_is_where_python_finds_it(self):
        places = [place for place in self.plan("-Dpython=enabled") if place.endswith("/viommu.py")]
        self.assertEqual(len(places), 1)
        self.assertTrue(places[0].startswith(("{py_purelib}", "{prefix}")), places)

    def test_it_is_not_installed_by_default(self):
        self.assertEqual([place for place in self.plan() if "viommu.py" in place], [])


unittest.main(argv=sys.argv[:1], verbosity=0)
