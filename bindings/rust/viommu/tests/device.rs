// SPDX-License-Identifier: BSD-3-Clause
//! What the safe layer promises beyond the library: whose lives end when, and what crosses the border as it was.
mod guest;

use guest::{attach, attach_pasid, detach, map, unmap};
use std::io::{IoSlice, IoSliceMut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;
use viommu::{
    access, Config, Consumer, Device, EndpointConfig, Error, Events, Listener, Mapping, Mode, Reserved, Result,
    Translation,
};

const DISK: u32 = 8;
const OK: u8 = viommu::sys::VIOMMU_S_OK as u8;

fn disk() -> EndpointConfig {
    EndpointConfig { id: DISK, ..Default::default() }
}

fn device<'env>() -> Device<'env> {
    let device = Device::new(&Config::default(), ()).unwrap();
    device.accept(device.features()).unwrap();
    device
}

/// Writes down what it is called with.
struct Diary(Arc<Mutex<Vec<String>>>);

impl Listener for Diary {
    fn map(&mut self, mapping: &Mapping) -> Result<()> {
        self.0.lock().unwrap().push(format!("map {:x}-{:x}", mapping.first, mapping.last));
        Ok(())
    }

    fn unmap(&mut self, mapping: &Mapping) {
        self.0.lock().unwrap().push(format!("unmap {:x}-{:x}", mapping.first, mapping.last));
    }

    fn mode(&mut self, mode: Mode) -> Result<()> {
        self.0.lock().unwrap().push(format!("{mode:?}"));
        Ok(())
    }
}

fn diary() -> (Diary, impl Fn() -> Vec<String>) {
    let pages = Arc::new(Mutex::new(Vec::new()));
    (Diary(pages.clone()), move || std::mem::take(&mut *pages.lock().unwrap()))
}

/// Both ends 0 are no limit in C, so this range would silently become all addresses.
#[test]
fn a_range_of_only_0_is_refused() {
    let config = Config { input: Some(0..=0), ..Default::default() };
    assert_eq!(Device::new(&config, ()).err(), Some(Error::INVAL));
    let config = Config { domains: Some(0..=0), ..Default::default() };
    assert_eq!(Device::new(&config, ()).err(), Some(Error::INVAL));
    let device = device();
    let config = EndpointConfig { input: Some(0..=0), ..disk() };
    assert_eq!(device.add(&config).err(), Some(Error::INVAL));
    assert!(device.add(&EndpointConfig { input: Some(0..=0xfff), ..disk() }).is_ok());
}

#[test]
fn a_mapping_is_translated_until_it_is_unmapped() {
    let device = device();
    let disk = device.add(&disk()).unwrap();
    assert_eq!(attach(&device, 1, DISK), OK);
    assert_eq!(map(&device, 1, 0x1000, 0x2fff, 0x8000), OK);
    let to = disk.translate(0x1800, 0x1000, access::READ).unwrap();
    assert_eq!((to.address, to.length), (0x8800, 0x1000));
    assert_eq!(device.domains().map(|domain| domain.n_mappings).collect::<Vec<_>>(), [1]);
    assert_eq!(device.mappings(1).map(|mapping| (mapping.first, mapping.phys)).collect::<Vec<_>>(), [(0x1000, 0x8000)]);
    assert_eq!(unmap(&device, 1, 0x1000, 0x2fff), OK);
    assert_eq!(disk.translate(0x1800, 1, access::READ).err(), Some(Error::FAULT));
    assert_eq!(device.count().requests, 3);
}

#[test]
fn a_configuration_crosses_as_it_is() {
    let config = Config {
        page_size_mask: !0xffff,
        input: Some(0x10000..=0xffff_ffff),
        domains: Some(1..=2),
        ..Default::default()
    };
    let device = Device::new(&config, ()).unwrap();
    device.accept(device.features()).unwrap();
    let mut space = [0; 40];
    device.config_read(0, &mut space);
    assert_eq!(space[..8], (!0xffffu64).to_le_bytes());
    assert_eq!(space[8..16], 0x10000u64.to_le_bytes());
    assert_eq!(space[16..24], 0xffff_ffffu64.to_le_bytes());
    assert_eq!(space[24..32], [1, 0, 0, 0, 2, 0, 0, 0]);
    let msi = Reserved { range: 0xfee0_0000..=0xfeef_ffff, msi: true };
    let disk = device.add(&EndpointConfig { reserved: vec![msi], ..disk() }).unwrap();
    assert_eq!(attach(&device, 1, DISK), OK);
    assert_ne!(attach(&device, 3, DISK), OK);
    assert_ne!(map(&device, 1, 0xfee0_0000, 0xfee0_ffff, 0), OK);
    assert_ne!(map(&device, 1, 0x1000, 0x1fff, 0), OK);
    assert_eq!(map(&device, 1, 0x10000, 0x1ffff, 0), OK);
    assert!(disk.translate(0xfee0_0000, 4, access::WRITE).unwrap().identity);
    let inverted = Config { input: Some(std::ops::RangeInclusive::new(2, 1)), ..Default::default() };
    assert_eq!(Device::new(&inverted, ()).err(), Some(Error::INVAL));
    assert_eq!(device.add(&EndpointConfig { id: DISK, ..Default::default() }).err(), Some(Error::EXIST));
}

#[test]
fn faults_and_requests_are_reported() {
    struct Queue(Mutex<Vec<Vec<u8>>>, Mutex<Vec<String>>, AtomicBool);
    impl Events for &Queue {
        const TRACES: bool = true;
        fn event(&self, record: &[u8]) -> bool {
            self.0.lock().unwrap().push(record.to_vec());
            self.2.load(Ordering::Relaxed)
        }
        fn trace(&self, text: &str) {
            self.1.lock().unwrap().push(text.to_string());
        }
    }
    let queue = Queue(Mutex::default(), Mutex::default(), AtomicBool::new(true));
    {
        let device = Device::new(&Config::default(), &queue).unwrap();
        let disk = device.add(&disk()).unwrap();
        disk.translate(0x5000, 1, access::READ).err().unwrap();
        queue.2.store(false, Ordering::Relaxed);
        disk.translate(0x6000, 1, access::READ).err().unwrap();
        assert_eq!(device.last_faults().iter().map(|fault| fault.dropped).collect::<Vec<_>>(), [true, false]);
        attach(&device, 1, DISK);
    }
    let records = queue.0.into_inner().unwrap();
    assert_eq!(records[0][8..12], DISK.to_le_bytes());
    assert_eq!(records.len(), 2);
    assert!(queue.1.into_inner().unwrap()[0].starts_with("ATTACH"));
}

#[test]
fn a_listener_is_called_from_registration_to_drop() {
    let device = device();
    let disk = device.add(&disk()).unwrap();
    attach(&device, 1, DISK);
    map(&device, 1, 0x1000, 0x1fff, 0);
    let (listener, read) = diary();
    let registration = disk.listen(listener).unwrap();
    assert_eq!(read(), ["Translated", "map 1000-1fff"]);
    map(&device, 1, 0x2000, 0x2fff, 0);
    unmap(&device, 1, 0x1000, 0x1fff);
    assert_eq!(read(), ["map 2000-2fff", "unmap 1000-1fff"]);
    drop(registration);
    assert_eq!(read(), ["unmap 2000-2fff", "Blocked"]);
    map(&device, 1, 0x3000, 0x3fff, 0);
    assert!(read().is_empty());
}

#[test]
fn a_refusal_is_the_status_of_the_request() {
    struct Refuses;
    impl Listener for Refuses {
        fn map(&mut self, mapping: &Mapping) -> Result<()> {
            Err(if mapping.first == 0x1000 { Error::NOMEM } else { Error(0) })
        }
        fn unmap(&mut self, _: &Mapping) {}
    }
    let device = device();
    let disk = device.add(&disk()).unwrap();
    attach(&device, 1, DISK);
    let registration = disk.listen(Refuses).unwrap();
    assert_eq!(map(&device, 1, 0x1000, 0x1fff, 0), viommu::sys::VIOMMU_S_NOMEM as u8);
    assert_eq!(map(&device, 1, 0x2000, 0x2fff, 0), viommu::sys::VIOMMU_S_IOERR as u8);
    drop(registration);
    map(&device, 1, 0x1000, 0x1fff, 0);
    assert_eq!(disk.listen(Refuses).err(), Some(Error::NOMEM));
}

#[test]
fn objects_are_dropped_once() {
    struct Counts(Arc<AtomicU32>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Events for Counts {}
    impl Listener for Counts {
        fn map(&mut self, _: &Mapping) -> Result<()> {
            Err(Error::NOMEM)
        }
        fn unmap(&mut self, _: &Mapping) {}
    }
    let (events, listeners) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    assert!(Device::new(&Config { probe_size: 3, ..Default::default() }, Counts(events.clone())).is_err());
    assert_eq!(events.load(Ordering::Relaxed), 1);
    let device = Device::new(&Config::default(), Counts(events.clone())).unwrap();
    device.accept(device.features()).unwrap();
    let disk = device.add(&disk()).unwrap();
    drop(disk.listen(Counts(listeners.clone())).unwrap());
    attach(&device, 1, DISK);
    map(&device, 1, 0, 0xfff, 0);
    assert!(disk.listen(Counts(listeners.clone())).is_err());
    assert_eq!(listeners.load(Ordering::Relaxed), 2);
    // A registration that is never dropped: the listener lives as long as the device may call it.
    detach(&device, 1, DISK);
    std::mem::forget(disk.listen(Counts(listeners.clone())).unwrap());
    drop(disk);
    drop(device);
    assert_eq!((events.load(Ordering::Relaxed), listeners.load(Ordering::Relaxed)), (2, 2));
}

#[test]
fn a_dropped_endpoint_is_unplugged() {
    let device = device();
    drop(device.add(&disk()).unwrap());
    assert_eq!(device.translate(DISK, 0, 1, access::READ).err(), Some(Error::NOENT));
    let disk = device.add(&disk()).unwrap();
    disk.block(true).unwrap();
    attach(&device, 1, DISK);
    map(&device, 1, 0, 0xfff, 0);
    assert!(disk.translate(0, 1, access::READ).is_err());
    disk.block(false).unwrap();
    assert!(disk.translate(0, 1, access::READ).is_ok());
    let reserved = Reserved { range: 0x8000..=0x8fff, msi: false };
    disk.update(&EndpointConfig { reserved: vec![reserved], ..Default::default() }).unwrap();
    assert_ne!(map(&device, 1, 0x8000, 0x8fff, 0), OK);
}

#[test]
fn unmap_waits_for_a_section() {
    let device = device();
    let _disk = device.add(&disk()).unwrap();
    attach(&device, 1, DISK);
    map(&device, 1, 0, 0xfff, 0x4000);
    map(&device, 1, 0x1000, 0x1fff, 0x9000);
    let mut dma = device.dma().unwrap();
    let (inside, has_begun) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    thread::scope(|threads| {
        let device = &device;
        threads.spawn(move || {
            has_begun.recv().unwrap();
            unmap(device, 1, 0, 0xfff);
            done.send(()).unwrap();
        });
        dma.section(|section| {
            let mut pieces = Vec::new();
            section
                .access(DISK, 0x800, 0x1000, access::READ, |piece| pieces.push((piece.address, piece.length)))
                .unwrap();
            assert_eq!(pieces, [(0x4800, 0x800), (0x9000, 0x800)]);
            inside.send(()).unwrap();
            assert!(is_done.recv_timeout(Duration::from_millis(100)).is_err());
        });
        is_done.recv_timeout(Duration::from_secs(20)).unwrap();
    });
    assert!(dma.section(|section| section.translate(DISK, 0, 1, access::READ).is_err()));
}

#[test]
fn a_panic_ends_its_section_and_its_batch() {
    let device = device();
    let _disk = device.add(&disk()).unwrap();
    attach(&device, 1, DISK);
    map(&device, 1, 0, 0xfff, 0);
    let mut dma = device.dma().unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dma.section(|_| panic!("in a section"))));
    assert!(caught.is_err());
    assert_eq!(unmap(&device, 1, 0, 0xfff), OK); // would wait for ever
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.batch(|_| panic!("in a batch"))));
    assert!(caught.is_err());
    device.reset(); // would wait for ever
}

