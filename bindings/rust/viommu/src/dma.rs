// SPDX-License-Identifier: BSD-3-Clause
//! DMA sections.
use crate::{sys, zeroed_plain, Device, Error, Result, Translation};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;

/// A DMA section handle: one for each thread that does DMA.
pub struct Dma<'d> {
    raw: *mut sys::viommu_dma, // and so not Sync
    device: PhantomData<&'d ()>,
}

// SAFETY: one thread at a time may use a handle, and `section()` borrows it exclusively.
unsafe impl Send for Dma<'_> {}

impl<'d> Dma<'d> {
    pub(crate) fn new(device: &'d Device<'_>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the device lives.
        Error::check(unsafe { sys::viommu_dma_new(device.as_ptr(), &mut raw) })?;
        Ok(Dma { raw, device: PhantomData })
    }

    /// Run `work` in a DMA section: UNMAP, DETACH and reset complete only after it. Keep it short, and call nothing of
    /// the device in it that takes its lock.
    pub fn section<R>(&mut self, work: impl FnOnce(&Section<'_>) -> R) -> R {
        struct End(*mut sys::viommu_dma);
        impl Drop for End {
            fn drop(&mut self) {
                // SAFETY: the section began below, in this thread.
                unsafe { sys::viommu_dma_end(self.0) }
            }
        }
        // SAFETY: the handle is not in a section: it would be borrowed, and a panic ends it.
        unsafe { sys::viommu_dma_begin(self.raw) };
        let _end = End(self.raw);
        work(&Section { raw: self.raw, handle: PhantomData })
    }
}

impl Drop for Dma<'_> {
    fn drop(&mut self) {
        // SAFETY: outside of a section, and the device lives.
        unsafe { sys::viommu_dma_free(self.raw) };
    }
}

/// A DMA section, in the thread that began it.
pub struct Section<'s> {
    raw: *mut sys::viommu_dma, // and so neither Send nor Sync
    handle: PhantomData<&'s ()>,
}

/// A translation that may be accessed until its section ends.
pub struct Piece<'s> {
    to: Translation,
    section: PhantomData<&'s ()>,
}

impl Deref for Piece<'_> {
    type Target = Translation;

    fn deref(&self) -> &Translation {
        &self.to
    }
}

impl Section<'_> {
    /// Translate the start of an access, as far as it is contiguous.
    pub fn translate(&self, endpoint: u32, iova: u64, length: u64, access: u32) -> Result<Piece<'_>> {
        let mut to = zeroed_plain();
        // SAFETY: the section has begun in this thread, and ends after the borrow.
        Error::check(unsafe { sys::viommu_dma_translate(self.raw, endpoint, iova, length, access, &mut to) })?;
        Ok(Piece { to, section: PhantomData })
    }

    /// As `translate()`, for an access with a PASID.
    pub fn translate_pasid(&self, endpoint: u32, pasid: u32, iova: u64, length: u64, access: u32) -> Result<Piece<'_>> {
        let mut to = zeroed_plain();
        // SAFETY: as in translate().
        Error::check(unsafe {
            sys::viommu_dma_translate_pasid(self.raw, endpoint, pasid, iova, length, access, &mut to)
        })?;
        Ok(Piece { to, section: PhantomData })
    }

    /// Call `each` for the pieces of an access, in order. After an error, those before it were accessed.
    pub fn access(
        &self,
        endpoint: u32,
        iova: u64,
        length: u64,
        access: u32,
        mut each: impl FnMut(&Piece<'_>),
    ) -> Result<()> {
        let mut done = 0;
        while done < length {
            let at = iova.checked_add(done).ok_or(Error::FAULT)?;
            let piece = self.translate(endpoint, at, length - done, access)?;
            done += piece.length;
            each(&piece);
        }
        Ok(())
    }
}
