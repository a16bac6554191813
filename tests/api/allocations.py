#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""libviommu-tables allocates in base/memory.c only: allocations.py ARCHIVE

Public functions that allocate have a door in tables/public/doors.c. Whatever else allocates would end the program, or leak, when memory runs out behind a door. Of GLib
only functions are used that allocate nothing.
"""

import re
import subprocess
import sys

# src/wire is libviommu's, and looks at every result.
ALLOCATORS = ("memory.c.o", "wire_stream.c.o")
LIBC = {"malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
        "vasprintf", "open_memstream", "getline", "getdelim", "posix_memalign", "aligned_alloc"}
GLIB = {"g_ascii_strcasecmp", "g_ascii_strncasecmp", "g_ascii_strtoull", "g_ascii_table",
        "g_ascii_tolower", "g_ascii_xdigit_value", "g_snprintf", "g_str_has_prefix",
        "g_str_has_suffix", "g_strcmp0", "g_strdelimit", "g_strlcpy", "g_strv_contains",
        "g_unichar_isprint", "g_unichar_to_utf8", "g_utf8_get_char", "g_utf8_skip",
        "g_utf8_strlen", "g_utf8_validate", "g_utf8_validate_len", "g_str_equal"}

# Public functions without a door: they allocate nothing.
FREE = {f"viommu_{name}" for name in """
    topology_free topology_iommu topology_host_bridge topology_pci_range topology_platform_device
    topology_its_group topology_device_id topology_msi_range topology_interrupt_source topology_ats
    topology_reserved_memory topology_find_iommu topology_reading topology_set_header topology_header
    iommu_kind_name scope_name interrupt_kind_name ats_kind_name memory_kind_name iommu_id_name
    device_name_parse table_free table_abilities table_signature table_file rule severity_name
    findings_free findings_count findings_count_from findings_get difference_rank_name diff_free
    diff_count diff_get topology_other_system topology_monitor topology_wire_bridge""".split()}


def wrong(member, symbol):
    if symbol.startswith("viommu_"):
        return symbol not in FREE
    if symbol in LIBC:
        return not member.endswith(ALLOCATORS)
    return symbol.startswith("g_") and symbol not in GLIB


def main(archive):
    text = subprocess.run(["nm", archive], check=True, capture_output=True, text=True).stdout
    member, found, members = "", [], 0
    for line in text.splitlines():
        if head := re.match(r"(\S+):$", line):
            member, members = head[1], members + 1
        elif (made := re.match(r"\w+ T (viommu_\w+)$", line)):
            if made[1] not in FREE and not member.endswith("doors.c.o"):
                found.append(f"{member} has {made[1]}: give it a door, or list it in FREE")
        elif (use := re.match(r"\s*U (\w+)", line)) and wrong(member, use[1]):
            found.append(f"{member} refers to {use[1]}: use base/memory.h, and what is behind doors")
    print("\n".join(found) or f"{members} objects looked at")
    return 1 if found or not members else 0


sys.exit(main(sys.argv[1]))
