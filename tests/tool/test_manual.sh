#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The manual names every command and every option that `viommu help` names, and no other.
#
#     test_manual.sh VIOMMU MANUAL
viommu=$1
manual=$2
failed=0

fail() {
	echo "$*"
	failed=1
}

# From one .SS to the next heading, as plain text.
section() {
	sed -n "/^\\.SS \"*$1/,/^\\.S[SH] /{/^\\.SS \"*$1/p;/^\\.S[SH] /!p}" "$manual" | sed 's/\\-/-/g'
}

commands=$("$viommu" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || fail "no commands"
for command in $commands; do
	section "$command" | grep -q . || fail "no section for $command"
	options=$("$viommu" help "$command" | sed '/^Examples:/,$d' | grep -oE '(^| )--?[a-z][a-z-]*' | tr -d ' ')
	[ -n "$options" ] || fail "no options of $command"
	for option in $options; do
		case $option in
		-h | --help) text=$(cat "$manual") ;;
		*) text=$(section "$command") ;;
		esac
		echo "$text" | sed 's/\\-/-/g' | grep -qE -- "(^|[^a-z-])$option([^a-z-]|\$)" ||
			fail "the manual does not name $option of $command"
	done
	for option in $(section "$command" | grep -oE '[ ,"]--[a-z-]+' | tr -d ' ,"'); do
		echo "$options" | grep -qx -- "$option" ||
			fail "$command has no option $option, which the manual names"
	done
done
exit $failed