#[test]
fn a_batch_answers_its_requests() {
    let device = device();
    let _disk = device.add(&disk()).unwrap();
    attach(&device, 1, DISK);
    let requests = [guest::map_bytes(1, 0, 0xfff, 0), guest::map_bytes(1, 0, 0xfff, 0)];
    let mut tails = [[0xffu8; 4]; 2];
    device.batch(|batch| {
        for (request, tail) in requests.iter().zip(&mut tails) {
            assert_eq!(batch.request(&[IoSlice::new(request)], &mut [IoSliceMut::new(tail)]), 4);
        }
    });
    assert_eq!((tails[0][0], tails[1][0]), (OK, viommu::sys::VIOMMU_S_INVAL as u8));
}

#[test]
fn state_is_saved_and_loaded() {
    let source = device();
    let _disk = source.add(&disk()).unwrap();
    attach(&source, 1, DISK);
    map(&source, 1, 0x1000, 0x1fff, 0x7000);
    let saved = source.save().unwrap();
    let target = device();
    let error = target.load(&saved).unwrap_err();
    assert_eq!(error.error, Error::BUSY);
    assert!(error.reason.contains("endpoint"), "{error}");
    let disk = target.add(&disk()).unwrap();
    target.load(&saved).unwrap();
    assert_eq!(disk.translate(0x1000, 1, access::READ).unwrap().address, 0x7000);
    assert_eq!(target.load(&saved[..saved.len() - 1]).unwrap_err().error, Error::INVAL);
}

