#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Does every part that needs no other machine run, and say what it measured? No figure is judged."""

import json
import os
import subprocess
import sys
import tempfile
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ["traces", "map", "threads", "limits", "backend", "spaces", "tables", "hostile", "host"]


def main(build):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.executable, os.path.join(HERE, "bench.py"), "--smoke", "--build",
                        os.path.dirname(build), "--out", out, *PARTS], check=True)
        with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
            results = json.load(file)
        measured = {row["part"] for row in results["series"]}
        assert measured == set(PARTS), f"only {measured} were measured"
        assert all(row["median"] >= 0 for row in results["series"]), "a negative figure"
        assert any(target["verdict"] != "not measured" for target in results["targets"])
        plots = [name for name in os.listdir(out) if name.endswith(".svg")]
        assert plots, "no plot was written"
        for name in plots:
            xml.dom.minidom.parse(os.path.join(out, name))


main(sys.argv[1])
