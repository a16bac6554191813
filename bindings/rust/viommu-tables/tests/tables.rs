// SPDX-License-Identifier: BSD-3-Clause
//! The crate over tables of the tree's tests, which are read from the folder of the crate.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use viommu_tables::{decode, read, rules, Reach, Severity, Table, Topology};

const TEXT: &str = "viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }
host-bridges:
  - { buses: 00-7f, iommu: a }
  - { buses: 80-ff }
devices:
  - { name: uart, at: 0x10001000, iommu: a, id: 0x20000 }
";

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests")
}

fn golden() -> Vec<PathBuf> {
    let kinds = ["VIOT", "IORT", "DMAR", "IVRS", "dtb"];
    let files = std::fs::read_dir(tests().join("golden")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| kinds.iter().any(|kind| path.extension() == Some(OsStr::new(kind)))).collect()
}

#[test]
fn a_table_has_the_bytes_that_were_read() {
    assert!(golden().len() > 30);
    for path in golden() {
        let found = read(&path).unwrap();
        assert_eq!(found.tables.len(), 1, "{path:?}");
        assert_eq!(found.tables[0].to_bytes().unwrap(), std::fs::read(&path).unwrap(), "{path:?}");
        assert!(found.tables[0].json().unwrap().starts_with('{'));
    }
}

#[test]
fn a_finding_has_its_id_place_and_cure() {
    let path = tests().join("tables/formats/viot/refused/viot-output-node.viot");
    let found = read(&path).unwrap().tables.remove(0).check();
    let finding = found.iter().find(|finding| finding.id == "viot-output-node").unwrap();
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.place.contains("viot-output-node.viot:0x"));
    assert!(finding.cure.is_some());
    assert_eq!(finding.to_string().matches("[viot-output-node]").count(), 1);
}

#[test]
fn what_is_no_table_is_an_error_with_findings() {
    let error = decode(b"nothing", "nothing.bin").unwrap_err();
    assert_eq!(error.findings[0].severity, Severity::Error);
    assert!(error.to_string().contains("nothing.bin"));
    assert!(Table::new(b"", "empty").is_err());
    assert!(read("/nonexistent/file").unwrap_err().to_string().contains("/nonexistent/file"));
}

#[test]
fn every_table_of_an_input_is_found_and_what_is_wrong_with_it_kept() {
    let viot = Topology::parse(TEXT, "t").unwrap().generate("VIOT").unwrap().to_bytes().unwrap();
    let twice = decode(&[&viot[..], &viot[..]].concat(), "twice").unwrap();
    assert_eq!(twice.tables.iter().map(Table::signature).collect::<Vec<_>>(), ["VIOT", "VIOT"]);
    assert_eq!(twice.findings.iter().map(|finding| &finding.id[..]).collect::<Vec<_>>(), ["input-twice"]);
}

#[test]
fn a_damaged_table_is_read_and_each_cut_of_it_does_no_harm() {
    let viot = Topology::parse(TEXT, "t").unwrap().generate("VIOT").unwrap().to_bytes().unwrap();
    for length in 0..viot.len() {
        if let Ok(table) = Table::new(&viot[..length], "cut") {
            assert!(table.check().iter().any(|finding| finding.severity == Severity::Error), "{length}");
        }
    }
}

#[test]
fn a_file_has_any_name_that_a_file_can_have() {
    let found = decode(&[b"VIOT", &[0; 40][..]].concat(), OsStr::from_bytes(b"caf\xe9")).unwrap();
    assert!(found.tables[0].check()[0].place.starts_with("caf"));
    assert!(decode(b"VIOT", "a\0b").is_err());
}

#[test]
fn a_topology_is_generated_and_read_back() {
    let machine = Topology::parse(TEXT, "machine.yaml").unwrap();
    assert_eq!(machine.check(), []);
    let back = machine.generate("VIOT").unwrap().topology().unwrap();
    assert!(back.text().unwrap().contains("virtio-iommu-pci"));
    assert!(back.json().unwrap().contains("virtio-iommu-pci"));
    assert!(machine.generate("FROB").unwrap_err().to_string().contains("FROB"));
}

#[test]
fn what_a_generated_table_cannot_have_is_a_finding_of_it() {
    let machine = Topology::parse(TEXT, "machine.yaml").unwrap();
    let iort = machine.generate("IORT").unwrap();
    assert!(iort.findings().iter().any(|finding| finding.id == "iort-silent-virtio"));
}

#[test]
fn a_text_that_is_wrong_is_an_error_with_its_line() {
    let error = Topology::parse("viommu: 1\nfrobs: 3\n", "wrong.yaml").unwrap_err();
    assert!(error.findings[0].place.starts_with("wrong.yaml:2"), "{error}");
    let machine = Topology::parse(&TEXT.replace("iommu: a, id", "iommu: b, id"), "dangling.yaml").unwrap();
    assert!(machine.check().iter().any(|finding| finding.severity == Severity::Error));
}

#[test]
fn a_file_has_the_topology_of_its_text_or_of_its_tables() {
    let golden = |name: &str| tests().join("golden").join(name);
    for name in ["virt-smmu.IORT", "q35-minimal.VIOT", "virt-smmu.dtb"] {
        assert!(Topology::from_file(golden(name)).unwrap().text().unwrap().contains("iommus:"), "{name}");
    }
    let error = Topology::from_file("/nonexistent/file").unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent/file: No such file or directory (os error 2)");
    assert!(!Topology::from_file(tests().join("meson.build")).unwrap_err().findings.is_empty());
}

#[test]
fn a_device_has_a_route() {
    let machine = Topology::parse(TEXT, "machine.yaml").unwrap();
    let iommu = |id| Reach::Iommu { name: "a".to_owned(), id };
    assert_eq!(machine.resolve("0000:03:00.0").unwrap().reach, iommu(0x300));
    assert_eq!(machine.resolve("uart").unwrap().reach, iommu(0x20000));
    assert_eq!(machine.resolve("80:00.0").unwrap().linux, Reach::Bypass);
    assert_eq!(machine.resolve("0001:00:00.0").unwrap().reach, Reach::Nothing);
    assert!(machine.resolve("no-such-device").is_err());
}

#[test]
fn objects_go_to_another_thread() {
    let machine = Topology::parse(TEXT, "machine.yaml").unwrap();
    let table = std::thread::spawn(move || machine.generate("VIOT").unwrap()).join().unwrap();
    assert_eq!(table.signature(), "VIOT");
}

#[test]
fn rules_have_ids_and_clauses() {
    let all = rules();
    assert!(all.len() > 300);
    assert!(all.iter().all(|rule| !rule.id.is_empty() && !rule.clause.is_empty() && !rule.text.is_empty()));
}
