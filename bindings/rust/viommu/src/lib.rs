// SPDX-License-Identifier: BSD-3-Clause
//! A virtio-iommu device for virtual machine monitors: libviommu, with lifetimes in the place of rules.
//!
//! ```text
//! Device<'env>              owns the device and its callbacks
//!   Endpoint<'d, 'env>      borrows the device; dropping it removes the endpoint
//!     Registration<'e, L>   borrows the endpoint; dropping it removes the listener
//!     Iotlb<'e, C>          borrows the endpoint; dropping it invalidates what its consumer has cached
//!   Dma<'d>                 borrows the device; one thread uses it at a time
//!     Section<'s>           exists inside `Dma::section()`, in its thread; `Piece`s are valid as long
//! ```
//!
//! The rules of `<viommu/device.h>` that the compiler cannot check remain, and breaking one is a deadlock: inside a
//! section, a batch or a callback, call only what the header permits there. A panic in a callback aborts.
//! `Device::as_ptr()` is for what only `viommu_sys` has: page tables of the guest, transports, backends.
//!
//! ```
//! use viommu::{access, Config, Device, EndpointConfig};
//!
//! # fn main() -> viommu::Result<()> {
//! let device = Device::new(&Config::default(), ())?;
//! let disk = device.add(&EndpointConfig { id: 8, ..Default::default() })?;
//! assert!(disk.translate(0x1000, 512, access::WRITE).is_err()); // nothing is mapped yet
//! # Ok(())
//! # }
//! ```
//!
//! None of these compiles:
//!
//! ```compile_fail,E0505
//! # use viommu::*;
//! let device = Device::new(&Config::default(), ()).unwrap();
//! let disk = device.add(&EndpointConfig::default()).unwrap();
//! drop(device); // while an endpoint borrows it
//! drop(disk);
//! ```
//! ```compile_fail,E0505
//! # use viommu::*;
//! # struct Quiet;
//! # impl Listener for Quiet {
//! #     fn map(&mut self, _: &Mapping) -> Result<()> { Ok(()) }
//! #     fn unmap(&mut self, _: &Mapping) {}
//! # }
//! let device = Device::new(&Config::default(), ()).unwrap();
//! let disk = device.add(&EndpointConfig::default()).unwrap();
//! let listener = disk.listen(Quiet).unwrap();
//! drop(disk); // while a listener is registered
//! drop(listener);
//! ```
//! ```compile_fail,E0597
//! # use viommu::*;
//! # struct Counts<'a>(&'a std::sync::atomic::AtomicU32);
//! # impl Listener for Counts<'_> {
//! #     fn map(&mut self, _: &Mapping) -> Result<()> { Ok(()) }
//! #     fn unmap(&mut self, _: &Mapping) {}
//! # }
//! let device = Device::new(&Config::default(), ()).unwrap();
//! let disk = device.add(&EndpointConfig::default()).unwrap();
//! let count = std::sync::atomic::AtomicU32::new(0);
//! let listener = disk.listen(Counts(&count)).unwrap(); // the device may call it after `count` is gone
//! ```
//! ```compile_fail
//! # use viommu::*;
//! let device = Device::new(&Config::default(), ()).unwrap();
//! let mut dma = device.dma().unwrap();
//! let piece = dma.section(|section| section.translate(8, 0, 1, access::READ)); // valid in the section only
//! ```
//! ```compile_fail,E0277
//! # use viommu::*;
//! let device = Device::new(&Config::default(), ()).unwrap();
//! let mut dma = device.dma().unwrap();
//! dma.section(|section| {
//!     std::thread::scope(|threads| {
//!         threads.spawn(|| section.translate(8, 0, 1, access::READ).is_ok()); // in another thread
//!     })
//! });
//! ```
#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod callbacks;
mod dma;
mod endpoint;
mod error;
mod iotlb;
mod state;

use std::io::{IoSlice, IoSliceMut};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::ptr;

pub use callbacks::Events;
pub use dma::{Dma, Piece, Section};
pub use endpoint::{Endpoint, EndpointConfig, Listener, Mode, Registration, Reserved};
pub use error::{Error, LoadError, Result};
pub use iotlb::{Consumer, Iotlb};
pub use viommu_sys as sys;
/// Counters and resource usage.
pub use viommu_sys::viommu_counters as Counters;
/// A domain, as `Device::domains()` finds it.
pub use viommu_sys::viommu_domain_state as DomainState;
/// A fault that was reported to the guest, or dropped.
pub use viommu_sys::viommu_fault as Fault;
/// The mapping of one MAP.
pub use viommu_sys::viommu_mapping as Mapping;
/// The translation of an access.
pub use viommu_sys::viommu_translation as Translation;

