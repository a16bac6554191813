#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The C example in README.md is examples/embed.c, without its licence line."""

import os
import re
import sys


def main(root):
    with open(os.path.join(root, "README.md"), encoding="utf-8") as file:
        shown = re.findall(r"```c\n(.*?)```", file.read(), re.S)
    with open(os.path.join(root, "examples/embed.c"), encoding="utf-8") as file:
        compiled = file.read().split("\n", 1)[1]
    if compiled in shown:
        return 0
    print("README.md does not show examples/embed.c as it is", file=sys.stderr)
    return 1


sys.exit(main(sys.argv[1]))
