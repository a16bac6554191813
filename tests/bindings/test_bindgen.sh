#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The declarations of a crate are those that bindgen makes of the headers: test_bindgen.sh SOURCE CRATE
# Skipped with another version of bindgen, whose output differs.
set -eu
committed=$1/bindings/rust/$2/src/bindings.rs
grep -qF "rust-$(bindgen --version)" "$committed" || { echo "another version: $(bindgen --version)"; exit 77; }
"$1/bindings/rust/generate.sh" "$1" "$2" | diff -u "$committed" - || { echo 'stale: ./run documents'; exit 1; }
