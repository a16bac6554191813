#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A newer iasl than this distribution has, once, into the cache: prints the command that runs it.
#
#     iasl.sh [--cached]
#
# It is Debian 13's, with the C library that it needs, and nothing of the system is touched. With
# --cached nothing is fetched, and what is not there is exit status 1.
here=$(dirname "$(realpath "$0")")
cache=${VIOMMU_CACHE:-$HOME/.cache/viommu}
command=$cache/iasl/run

if [ ! -x "$command" ]; then
	[ "$1" = --cached ] && exit 1
	python3 - "$here/../guest" "$cache" <<'END' || exit 1
import sys

sys.path.insert(0, sys.argv[1])
import packages

packages.CACHE = sys.argv[2]


def find():
    source = packages.archive("trixie", packages.run("dpkg", "--print-architecture").strip())
    source.refresh()
    return source, ["acpica-tools", "libc6"]


try:
    packages.unpacked("iasl", find, lambda text: print(text, file=sys.stderr))
except packages.Unavailable as error:
    sys.exit(f"iasl.sh: {error}")
END
	cat >"$command" <<'END'
#!/bin/sh
# Run by the C library beside it: that of the system may be older.
root=$(dirname "$(realpath "$0")")
loader=$(find "$root/usr/lib" "$root/lib" -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
exec "$loader" --library-path "$(dirname "$loader")" "$root/usr/bin/iasl" "$@"
END
	chmod +x "$command"
fi
echo "$command"