#[test]
fn an_access_with_a_pasid_is_translated_by_its_domain() {
    let features = device().features() | viommu::sys::VIOMMU_F_PASID;
    let config = Config { features, ..Default::default() };
    let device = Device::new(&config, ()).unwrap();
    device.accept(device.features()).unwrap();
    assert!(device.add(&EndpointConfig { pasid_bits: 21, ..disk() }).is_err());
    let _disk = device.add(&EndpointConfig { pasid_bits: 4, ..disk() }).unwrap();
    assert_eq!(attach_pasid(&device, 2, DISK, 7), OK);
    assert_eq!(map(&device, 2, 0x1000, 0x1fff, 0x9000), OK);
    assert_eq!(device.translate_pasid(DISK, 7, 0x1000, 1, access::READ).unwrap().address, 0x9000);
    assert_eq!(device.translate(DISK, 0x1000, 1, access::READ).err(), Some(Error::FAULT));
    let mut dma = device.dma().unwrap();
    dma.section(|section| {
        assert_eq!(section.translate_pasid(DISK, 7, 0x1004, 1, access::READ).unwrap().address, 0x9004);
        assert_eq!(section.translate_pasid(DISK, 6, 0x1000, 1, access::READ).err(), Some(Error::FAULT));
    });
}

#[test]
fn a_consumer_is_updated_by_a_miss_and_invalidated_by_an_unmap_and_at_the_end() {
    struct Cache(Arc<Mutex<Vec<String>>>);
    impl Consumer for Cache {
        fn update(&self, iova: u64, to: &Translation) {
            self.0.lock().unwrap().push(format!("update {iova:x}+{:x} {:x}", to.length, to.address));
        }
        fn invalidate(&self, range: std::ops::RangeInclusive<u64>) {
            self.0.lock().unwrap().push(format!("invalidate {:x}-{:x}", range.start(), range.end()));
        }
    }
    let pages = Arc::new(Mutex::new(Vec::new()));
    let read = || std::mem::take(&mut *pages.lock().unwrap());
    let device = device();
    let disk = device.add(&disk()).unwrap();
    let iotlb = disk.iotlb(Cache(pages.clone()), 0).unwrap();
    assert_eq!(iotlb.miss(0x1000, 1, access::READ).err(), Some(Error::FAULT));
    assert_eq!(attach(&device, 1, DISK), OK);
    assert_eq!(map(&device, 1, 0x1000, 0x1fff, 0x9000), OK);
    assert_eq!(map(&device, 1, 0x5000, 0x5fff, 0xa000), OK);
    read();
    iotlb.miss(0x1000, 0x1000, access::READ).unwrap();
    assert_eq!(read(), ["update 1000+1000 9000"]);
    assert_eq!(unmap(&device, 1, 0x1000, 0x1fff), OK);
    assert_eq!(read(), ["invalidate 1000-1fff"]);
    iotlb.miss(0x5000, 0x1000, access::WRITE).unwrap();
    read();
    drop(iotlb);
    assert_eq!(read(), ["invalidate 5000-5fff"]);
    assert_eq!(Arc::strong_count(&pages), 1);
}

#[test]
fn a_panic_of_a_callback_aborts() {
    struct Panics;
    impl Listener for Panics {
        fn map(&mut self, _: &Mapping) -> Result<()> {
            panic!("in a callback")
        }
        fn unmap(&mut self, _: &Mapping) {}
    }
    if std::env::var("VIOMMU_PANIC").is_ok() {
        let device = device();
        let disk = device.add(&disk()).unwrap();
        let _registration = disk.listen(Panics).unwrap();
        attach(&device, 1, DISK);
        map(&device, 1, 0, 0xfff, 0);
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_panic_of_a_callback_aborts", "--nocapture"])
        .env("VIOMMU_PANIC", "1")
        .output()
        .unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.status), Some(6));
    assert!(String::from_utf8_lossy(&child.stderr).contains("viommu: a callback has panicked"));
}

#[test]
fn the_version_is_that_of_the_crate() {
    assert_eq!(viommu::version(), env!("CARGO_PKG_VERSION"));
}
