// SPDX-License-Identifier: BSD-3-Clause
//! Find libviommu-tables.
include!("../find.rs");

fn main() {
    find("viommu-tables");
}
