#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# all.sh MODULE VECTORS: all guests without an operating system; VECTORS is a folder of test vectors, or not there
set -eu
module=$1 vectors=$2
here=$(dirname "$0")
file=$(mktemp)
trap 'rm -f "$file"' EXIT
devices="-device viommu-dma,addr=5 -device edu,addr=6
	-device viommu-pci,addr=4,tables=x86+arm+riscv+amd+generic,nest=on,pasid-bits=20,page-requests=32"
status=0

"$here/run.sh" "$module" spaces $devices || status=1
form=0
for name in builtin-v1 builtin-v2 builtin-v3 builtin-v3-segments; do
	"$here/run.sh" "$module" topology -device loader,addr=0x1000000,data=$form,data-len=4 \
		-M q35,sata=off -device viommu-pci,addr=4,firmware=$name || status=1
	form=$((form + 1))
done
# A file of vectors says where memory ends.
ls "$vectors"/*.json >/dev/null 2>&1 || exit $status
for mebibytes in 2304 2560; do
	python3 "$here/vectors.py" $((mebibytes << 20)) "$vectors"/*.json >"$file"
	MEMORY=$mebibytes "$here/run.sh" "$module" vectors $devices \
		-device loader,file="$file",addr=0x10000000,force-raw=on || status=1
done
exit $status
