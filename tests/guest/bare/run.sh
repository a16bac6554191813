#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh MODULE PROGRAM [OPTION...]: build a program for a bare machine, run it in QEMU with the module
# In the environment: ROUNDS of the test that maps, touches and unmaps (2000), TIMEOUT in seconds (60)
set -eu
module=$1 program=$2
shift 2
here=$(dirname "$0") root=$(dirname "$0")/../../..
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$root/conformance/bare/build.sh" "$folder/program.bin" "$here/$program.c" "$root/conformance/bare/iommu.c" \
	"$root/conformance/bare/dma.c" "$root/guest/viommu_builtin.c" ${ROUNDS:+-DCANARY_ROUNDS=${ROUNDS}u}
status=0
timeout "${TIMEOUT:-60}" qemu-system-x86_64 -plugin "$module" -M q35 -accel tcg -cpu max -m "${MEMORY:-256}" -nodefaults \
	-display none -no-reboot -kernel "$folder/program.bin" -serial stdio \
	-device isa-debug-exit,iobase=0xf4 "$@" || status=$?
[ $status = 33 ] && exit 0
echo "QEMU ended with status $status" >&2
exit 1
