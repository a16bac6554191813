#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A program of tests is expected to fail in each of those named: must_fail.sh PROGRAM TEST...
program=$1
shift
output=$("$program" 2>&1)
for name; do
	printf '%s\n' "$output" | grep -q "FAILED  \] $name\$" || {
		echo "$name does not notice"
		exit 1
	}
done
