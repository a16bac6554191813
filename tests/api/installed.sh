#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# installed.sh BUILD SOURCE: install into an empty folder, and build the examples there
# with nothing but pkg-config, against the shared library and against the static one.
set -eu
build=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

DESTDIR=$folder meson install -C "$build" --no-rebuild --quiet
pc=$(find "$folder" -name libviommu.pc)
libdir=$(dirname "$(dirname "$pc")")
prefix=$(sed -n 's/^prefix=//p' "$pc")
export PKG_CONFIG_PATH="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$folder"

# 77: it needs devices, and compiles.
run() { "$@" || [ $? = 77 ]; }

cp "$source"/examples/*.[ch] "$folder"
cd "$folder"
for example in *.c; do
	name=${example%.c}
	echo "$name, shared"
	# shellcheck disable=SC2046
	cc -o "$name" "$example" $(pkg-config --cflags --libs libviommu) -Wall -Werror
	run env LD_LIBRARY_PATH="$libdir" "./$name"
	echo "$name, static"
	# shellcheck disable=SC2046
	cc -o "$name-static" "$example" $(pkg-config --cflags libviommu) "$libdir/libviommu.a" -Wall -Werror
	run "./$name-static"
done

echo "the command, installed"
LD_LIBRARY_PATH=$libdir "$folder$prefix/bin/viommu" --version
