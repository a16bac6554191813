#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# setup.sh FILE: put the header of Linux's boot protocol in front of a flat image, which FILE.elf has as an ELF file
set -eu
length=$(stat -c %s "$1")
room=$((0x$(x86_64-linux-gnu-nm "$1.elf" | sed -n 's/ [A-Za-z] bss_end$//p') - 0x100000))
x86_64-linux-gnu-gcc -nostdlib -static -no-pie -Wl,-Ttext=0 -Wl,--build-id=none -DLENGTH="$length" -DROOM="$room" \
	-o "$1.setup" "$(dirname "$0")/setup.S"
x86_64-linux-gnu-objcopy -O binary -j .text "$1.setup" "$1.header"
cat "$1.header" "$1" >"$1.whole"
mv "$1.whole" "$1"
rm "$1.setup" "$1.header"
