#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# build.sh FILE SOURCE [FLAG...]: make the image FILE of a program for a machine without an operating system
set -eu
file=$1
shift
here=$(dirname "$0")
if [ "$(uname -m)" = x86_64 ]; then
	compiler=${CC_X86:-gcc} objcopy=objcopy
else
	compiler=${CC_X86:-x86_64-linux-gnu-gcc} objcopy=x86_64-linux-gnu-objcopy
fi
"$compiler" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-builtin -fno-pic -no-pie -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-tree-loop-distribute-patterns \
	-fno-asynchronous-unwind-tables -nostdlib -static -I"$here" -I"$here/../../include" \
	-Wl,-T,"$here/bare.ld" -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	-o "$file.elf" "$@" "$here/start.c" "$here/console.c" "$here/pci.c" "$here/virtio.c"
"$objcopy" -O binary "$file.elf" "$file"
