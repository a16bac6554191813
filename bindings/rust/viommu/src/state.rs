// SPDX-License-Identifier: BSD-3-Clause
//! Saved state, and walks over the live one.
use crate::{sys, zeroed_plain, Counters, Device, DomainState, Error, Fault, LoadError, Mapping, Result};
use std::ffi::CStr;
use std::iter;
use std::os::raw::{c_char, c_void};
use std::ptr;
use std::slice;

extern "C" {
    fn free(memory: *mut c_void);
}

impl Device<'_> {
    /// Save the state that the driver controls.
    pub fn save(&self) -> Result<Vec<u8>> {
        let (mut bytes, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the device lives; the bytes are copied, and freed as the header says.
        unsafe {
            Error::check(sys::viommu_save(self.as_ptr(), &mut bytes, &mut length))?;
            let copy = slice::from_raw_parts(bytes.cast::<u8>(), length).to_vec();
            free(bytes);
            Ok(copy)
        }
    }

    /// Load saved state. After an error the device is as after a reset.
    pub fn load(&self, bytes: &[u8]) -> std::result::Result<(), LoadError> {
        let mut reason = [0 as c_char; sys::VIOMMU_REASON_LENGTH as usize];
        // SAFETY: `bytes` and `reason` have so many bytes; `reason` is a string, also if it was not changed.
        unsafe {
            let code =
                sys::viommu_load(self.as_ptr(), bytes.as_ptr().cast(), bytes.len(), reason.as_mut_ptr(), reason.len());
            Error::check(code).map_err(|error| LoadError {
                error,
                reason: CStr::from_ptr(reason.as_ptr()).to_string_lossy().into_owned(),
            })
        }
    }

    /// Counters and resource usage.
    pub fn count(&self) -> Counters {
        let mut counters: Counters = zeroed_plain();
        counters.size = std::mem::size_of_val(&counters);
        // SAFETY: the struct has its size.
        unsafe { sys::viommu_count(self.as_ptr(), &mut counters) };
        counters
    }

    /// The newest faults, the newest first: at most 64.
    pub fn last_faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = (0..64).map(|_| zeroed_plain()).collect();
        // SAFETY: there is room for so many.
        let n = unsafe { sys::viommu_last_faults(self.as_ptr(), faults.as_mut_ptr(), faults.len()) };
        faults.truncate(n);
        faults
    }

    /// All domains, by number. A change meanwhile may or may not be seen.
    pub fn domains(&self) -> impl Iterator<Item = DomainState> + '_ {
        let (device, mut from) = (self.as_ptr(), Some(0));
        iter::from_fn(move || {
            let mut domain: DomainState = zeroed_plain();
            // SAFETY: the iterator borrows the device.
            let code = unsafe { sys::viommu_next_domain(device, from?, &mut domain) };
            from = domain.id.checked_add(1);
            (code >= 0).then_some(domain)
        })
        .fuse()
    }

    /// All mappings of a domain, by address. A change meanwhile may or may not be seen.
    pub fn mappings(&self, domain: u32) -> impl Iterator<Item = Mapping> + '_ {
        let (device, mut from) = (self.as_ptr(), Some(0));
        iter::from_fn(move || {
            let mut mapping: Mapping = zeroed_plain();
            // SAFETY: the iterator borrows the device.
            let code = unsafe { sys::viommu_next_mapping(device, domain, from?, &mut mapping) };
            from = mapping.last.checked_add(1);
            (code >= 0).then_some(mapping)
        })
        .fuse()
    }
}
