#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh FOLDER: compile the bench's plugin for the installed QEMU into the folder, and print
# its path. The headers are those that the module is built with.
set -euo pipefail
cd "$(dirname "$0")/../.."

. qemu/build/flags.sh ''
${CC:-cc} "${flags[@]}" -Ibench -Wno-conversion -shared -Wl,-z,undefs -o "$1/bench-qemu.so" \
	bench/qemu/plugin.c bench/requests.c bench/workload.c
echo "$1/bench-qemu.so"
