#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh FOLDER: compile the bench's plugin for the installed QEMU into the folder, and print
# its path. The headers are those that the module is built with.
set -euo pipefail
cd "$(dirname "$0")/../.."

read -r source headers < <(qemu/headers.sh '')
flags=(-std=gnu11 -O2 -g -fPIC -shared -fno-strict-aliasing -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
	-D_LARGEFILE_SOURCE -Iinclude -Iqemu -Ibench -Wall -Wextra -Wno-unused-parameter
	-Wno-missing-field-initializers ${WERROR--Werror} -Wl,-z,undefs)
for folder in "$headers" "$headers/qapi" "$source/include" "$source/linux-headers"; do
	flags+=(-isystem "$folder")
done
read -ra more < <(pkg-config --cflags glib-2.0 pixman-1)
${CC:-cc} "${flags[@]}" "${more[@]}" -o "$1/bench-qemu.so" bench/qemu/plugin.c bench/requests.c \
	bench/workload.c
echo "$1/bench-qemu.so"
