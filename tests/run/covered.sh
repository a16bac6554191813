#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every verb of ./run is run by .ci/run or by tests/run/verbs.sh, which .ci/run runs: covered.sh SOURCE
set -eu
cd "$1"
missing=
for verb in $(sed -n 's/^#: \([a-z]*\).*/\1/p' run); do
	grep -qE "^(\./run|	run) $verb\b" .ci/run tests/run/verbs.sh || missing="$missing $verb"
done
grep -q '^tests/run/verbs.sh$' .ci/run || missing="$missing tests/run/verbs.sh"
[ -z "$missing" ] || { echo "not run by CI:$missing"; exit 1; }
