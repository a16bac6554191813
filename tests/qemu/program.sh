#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# program.sh GENERATION: build qemu-system-x86_64 of a generation whose programs no release has ("10.2"), from the
# source package of headers.sh, into its cache; print its path. The first run takes some 10 minutes of a processor.
set -euo pipefail
cd "$(dirname "$0")/../.."

read -r source headers < <(qemu/build/headers.sh "$1")
export PYTHONPATH=$source/../meson/usr/lib/python3/dist-packages
exec 9>"$headers/program.lock"
flock 9
[[ -x $headers/qemu-system-x86_64 ]] ||
	echo "program: building QEMU $1 (once, into $headers)" >&2
ninja -C "$headers" qemu-system-x86_64 >"$headers/program.log" 2>&1 || { tail -20 "$headers/program.log" >&2; exit 1; }
echo "$headers/qemu-system-x86_64"
