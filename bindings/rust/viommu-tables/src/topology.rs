// SPDX-License-Identifier: BSD-3-Clause
//! IOMMUs, the devices behind them, and their IDs.
use crate::findings::{with, Error, Finding, List, Result};
use crate::{c_string, name_of, string, take, Table, NOWHERE};
use std::fmt;
use std::path::Path;
use std::ptr::{null, null_mut, NonNull};
use viommu_tables_sys as sys;

/// What translates a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// This IOMMU, by its name.
    Iommu {
        /// In the topology.
        name: String,
        /// The device's number there.
        id: u32,
    },
    /// The device is described, and no IOMMU translates it.
    Bypass,
    /// It is not described.
    Nothing,
}

/// The way of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// By the specification.
    pub reach: Reach,
    /// By Linux's reading of the table that the topology was read from.
    pub linux: Reach,
    /// A sentence, if Linux reads the table in another way.
    pub why_linux: Option<String>,
}

/// A machine: IOMMUs, the devices behind them, and their IDs.
pub struct Topology {
    raw: NonNull<sys::viommu_topology>,
    findings: Vec<Finding>,
}

unsafe impl Send for Topology {}

fn nowhere() -> sys::viommu_route {
    sys::viommu_route {
        reach: sys::VIOMMU_REACH_NOTHING,
        iommu: null(),
        id: 0,
        place: NOWHERE,
        its: null(),
        device_id: 0,
        its_place: NOWHERE,
        pasid_bits: 0,
        pasid_place: NOWHERE,
    }
}

/// # Safety
/// The route is one of viommu_topology_resolve().
unsafe fn reach_of(route: &sys::viommu_route) -> Reach {
    match (route.reach, unsafe { route.iommu.as_ref() }) {
        (sys::VIOMMU_REACH_IOMMU, Some(iommu)) => {
            Reach::Iommu { name: unsafe { string(iommu.name) }.unwrap_or_default(), id: route.id }
        }
        (sys::VIOMMU_REACH_BYPASS, _) => Reach::Bypass,
        _ => Reach::Nothing,
    }
}

impl Topology {
    pub(crate) fn from_raw(raw: *mut sys::viommu_topology, findings: List) -> Result<Topology> {
        let findings = findings.copy();
        match NonNull::new(raw) {
            Some(raw) => Ok(Topology { raw, findings }),
            None => Err(Error::new("no topology", findings)),
        }
    }

    /// A text, as viommu-topology(5) describes it. Its syntax is checked, see [`Topology::check()`].
    pub fn parse(text: &str, file: impl AsRef<Path>) -> Result<Topology> {
        let (name, findings) = (name_of(file)?, List::new()?);
        let raw =
            unsafe { sys::viommu_topology_parse(text.as_ptr().cast(), text.len(), name.as_ptr(), findings.raw()) };
        Topology::from_raw(raw, findings)
    }

    /// A file: a text as for [`Topology::parse()`], or tables, of which IORT, RIMT and VIOT are one machine.
    pub fn from_file(file: impl AsRef<Path>) -> Result<Topology> {
        let (name, findings, mut raw) = (name_of(file.as_ref())?, List::new()?, null_mut());
        let code = unsafe { sys::viommu_topology_from_file(name.as_ptr(), findings.raw(), &mut raw) };
        if raw.is_null() && findings.copy().is_empty() {
            let error = std::io::Error::from_raw_os_error(-code);
            return Err(Error::new(&format!("{}: {error}", file.as_ref().display()), Vec::new()));
        }
        Topology::from_raw(raw, findings)
    }

    /// What was found when it was read.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The text form.
    pub fn text(&self) -> Result<String> {
        unsafe { take(sys::viommu_topology_text(self.raw.as_ptr())) }
    }

    /// The objects, as `viommu topology --json`.
    pub fn json(&self) -> Result<String> {
        unsafe { take(sys::viommu_topology_json(self.raw.as_ptr())) }
    }

    /// All findings, those of reading it first.
    pub fn check(&self) -> Vec<Finding> {
        with(&self.findings, |list| unsafe { sys::viommu_topology_check(self.raw.as_ptr(), list) })
    }

    /// A table: "VIOT", "IORT", "DMAR", "IVRS", "RIMT", "SRAT", "DTB", "builtin-v3", ... What it cannot have is in
    /// [`Table::findings()`].
    pub fn generate(&self, signature: &str) -> Result<Table> {
        let (name, findings) = (c_string(signature.as_bytes())?, List::new()?);
        let raw = unsafe { sys::viommu_table_generate(self.raw.as_ptr(), name.as_ptr(), findings.raw()) };
        Table::from_raw(raw, &format!("no {signature} can be generated"), findings)
    }

    /// The way of a device: "0000:03:00.0", "0x10001000", or the name of a platform device.
    pub fn resolve(&self, device: &str) -> Result<Route> {
        let text = c_string(device.as_bytes())?;
        let mut name = sys::viommu_device_name { pci: false, segment: 0, bdf: 0, base: 0, name: null() };
        if unsafe { sys::viommu_topology_find_device(self.raw.as_ptr(), text.as_ptr(), &mut name) } < 0 {
            return Err(Error::new(&format!("{device}: no such device"), Vec::new()));
        }
        let (mut route, mut linux, mut why) = (nowhere(), nowhere(), null());
        let code = unsafe { sys::viommu_topology_resolve(self.raw.as_ptr(), &name, &mut route, &mut linux, &mut why) };
        if code < 0 {
            return Err(Error::no_memory());
        }
        unsafe { Ok(Route { reach: reach_of(&route), linux: reach_of(&linux), why_linux: string(why) }) }
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology").field("findings", &self.findings).finish_non_exhaustive()
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        unsafe { sys::viommu_topology_free(self.raw.as_ptr()) };
    }
}
