#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A program of tests is expected to fail in each of those named: must_fail.sh PROGRAM TEST...
# On a busy machine a thread may get no time meanwhile, so that a test sees nothing: it has three attempts.
program=$1
shift
output=
for attempt in 1 2 3; do
	output="$output
$("$program" 2>&1)"
	missing=
	for name; do
		printf '%s\n' "$output" | grep -q "FAILED  \] $name\$" || missing="$missing $name"
	done
	[ "$missing" ] || exit 0
done
echo "does not notice:$missing"
exit 1
