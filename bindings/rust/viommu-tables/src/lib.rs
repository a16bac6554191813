// SPDX-License-Identifier: BSD-3-Clause
//! Firmware tables that describe IOMMUs: libviommu-tables, which reads, checks and generates them.
//!
//! ```
//! use viommu_tables::Topology;
//!
//! let text = "viommu: 1
//! iommus: [ { name: viommu0, kind: virtio-iommu-pci, at: 00:01.0 } ]
//! host-bridges: [ { buses: 00-ff, iommu: viommu0 } ]
//! ";
//! let machine = Topology::parse(text, "machine.yaml")?;
//! assert!(machine.check().is_empty());
//! let viot = machine.generate("VIOT")?.to_bytes()?;
//! assert_eq!(&viot[..4], b"VIOT");
//! # Ok::<(), viommu_tables::Error>(())
//! ```
//!
//! A function that cannot do what it was asked returns an [`Error`], which has the findings. Other findings of reading
//! are kept by what was read. One thread at a time uses a table or a topology, so they are `Send` and not `Sync`. All
//! input may be hostile. The crate `viommu-tables-sys` has every function of the library.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
use std::ffi::{CStr, CString};
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut, NonNull};
use viommu_tables_sys as sys;

mod findings;
mod topology;
use findings::List;
pub use findings::{rules, Error, Finding, Result, Rule, Severity};
pub use topology::{Reach, Route, Topology};

extern "C" {
    fn free(pointer: *mut c_void);
}

/// A string of the library, copied.
///
/// # Safety
/// The pointer is NULL or that of a string.
unsafe fn string(text: *const c_char) -> Option<String> {
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// A text that the library has allocated.
///
/// # Safety
/// The pointer is NULL, or one that free() accepts.
unsafe fn take(text: *mut c_char) -> Result<String> {
    let copy = unsafe { string(text) };
    unsafe { free(text.cast()) };
    copy.ok_or_else(Error::no_memory)
}

fn c_string(text: &[u8]) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new("a name has a NUL", Vec::new()))
}

fn name_of(file: impl AsRef<Path>) -> Result<CString> {
    c_string(file.as_ref().as_os_str().as_bytes())
}

/// The tables of an input, and findings about it as a whole.
#[derive(Debug)]
pub struct Tables {
    /// In the order of the input.
    pub tables: Vec<Table>,
    /// About the input, not about one of its tables.
    pub findings: Vec<Finding>,
}

/// Where the pieces of an input are collected. An error ends the split.
struct Pieces {
    tables: Vec<Table>,
    error: Option<Error>,
}

unsafe extern "C" fn piece(opaque: *mut c_void, name: *const c_char, bytes: *const c_void, length: usize) -> bool {
    let pieces = unsafe { &mut *opaque.cast::<Pieces>() };
    let read = List::new().and_then(|findings| unsafe { Table::decode(bytes, length, name, findings) });
    match read {
        Ok(table) => pieces.tables.push(table),
        Err(error) => pieces.error = Some(error),
    }
    pieces.error.is_none()
}

/// The tables of these bytes: raw tables, a device tree, or a text with dumps of tables. `file` is for findings.
pub fn decode(bytes: &[u8], file: impl AsRef<Path>) -> Result<Tables> {
    let name = name_of(file)?;
    let findings = List::new()?;
    let mut pieces = Pieces { tables: Vec::new(), error: None };
    let opaque: *mut Pieces = &mut pieces;
    let count = unsafe {
        sys::viommu_input_split(
            bytes.as_ptr().cast(),
            bytes.len(),
            name.as_ptr(),
            Some(piece),
            opaque.cast(),
            findings.raw(),
        )
    };
    match pieces.error {
        Some(error) => Err(error),
        None if count == 0 => Err(Error::new("no table", findings.copy())),
        None => Ok(Tables { tables: pieces.tables, findings: findings.copy() }),
    }
}

/// The tables of a file, as [`decode()`].
pub fn read(file: impl AsRef<Path>) -> Result<Tables> {
    let file = file.as_ref();
    let bytes = std::fs::read(file).map_err(|error| Error::new(&format!("{}: {error}", file.display()), Vec::new()))?;
    decode(&bytes, file)
}

/// A table of ACPI, or a device tree.
///
/// ```compile_fail,E0277
/// fn used_by_two_threads<T: Sync>() {}
/// used_by_two_threads::<viommu_tables::Table>();
/// ```
pub struct Table {
    raw: NonNull<sys::viommu_table>,
    findings: Vec<Finding>,
}

unsafe impl Send for Table {}

impl Table {
    /// # Safety
    /// `bytes` has `length` bytes, and `name` is a string.
    unsafe fn decode(bytes: *const c_void, length: usize, name: *const c_char, findings: List) -> Result<Table> {
        let raw = unsafe { sys::viommu_table_decode(bytes, length, name, findings.raw()) };
        Table::from_raw(raw, "not a table", findings)
    }

    pub(crate) fn from_raw(raw: *mut sys::viommu_table, what: &str, findings: List) -> Result<Table> {
        let findings = findings.copy();
        match NonNull::new(raw) {
            Some(raw) => Ok(Table { raw, findings }),
            None => Err(Error::new(what, findings)),
        }
    }

    /// One table. [`decode()`] also finds tables in text.
    pub fn new(bytes: &[u8], file: impl AsRef<Path>) -> Result<Table> {
        let name = name_of(file)?;
        unsafe { Table::decode(bytes.as_ptr().cast(), bytes.len(), name.as_ptr(), List::new()?) }
    }

    /// What was found when the table was read or generated.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// "VIOT", ..., "DTB".
    pub fn signature(&self) -> String {
        unsafe { string(sys::viommu_table_signature(self.raw.as_ptr())) }.unwrap_or_default()
    }

    /// The bytes of a table that was read are those that were read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = null_mut();
        let length = unsafe { sys::viommu_table_encode(self.raw.as_ptr(), &mut bytes) };
        if bytes.is_null() {
            return Err(Error::no_memory());
        }
        let copy = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) }.to_vec();
        unsafe { free(bytes) };
        Ok(copy)
    }

    /// Every field, as `viommu dump` prints it.
    pub fn text(&self) -> Result<String> {
        unsafe { take(sys::viommu_table_text(self.raw.as_ptr())) }
    }

    /// Every field, as `viommu dump --json`.
    pub fn json(&self) -> Result<String> {
        unsafe { take(sys::viommu_table_json(self.raw.as_ptr())) }
    }

    /// The findings of the whole table, those of reading it first.
    pub fn check(&self) -> Vec<Finding> {
        findings::with(&self.findings, |list| unsafe { sys::viommu_table_check(self.raw.as_ptr(), list) })
    }

    /// What the table says of a machine.
    pub fn topology(&self) -> Result<Topology> {
        let findings = List::new()?;
        let raw = unsafe { sys::viommu_table_topology(self.raw.as_ptr(), findings.raw()) };
        Topology::from_raw(raw, findings)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("signature", &self.signature()).field("findings", &self.findings).finish()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        unsafe { sys::viommu_table_free(self.raw.as_ptr()) };
    }
}

/// No place, of a struct that the library fills in.
const NOWHERE: sys::viommu_place =
    sys::viommu_place { file: null(), line: 0, column: 0, at: sys::VIOMMU_NOWHERE, path: null() };
