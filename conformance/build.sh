#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# build.sh FOLDER [ARCHITECTURE...]: make the images suite-ARCHITECTURE of the suite (x86, x86-pvh, arm64, riscv64)
set -eu
here=$(dirname "$0") folder=$1
shift
mkdir -p "$folder"
for architecture in "${@:-x86}"; do
	image=$folder/suite-$architecture
	# A loader that knows multiboot prefers it to PVH.
	flag=
	[ "$architecture" != x86-pvh ] || flag=-DNO_MULTIBOOT
	"$here/bare/build.sh" "${architecture%-pvh}" "$image" "$here"/suite/*.c "$here/bare/dma.c" -Wmissing-prototypes -Wshadow $flag
	# Firmware of RISC-V and PVH take addresses from the file.
	case $architecture in riscv64 | x86-pvh) cp "$image.elf" "$image" ;; esac
	rm "$image.elf"
	chmod 644 "$image"
done
