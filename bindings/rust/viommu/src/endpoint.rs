// SPDX-License-Identifier: BSD-3-Clause
//! Endpoints and their listeners.
use crate::callbacks::guarded;
use crate::{bounds, sys, zeroed_plain, Device, Error, Mapping, Result, Translation};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::os::raw::{c_int, c_void};
use std::ptr;

/// A range that an endpoint cannot map.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Reserved {
    pub range: RangeInclusive<u64>,
    /// The window of MSIs, of which an endpoint has at most one.
    pub msi: bool,
}

/// The configuration of an endpoint: `struct viommu_endpoint`, whose defaults are 0 and `None`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct EndpointConfig {
    pub id: u32,
    pub page_size_mask: u64,
    pub input: Option<RangeInclusive<u64>>,
    pub reserved: Vec<Reserved>,
    pub proximity_domain: Option<u32>,
    pub ats: Option<u32>,
    /// Its PASIDs are below 2^pasid_bits; 0: it has none. Needs VIOMMU_F_PASID.
    pub pasid_bits: u32,
}

impl EndpointConfig {
    /// Call `with` with the struct of C, which borrows.
    fn with_c(&self, with: impl FnOnce(&sys::viommu_endpoint) -> c_int) -> Result<()> {
        let reserved: Vec<_> = self.reserved.iter().map(Reserved::to_c).collect();
        let mut c: sys::viommu_endpoint = zeroed_plain();
        c.size = std::mem::size_of_val(&c);
        c.id = self.id;
        c.page_size_mask = self.page_size_mask;
        (c.input_first, c.input_last) = bounds(&self.input)?;
        (c.reserved, c.n_reserved) = (reserved.as_ptr(), reserved.len());
        (c.has_proximity, c.proximity_domain) = (self.proximity_domain.is_some(), self.proximity_domain.unwrap_or(0));
        (c.has_ats, c.ats) = (self.ats.is_some(), self.ats.unwrap_or(0));
        c.pasid_bits = self.pasid_bits;
        Error::check(with(&c))
    }
}

impl Reserved {
    fn to_c(&self) -> sys::viommu_reserved {
        sys::viommu_reserved {
            first: *self.range.start(),
            last: *self.range.end(),
            subtype: if self.msi { sys::VIOMMU_RESV_MEM_MSI } else { sys::VIOMMU_RESV_MEM_RESERVED },
        }
    }
}

/// A device whose DMA is translated. Dropping it unplugs it, which waits for DMA sections.
pub struct Endpoint<'d, 'env> {
    device: &'d Device<'env>,
    id: u32,
}

impl<'d, 'env> Endpoint<'d, 'env> {
    pub(crate) fn new(device: &'d Device<'env>, config: &EndpointConfig) -> Result<Self> {
        // SAFETY: the configuration is copied.
        config.with_c(|c| unsafe { sys::viommu_endpoint_add(device.as_ptr(), c) })?;
        Ok(Endpoint { device, id: config.id })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn device_ptr(&self) -> *mut sys::viommu {
        self.device.as_ptr()
    }

    /// Replace its configuration, whose `id` is ignored.
    pub fn update(&self, config: &EndpointConfig) -> Result<()> {
        let config = EndpointConfig { id: self.id, ..config.clone() };
        // SAFETY: the configuration is copied.
        config.with_c(|c| unsafe { sys::viommu_endpoint_update(self.device.as_ptr(), c) })
    }

    /// Block it by force, or end that.
    pub fn block(&self, block: bool) -> Result<()> {
        // SAFETY: the device lives.
        Error::check(unsafe { sys::viommu_endpoint_block(self.device.as_ptr(), self.id, block) })
    }

    /// Translate an access, as `Device::translate()`.
    pub fn translate(&self, iova: u64, length: u64, access: u32) -> Result<Translation> {
        self.device.translate(self.id, iova, length, access)
    }

    /// Add a listener. It is called with all mappings before this returns, and removed when the result is dropped.
    pub fn listen<'e, L: Listener + 'env>(&'e self, listener: L) -> Result<Registration<'e, L>> {
        let ops = ops::<L>();
        let listener = Box::into_raw(Box::new(listener));
        let mut raw = ptr::null_mut();
        // SAFETY: `ops` is copied; `listener` lives until Registration is dropped, or for ever. What it borrows
        // outlives the device.
        let code = unsafe { sys::viommu_listen(self.device.as_ptr(), self.id, &ops, listener.cast(), &mut raw) };
        if let Err(error) = Error::check(code) {
            // SAFETY: it was not added.
            drop(unsafe { Box::from_raw(listener) });
            return Err(error);
        }
        Ok(Registration { raw, listener, endpoint: PhantomData })
    }
}

impl Drop for Endpoint<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: registrations borrow the endpoint, so none is used after its listener was freed here.
        unsafe { sys::viommu_endpoint_remove(self.device.as_ptr(), self.id) };
    }
}

