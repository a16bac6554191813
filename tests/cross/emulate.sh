#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# emulate.sh EMULATOR SYSTEM PROGRAM ARGUMENT...: run a program of another architecture. A program that
# cross.sh has made callable is a script, which does it by itself.
emulator=$1 system=$2 program=$3
shift 3
[ "$(head -c2 "$program")" = '#!' ] && exec "$program" "$@"
exec "$emulator" -L "$system" "$program" "$@"
