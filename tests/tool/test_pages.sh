#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The manual has a page for each command and each public function, and mandoc has no complaint.
#
#     test_pages.sh VIOMMU MAN INCLUDE
viommu=$1 man=$2 include=$3
failed=0

fail() {
	echo "$*"
	failed=1
}

for command in $("$viommu" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	[ -s "$man/man1/viommu-$command.1" ] || fail "no page for viommu $command"
done
functions=$(grep -hoE '^([a-z][a-z0-9_ *]*[ *])?viommu_[a-z0-9_]+\(' "$include"/*.h | grep -oE 'viommu_[a-z0-9_]+\($' | tr -d '(')
[ "$(echo "$functions" | wc -l)" -gt 200 ] || fail "only these functions are found: $functions"
for function in $functions; do
	page=$man/man3/$function.3
	grep -q "$function(" "$man/$(sed -n 's/^\.so //p' "$page")" || fail "no page for $function()"
done
grep -q 'max_batch_calls;' "$man/man3/viommu-device-the-device.3" || fail "a struct with blank lines is cut off"
for page in man1/viommu.1 man3/libviommu.3 man5/viommu-topology.5 man5/viommu-json.5 man7/viommu-qemu.7; do
	[ -s "$man/$page" ] || fail "no $page"
done

command -v mandoc >/dev/null || exit $((failed ? 1 : 77))
cd "$man" || exit 1
grep -L '^\.so ' man?/* | xargs mandoc -T lint -W warning && exit $failed
fail "mandoc complains"
exit 1