/// The treatment of an endpoint's accesses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Mode {
    Blocked,
    Bypass,
    Translated,
}

/// A component that shadows an endpoint's mappings. It is called with the device locked, by one thread at a time.
/// What it was called with is in force when it returns.
pub trait Listener: Send {
    /// The endpoint gets access to this range. An error refuses the request.
    fn map(&mut self, mapping: &Mapping) -> Result<()>;

    /// Remove the endpoint's access to this range before returning.
    fn unmap(&mut self, mapping: &Mapping);

    /// The mode has changed. An error refuses the request, if it can be refused.
    fn mode(&mut self, mode: Mode) -> Result<()> {
        let _ = mode;
        Ok(())
    }

    /// The endpoint's configuration was replaced.
    fn update(&mut self) {}
}

fn answer(result: Result<()>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_c(),
    }
}

unsafe extern "C" fn map<L: Listener>(opaque: *mut c_void, mapping: *const Mapping) -> c_int {
    // SAFETY: `opaque` is the L of listen(); the device is locked, so nothing else uses it.
    guarded(|| answer(unsafe { (*opaque.cast::<L>()).map(&*mapping) }))
}

unsafe extern "C" fn unmap<L: Listener>(opaque: *mut c_void, mapping: *const Mapping) {
    // SAFETY: as in map().
    guarded(|| unsafe { (*opaque.cast::<L>()).unmap(&*mapping) })
}

unsafe extern "C" fn mode<L: Listener>(opaque: *mut c_void, mode: sys::viommu_mode) -> c_int {
    let mode = match mode {
        sys::VIOMMU_BYPASS => Mode::Bypass,
        sys::VIOMMU_TRANSLATED => Mode::Translated,
        _ => Mode::Blocked,
    };
    // SAFETY: as in map().
    guarded(|| answer(unsafe { (*opaque.cast::<L>()).mode(mode) }))
}

unsafe extern "C" fn update<L: Listener>(opaque: *mut c_void) {
    // SAFETY: as in map().
    guarded(|| unsafe { (*opaque.cast::<L>()).update() })
}

fn ops<L: Listener>() -> sys::viommu_listener_ops {
    let mut ops: sys::viommu_listener_ops = zeroed_plain();
    ops.size = std::mem::size_of_val(&ops);
    ops.map = Some(map::<L>);
    ops.unmap = Some(unmap::<L>);
    ops.mode = Some(mode::<L>);
    ops.update = Some(update::<L>);
    ops
}

/// A listener, as long as it is registered. Dropping it calls `unmap` for every mapping, and `mode`.
pub struct Registration<'e, L: Listener> {
    raw: *mut sys::viommu_listener,
    listener: *mut L,
    endpoint: PhantomData<&'e ()>,
}

// SAFETY: any thread may remove the listener, which is Send. A shared reference permits nothing.
unsafe impl<L: Listener> Send for Registration<'_, L> {}
unsafe impl<L: Listener> Sync for Registration<'_, L> {}

impl<L: Listener> Drop for Registration<'_, L> {
    fn drop(&mut self) {
        // SAFETY: the endpoint is borrowed, so it has the listener, which is not called after viommu_unlisten().
        unsafe {
            sys::viommu_unlisten(self.raw);
            drop(Box::from_raw(self.listener));
        }
    }
}
