// SPDX-License-Identifier: BSD-3-Clause
//! Callbacks of the device.
use crate::{sys, zeroed_plain};
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::process::abort;
use std::slice;

/// What a device reports. Callbacks come from the thread whose call caused them, several at once; the header says
/// what they may call.
pub trait Events: Send + Sync {
    /// Are requests reported? If not, they cost nothing.
    const TRACES: bool = false;

    /// Copy a fault record into the next buffer of the event queue. False: there is none, and it is dropped.
    fn event(&self, record: &[u8]) -> bool {
        let _ = record;
        false
    }

    /// A request was executed: all of it in one line.
    fn trace(&self, text: &str) {
        let _ = text;
    }

    /// An event for the owner of the VMM: a sentence.
    fn log(&self, text: &str) {
        let _ = text;
    }
}

impl Events for () {}

/// Run a callback. A panic must not reach the frames of C: it aborts.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> R {
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            eprintln!("viommu: a callback has panicked");
            abort();
        }
    }
    let bomb = Abort;
    let result = work();
    std::mem::forget(bomb);
    result
}

/// # Safety
/// `text` is a string of C.
unsafe fn show(text: *const c_char, to: impl FnOnce(&str)) {
    // SAFETY: of the caller.
    to(&unsafe { CStr::from_ptr(text) }.to_string_lossy());
}

unsafe extern "C" fn event<E: Events>(opaque: *mut c_void, record: *const c_void, length: usize) -> c_int {
    // SAFETY: `opaque` is the E of Device::new(), and `record` has `length` bytes.
    guarded(|| unsafe {
        let record = slice::from_raw_parts(record.cast(), length);
        if (*(opaque as *const E)).event(record) {
            0
        } else {
            crate::Error::NOSPC.to_c()
        }
    })
}

unsafe extern "C" fn trace<E: Events>(opaque: *mut c_void, trace: *const sys::viommu_trace) {
    // SAFETY: `opaque` is the E of Device::new(), and `trace` is valid during the call.
    guarded(|| unsafe { show((*trace).text, |text| (*(opaque as *const E)).trace(text)) })
}

unsafe extern "C" fn log<E: Events>(opaque: *mut c_void, entry: *const sys::viommu_log) {
    // SAFETY: `opaque` is the E of Device::new(), and `entry` is valid during the call.
    guarded(|| unsafe { show((*entry).text, |text| (*(opaque as *const E)).log(text)) })
}

pub(crate) fn ops<E: Events>() -> sys::viommu_ops {
    let mut ops: sys::viommu_ops = zeroed_plain();
    ops.size = std::mem::size_of_val(&ops);
    ops.event = Some(event::<E>);
    ops.trace = if E::TRACES { Some(trace::<E>) } else { None };
    ops.log = Some(log::<E>);
    ops
}
