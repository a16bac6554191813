// SPDX-License-Identifier: BSD-3-Clause
//! Find libviommu.
include!("../find.rs");

fn main() {
    find("viommu");
}
