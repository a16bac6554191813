#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# build.sh ARCHITECTURE FILE SOURCE [FLAG...]: make the image FILE of a program for a machine without an operating
# system, and FILE.elf. ARCHITECTURE: x86, arm64, riscv64
set -eu
architecture=$1 file=$2
shift 2
here=$(dirname "$0")

moving="-fpie -fvisibility=hidden -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,notext"
case $architecture in
x86)
	prefix=x86_64-linux-gnu-
	flags="-fno-pic -no-pie -static -mno-red-zone -mgeneral-regs-only -fcf-protection=none"
	;;
arm64)
	prefix=aarch64-linux-gnu-
	flags="$moving -mgeneral-regs-only -mstrict-align -mno-outline-atomics"
	;;
riscv64)
	prefix=riscv64-linux-gnu-
	flags="$moving -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany"
	;;
*)
	echo "build.sh: $architecture is not x86, arm64 or riscv64" >&2
	exit 2
	;;
esac
# shellcheck disable=SC2086
"${prefix}gcc" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-builtin -fno-stack-protector \
	-fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables -nostdlib $flags \
	-I"$here" -I"$here/../../include" \
	-Wl,-T,"$here/$architecture/bare.ld" -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	-o "$file.elf" "$@" "$here/$architecture/start.c" "$here/$architecture/machine.c" \
	"$here/acpi.c" "$here/fwcfg.c" "$here/devicetree.c" "$here/memory.c" "$here/paging.c" "$here/console.c" \
	"$here/pci.c" "$here/virtio.c"
"${prefix}objcopy" -O binary "$file.elf" "$file"
