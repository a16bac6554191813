#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Inputs of field reports, and what is right for them. Skipped where the folder is missing.

    test_reading.py VIOMMU
"""
import os
import subprocess
import sys

CASES = os.path.join(os.path.dirname(os.environ.get("VIOMMU_GOLDEN", "")), "cases")
SKIPPED = 77

# The same table in many forms: its one finding, as for the file in binary.
TEXT = ["00-raw.DMAR", "01-iasl-listing.dsl", "02-iasl-old-listing.dsl", "03-mail-quoted.txt", "04-text-before-dump.txt",
        "05-blank-line-first.txt", "07-code-fence.md", "08-pmtools-rsd-ptr.txt", "09-nil-address.txt",
        "10-hexdump-C.txt", "11-hexdump-words.txt", "13-uefi-acpiview.txt", "15-table.DMAR.gz", "17-nested"]

# Command, exit status, what it says, what it does not say.
CASES_OF_READING = [
    *[(["check", "03-text-forms/" + name], 1, ["[dmar-rmrr-pages]"], ["error", "acpi-"]) for name in TEXT],
    (["resolve", "00:00.0", "--from", "03-text-forms/18-source.dts"], 0, ["/iommu@15000000"], ["text-version"]),
    (["dump", "03-text-forms/19-proc-device-tree"], 0, ["iommu@15000000", "#iommu-cells"], ["error"]),
    (["check", "16-acpidump-messages/message-first.txt"], 1, ["[dmar-rmrr-pages]"], ["input-acpidump"]),
    (["check", "16-acpidump-messages/message-between.txt"], 1, ["[dmar-rmrr-pages]"], ["input-acpidump", "error"]),
    (["check", "08-two-dmars-in-a-folder/tables"], 1,
     ["DMAR2:0x0: warning: the folder has a second DMAR", "[input-twice]", "[machine-ioapic]", "[dmar-rmrr-pages]"], []),
]


def wrong(viommu, arguments, status, says, says_not):
    result = subprocess.run([viommu, *arguments], cwd=CASES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    said = result.stdout.decode()
    if result.returncode != status:
        return f"exit {result.returncode}, not {status}"
    missing = [word for word in says if word not in said] + ["not " + word for word in says_not if word in said]
    return f"does not say {missing}: {said[:300]}" if missing else None


def main(viommu):
    if not os.path.isdir(CASES):
        print("no folder of cases beside that of golden tables")
        return SKIPPED
    failed = 0
    for case in CASES_OF_READING:
        complaint = wrong(os.path.abspath(viommu), *case)
        failed += bool(complaint)
        print(" ".join(case[0]), complaint or "right")
    return bool(failed)


sys.exit(main(sys.argv[1]))
