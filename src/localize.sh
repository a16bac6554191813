#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# localize.sh IN.a OUT.a: make one object of a static library's, and every name local to it
# that is not public, so that it cannot clash with those of the program it is linked into.
set -eu
object=$2.o
ld -r -o "$object" --whole-archive "$1"
objcopy --wildcard --keep-global-symbol='viommu_*' "$object"
rm -f "$2"
ar rcs "$2" "$object"
rm "$object"
