#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every verb of ./run is run by .ci/run or by tests/run/verbs.sh: covered.sh SOURCE
set -eu
cd "$1"
missing=
for verb in $(sed -n 's/^#: \([a-z]*\).*/\1/p' run); do
	grep -qE "^(\./run|	run) $verb\b" .ci/run tests/run/verbs.sh || missing="$missing $verb"
done
[ -z "$missing" ] || { echo "run by neither:$missing"; exit 1; }
