#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Run the verbs of ./run that no other line of .ci/run runs, each for a short time:
#
#     tests/run/verbs.sh            all steps but the long ones
#     tests/run/verbs.sh --long     those, which docs/releasing.md has: packages in fresh systems
#     tests/run/verbs.sh STEP...    these
#
# A step is a function below. It runs in the root of a clean checkout, and may write into $work.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD work=$(mktemp -d)
export VIOMMU_BUILD_QEMU=no
trap 'rm -rf "$work"' EXIT

fail() { echo "verbs: $*" >&2; exit 1; }
run() { "$root/run" "$@" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err"; fail "./run $* failed"; }; }
prints() { grep -qE -- "$1" "$work/out" || { cat "$work/out"; fail "no \"$1\" in the output"; }; }

show_the_demo() {
	run demo
}

# A suite of seconds; the others take minutes.
tests_run_under_further_sanitizers() {
	run sanitize memory wire
	prints '^tests: [1-9][0-9]* passed, 0 failed'
	run sanitize integer wire
	prints '^tests: [1-9][0-9]* passed, 0 failed'
	run sanitize address wire
	prints '^tests: [1-9][0-9]* passed, 0 failed'
	! "$root/run" sanitize wire >"$work/out" 2>&1 || fail "a sanitizer that is not there is no error"
	prints 'usage: ./run sanitize address'
	! "$root/run" sanitize memory typo >"$work/out" 2>&1 || fail "a suite that is not there is no error"
	prints 'the programs of suite typo are not known'
}

# A test that is added after the folder was configured is one of its suite's.
programs_of_suites_are_those_of_the_sources() {
	local tree=$work/suites folder=$work/suites/build
	mkdir "$tree"
	printf 'int main(void) { return 0; }\n' >"$tree/main.c"
	printf '%s\n' "project('suites', 'c')" "test('one', executable('one', 'main.c'), suite: 'few')" \
		"test('true', find_program('true'), suite: 'none')" >"$tree/meson.build"
	meson setup "$folder" "$tree" >"$work/out"
	printf '%s\n' "test('two', executable('two', 'main.c'), suite: 'few')" >>"$tree/meson.build"
	python3 tests/run/programs.py "$folder" few >"$work/out"
	prints '^build.ninja one two$'
	python3 tests/run/programs.py "$folder" none >"$work/out"
	prints '^build.ninja$'
	! python3 tests/run/programs.py "$folder" few typo >"$work/out" 2>&1 || fail "a suite that is not there has programs"
	prints 'has no suite "typo"'
}

build_the_module() {
	local module made
	run module
	module=$(qemu/build/build.sh '' build)
	made=$(stat -c %y "$module")
	[[ $(stat -c %y "$(qemu/build/build.sh '' build)") == "$made" ]] || fail "what has not changed is compiled again"
	VIOMMU_FLAGS=-DOTHER qemu/build/build.sh '' build >"$work/out"
	[[ $(stat -c %y "$module") != "$made" ]] || fail "with other flags the module is the old one"
	qemu/build/build.sh '' build >"$work/out"
}

# Where the source of another version can be had: an archive keeps it only for some time.
the_module_compiles_for_other_versions() {
	local generation
	for generation in 10.0 10.2; do
		if qemu/build/headers.sh "$generation" >"$work/out" 2>"$work/err"; then
			run module --qemu "$generation"
			tests/qemu/build.sh "$generation" >"$work/out"
		else
			cat "$work/err"
			grep -qE 'could not be fetched|no source package|no package lists' "$work/err" ||
				fail "the headers of QEMU $generation cannot be made"
			echo "verbs: QEMU $generation: not compiled"
		fi
	done
}

# A module that claims another patch release, in the folder that the chooser reads.
a_module_of_another_patch_release_runs_with_a_warning() {
	local built=$work/built home=$work/home
	printf '%s\n' '#include "qemu/osdep.h"' '#undef QEMU_VERSION' '#define QEMU_VERSION "of a test"' \
		'#undef QEMU_VERSION_MICRO' '#define QEMU_VERSION_MICRO 999' >"$work/other.h"
	VIOMMU_OUT=$built VIOMMU_FLAGS="-include $work/other.h" qemu/build/build.sh '' build >/dev/null
	mkdir -p "$home/qemu/$(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p').999"
	cp "$built/viommu-chooser.so" "$home/viommu-qemu.so"
	cp "$built/viommu-qemu.so" "$home"/qemu/*/
	qemu-system-x86_64 -display none -plugin "$home/viommu-qemu.so,help=on" >"$work/out" 2>&1 ||
		{ cat "$work/out"; fail "the module does not load"; }
	prints 'warning: viommu-qemu.so was built for QEMU of a test and runs in [0-9.]+, whose structures have the same sizes'
	prints '^-device viommu-pci '
	mv "$home"/qemu/* "$home/qemu/6.1.0"
	! qemu-system-x86_64 -display none -plugin "$home/viommu-qemu.so,help=on" >"$work/out" 2>&1 ||
		fail "a module of another generation loads"
	prints 'no module for QEMU [0-9.]+ in .* \(there: 6.1.0\): '
}

# The guest boots, and does no more.
record_a_guest() {
	run record boot --out "$work" --patience 4
	prints '^ATTACH +[1-9]'
	prints 'at most [1-9][0-9]* mappings'
	[[ -s $work/boot-strict.trace.xz ]] || fail "there is no trace"
}

help() {
	run help
	prints '^usage: ./run VERB'
	! ./run no-such-verb 2>"$work/err" || fail "an unknown verb is not an error"
	run --help
	prints '^usage: ./run VERB'
}

# In a copy without build folders, which stays without them.
help_of_each_verb_builds_nothing() {
	local root=$work/described verb
	git -C "$PWD" archive --prefix=described/ HEAD | tar -xC "$work"
	cp run "$root/"
	for verb in $(sed -n 's/^#: \([a-z]*\).*/\1/p' run); do
		run "$verb" --help
		prints "^./run $verb .* "
	done
	run guest --help
	prints '^ *--patience N'
	[[ ! $(find "$root" -name 'build*' -path '*/build*/build.ninja') && ! -e $root/--help ]] || fail "a folder was built"
}

build_and_figures() {
	run build
	run figures
	prints '^libviommu.so, stripped +[0-9]+$'
}

# README's example, compiled with nothing but what was installed.
install_and_build_the_example() {
	run install "$work/prefix"
	[[ -z $(find build-install -path '*tests*' -name '*.o') ]] || fail "install builds tests"
	sed -n '/^```c$/,/^```$/{/^```/!p}' README.md >"$work/embed.c"
	local libraries mode
	libraries=$(dirname "$(find "$work/prefix" -name libviommu.so)")
	(
		# For these commands only: other steps find other copies of the libraries.
		export PKG_CONFIG_PATH=$libraries/pkgconfig LD_LIBRARY_PATH=$libraries
		cc "$work/embed.c" $(pkg-config --cflags --libs libviommu) -o "$work/embed"
		"$work/embed" >"$work/out"
		prints 'nothing is mapped yet'
		for mode in '' --static; do
			cc tests/run/signature.c -o "$work/signature" ${mode/--/-} $(pkg-config $mode --cflags --libs libviommu-tables) 2>"$work/err" ||
				{ cat "$work/err"; fail "a program that reads a table does not compile $mode"; }
			[[ $("$work/signature" tests/golden/q35-minimal.VIOT) == VIOT ]] || fail "it does not run $mode"
		done
		"$work/prefix/bin/viommu" --version >"$work/out"
		prints '^viommu [0-9]'
	)
	run install "$work/prefix"
}

# libviommu alone: none of the packages that tables and tools need is looked for.
libviommu_builds_from_libc_alone() {
	PKG_CONFIG_LIBDIR=$work meson setup -Dtables=disabled -Dtools=disabled "$work/alone" >"$work/out"
	ninja -C "$work/alone" >"$work/out" || { cat "$work/out"; fail "it does not build"; }
	readelf -d "$work/alone/src/libviommu.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >"$work/out"
	[[ $(cat "$work/out") == libc.so.6 ]] || fail "it needs $(cat "$work/out")"
}

guests_without_an_operating_system() {
	run bare
	prints '^[1-9][0-9]* passed, 0 failed$'
}

# It takes an hour on a busy machine.
no_qemu_is_built() {
	! VIOMMU_CACHE=$work/empty python3 tests/qemu/hostile.py --qemu 10.2 >"$work/out" 2>&1 || fail "QEMU 10.2 ran"
	prints 'hostile: there is no program of QEMU 10.2'
	prints 'program: QEMU 10.2 is not built; tests/qemu/program.sh 10.2 builds it'
	[[ ! -e $work/empty ]] || fail "the cache is filled"
}

# In a copy, where all that is built and run only prints its arguments.
modules_are_built_for_the_qemus_that_run() {
	local root=$work/stub program words built
	mkdir -p "$root"/{build,bin,qemu/build,tests/guest/bare}
	cp run "$root/"
	for program in bin/{meson,ninja} qemu/build/build.sh tests/guest/bare/all.sh bin/python3; do
		printf '#!/bin/sh\necho "%s($1)" $2 $3 $4 $5\n' "${program##*/}" >"$root/$program"
		chmod +x "$root/$program"
	done
	printf '#!/bin/sh\necho ok installed\n' >"$root/bin/dpkg-query"
	chmod +x "$root/bin/dpkg-query"
	local PATH=$root/bin:$PATH
	while IFS=: read -r words built; do
		run guest $words
		[[ $(sed -n 's/^build.sh(\(.*\)) build$/\1/p' "$work/err" | paste -sd,) == "$built" ]] ||
			{ cat "$work/err"; fail "./run guest $words builds other modules than $built"; }
	done <<-END
		disk:
		nested disk:,10.0
		--qemu 7.2 --nested:7.2,10.0
		--qemu 10.0 nested:10.0
		--qemu all nested-iommufd:7.2,10.0
		--qemu 7.2 backend-nested:7.2
	END
	printf '#!/bin/sh\nprintf "x86\\narm64\\n"\n' >"$root/bin/python3"
	run bare --qemu 10.0
	prints '^all.sh\(build.sh\(10.0\) build\) \S+ x86 arm64$'
	! "$root/run" bare --qemu 10.0 riscv64 >"$work/out" 2>&1 || fail "a QEMU that is not there runs"
	prints 'there is no QEMU 10.0 for riscv64, only for: x86 arm64'
	! "$root/run" bare --qemu >"$work/out" 2>&1 || fail "--qemu without a value is no error"
	prints 'usage: ./run bare'
}

# docs/libvirt.md, by libvirt.
libvirt_starts_a_domain_with_the_device() {
	local status=0
	python3 tests/plan/test_libvirtd.py build/tools/viommu integration "$(qemu/build/build.sh '' build)" >"$work/out" 2>&1 || status=$?
	[[ $status == 0 || $status == 77 ]] || { cat "$work/out"; fail "libvirt does not start it"; }
}

# Ours, and the device of this QEMU: each difference is explained.
the_suite_judges_two_devices() {
	run judge --quick
	prints '^viommu, QEMU [0-9.]+: .* [1-9][0-9]* passed'
}

# Kernel headers are those of the distribution: musl has none. -Db_lto: names are made local in code of LTO objects, too.
libviommu_builds_with_musl_and_lto() {
	mkdir "$work/kernel"
	ln -s /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" "$work/kernel/"
	CC=musl-gcc PKG_CONFIG_LIBDIR=$work meson setup -Dtables=disabled -Dtools=disabled -Db_lto=true -Dwerror=true \
		-Dc_args="-isystem $work/kernel" "$work/musl" >"$work/out"
	ninja -C "$work/musl" src/libviommu.a examples/embed >"$work/out" || { cat "$work/out"; fail "it does not build"; }
	"$work/musl/examples/embed" >"$work/out"
	prints 'nothing is mapped yet'
	nm -g --defined-only "$work/musl/src/libviommu.a" >"$work/out"
	! grep -v ' viommu_' "$work/out" | grep ' T ' || fail "an internal name is global"
}

# The tools that make the static library are those of the cross file.
libviommu_builds_for_another_architecture() {
	local prefix=aarch64-linux-gnu
	{
		echo '[binaries]'
		printf "%s = '$prefix-%s'\n" c gcc ar ar ld ld objcopy objcopy strip strip pkg-config pkg-config
		printf '[host_machine]\nsystem = "linux"\ncpu_family = "aarch64"\ncpu = "aarch64"\nendian = "little"\n' | tr '"' "'"
	} >"$work/cross.ini"
	meson setup -Dtables=disabled -Dtools=disabled --cross-file "$work/cross.ini" "$work/cross" >"$work/out"
	ninja -C "$work/cross" >"$work/out" || { cat "$work/out"; fail "it does not build"; }
	readelf -h "$work/cross/examples/embed" | grep -q AArch64 || fail "it is not for arm64"
}

# The tests there take minutes for each architecture: ./run cross.
other_architectures_are_listed() {
	run cross --list
	prints '^s390x$'
}

documents_are_fresh() {
	run documents
	git diff --exit-code -- docs bindings || fail "./run documents changes docs/ or bindings/"
}

# tests/tool/test_site.py looks at it.
pages_are_made() {
	run site "$work/site"
	[[ -s $work/site/index.html && -s $work/site/viommu-check.html ]] || fail "there are no pages"
}

# Not byte by byte: a baseline may contain private types, which differ from run to run.
abi_baselines_are_fresh() {
	local baseline
	cp -r tests/api/abi "$work/abi"
	run abi
	for baseline in "$work"/abi/*.abi; do
		abidiff --no-added-syms "$baseline" "tests/api/abi/${baseline##*/}" >"$work/out" ||
			{ cat "$work/out"; fail "${baseline##*/} is stale"; }
	done
	cp "$work"/abi/*.abi tests/api/abi/
}

sources_are_formatted() {
	run format --check
}

a_part_is_measured() {
	run bench --quick limits --out "$work/bench"
	[[ -s $work/bench/results.json ]] || fail "there are no results"
	run bench --smoke qemu --out "$work/bench"
	grep -q '"part": "qemu"' "$work/bench/results.json" || fail "nothing was measured in QEMU"
}

a_target_is_fuzzed() {
	run fuzz 0.1 requests
}

# From the QEMU of this machine, whatever version it is; the bytes are compared where it is Debian 12's.
a_machine_is_captured() {
	run capture --out "$work/golden" q35-minimal
	cmp -n 4 "$work/golden/q35-minimal.VIOT" tests/golden/q35-minimal.VIOT
}

a_mutant_is_killed() {
	run mutate 'no fence in readers_synchronize'
	prints '^mutants: 1 killed, 0 survived'
}

packages_install_in_a_fresh_system() {
	run package --check "$work/packages"
	prints 'package: (the packages are removed: passed|skipped)'
	python3 tests/run/features.py "$work/packages" >"$work/out" || { cat "$work/out"; fail "the packages lack something"; }
}

# In a copy without Git's list of the files, where each tool of Debian makes an empty file of what it makes. Twice, as the
# second time finds the packages of the first.
packages_of_an_archive_have_its_files() {
	local archive=$work/archive out
	mkdir -p "$archive"/{build,build-x,bin,qemu/build}
	cp run build-dev.ini "$archive/"
	touch "$archive"/{build,build-x}/made
	printf '#!/bin/sh\n' | tee "$archive/qemu/build/headers.sh" >"$archive/bin/dpkg-buildpackage"
	printf 'touch ../viommu_1_all.deb\n' >>"$archive/bin/dpkg-buildpackage"
	printf '#!/bin/sh\necho 1\n' >"$archive/bin/dpkg-parsechangelog"
	printf '#!/bin/sh\necho ok installed\n' >"$archive/bin/dpkg-query"
	chmod +x "$archive"/bin/* "$archive/qemu/build/headers.sh"
	local root=$archive PATH=$archive/bin:$PATH
	for out in out "$archive/out/"; do
		run package "$out"
		(cd "$archive/out/viommu-1" && find . -type f) | sort >"$work/out"
		diff "$work/out" - <<-END || fail "the package of an archive has other files"
			./bin/dpkg-buildpackage
			./bin/dpkg-parsechangelog
			./bin/dpkg-query
			./build-dev.ini
			./qemu/build/headers.sh
			./run
		END
	done
	! "$root/run" package . >"$work/out" 2>&1 || fail "packages are made among the sources"
	prints 'packages need a folder of their own'
}

# The command of a package has no manual page. The packages of other projects are not fetched.
a_command_without_a_page_is_missed() {
	local tree=$work/tree
	mkdir -p "$tree"/{DEBIAN,usr/bin,usr/share/man/man1} "$work/bin"
	touch "$tree"/usr/bin/{one,two} "$tree/usr/share/man/man1/one.1"
	printf '%s\n' 'Package: pages' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@localhost>' \
		'Description: a test' >"$tree/DEBIAN/control"
	mkdir "$work/pages"
	dpkg-deb --build "$tree" "$work/pages/pages.deb" >"$work/out"
	ln -s /bin/false "$work/bin/apt-get"
	! PATH=$work/bin:$PATH python3 tests/run/features.py "$work/pages" >"$work/out" 2>&1 || fail "nothing is missed"
	prints '^\| manual pages of commands \| 1 of 2 \|'
	prints '^features.py: viommu lacks manual pages of commands,'
	prints '^features.py: skipped: kmod: 0 of 3 packages can be had'
}

packages_of_rpm() {
	CFLAGS='-O0 -g0' run package --rpm --check "$work/packages" # which needs two thirds of the time
	prints 'rpm: (the packages are removed: passed|skipped)'
	! "$root/run" package --unknown >"$work/out" 2>&1 || fail "an unknown option is no error"
	prints 'usage: ./run package'
}

# In a copy: the build folders of this checkout stay.
build_folders_are_removed() {
	local root=$work/copy
	mkdir -p "$root/build-x"
	cp run "$root/"
	run clean
	[[ ! -e $root/build-x ]] || fail "a build folder is left"
}

steps=(show_the_demo tests_run_under_further_sanitizers programs_of_suites_are_those_of_the_sources build_the_module libvirt_starts_a_domain_with_the_device the_module_compiles_for_other_versions a_module_of_another_patch_release_runs_with_a_warning
	guests_without_an_operating_system no_qemu_is_built modules_are_built_for_the_qemus_that_run the_suite_judges_two_devices help help_of_each_verb_builds_nothing build_and_figures install_and_build_the_example libviommu_builds_from_libc_alone libviommu_builds_with_musl_and_lto
	libviommu_builds_for_another_architecture other_architectures_are_listed documents_are_fresh pages_are_made abi_baselines_are_fresh sources_are_formatted a_part_is_measured a_target_is_fuzzed
	a_machine_is_captured record_a_guest a_mutant_is_killed packages_of_an_archive_have_its_files
	a_command_without_a_page_is_missed
	build_folders_are_removed)
long_steps=(packages_install_in_a_fresh_system packages_of_rpm)
[[ ${1-} != --long ]] || set -- "${long_steps[@]}"
for step in "${@:-${steps[@]}}"; do
	begun=$SECONDS
	"$step"
	echo "verbs: $step: passed ($((SECONDS - begun)) s)"
done
