#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh MODULE PROGRAM [OPTION...]: build a program for a bare machine, run it in QEMU with the module
# In the environment: ROUNDS of the test that maps, touches and unmaps (2000), TIMEOUT in seconds (60)
set -eu
module=$1 program=$2
shift 2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ "$(uname -m)" = x86_64 ]; then
	compiler=${CC_X86:-gcc} objcopy=objcopy
else
	compiler=${CC_X86:-x86_64-linux-gnu-gcc} objcopy=x86_64-linux-gnu-objcopy
fi
"$compiler" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-builtin -fno-pic -no-pie -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-tree-loop-distribute-patterns \
	-fno-asynchronous-unwind-tables -nostdlib -static -I"$here/../../../include" ${ROUNDS:+-DCANARY_ROUNDS=${ROUNDS}u} \
	-Wl,-T,"$here/bare.ld" -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	-o "$folder/program.elf" "$here/$program.c" "$here/start.c" "$here/console.c" "$here/pci.c" \
	"$here/virtio.c" "$here/iommu.c" "$here/dma.c" \
	"$here/../../../guest/viommu_builtin.c"
"$objcopy" -O binary "$folder/program.elf" "$folder/program.bin"
status=0
timeout "${TIMEOUT:-60}" qemu-system-x86_64 -plugin "$module" -M q35 -accel tcg -cpu max -m "${MEMORY:-256}" -nodefaults \
	-display none -no-reboot -kernel "$folder/program.bin" -chardev stdio,id=out \
	-device isa-debugcon,chardev=out -device isa-debug-exit,iobase=0xf4 "$@" || status=$?
[ $status = 33 ] && exit 0
echo "QEMU ended with status $status" >&2
exit 1
