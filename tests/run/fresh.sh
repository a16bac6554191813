#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# From nothing to packages and a booted guest, by README.md alone: tests/run/fresh.sh RELEASE...
#
# A fresh system of each Debian release has git, sudo and nothing else that the project needs. The commands are those
# of README.md, in the order of its readers, and each prints how long it took.
set -euo pipefail
cd "$(dirname "$0")/../.."

[[ ${1-} ]] || { echo "usage: tests/run/fresh.sh RELEASE..., for example bookworm trixie" >&2; exit 2; }
((EUID == 0)) || { echo "fresh: a fresh system needs root" >&2; exit 2; }
# Mounts are those of this process only, and end with it.
[[ ${VIOMMU_FRESH-} ]] || VIOMMU_FRESH=1 exec unshare --mount -- "$0" "$@"

work=$(mktemp -d)
trap 'umount -R "$work"/*/{proc,dev} 2>/dev/null || :; rm -rf --one-file-system "$work"' EXIT
fail() { echo "fresh: $*" >&2; exit 1; }

# The indented line of README.md that begins with these words, without its comment.
line_of() {
	grep -m1 "^    $1" README.md | sed 's/^    //; s/  *#.*//'
}

# The text between ``` LANGUAGE and ```.
code_of() {
	sed -n '/^```'"$1"'$/,/^```$/{/^```/!p}' README.md
}

inside() {
	chroot "$chroot" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 bash -euo pipefail -c "cd /root/viommu; $1"
}

# Run a command in the fresh system, with "yes" for each question, and print its time: step NAME COMMAND
step() {
	local begun=$SECONDS
	inside "{ yes || :; } | { $2
}" >"$work/log" 2>&1 || { tail -40 "$work/log"; fail "$release: $1: $2"; }
	printf 'fresh: %s: %-42s %4d s\n' "$release" "$1" $((SECONDS - begun))
}

make_system() {
	local begun=$SECONDS
	mmdebstrap --variant=minbase --skip=cleanup/apt/lists --include=git,sudo,ca-certificates \
		"$release" "$chroot" >"$work/log" 2>&1 || { tail -5 "$work/log"; fail "no fresh $release could be made"; }
	cp /etc/resolv.conf "$chroot/etc/"
	mount -t proc proc "$chroot/proc"
	mount --rbind /dev "$chroot/dev"
	git clone -q "file://$(git rev-parse --path-format=absolute --git-common-dir)" "$chroot/root/viommu"
	git -C "$chroot/root/viommu" checkout -q "$(git rev-parse HEAD)"
	printf 'fresh: %s: %-42s %4d s\n' "$release" 'a system with git and this tree' $((SECONDS - begun))
}

follow() {
	step 'README: ./run demo' "$(line_of './run demo')"
	step 'README: packages built, viommu installed' "$(line_of './run package')"
	step 'a package: README example of a topology' "$(firmware)"
	step 'a package: which IOMMU is it' "cd /root/viommu && $(code_of console | sed -n 's/^\$ \(viommu resolve\)/\1/p')"
	step 'all packages installed' 'sudo apt install ./build-package/*.deb'
	code_of c >"$chroot/root/viommu/embed.c"
	step 'libviommu-dev: README example compiled' "$(line_of 'cc embed.c') && ./a.out | grep 'nothing is mapped yet'"
	step 'README: ./run module' "$(line_of './run module')"
	step 'README: a guest boots' './run guest disk'
}

# The block of commands below the topology, in an empty folder.
firmware() {
	code_of yaml >"$chroot/root/machine.yaml"
	echo 'mkdir -p /root/empty && cd /root/empty && cp /root/machine.yaml .'
	sed -n '/^    viommu generate viot/,/^$/s/^    //p' README.md
}

for release; do
	chroot=$work/$release begun_all=$SECONDS
	make_system
	follow
	printf 'fresh: %s: passed (%d s)\n' "$release" $((SECONDS - begun_all))
done
