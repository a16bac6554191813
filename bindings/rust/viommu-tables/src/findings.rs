// SPDX-License-Identifier: BSD-3-Clause
//! What the library reports about an input.
use crate::{string, take};
use std::fmt;
use std::ptr::NonNull;
use viommu_tables_sys as sys;

/// A value, or why there is none.
pub type Result<T> = std::result::Result<T, Error>;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The input is correct.
    Note,
    /// Some consumer reports a problem, or reads another meaning.
    Warning,
    /// It violates the specification, or breaks a guest.
    Error,
}

impl Severity {
    fn of(value: sys::viommu_severity) -> Severity {
        match value {
            sys::VIOMMU_NOTE => Severity::Note,
            sys::VIOMMU_WARNING => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Finding {
    /// It never changes its meaning: "viot-output-node".
    pub id: String,
    pub severity: Severity,
    /// "viot.bin:0x50"
    pub place: String,
    pub text: String,
    pub cure: Option<String>,
    line: String,
}

/// The line of a compiler, as `viommu check` prints it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Something could not be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    what: String,
    /// Why.
    pub findings: Vec<Finding>,
}

impl Error {
    pub(crate) fn new(what: &str, findings: Vec<Finding>) -> Error {
        Error { what: what.to_owned(), findings }
    }

    pub(crate) fn no_memory() -> Error {
        Error::new("out of memory", Vec::new())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.findings.iter().try_for_each(|finding| write!(f, "; {finding}"))
    }
}

impl std::error::Error for Error {}

/// A list of the library.
pub(crate) struct List(NonNull<sys::viommu_findings>);

impl List {
    pub(crate) fn new() -> Result<List> {
        NonNull::new(unsafe { sys::viommu_findings_new() }).map(List).ok_or_else(Error::no_memory)
    }

    pub(crate) fn raw(&self) -> *mut sys::viommu_findings {
        self.0.as_ptr()
    }

    pub(crate) fn copy(&self) -> Vec<Finding> {
        (0..).map_while(|i| unsafe { sys::viommu_findings_get(self.raw(), i).as_ref() }).map(copy_of).collect()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        unsafe { sys::viommu_findings_free(self.raw()) };
    }
}

fn copy_of(finding: &sys::viommu_finding) -> Finding {
    unsafe {
        Finding {
            id: string(finding.id).unwrap_or_default(),
            severity: Severity::of(finding.severity),
            place: take(sys::viommu_place_text(&finding.place)).unwrap_or_default(),
            text: string(finding.text).unwrap_or_default(),
            cure: string(finding.cure),
            line: take(sys::viommu_finding_line(finding)).unwrap_or_default(),
        }
    }
}

/// The findings of a check behind those that are known. Without memory for a list, that is a finding.
pub(crate) fn with(known: &[Finding], check: impl FnOnce(*mut sys::viommu_findings)) -> Vec<Finding> {
    let mut all = known.to_vec();
    match List::new() {
        Ok(list) => {
            check(list.raw());
            all.extend(list.copy());
        }
        Err(_) => all.push(no_memory()),
    }
    all
}

fn no_memory() -> Finding {
    let text = "out of memory".to_owned();
    let line = format!("error: {text} [input-memory]");
    Finding { id: "input-memory".to_owned(), severity: Severity::Error, place: String::new(), text, cure: None, line }
}

/// What an input must keep to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Rule {
    pub id: String,
    pub severity: Severity,
    /// The source of the rule.
    pub clause: String,
    pub text: String,
    /// What Linux does with an input that breaks it.
    pub on_linux: Option<String>,
}

/// All rules.
pub fn rules() -> Vec<Rule> {
    (0..)
        .map_while(|i| unsafe { sys::viommu_rule(i).as_ref() })
        .map(|rule| unsafe {
            Rule {
                id: string(rule.id).unwrap_or_default(),
                severity: Severity::of(rule.severity),
                clause: string(rule.clause).unwrap_or_default(),
                text: string(rule.text).unwrap_or_default(),
                on_linux: string(rule.on_linux),
            }
        })
        .collect()
}
