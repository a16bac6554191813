# SPDX-License-Identifier: BSD-3-Clause
"""The source of a table for every rule of it, with one thing wrong."""

HEAD = "Table {\n  0000 4 Signature = \"ABCD\"\n"

# rule -> (text, place, exit)
TABLES = {".source": {
    "source-line": ((HEAD + "  0004 4 Length 8\n}\n").encode(), "3:1", 2),
    "source-value": ((HEAD + "  0004 1 Length = 0x100\n}\n").encode(), "3:1", 2),
}}
