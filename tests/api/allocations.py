#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""libviommu-tables allocates in base/memory.c only: allocations.py ARCHIVE

Whatever else allocates would end the program, or leak, when memory runs out behind a door. Of GLib
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


def wrong(member, symbol):
    if symbol in LIBC:
        return not member.endswith(ALLOCATORS)
    return symbol.startswith("g_") and symbol not in GLIB


def main(archive):
    text = subprocess.run(["nm", "-u", archive], check=True, capture_output=True, text=True).stdout
    member, found, members = "", [], 0
    for line in text.splitlines():
        if head := re.match(r"(\S+):$", line):
            member, members = head[1], members + 1
        elif (use := re.match(r"\s*U (\w+)", line)) and wrong(member, use[1]):
            found.append(f"{member} refers to {use[1]}: use base/memory.h")
    print("\n".join(found) or f"{members} objects looked at")
    return 1 if found or not members else 0


sys.exit(main(sys.argv[1]))
