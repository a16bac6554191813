#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The manual page has every command and every option, and no other: manual.sh VIOMMU PAGE
viommu=$1 page=$2 wrong=0

# Options of a part of the page, as "COMMAND LETTER NAME", from the lines that define them.
in_page()
{
	awk '/^\.It Xo Cm / { command = $4 }
	     /^\.It Cm / { command = $3 }
	     /^\.Sh / { command = "" }
	     /^\.It Fl / && command { print command, $3, substr($6, 2) }' "$page"
}

in_command()
{
	for command in $("$viommu" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		"$viommu" help "$command" |
			sed -n "s/^  -\(.\), --\([a-z-]*\).*/$command \1 \2/p"
	done | grep -v ' h help$'
}

say()
{
	printf '[  FAILED  ] %s\n' "$1"
	wrong=1
}

for command in $("$viommu" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	grep -q "^\.It \(Xo \)\{0,1\}Cm $command\$" "$page" || say "$page has no command $command"
done
options=$(in_command | sort)
[ -n "$options" ] || say 'the command has no options'
[ "$options" = "$(in_page | sort)" ] ||
	say "the command has options $options, and $page has $(in_page | sort)"

# What the page cannot be read for, groff says.
if command -v groff >/dev/null; then
	complaints=$(groff -mandoc -Tutf8 -ww "$page" 2>&1 >/dev/null)
	[ -z "$complaints" ] || say "$complaints"
else
	echo '[  SKIPPED ] the_page_is_laid_out_without_a_warning: no groff'
fi
[ "$wrong" = 0 ] && echo '[       OK ] the_manual_page_has_every_option'
exit "$wrong"
