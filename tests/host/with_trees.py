#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run a test with the trees of all machines in the folder TREES: with_trees.py VIOMMU MACHINES TEST"""

import glob
import json
import os
import subprocess
import sys
import tempfile

import make_host


def main(viommu, machines, *test):
    with tempfile.TemporaryDirectory() as folder:
        for name in glob.glob(machines + "/*.json"):
            with open(name, encoding="utf-8") as file:
                make_host.make(viommu, json.load(file),
                               os.path.join(folder, os.path.basename(name)[:-5]))
        return subprocess.run(test, env={**os.environ, "TREES": folder}, check=False).returncode


sys.exit(main(*sys.argv[1:]))
