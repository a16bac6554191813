#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# headers.sh GENERATION: get the headers of a QEMU ("7.2", "10.0", "10.2", "11.1"; "": the installed one) from
# its distribution's source package into the cache folder, and print where they are: the line
# "SOURCE BUILD". Nothing of QEMU is compiled. Package lists and sources of the system are
# not touched: the entries of its own sources files are used from a file apart.
set -euo pipefail

cache=${VIOMMU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viommu}/qemu
say() { printf '%s\n' "module: $*" >&2; }
die() { say "$*"; exit 2; }

# Which Debian release carries which generation. (sid keeps the source of 10.2, but not its programs.)
declare -A release=([7.2]=bookworm [10.0]=trixie [10.2]=sid [11.1]=trixie-backports)

generation=${1-}
if [[ ! $generation ]]; then
	command -v qemu-system-x86_64 >/dev/null || die "no qemu-system-x86_64 is installed; name a version: --qemu 7.2"
	generation=$(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p')
fi
suite=${release[$generation]-}
[[ $suite ]] || die "QEMU $generation is in none of: ${!release[*]}"

mkdir -p "$cache"
cd "$cache"

# One at a time: another call for the same generation finds what this one has made.
exec 9>lock
flock --nonblock 9 || { say "waiting for another call that fills $cache"; flock 9; }

# The machine's own entries, as one-line sources of that release: for packages and for sources.
entries() {
	local main=${suite%-*}
	{
		{ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || :; } |
			sed -n 's/^deb \(\[.*\] \)\?\([^ ]*\) [^ ]* .*/\2 \1/p'
		awk '/^URIs:/ { uri = $2 } /^Signed-By:/ { key = "[signed-by=" $2 "]" }
			/^$/ { if (uri) print uri, key; uri = key = "" }
			END { if (uri) print uri, key }' /etc/apt/sources.list.d/*.sources 2>/dev/null ||
			:
	} | sort -u | while read -r uri key; do
		case $uri in
		*debian-security*)
			[[ $main == sid ]] || printf 'deb-src %s %s %s-security main\n' "$key" "$uri" "$main" ;;
		*/debian | */debian/)
			printf 'deb%s %s %s %s main\n' '' "$key" "$uri" "$suite" '-src' "$key" "$uri" "$suite"
			[[ $suite != "$main" || $main == sid ]] ||
				printf 'deb-src %s %s %s-updates main\n' "$key" "$uri" "$main" ;;
		esac
	done
}

apt_apart() {
	local tool=apt-get
	[[ $1 != madison ]] || tool=apt-cache
	$tool -qq -o Dir::Etc::SourceList="$cache/$suite.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$cache/lists-$suite" -o APT::Sandbox::User="$(id -un)" "$@"
}

lists() {
	[[ -s $suite.list ]] && return
	entries >"$suite.list"
	[[ -s $suite.list ]] || die "no Debian entry in this machine's apt sources"
	mkdir -p "lists-$suite/partial"
	say "reading the package lists of $suite"
	apt_apart update >&2 || { rm "$suite.list"; die "no package lists of $suite"; }
}

newest_version() {
	apt_apart madison qemu | awk '/Sources/ { print $3 }' | grep -F -e ":$generation." -e ":$generation+" |
		sort -V | tail -1
}

newest_dsc() { find . -maxdepth 1 -name "qemu_$generation*.dsc" | sort -V | tail -1; }

fetch() {
	[[ ! $(newest_dsc) ]] || return 0
	lists
	say "fetching the source package of QEMU $generation"
	version=$(dpkg-query -W -f '${source:Version}' qemu-system-x86 2>/dev/null || :)
	case $version in *:"$generation"[.+]*) ;; *) version=$(newest_version) ;; esac
	[[ $version ]] || die "$suite has no source package of QEMU $generation"
	apt_apart source --download-only "qemu=$version" >&2 ||
		die "the source package could not be fetched; put the source tree of QEMU $generation into $cache/$generation"
}

# A source tree that was put here by hand is used instead of a source package.
source=$cache/$generation
if [[ ! -f $source/VERSION ]]; then
	fetch
	dsc=$(newest_dsc)
	[[ $dsc ]] || die "$suite has no source package of QEMU $generation"
	say "unpacking ${dsc#./}"
	rm -rf "$source.new"
	dpkg-source --no-check -x "$dsc" "$source.new" >"$cache/unpack-$generation.log" 2>&1 ||
		die "unpacking failed: $cache/unpack-$generation.log"
	mv "$source.new" "$source"
fi

# QEMU 10 wants a newer meson than Debian 12 has; Debian 13's is Python and runs where it lies.
python=
meson=()
if [[ $generation == 7.* ]]; then
	meson=(--meson="$(command -v meson)")
else
	python=$cache/meson/usr/lib/python3/dist-packages
	if [[ ! -d $python ]]; then
		lists
		say "fetching meson of $suite"
		apt_apart download meson >&2
		dpkg -x meson_*.deb meson
	fi
	# The source package lacks firmware, so the build must not look for it.
	[[ -f $source/pc-bios/meson.build.new ]] || {
		printf '%s = []\n' roms keymap_targets >"$source/pc-bios/meson.build.new"
		cp "$source/pc-bios/meson.build.new" "$source/pc-bios/meson.build"
	}
	# QEMU 11 installs packages of Python for its own tests.
	[[ $generation != 1[1-9].* ]] || sed -i '/^\[tooling\]/,/^\[functests\]/{/^"/d}' "$source/pythondeps.toml"
fi

build=$source/headers
if [[ ! -f $build/.done ]]; then
	say "configuring QEMU $(cat "$source/VERSION") for its headers (half a minute)"
	rm -rf "$build"
	mkdir "$build"
	(
		cd "$build"
		export PYTHONPATH=$python
		../configure "${meson[@]}" --without-default-features --enable-modules --enable-plugins \
			--enable-tcg --enable-kvm --enable-fdt --disable-docs \
			--target-list=x86_64-softmmu,aarch64-softmmu &&
			ninja -t targets all | sed -n 's/\(.*\.h\): .*/\1/p' | xargs ninja
	) >"$cache/configure-$generation.log" 2>&1 ||
		die "configure failed: $cache/configure-$generation.log"
	touch "$build/.done"
fi
echo "$source $build"
