#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh CPU SOURCE CASES [ROUNDS]: random x86 tables, walked by a CPU of QEMU and by src/pgtable.
# Skipped without qemu-system-x86_64, or a compiler for x86-64.
set -eu
cpu=$1 source=$2 cases=$3 rounds=${4:-1}
command -v qemu-system-x86_64 >/dev/null || { echo "no qemu-system-x86_64" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ "$(uname -m)" = x86_64 ]; then
	compiler=${CC_X86:-gcc} objcopy=objcopy
else
	compiler=${CC_X86:-x86_64-linux-gnu-gcc} objcopy=x86_64-linux-gnu-objcopy
fi
command -v "$compiler" >/dev/null || { echo "no $compiler" >&2; exit 77; }
build()
{
	"$compiler" -std=gnu11 -O2 -Wall -Wextra -DLEVELS="$1" -ffreestanding -fno-pic -no-pie -mcmodel=kernel \
		-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
		-fno-asynchronous-unwind-tables -nostdlib -static -Wl,-T,"$source/guest.ld" \
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
		-o "$folder/guest.elf" "$source/guest.c"
	"$objcopy" -O binary "$folder/guest.elf" "$folder/guest.bin"
}

walk()
{
	"$cpu" make "$1" "$2" "$cases" "$folder/tables" "$folder/cases"
	timeout 300 qemu-system-x86_64 -M q35 -accel tcg -cpu "max,la57=$3" -m 128 -nodefaults \
		-display none -no-reboot -kernel "$folder/guest.bin" \
		-device loader,file="$folder/tables",addr=0x2000000,force-raw=on \
		-device loader,file="$folder/cases",addr=0x1000000,force-raw=on \
		-chardev file,id=out,path="$folder/out" -device isa-debugcon,chardev=out \
		-device isa-debug-exit,iobase=0xf4 || [ $? = 1 ] || { echo "QEMU failed" >&2; exit 1; }
	"$cpu" check "$1" "$2" "$cases" "$folder/out"
}

status=0
for levels in 4 5; do
	build $levels
	[ $levels = 5 ] && la57=on || la57=off
	for round in $(seq "$rounds"); do
		walk $levels "$round" $la57 || status=1
	done
done
exit $status
