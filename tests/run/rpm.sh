#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Test the RPMs below a folder that rpmbuild has filled: tests/run/rpm.sh FOLDER
#
# rpmlint has no complaint; the packages provide what they require of each other; installed into an empty root, the
# files are those of the packages, the command and the Python module run, and README's example compiles.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath "$1") work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chroot=$work/root
rpms=("$folder"/RPMS/*/*.rpm)

fail() { echo "rpm: $*" >&2; exit 1; }
step() { echo "rpm: $1: passed ($((SECONDS - begun)) s)"; begun=$SECONDS; }
begun=$SECONDS

[[ $(rpm -qp --qf '%{VERSION}\n' "${rpms[@]}" | sort -u) == "$(sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build)" ]] ||
	fail "the packages and meson.build have different versions"

if command -v rpmlint >/dev/null; then
	rpmlint -c rpm/rpmlint.toml rpm/viommu.spec "${rpms[@]}" >"$work/rpmlint" 2>&1 || :
	grep -q ' 0 errors, 0 warnings' "$work/rpmlint" || { cat "$work/rpmlint"; fail "rpmlint complains"; }
	step 'rpmlint has no error and no warning'
fi

rpm -qp --provides "${rpms[@]}" | sed 's/ = .*//' | sort -u >"$work/provided"
rpm -qp --requires "${rpms[@]}" | grep viommu | sed 's/ [>=]* .*//' | sort -u >"$work/required"
[[ -s $work/required ]] || fail "the packages do not require each other"
missing=$(comm -13 "$work/provided" "$work/required")
[[ ! $missing ]] || fail "no package provides $missing"
step 'the packages provide what they require of each other'

((EUID == 0)) || { echo "rpm: skipped: an installation needs root"; exit 0; }
mkdir -p "$chroot"
rpm --root "$chroot" -i --nodeps "${rpms[@]}" >"$work/log" 2>&1 || { cat "$work/log"; fail "they do not install"; }
rpm --root "$chroot" -V --nodeps $(rpm -qp --qf '%{NAME}\n' "${rpms[@]}") >"$work/log" || { cat "$work/log"; fail "files differ"; }
step 'the packages install'

libraries=$(dirname "$(find "$chroot" -name libviommu.so)")
export LD_LIBRARY_PATH=$libraries
"$chroot/usr/bin/viommu" check tests/golden/q35-minimal.VIOT 2>"$work/log" || { cat "$work/log"; fail "viommu check fails"; }
PYTHONPATH=$(dirname "$(find "$chroot" -name viommu.py)") python3 -B -c 'import sys, viommu
print(viommu.read(sys.argv[1])[0].signature)' tests/golden/q35-minimal.VIOT >"$work/log" || fail "the Python module does not run"
[[ $(cat "$work/log") == VIOT ]] || fail "the Python module does not read a table"
step 'the command and the Python module run'

sed -n '/^```c$/,/^```$/{/^```/!p}' README.md >"$work/embed.c"
export PKG_CONFIG_SYSROOT_DIR=$chroot PKG_CONFIG_LIBDIR=$libraries/pkgconfig PKG_CONFIG_PATH=
for mode in '' --static; do
	# shellcheck disable=SC2046
	cc "$work/embed.c" -o "$work/embed" ${mode/--static/-static} $(pkg-config $mode --cflags --libs libviommu) ||
		fail "README's example does not compile $mode"
	"$work/embed" | grep -q 'nothing is mapped yet' || fail "README's example does not run $mode"
done
step 'the example of README.md compiles, also statically'

rpm --root "$chroot" -e --nodeps $(rpm -qp --qf '%{NAME}\n' "${rpms[@]}")
left=$(find "$chroot" -name '*viommu*')
[[ ! $left ]] || fail "files are left: $left"
step 'the packages are removed'
