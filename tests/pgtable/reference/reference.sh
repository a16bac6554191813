#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Random tables, walked by src/pgtable and by the reference model of the RISC-V IOMMU.
#
#     reference.sh RANDOM TABLES [SEED]
#     reference.sh --fetch
#
# The model is the C code in iommu_ref_model/ of github.com/riscv-non-isa/riscv-iommu, and is compiled at each run.
# --fetch brings it to the cache; the environment's RISCV_IOMMU names another clone. It is skipped without either.
set -eu
here=$(dirname "$(realpath "$0")")
clone=${RISCV_IOMMU:-${VIOMMU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viommu}/riscv-iommu}

if [ "$1" = --fetch ]; then
	[ -d "$clone" ] && exit 0
	mkdir -p "$(dirname "$clone")"
	exec timeout 300 git clone -q --bare --depth 1 https://github.com/riscv-non-isa/riscv-iommu "$clone"
fi
[ -d "$clone" ] || { echo "no $clone: run $0 --fetch" >&2; exit 77; }
random=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git --git-dir="$(git -C "$clone" rev-parse --absolute-git-dir)" archive HEAD iommu_ref_model | tar -x -C "$folder"
echo "iommu_ref_model of $(git -C "$clone" log -1 --format='%h, %cs')"
model=$folder/iommu_ref_model/libiommu
# -w and no -Werror: it is not ours to mend.
cc -std=gnu11 -O2 -w -fPIC -shared -I"$model/include" -o "$folder/judge.so" "$here/judge.c" "$model"/src/*.c
"$random" "$1" "${2:-1}" "$folder/judge.so"
