#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run_arm.sh CPU SOURCE CASES [ROUNDS]: random Arm tables, walked by a CPU of QEMU and by src/pgtable.
# Skipped without qemu-system-aarch64, or a compiler for arm64.
set -eu
cpu=$1 source=$2 cases=$3 rounds=${4:-1}
command -v qemu-system-aarch64 >/dev/null || { echo "no qemu-system-aarch64" >&2; exit 77; }
compiler=aarch64-linux-gnu-gcc
[ "$(uname -m)" != aarch64 ] || compiler=gcc
command -v "$compiler" >/dev/null || { echo "no $compiler" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$compiler" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-pic -no-pie -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib -static -Wl,-T,"$source/guest_arm.ld" \
	-Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o "$folder/guest.elf" \
	"$source/guest_arm.c"

status=0
for round in $(seq "$rounds"); do
	"$cpu" make "$round" "$cases" "$folder/tables" "$folder/cases"
	timeout 300 qemu-system-aarch64 -M virt,virtualization=on -accel tcg -cpu max -m 128 -nodefaults \
		-display none -kernel "$folder/guest.elf" -serial file:"$folder/out" \
		-device loader,file="$folder/tables",addr=0x44000000,force-raw=on \
		-device loader,file="$folder/cases",addr=0x42000000,force-raw=on
	"$cpu" check "$round" "$cases" "$folder/out" || status=1
done
exit $status
