// SPDX-License-Identifier: BSD-3-Clause
//! Declarations of libviommu, as `bindings/rust/generate.sh` prints them from the headers, which are the manual.
//! The crate `viommu` is safe to use.
#![allow(non_camel_case_types)]

include!("bindings.rs");

/// The result of `viommu_submit()` for a request that is answered later.
pub const VIOMMU_LATER: usize = usize::MAX;
/// No limit. Only for guests that are trusted with the host's memory.
pub const VIOMMU_UNLIMITED: u64 = u64::MAX;
