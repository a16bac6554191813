#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# build.sh FOLDER [ARCHITECTURE...]: make the images suite-ARCHITECTURE of the suite (x86, arm64, riscv64)
set -eu
here=$(dirname "$0") folder=$1
shift
mkdir -p "$folder"
for architecture in "${@:-x86}"; do
	image=$folder/suite-$architecture
	"$here/bare/build.sh" "$architecture" "$image" "$here"/suite/*.c -Wmissing-prototypes -Wshadow
	# Firmware of RISC-V takes the address from the file.
	[ "$architecture" != riscv64 ] || cp "$image.elf" "$image"
	rm "$image.elf"
	chmod 644 "$image"
done
