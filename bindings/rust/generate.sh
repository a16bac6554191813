#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Print the declarations of a crate, from the headers, by bindgen and rustfmt of Debian: generate.sh SOURCE CRATE
set -eu
cd "$1"
[ ! -x /usr/bin/rustfmt ] || export RUSTFMT=/usr/bin/rustfmt
# The libclang that Debian 12's bindgen knows: it loses anonymous enums of the newest one.
[ ! -d /usr/lib/llvm-14/lib ] || export LIBCLANG_PATH=/usr/lib/llvm-14/lib
echo '// SPDX-License-Identifier: BSD-3-Clause'
exec bindgen --allowlist-function 'viommu_.*' --allowlist-type 'viommu(_.*)?' --allowlist-var 'VIOMMU_.*' \
	--blocklist-item 'VIOMMU_(LATER|UNLIMITED)' --allowlist-type 'iovec' --no-recursive-allowlist \
	--default-enum-style consts --no-prepend-enum-name --no-layout-tests --no-doc-comments --size_t-is-usize \
	"bindings/rust/$2/headers.h" -- -Iinclude -D_GNU_SOURCE
