#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The Rust crates: tests, also those that must not compile, and the examples: test_rust.sh CARGO CRATES TARGET
# CARGO is offline. RUSTC is in the environment. With RUSTC_BOOTSTRAP, rustdoc checks for which error code a
# test does not compile.
set -eu
export RUSTDOC="${RUSTC%/*}/rustdoc" CARGO_TARGET_DIR="$3" CARGO_NET_OFFLINE=true RUSTC_BOOTSTRAP=1
cd "$2"
"$1" test --locked --workspace
"$1" run --quiet --locked --example embed | grep 'nothing is mapped yet'
"$1" run --quiet --locked --example disk | grep '^[1-9][0-9]* sectors written, .*none after an UNMAP$'
readme=$2/../../README.md example=$3/machine
mkdir -p "$example"
sed -n '/^```yaml$/,/^```$/{/^```/!p}' "$readme" >"$example/machine.yaml"
"$1" build --quiet --locked --example tables
cd "$example"
"$3/debug/examples/tables" | grep '^Route { reach: Iommu { name: "viommu0", id: 768 }'
