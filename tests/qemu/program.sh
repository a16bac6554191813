#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# program.sh GENERATION: build qemu-system-x86_64 of a generation whose programs no release has ("10.2"), from the
# source package of headers.sh, into its cache; print its path. The first run takes some 10 minutes of a processor.
# With VIOMMU_BUILD_QEMU=no in the environment it is an error if the program was not built before.
set -euo pipefail
cd "$(dirname "$0")/../.."

source=${VIOMMU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viommu}/qemu/$1
headers=$source/headers
if [[ ! -x $headers/qemu-system-x86_64 ]]; then
	[[ ${VIOMMU_BUILD_QEMU-} != no ]] ||
		{ echo "program: QEMU $1 is not built; tests/qemu/program.sh $1 builds it" >&2; exit 2; }
	qemu/build/headers.sh "$1" >/dev/null
fi
exec 9>"$headers/program.lock"
flock 9
if [[ ! -x $headers/qemu-system-x86_64 ]]; then
	echo "program: building QEMU $1 (once, into $headers)" >&2
	PYTHONPATH=$source/../meson/usr/lib/python3/dist-packages ninja -C "$headers" qemu-system-x86_64 \
		>"$headers/program.log" 2>&1 || { tail -20 "$headers/program.log" >&2; exit 1; }
fi
echo "$headers/qemu-system-x86_64"
