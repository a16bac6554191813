# SPDX-License-Identifier: BSD-3-Clause
# What tests of the command share. A test sources it with its own arguments, defines steps, and
# ends with `run_steps "$0"`.
#
# Each step is a function whose name says what holds, in several words; it runs in an empty folder
# of its own. `ran STATUS COMMAND...` runs the command, and leaves what it said in ./out and ./err.
set -u
viommu=$(realpath "$1")
tables_tests=$(realpath "$2")
python3=$3
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

# The path of a file that breaks a rule, in whatever room it is.
refused() {
	find "$tables_tests" -path "*/refused/$1"
}

fail() {
	echo "    $*"
	ok=no
}

ran() {
	expected=$1
	shift
	"$@" >out 2>err </dev/null
	status=$?
	[ $status -eq "$expected" ] || fail "exit $status, not $expected: $*: $(head -3 err)"
}

says() {
	grep -qF -- "$2" "$1" || fail "$1 does not say \"$2\": $(head -3 "$1")"
}

is_empty() {
	[ ! -s "$1" ] || fail "$1 is not empty: $(head -3 "$1")"
}

same() {
	cmp -s "$1" "$2" || fail "$1 and $2 differ"
}

is_json() {
	"$python3" -c "import json, sys; d = json.load(open(sys.argv[1])); assert $2, d" "$1" ||
		fail "$1 is not as it should be: $2"
}

# Every function of the test whose name has several words.
run_steps() {
	test=$(realpath "$1")
	for step in $(sed -n 's/^\([a-z0-9]*_[a-z0-9_]*\)() {$/\1/p' "$test"); do
		mkdir "$work/$step" && cd "$work/$step" || exit 99
		ok=yes
		echo "$step"
		$step
		[ $ok = yes ] || failed=$((failed + 1))
	done
	[ $failed -eq 0 ] || echo "$failed failed"
	[ $failed -eq 0 ]
}
