#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The examples of docs/bindings.md: test_document.py LIBRARY SOURCE

Python runs as it is written, on the topology of README.md; Rust is an example of each crate, which `cargo test` compiles.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

LIBRARY, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])


def block(path, language):
    return re.search(f"```{language}\n(.*?)```", (SOURCE / path).read_text(), re.S)[1]


class Document(unittest.TestCase):
    def test_python_runs(self):
        environment = os.environ | {"VIOMMU_TABLES": LIBRARY, "PYTHONPATH": str(SOURCE / "bindings/python")}
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "machine.yaml").write_text(block("README.md", "yaml"))
            done = subprocess.run([sys.executable, "-W", "error", "-X", "dev", "-c", block("docs/bindings.md", "python")],
                                  cwd=folder, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^Route\(reach='iommu', iommu='viommu0', id=768, .*\)$")

    def test_rust_is_an_example_of_each_crate(self):
        blocks = re.findall("```rust\n(.*?)```", (SOURCE / "docs/bindings.md").read_text(), re.S)
        examples = ["viommu/examples/embed.rs", "viommu-tables/examples/tables.rs"]
        self.assertEqual(["// SPDX-License-Identifier: BSD-3-Clause\n" + block for block in blocks],
                         [(SOURCE / "bindings/rust" / example).read_text() for example in examples])


unittest.main(argv=sys.argv[:1], verbosity=0)
