#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a row with a guest in a guest does before and after its run: test_nested.py"""

import argparse
import os
import tempfile
import unittest
from unittest import mock

import guest
import initramfs
import packages
import qemus
import rows


class Nested(unittest.TestCase):
    def setUp(self):
        self.row = next(row for row in rows.ROWS if row.name == "nested-iommufd")
        self.arguments = argparse.Namespace(shell=False, patience=1, keep=False)

    def run_of(self):
        return guest.Run(self.row, "stock", qemus.Qemu("10.0", "/", [], {}), mock.Mock(), self.arguments)

    def test_a_row_without_a_module_builds_nothing_and_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder, \
             mock.patch.object(tempfile, "tempdir", folder), \
             mock.patch.dict(os.environ, {"VIOMMU_MODULE": "/nonexistent.so"}), \
             mock.patch.object(initramfs, "base", side_effect=AssertionError("something is built")):
            with self.assertRaises(packages.Unavailable):
                guest.attempt(self.run_of(), self.arguments)
            self.assertEqual(os.listdir(folder), [])

    def complaints(self, text):
        run = self.run_of()
        self.addCleanup(run.clean)
        run.row = mock.Mock(shows=[], never=self.row.never, table=None, verify=None, same=())
        run.log = f"[    9.000000] row: inner: {text}\n"
        run.judge()

    def test_an_error_of_the_inner_qemu_is_wrong(self):
        for text in ("qemu: vfio_container_dma_map(0x55d0, 0x200000, 0x1000, 0x7f00) = -14 (Bad address)",
                     "qemu: warning: vfio_container_dma_map(0x55d0, 0x200000, 0x1000, 0x7f00) = -12 (Cannot allocate)",
                     "[    1.0] pcieport qemu: viommu-pci: the device needs a reset"):
            with self.assertRaises(guest.Failed):
                self.complaints(text)

    def test_what_is_known_of_the_inner_qemu_is_not(self):
        for text in ("qemu: warning: IOMMU_IOAS_MAP failed: Bad address, PCI BAR?",
                     "qemu: warning: vfio_container_dma_map(0x55d0, 0xfe000000, 0x2000, 0x7f00) = -14 (Bad address)",
                     "qemu: vfio: Cannot reset device 0000:00:08.0, no available reset mechanism.",
                     "qemu: KVM VFIO device isn't created yet"):
            self.complaints(text)


if __name__ == "__main__":
    unittest.main()
