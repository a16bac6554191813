#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh GENERATION: compile the watching device for a generation of QEMU ("7.2"; "": the
# installed one) beside its module, and print its path.
set -euo pipefail
cd "$(dirname "$0")/../.."

. qemu/build/flags.sh "$1"
${CC:-cc} "${flags[@]}" -shared -Wl,-z,undefs -o "$out/viommu-watch.so" tests/qemu/watch.c
echo "$out/viommu-watch.so"
