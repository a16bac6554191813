#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh GENERATION LIBRARIES: compile viommu-qemu.so for a generation of QEMU ("7.2"; "": the
# installed one), with libviommu and libviommu-tables out of the build folder LIBRARIES.
# Prints the path of the module. flags.sh says what VIOMMU_SANITIZE in the environment does. A module that was made
# of the same sources, libraries and flags is not compiled again.
set -euo pipefail
cd "$(dirname "$0")/../.."

libraries=$2
. qemu/build/flags.sh "$1"
# Of libviommu-tables only what is used, so that libraries of its text forms are not needed.
libs=("$libraries/src/libviommu.a" "$libraries/tables/libviommu-tables-objects.a")

made_of=$({
	printf '%s\n' "${CC:-cc}" "${flags[@]}" "$(cat "$source/VERSION")" "$(${CC:-cc} --version)"
	cat qemu/*.h qemu/*/*.[ch] qemu/build/*.sh include/viommu/*.h "${libs[@]}"
} | sha256sum)
if [[ -f $out/viommu-qemu.so && -f $out/viommu-chooser.so ]] && cmp -s "$out/made_of" <<<"$made_of"; then
	echo "$out/viommu-qemu.so"
	exit
fi
rm -f "$out/made_of"

objects=() entries=()
for file in qemu/*/*.c; do
	[[ $file != qemu/build/tree.c && $file != qemu/build/chooser.c ]] || continue
	[[ $file != qemu/endpoint/host.c || -f $source/include/system/host_iommu_device.h ]] || continue
	[[ $file != qemu/dma/older.c ]] || ! grep -q pci_pri_request_page "$source/include/hw/pci/pci.h" || continue
	object=$out/$(basename "${file%.c}").o
	objects+=("$object")
	command=(${CC:-cc} "${flags[@]}" -MD -c -o "$object" "$file")
	"${command[@]}"
	entries+=("{\"directory\": \"$PWD\", \"file\": \"$file\", \"arguments\": [$(
		printf '"%s", ' "${command[@]}" | sed 's/, $//')]}")
done
circles=$(python3 tests/api/circles.py "${objects[@]}") || { printf '%s\n' "$circles" >&2; exit 1; }

# As meson leaves behind what it compiles with, for analyzers and editors.
printf '[%s]\n' "$(IFS=,; echo "${entries[*]}")" >"$out/compile_commands.json"

# What no library has is QEMU's, and becomes weak: a QEMU that lacks a symbol can open the module,
# and report why it is refused (module.c). Libraries' symbols have a version.
link() {
	local libraries
	read -ra libraries < <(pkg-config --libs glib-2.0)
	${CC:-cc} -shared -pthread ${VIOMMU_SANITIZE:+-fsanitize="$VIOMMU_SANITIZE"} -o "$out/viommu-qemu.so" "$out/whole.o" "${libraries[@]}" -Wl,-z,undefs
}
${CC:-cc} -nostdlib -r -o "$out/whole.o" "${objects[@]}" "${libs[@]}"
objcopy --keep-global-symbol=qemu_plugin_install --keep-global-symbol=qemu_plugin_version "$out/whole.o"
link
nm -D --undefined-only "$out/viommu-qemu.so" | sed -n 's/^ *U \([^@]*\)$/\1/p' >"$out/weak"
objcopy --weaken-symbols="$out/weak" "$out/whole.o"
link
# One path for the modules of several versions: chooser.c.
${CC:-cc} -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -Wall -Wextra ${WERROR--Werror} -D_GNU_SOURCE -shared \
	-o "$out/viommu-chooser.so" qemu/build/chooser.c
printf '%s\n' "$made_of" >"$out/made_of"
echo "$out/viommu-qemu.so"
