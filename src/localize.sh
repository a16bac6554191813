#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# localize.sh LINK OBJCOPY AR IN.a OUT.a: make one object of a static library's, and every name local to it
# that is not public, so that it cannot clash with those of the program it is linked into. The tools are
# those of the host machine; LINK is a command that makes a relocatable object of archives.
set -eu
link=$1 objcopy=$2 ar=$3 in=$4 out=$5
object=$out.o
$link -o "$object" "$in"
"$objcopy" --wildcard --keep-global-symbol='viommu_*' "$object"
rm -f "$out"
"$ar" rcs "$out" "$object"
rm "$object"
