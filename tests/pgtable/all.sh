#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# all.sh VECTORS FOLDER: every file of a folder; skipped where there is none.
set -eu
if ! ls "$2"/*.json >/dev/null 2>&1; then
	echo "no files in $2" >&2
	exit 77
fi
exec "$1" "$2"/*.json
