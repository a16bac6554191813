// SPDX-License-Identifier: BSD-3-Clause
//! Translations that another component caches: `<viommu/iotlb.h>`.
use crate::callbacks::guarded;
use crate::{sys, zeroed_plain, Endpoint, Error, Result, Translation};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::os::raw::c_void;
use std::ptr;

/// The component that caches translations, such as vhost or a process of vhost-user.
pub trait Consumer: Send + Sync {
    /// It may use this translation of `iova..iova + to.length` from now on. Requests that remove mappings wait for this
    /// call, so it must not wait for a request.
    fn update(&self, iova: u64, to: &Translation);

    /// Drop this range from the cache before returning. Called with the device locked, or by `Iotlb::miss()`.
    fn invalidate(&self, range: RangeInclusive<u64>);
}

/// What a consumer has of an endpoint's translations. Dropping it invalidates all of them.
pub struct Iotlb<'e, C: Consumer> {
    raw: *mut sys::viommu_iotlb,
    consumer: *mut C,
    endpoint: PhantomData<&'e ()>,
}

// SAFETY: misses of several threads are served one after the other, and the consumer is Send and Sync.
unsafe impl<C: Consumer> Send for Iotlb<'_, C> {}
unsafe impl<C: Consumer> Sync for Iotlb<'_, C> {}

unsafe extern "C" fn update<C: Consumer>(opaque: *mut c_void, iova: u64, to: *const Translation) {
    // SAFETY: `opaque` is the C of iotlb(), and `to` is valid during the call.
    guarded(|| unsafe { (*opaque.cast::<C>()).update(iova, &*to) })
}

unsafe extern "C" fn invalidate<C: Consumer>(opaque: *mut c_void, first: u64, last: u64) {
    // SAFETY: `opaque` is the C of iotlb().
    guarded(|| unsafe { (*opaque.cast::<C>()).invalidate(first..=last) })
}

impl<'d, 'env> Endpoint<'d, 'env> {
    /// Create an IOTLB for a consumer whose cache is empty, and has at most `max_ranges` ranges; 0: the default.
    pub fn iotlb<'e, C: Consumer + 'env>(&'e self, consumer: C, max_ranges: u32) -> Result<Iotlb<'e, C>> {
        let mut ops: sys::viommu_iotlb_ops = zeroed_plain();
        ops.size = std::mem::size_of_val(&ops);
        ops.update = Some(update::<C>);
        ops.invalidate = Some(invalidate::<C>);
        ops.max_ranges = max_ranges;
        let consumer = Box::into_raw(Box::new(consumer));
        let mut raw = ptr::null_mut();
        // SAFETY: `ops` is copied; `consumer` lives until Iotlb is dropped, or for ever. What it borrows outlives the
        // device.
        let code = unsafe { sys::viommu_iotlb_new(self.device_ptr(), self.id(), &ops, consumer.cast(), &mut raw) };
        if let Err(error) = Error::check(code) {
            // SAFETY: no IOTLB has it.
            drop(unsafe { Box::from_raw(consumer) });
            return Err(error);
        }
        Ok(Iotlb { raw, consumer, endpoint: PhantomData })
    }
}

impl<C: Consumer> Iotlb<'_, C> {
    /// The consumer misses a translation: it is updated once before this returns, unless the access is refused.
    pub fn miss(&self, iova: u64, length: u64, access: u32) -> Result<()> {
        // SAFETY: the IOTLB lives.
        Error::check(unsafe { sys::viommu_iotlb_miss(self.raw, iova, length, access) })
    }
}

impl<C: Consumer> Drop for Iotlb<'_, C> {
    fn drop(&mut self) {
        // SAFETY: nothing else uses the IOTLB, and the consumer is not called after viommu_iotlb_free().
        unsafe {
            sys::viommu_iotlb_free(self.raw);
            drop(Box::from_raw(self.consumer));
        }
    }
}