/// What an access needs, and what a mapping permits.
pub mod access {
    /// The device reads memory.
    pub const READ: u32 = viommu_sys::VIOMMU_MAP_F_READ;
    /// The device writes memory.
    pub const WRITE: u32 = viommu_sys::VIOMMU_MAP_F_WRITE;
    /// Report no fault.
    pub const QUIET: u32 = viommu_sys::VIOMMU_ACCESS_QUIET;
}

/// The configuration of a device: `struct viommu_config`, whose defaults are 0 and `None`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Config {
    pub features: u64,
    pub page_size_mask: u64,
    pub input: Option<RangeInclusive<u64>>,
    pub domains: Option<RangeInclusive<u32>>,
    pub probe_size: u32,
    pub bypass: bool,
    pub max_domains: u64,
    pub max_mappings: u64,
    pub max_bytes: u64,
    pub max_fault_rate: u32,
    pub max_attach_rate: u32,
}

impl Config {
    fn to_c(&self) -> Result<sys::viommu_config> {
        let mut c: sys::viommu_config = zeroed_plain();
        c.size = std::mem::size_of_val(&c);
        c.features = self.features;
        c.page_size_mask = self.page_size_mask;
        (c.input_first, c.input_last) = bounds(&self.input)?;
        (c.domain_first, c.domain_last) = bounds(&self.domains)?;
        c.probe_size = self.probe_size;
        c.bypass = self.bypass;
        c.max_domains = self.max_domains;
        c.max_mappings = self.max_mappings;
        c.max_bytes = self.max_bytes;
        c.max_fault_rate = self.max_fault_rate;
        c.max_attach_rate = self.max_attach_rate;
        Ok(c)
    }
}

/// The ends of a range. Both 0 are no limit in C, so 0..=0 is refused.
pub(crate) fn bounds<T: Copy + Default + PartialEq>(range: &Option<RangeInclusive<T>>) -> Result<(T, T)> {
    let none = (T::default(), T::default());
    match range.as_ref().map(|range| (*range.start(), *range.end())) {
        Some(ends) if ends == none => Err(Error::INVAL),
        ends => Ok(ends.unwrap_or(none)),
    }
}

/// Structs of C of which all bytes 0 is a value.
pub(crate) trait Plain {}
impl Plain for sys::viommu_config {}
impl Plain for sys::viommu_ops {}
impl Plain for sys::viommu_endpoint {}
impl Plain for sys::viommu_listener_ops {}
impl Plain for sys::viommu_iotlb_ops {}
impl Plain for sys::viommu_translation {}
impl Plain for sys::viommu_counters {}
impl Plain for sys::viommu_domain_state {}
impl Plain for sys::viommu_mapping {}
impl Plain for sys::viommu_fault {}

pub(crate) fn zeroed_plain<T: Plain>() -> T {
    // SAFETY: numbers, booleans, optional functions and raw pointers may be 0.
    unsafe { std::mem::zeroed() }
}

trait Anything {}
impl<T> Anything for T {}

