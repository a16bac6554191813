#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The Rust crates: tests, also those that must not compile, and the example: test_rust.sh CARGO CRATES TARGET
# CARGO is offline. RUSTC is in the environment. With RUSTC_BOOTSTRAP, rustdoc checks for which error code a
# test does not compile.
set -eu
export RUSTDOC="${RUSTC%/*}/rustdoc" CARGO_TARGET_DIR="$3" CARGO_NET_OFFLINE=true RUSTC_BOOTSTRAP=1
cd "$2"
"$1" test --locked --workspace
"$1" run --quiet --locked --example embed | grep 'nothing is mapped yet'
"$1" run --quiet --locked --example disk | grep '^[1-9][0-9]* sectors written, .*none after an UNMAP$'
