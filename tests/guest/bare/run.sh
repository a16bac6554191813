#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh MODULE ARCHITECTURE PROGRAM [OPTION...]: build a program for a bare machine, run it in QEMU with the module
# ARCHITECTURE: x86, arm64, riscv64. In the environment: ROUNDS of the test that maps, touches and unmaps (2000),
# TIMEOUT in seconds (60), MEMORY in MiB (256), IMAGES: a folder that keeps what has been built,
# MACHINE: another one of x86
set -eu
module=$1 architecture=$2 program=$3
shift 3
here=$(dirname "$0") root=$(dirname "$0")/../../..
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
image=${IMAGES:-$folder}/$program.$architecture
[ -f "$image" ] || "$root/conformance/bare/build.sh" "$architecture" "$image" "$here/$program.c" \
	"$root/conformance/bare/iommu.c" "$root/conformance/bare/dma.c" "$root/guest/viommu_builtin.c" \
	${ROUNDS:+-DCANARY_ROUNDS=${ROUNDS}u}
case $architecture in
# SeaBIOS waits for a SATA controller behind an IOMMU.
x86) set -- -M "${MACHINE:-q35,sata=off}" -cpu max -device isa-debug-exit,iobase=0xf4 -kernel "$image" "$@" ;;
arm64) set -- -M virt -cpu max -semihosting-config enable=on,target=native -kernel "$image" "$@" ;;
# Its address is that of the file: above the memory of the test vectors.
riscv64) set -- -M virt -cpu rv64 -kernel "$image.elf" "$@" ;;
esac
case $architecture in
x86) qemu=qemu-system-x86_64 ;;
arm64) qemu=qemu-system-aarch64 ;;
riscv64) qemu=qemu-system-riscv64 ;;
esac
status=0
timeout "${TIMEOUT:-60}" "$qemu" -plugin "$module" -accel tcg -m "${MEMORY:-256}" -nodefaults -display none -no-reboot \
	-serial stdio "$@" >"$folder/output" || status=$?
# Firmware of RISC-V writes first, and ends with this line.
cut=
[ "$architecture" != riscv64 ] || cut='1,/^Boot HART MEDELEG/d'
sed "$cut" "$folder/output"
[ $status = 33 ] && exit 0
echo "QEMU ended with status $status" >&2
exit 1