/// A virtio-iommu device. `'env` outlives what its callbacks and listeners borrow.
pub struct Device<'env> {
    raw: *mut sys::viommu,
    events: *mut (dyn Anything + 'env),
    // Invariant: a listener that borrows for a shorter time must not be registered.
    env: PhantomData<fn(&'env ()) -> &'env ()>,
}

// SAFETY: any thread may call any function at any time (<viommu/device.h>, "Threads"); `Events` is Send and Sync,
// and listeners are Send.
unsafe impl Send for Device<'_> {}
unsafe impl Sync for Device<'_> {}

impl<'env> Device<'env> {
    /// Create a device. `()` ignores all events, so that every fault is dropped.
    pub fn new<E: Events + 'env>(config: &Config, events: E) -> Result<Self> {
        let config = config.to_c()?;
        let ops = callbacks::ops::<E>();
        let events = Box::into_raw(Box::new(events));
        let mut raw = ptr::null_mut();
        // SAFETY: `config` and `ops` are copied; `events` lives until Drop.
        let code = unsafe { sys::viommu_new(&config, &ops, events.cast(), &mut raw) };
        if let Err(error) = Error::check(code) {
            // SAFETY: no device has the pointer.
            drop(unsafe { Box::from_raw(events) });
            return Err(error);
        }
        Ok(Device { raw, events, env: PhantomData })
    }

    /// The device of `viommu_sys`, valid as long as this one, which frees it.
    pub fn as_ptr(&self) -> *mut sys::viommu {
        self.raw
    }

    /// Add an endpoint. It is removed when the result is dropped.
    pub fn add<'d>(&'d self, endpoint: &EndpointConfig) -> Result<Endpoint<'d, 'env>> {
        Endpoint::new(self, endpoint)
    }

    /// Create a handle for DMA sections.
    pub fn dma(&self) -> Result<Dma<'_>> {
        Dma::new(self)
    }

    /// The features to offer, without those of the transport.
    pub fn features(&self) -> u64 {
        // SAFETY: the device lives.
        unsafe { sys::viommu_features(self.raw) }
    }

    /// The driver has accepted these features.
    pub fn accept(&self, features: u64) -> Result<()> {
        // SAFETY: the device lives.
        Error::check(unsafe { sys::viommu_accept(self.raw, features) })
    }

    /// Read configuration space.
    pub fn config_read(&self, offset: u64, bytes: &mut [u8]) {
        // SAFETY: `bytes` has so many bytes.
        unsafe { sys::viommu_config_read(self.raw, offset, bytes.as_mut_ptr().cast(), bytes.len()) }
    }

    /// Write configuration space.
    pub fn config_write(&self, offset: u64, bytes: &[u8]) {
        // SAFETY: `bytes` has so many bytes.
        unsafe { sys::viommu_config_write(self.raw, offset, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Device reset.
    pub fn reset(&self) {
        // SAFETY: the device lives.
        unsafe { sys::viommu_reset(self.raw) }
    }

    /// System reset: `bypass` is again as configured.
    pub fn system_reset(&self) {
        // SAFETY: the device lives.
        unsafe { sys::viommu_system_reset(self.raw) }
    }

    /// Execute one request. Returns the used length; 0: return the buffers unwritten.
    pub fn request(&self, readable: &[IoSlice<'_>], writable: &mut [IoSliceMut<'_>]) -> usize {
        // SAFETY: slices are valid; IoSlice and IoSliceMut have the layout of struct iovec.
        unsafe {
            sys::viommu_request(
                self.raw,
                readable.as_ptr().cast(),
                readable.len(),
                writable.as_ptr().cast(),
                writable.len(),
            )
        }
    }

    /// Execute requests that wait together for DMA sections. Publish their answers after this has returned.
    pub fn batch<R>(&self, work: impl FnOnce(&Batch<'_>) -> R) -> R {
        struct End(*mut sys::viommu);
        impl Drop for End {
            fn drop(&mut self) {
                // SAFETY: the batch began below, in this thread.
                unsafe { sys::viommu_batch_end(self.0) }
            }
        }
        // SAFETY: the device lives.
        unsafe { sys::viommu_batch_begin(self.raw) };
        let _end = End(self.raw);
        work(&Batch { raw: self.raw, device: PhantomData })
    }

    /// Translate an access, which may be outdated when this returns: use `Dma` to access memory.
    pub fn translate(&self, endpoint: u32, iova: u64, length: u64, access: u32) -> Result<Translation> {
        let mut to = zeroed_plain();
        // SAFETY: the device lives.
        Error::check(unsafe { sys::viommu_translate(self.raw, endpoint, iova, length, access, &mut to) })?;
        Ok(to)
    }

    /// As `translate()`, for an access with a PASID.
    pub fn translate_pasid(
        &self,
        endpoint: u32,
        pasid: u32,
        iova: u64,
        length: u64,
        access: u32,
    ) -> Result<Translation> {
        let mut to = zeroed_plain();
        // SAFETY: the device lives.
        Error::check(unsafe { sys::viommu_translate_pasid(self.raw, endpoint, pasid, iova, length, access, &mut to) })?;
        Ok(to)
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        // SAFETY: endpoints, handles and registrations borrow the device, so none is used any more; no callback is
        // made by viommu_free(), and none after it.
        unsafe {
            sys::viommu_free(self.raw);
            drop(Box::from_raw(self.events));
        }
    }
}

/// A batch of requests: `Device::batch()`.
pub struct Batch<'b> {
    raw: *mut sys::viommu, // and so neither Send nor Sync
    device: PhantomData<&'b ()>,
}

impl Batch<'_> {
    /// As `Device::request()`.
    pub fn request(&self, readable: &[IoSlice<'_>], writable: &mut [IoSliceMut<'_>]) -> usize {
        // SAFETY: as in Device::request(); the batch has begun.
        unsafe {
            sys::viommu_batch_request(
                self.raw,
                readable.as_ptr().cast(),
                readable.len(),
                writable.as_ptr().cast(),
                writable.len(),
            )
        }
    }
}

/// The version of the library, as "0.2.0".
pub fn version() -> &'static str {
    // SAFETY: a constant string.
    unsafe { std::ffi::CStr::from_ptr(sys::viommu_version()) }.to_str().unwrap_or("")
}
