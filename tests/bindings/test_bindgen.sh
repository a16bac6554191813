#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The declarations of viommu-sys are those that bindgen makes of the headers: test_bindgen.sh SOURCE
# Skipped with another version of bindgen, whose output differs.
set -eu
committed=$1/bindings/rust/viommu-sys/src/bindings.rs
grep -qF "rust-$(bindgen --version)" "$committed" || { echo "another version: $(bindgen --version)"; exit 77; }
"$1/bindings/rust/generate.sh" "$1" | diff -u "$committed" - || { echo 'stale: ./run documents'; exit 1; }
