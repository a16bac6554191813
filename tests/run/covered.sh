#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every verb of ./run is run by .ci/run or by a step of tests/run/verbs.sh, which may be a long one: covered.sh SOURCE
set -eu
cd "$1"
missing=
steps=" $(sed -n '/^\(long_\)*steps=(/,/)$/{s/^[a-z_]*=(//; s/)$//; p}' tests/run/verbs.sh | tr '\n\t' '  ') "
# What is in the functions that are steps.
in_steps() {
	awk -v steps="$steps" '/^[a-z_0-9]+\(\) \{$/ { name = $1; sub(/\(.*/, "", name); step = index(steps, " " name " ") }
		/^}/ { step = 0 } step' tests/run/verbs.sh
}
for verb in $(sed -n 's/^#: \([a-z]*\).*/\1/p' run); do
	{ cat .ci/run; in_steps; } | grep -qE "^(\./run|	run) $verb\b" || missing="$missing $verb"
done
[ -z "$missing" ] || { echo "run by neither:$missing"; exit 1; }
