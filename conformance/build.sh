#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# build.sh FOLDER [ARCHITECTURE...]: make the images suite-ARCHITECTURE of the suite (x86, x86-pvh, x86-linux,
# arm64, arm64-acpi, riscv64)
set -eu
here=$(dirname "$0") folder=$1
shift
mkdir -p "$folder"
for architecture in "${@:-x86}"; do
	image=$folder/suite-$architecture
	# A loader that knows multiboot prefers it to PVH.
	case $architecture in
	x86-pvh) flag=-DPVH ;;
	x86-linux) flag=-DLINUX ;;
	arm64-acpi) flag=-DACPI ;;
	*) flag= ;;
	esac
	"$here/bare/build.sh" "${architecture%-*}" "$image" "$here"/suite/*.c "$here/bare/dma.c" \
		-Wmissing-prototypes -Wshadow $flag
	case $architecture in
	# PVH takes addresses from the file.
	x86-pvh) cp "$image.elf" "$image" ;;
	x86-linux) "$here/bare/x86/setup.sh" "$image" ;;
	esac
	rm "$image.elf"
	chmod 644 "$image"
done
