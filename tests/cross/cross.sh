#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build for other architectures, and run the tests there by qemu-user:
#
#     tests/cross/cross.sh [--list] [--suite NAME]... [ARCHITECTURE...]     default: all of --list, all suites
#     tests/cross/cross.sh --pages 64k [--suite NAME]...  those of ppc64el, under a kernel with pages of 64 KiB
#     tests/cross/cross.sh --build ARCHITECTURE TARGET    one target of ninja, without tests: prints its path, and
#                                                         the folder with Debian's packages for it
#
# Libraries and headers are those of Debian's packages for the architecture, unpacked into the cache
# folder. Golden tables and saved states are compared with the same files as on the build machine, so they
# are the same bytes.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${VIOMMU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viommu}/cross

say() { printf 'cross: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

# Architecture: prefix of the compiler, folder of libraries, processor (meson), byte order, program of
# qemu-user, Debian release.
machines='
s390x   s390x-linux-gnu     s390x-linux-gnu     s390x   big    s390x   bookworm
i386    i686-linux-gnu      i386-linux-gnu      x86     little i386    bookworm
armhf   arm-linux-gnueabihf arm-linux-gnueabihf arm     little arm     bookworm
arm64   aarch64-linux-gnu   aarch64-linux-gnu   aarch64 little aarch64 bookworm
riscv64 riscv64-linux-gnu   riscv64-linux-gnu   riscv64 little riscv64 trixie
ppc64el powerpc64le-linux-gnu powerpc64le-linux-gnu ppc64 little ppc64le bookworm'
packages=libc6-dev,libglib2.0-dev,libjson-glib-dev,libyaml-dev,libfdt-dev,libarchive-dev,libxml2-dev,libcmocka-dev

# Unit tests, golden tables and saved states. Not run: what looks into a running program (valgrind), what runs
# the command some thousand times, and what is about sources and packages and the same everywhere.
suites=(wire map device transport backend pgtable tables)

# The first of this machine's archives that has more than security updates.
mirror() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^#' |
		grep -oE '(https?|file)://[^ ]*/debian/?( |$)' | head -1 | tr -d ' '
}

# Print the folder with Debian's packages of an architecture.
system_of() {
	local architecture=$1 release=$2 folder
	folder=$cache/$architecture-$(printf '%s' "$release $packages" | sha256sum | cut -c1-12)
	if [[ ! -d $folder ]]; then
		say "$architecture: unpacking Debian's packages of $release, 200 MB"
		mkdir -p "$cache"
		rm -rf "$folder.new"
		mkdir "$folder.new"
		mmdebstrap --variant=extract --architectures="$architecture" --include="$packages" \
			"$release" "$folder.new/system.tar" "$(mirror)" >"$folder.log" 2>&1 ||
			{ tail -5 "$folder.log" >&2; die "$architecture: the packages cannot be had"; }
		tar -C "$folder.new" --exclude './dev/*' --exclude './var/*' -xf "$folder.new/system.tar"
		rm "$folder.new/system.tar"
		links_within "$folder.new"
		mv "$folder.new" "$folder"
	fi
	# trixie's packages have all libraries below /usr, and its linker scripts name /lib.
	[[ -e $folder/lib ]] || ln -s usr/lib "$folder/lib"
	echo "$folder"
}

# A linker that is given --sysroot follows an absolute link out of it.
links_within() {
	find "$1" -type l -lname '/*' | while read -r link; do
		ln -snfr "$1$(readlink "$link")" "$link"
	done
}

# The cross file of meson. The linker finds the C library of the compiler before that of the release, which may be
# newer, unless it has the folder as an option. Without an emulator, meson runs no program of the architecture.
cross_file() {
	local prefix=$1 libraries=$2 cpu=$3 endian=$4 emulator=$5 system=$6 compiler="'$1-gcc'" wrapper='' needs=''
	[[ ! -x /usr/bin/ccache ]] || compiler="'ccache', $compiler"
	[[ -z $emulator ]] || wrapper="exe_wrapper = ['$PWD/tests/cross/emulate.sh', 'qemu-$emulator', '$system']"
	[[ $emulator ]] || needs='needs_exe_wrapper = true'
	cat <<-EOF
	[binaries]
	c = [$compiler, '--sysroot=$system']
	ar = '$prefix-ar'
	ld = '$prefix-ld'
	objcopy = '$prefix-objcopy'
	strip = '$prefix-strip'
	pkgconfig = 'pkg-config'
	pkg-config = 'pkg-config'
	$wrapper
	[properties]
	$needs
	sys_root = '$system'
	pkg_config_libdir = ['$system/usr/lib/$libraries/pkgconfig', '$system/usr/share/pkgconfig']
	[built-in options]
	c_link_args = ['-L$system/usr/lib/$libraries']
	[host_machine]
	system = 'linux'
	cpu_family = '$cpu'
	cpu = '$cpu'
	endian = '$endian'
	EOF
}

