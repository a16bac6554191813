#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh GENERATION LIBRARIES: compile viommu-qemu.so for a generation of QEMU ("7.2"; "": the
# installed one), with libviommu and libviommu-tables out of the build folder LIBRARIES.
# Prints the path of the module.
set -euo pipefail
cd "$(dirname "$0")/.."

generation=$1 libraries=$2
read -r source headers < <(qemu/headers.sh "$generation")
[[ $generation ]] || generation=$(cut -d. -f1,2 "$source/VERSION")
out=build/qemu-$generation
mkdir -p "$out"

# QEMU's own macros mix signs and leave parameters unused.
flags=(-std=gnu11 -O2 -g -fPIC -pthread -fno-strict-aliasing -fno-common -fvisibility=hidden
	-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE -Iinclude -Iqemu
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
	-Wvla -Wno-sign-conversion -Wno-sign-compare -Wno-unused-parameter
	-Wno-missing-field-initializers ${WERROR--Werror})
for folder in "$headers" "$headers/qapi" "$source/include" "$source/linux-headers"; do
	flags+=(-isystem "$folder")
done
read -ra more < <(pkg-config --cflags glib-2.0 pixman-1)
# Of libviommu-tables only what is used, so that libraries of its text forms are not needed.
libs=("$libraries/src/libviommu.a" "$libraries/tables/libviommu-tables-objects.a")

objects=() entries=()
for file in qemu/*.c; do
	[[ $file != qemu/tree.c ]] || continue
	[[ $file != qemu/host.c || -f $source/include/system/host_iommu_device.h ]] || continue
	object=$out/$(basename "${file%.c}").o
	objects+=("$object")
	command=(${CC:-cc} "${flags[@]}" "${more[@]}" -MD -c -o "$object" "$file")
	"${command[@]}"
	entries+=("{\"directory\": \"$PWD\", \"file\": \"$file\", \"arguments\": [$(
		printf '"%s", ' "${command[@]}" | sed 's/, $//')]}")
done
# As meson leaves behind what it compiles with, for analyzers and editors.
printf '[%s]\n' "$(IFS=,; echo "${entries[*]}")" >"$out/compile_commands.json"

# What no library has is QEMU's, and becomes weak: a QEMU that lacks a symbol can open the module,
# and be told why it is refused (module.c). Libraries' symbols have a version.
link() {
	local libraries
	read -ra libraries < <(pkg-config --libs glib-2.0)
	${CC:-cc} -shared -pthread -o "$out/viommu-qemu.so" "$out/whole.o" "${libraries[@]}" -Wl,-z,undefs
}
${CC:-cc} -nostdlib -r -o "$out/whole.o" "${objects[@]}" "${libs[@]}"
objcopy --keep-global-symbol=qemu_plugin_install --keep-global-symbol=qemu_plugin_version "$out/whole.o"
link
nm -D --undefined-only "$out/viommu-qemu.so" | sed -n 's/^ *U \([^@]*\)$/\1/p' >"$out/weak"
objcopy --weaken-symbols="$out/weak" "$out/whole.o"
link
echo "$out/viommu-qemu.so"
