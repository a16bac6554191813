#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# build.sh FILE: make the image of the suite
set -eu
here=$(dirname "$0")
exec "$here/bare/build.sh" "$1" "$here"/suite/*.c -Wmissing-prototypes -Wshadow
