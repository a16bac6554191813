// SPDX-License-Identifier: BSD-3-Clause
//! Declarations of libviommu-tables, as `bindings/rust/generate.sh` prints them from the headers, which are the manual.
//! The crate `viommu-tables` is safe to use.
#![allow(non_camel_case_types)]

include!("bindings.rs");

/// No offset.
pub const VIOMMU_NOWHERE: usize = usize::MAX;