# Scripts of the tests call programs by their names: a program becomes a script that emulates it.
make_callable() {
	local folder=$1 emulator=$2 system=$3 program
	find "$folder" -type f -perm -u+x ! -name '*.so*' ! -name '*.elf' ! -name '*.o' | while read -r program; do
		[[ $(head -c4 "$program" | tail -c3) == ELF ]] || continue
		mv "$program" "$program.elf"
		printf '#!/bin/sh\nexec qemu-%s -0 "$0" -L %s %s.elf "$@"\n' "$emulator" "$system" "$program" >"$program"
		chmod +x "$program"
	done
}

# Programs that ninja would link again must not be scripts.
make_linkable() {
	[[ ! -d $1 ]] || find "$1" -name "*.elf" | while read -r program; do mv "$program" "${program%.elf}"; done
}

# Set up a build folder with meson, unless that was done.
configure() {
	local architecture=$1 prefix=$2 libraries=$3 cpu=$4 endian=$5 emulator=$6 system=$7 folder=$8
	[[ ! -f $folder/build.ninja ]] || return 0
	mkdir -p "$folder"
	cross_file "$prefix" "$libraries" "$cpu" "$endian" "$emulator" "$system" >"$folder/cross.ini"
	meson setup --native-file build-dev.ini --cross-file "$folder/cross.ini" "$folder" >"$folder/setup.log" ||
		{ tail -5 "$folder/setup.log" >&2; die "$architecture: meson failed: see $folder/setup.log"; }
}

compile() {
	local architecture=$1 folder=$2
	shift 2
	say "$architecture: building"
	ninja -C "$folder" "$@" >"$folder/compile.log" ||
		{ tail -30 "$folder/compile.log" >&2; die "$architecture: the build failed: see $folder/compile.log"; }
}

build_one() {
	local target=$1 architecture=$2 prefix=$3 libraries=$4 cpu=$5 endian=$6 release=$8 folder system
	folder=$PWD/build-for-$architecture
	system=$(system_of "$architecture" "$release")
	configure "$architecture" "$prefix" "$libraries" "$cpu" "$endian" '' "$system" "$folder"
	compile "$architecture" "$folder" "$target"
	printf '%s\n%s\n' "$folder/$target" "$system"
}

run_tests() {
	local folder=$1 emulator=$2 system=$3
	rm -f "$folder/meson-logs/testlog.json" # that of the run before, which is left if this one runs no test
	if [[ $pages ]]; then
		tests/cross/pages.py "$folder" "$system" "${suites[@]}" >&2 || :
		return
	fi
	make_callable "$folder" "$emulator" "$system"
	meson test -C "$folder" --no-rebuild --print-errorlogs --timeout-multiplier 5 "${suites[@]/#/--suite=}" \
		>"$folder/test.log" 2>&1 || sed -n '/^Summary of Failures/,/^Ok:/p' "$folder/test.log" >&2
}

pages='' passed=0 failed=0 skipped=0
cross() {
	local architecture=$1 prefix=$2 libraries=$3 cpu=$4 endian=$5 emulator=$6 release=$7
	local folder=$PWD/build-cross-$architecture system begun=$SECONDS ok bad skip programs
	system=$(system_of "$architecture" "$release")
	make_linkable "$folder"
	configure "$architecture" "$prefix" "$libraries" "$cpu" "$endian" "$emulator" "$system" "$folder"
	programs=$(python3 tests/run/programs.py "$folder" "${suites[@]}") ||
		die "$architecture: the programs of the suites are not known"
	compile "$architecture" "$folder" $programs
	say "$architecture: tests"
	run_tests "$folder" "$emulator" "$system"
	read -r ok bad skip < <(python3 tests/count.py "$folder/meson-logs/testlog.json") ||
		die "$architecture: no test has run: see $folder/*.log"
	printf 'cross: %-8s %d passed, %d failed, %d skipped (%d s)\n' "$architecture" "$ok" "$bad" "$skip" $((SECONDS - begun))
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

row_of() {
	grep "^$1 " <<<"$machines" || die "no such architecture: $1; ./run cross --list"
}

usage='usage: ./run cross [--list] [--suite NAME]... [ARCHITECTURE...], or --pages 64k [--suite NAME]...'
chosen=()
while [[ ${1-} =~ ^--(suite|pages)$ && ${2-} ]]; do
	[[ $1 != --suite ]] || chosen+=("$2")
	[[ $1 != --pages ]] || pages=$2
	shift 2
done
if [[ $pages ]]; then
	[[ $pages == 64k && $# == 0 ]] || die "$usage"
	set -- ppc64el
fi
((!${#chosen[@]})) || suites=("${chosen[@]}")
case ${1-} in
--list) awk 'NF { print $1 }' <<<"$machines"; exit ;;
--build)
	[[ $# == 3 ]] || die "usage: tests/cross/cross.sh --build ARCHITECTURE TARGET"
	row=$(row_of "$2")
	build_one "$3" $row
	exit
	;;
-*) die "$usage" ;;
esac
for architecture in ${@:-$(awk 'NF { print $1 }' <<<"$machines")}; do
	row=$(row_of "$architecture")
	cross $row
done
printf 'tests: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0 && passed > 0))
