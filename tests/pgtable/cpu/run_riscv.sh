#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run_riscv.sh CPU SOURCE CASES [ROUNDS]: random RISC-V tables, walked by a CPU of QEMU and by src/pgtable.
# Skipped without qemu-system-riscv64 (the environment's QEMU_RISCV64 names another), or a compiler for riscv64.
set -eu
cpu=$1 source=$2 cases=$3 rounds=${4:-1}
qemu=${QEMU_RISCV64:-qemu-system-riscv64}
compiler=riscv64-linux-gnu-gcc
command -v "$qemu" >/dev/null || { echo "no $qemu" >&2; exit 77; }
command -v "$compiler" >/dev/null || { echo "no $compiler" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$compiler" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-pic -no-pie -mcmodel=medany -mno-relax \
	-fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib -static -Wl,-T,"$source/guest_riscv.ld" \
	-Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o "$folder/guest.elf" \
	"$source/guest_riscv.c"

status=0
for round in $(seq "$rounds"); do
	"$cpu" make "$round" "$cases" "$folder/tables" "$folder/cases"
	timeout 300 "$qemu" -M virt -accel tcg -cpu rv64,svnapot=on,svpbmt=on -m 128 -nodefaults -bios none \
		-display none -kernel "$folder/guest.elf" -serial file:"$folder/out" \
		-device loader,file="$folder/tables",addr=0x80200000,force-raw=on \
		-device loader,file="$folder/cases",addr=0x82000000,force-raw=on
	"$cpu" check "$round" "$cases" "$folder/out" || status=1
done
exit $status
