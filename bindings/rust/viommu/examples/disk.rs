// SPDX-License-Identifier: BSD-3-Clause
//! The smallest VMM with a device of its own: a thread, the disk, writes into guest memory by DMA sections, while the
//! guest unmaps the memory. What the guest uses again after its UNMAP is never written.
//!
//!     cargo run --example disk
use std::io::{IoSlice, IoSliceMut};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use viommu::sys::{VIOMMU_T_ATTACH, VIOMMU_T_MAP, VIOMMU_T_UNMAP};
use viommu::{access, Config, Device, EndpointConfig, Events};

const DISK: u32 = 8;
const IOVA: u64 = 0x1000;
const PAGE: u64 = 0x1000;

/// Guest memory is shared with the guest, so that each byte may change at any time.
struct Memory(Vec<AtomicU8>);

struct Messages;

impl Events for Messages {
    fn log(&self, text: &str) {
        eprintln!("viommu: {text}");
    }
}

/// What a VMM does with a chain of the request queue.
fn request(device: &Device<'_>, kind: u32, fields: &[u64]) -> u8 {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(1u32.to_le_bytes()); // the domain
    bytes.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
    bytes.resize(36, 0);
    let mut tail = [0xff; 4];
    device.request(&[IoSlice::new(&bytes)], &mut [IoSliceMut::new(&mut tail)]);
    tail[0]
}

/// The disk: writes one sector after the other, as long as it may.
fn write_sectors(device: &Device<'_>, memory: &Memory, stop: &AtomicBool) -> viommu::Result<(u32, u32)> {
    let mut dma = device.dma()?;
    let (mut written, mut blocked) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let done = dma.section(|section| {
            section.access(DISK, IOVA, 512, access::WRITE | access::QUIET, |piece| {
                for byte in &memory.0[piece.address as usize..][..piece.length as usize] {
                    byte.store(0xd1, Ordering::Relaxed);
                }
            })
        });
        match done {
            Ok(()) => written += 1,
            Err(_) => blocked += 1,
        }
    }
    Ok((written, blocked))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory((0..2 * PAGE).map(|_| AtomicU8::new(0)).collect());
    let device = Device::new(&Config::default(), Messages)?;
    let _disk = device.add(&EndpointConfig { id: DISK, ..Default::default() })?;
    let stop = AtomicBool::new(false);
    device.accept(device.features())?;
    request(&device, VIOMMU_T_ATTACH, &[DISK.into()]);
    let (written, blocked) = thread::scope(|threads| {
        let disk = threads.spawn(|| write_sectors(&device, &memory, &stop));
        for _ in 0..1000 {
            let range = [IOVA, IOVA + PAGE - 1];
            request(&device, VIOMMU_T_MAP, &[range[0], range[1], PAGE, access::WRITE.into()]);
            thread::yield_now();
            request(&device, VIOMMU_T_UNMAP, &range);
            memory.0[PAGE as usize].store(0, Ordering::Relaxed);
            thread::yield_now();
            assert_eq!(memory.0[PAGE as usize].load(Ordering::Relaxed), 0, "written after UNMAP");
        }
        stop.store(true, Ordering::Relaxed);
        disk.join().unwrap()
    })?;
    println!("{written} sectors written, {blocked} blocked, none after an UNMAP");
    Ok(())
}
