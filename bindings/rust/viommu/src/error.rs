// SPDX-License-Identifier: BSD-3-Clause
//! Errors of the VMM or the host. A guest's errors are statuses and faults.
use std::fmt;
use std::io;
use std::os::raw::c_int;

/// An errno.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error(pub i32);

/// A value, or an errno.
pub type Result<T> = std::result::Result<T, Error>;

/// What a listener refuses with, and the status of the request.
#[allow(missing_docs)]
impl Error {
    pub const NOENT: Error = Error(2);
    pub const IO: Error = Error(5); // IOERR
    pub const NOMEM: Error = Error(12); // NOMEM
    pub const FAULT: Error = Error(14); // FAULT
    pub const BUSY: Error = Error(16);
    pub const EXIST: Error = Error(17);
    pub const INVAL: Error = Error(22); // INVAL
    pub const NOSPC: Error = Error(28); // NOMEM
    pub const RANGE: Error = Error(34); // RANGE

    pub(crate) fn check(code: c_int) -> Result<()> {
        if code < 0 {
            Err(Error(-code))
        } else {
            Ok(())
        }
    }

    /// The answer of a callback: never 0.
    pub(crate) fn to_c(self) -> c_int {
        match self.0 {
            1..=4095 => -self.0,
            _ => -Error::IO.0,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::from_raw_os_error(error.0)
    }
}

/// Why saved state could not be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct LoadError {
    pub error: Error,
    pub reason: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.reason)
    }
}

impl std::error::Error for LoadError {}
