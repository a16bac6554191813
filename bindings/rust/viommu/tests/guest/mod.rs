// SPDX-License-Identifier: BSD-3-Clause
//! A guest's driver: requests as bytes (<viommu/protocol.h>).
use std::io::{IoSlice, IoSliceMut};
use viommu::sys::{VIOMMU_SLOT_F_PASID, VIOMMU_T_ATTACH, VIOMMU_T_DETACH, VIOMMU_T_MAP, VIOMMU_T_UNMAP};
use viommu::{access, Device};

fn request(kind: u32, length: usize, words: &[u32]) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes.resize(length, 0);
    bytes
}

fn range(first: u64, last: u64) -> [u32; 4] {
    [first as u32, (first >> 32) as u32, last as u32, (last >> 32) as u32]
}

fn send(device: &Device<'_>, request: &[u8]) -> u8 {
    let mut tail = [0xff; 4];
    assert_eq!(device.request(&[IoSlice::new(request)], &mut [IoSliceMut::new(&mut tail)]), 4);
    tail[0]
}

pub fn attach(device: &Device<'_>, domain: u32, endpoint: u32) -> u8 {
    send(device, &request(VIOMMU_T_ATTACH, 20, &[domain, endpoint]))
}

pub fn attach_pasid(device: &Device<'_>, domain: u32, endpoint: u32, pasid: u32) -> u8 {
    send(device, &request(VIOMMU_T_ATTACH, 20, &[domain, endpoint, VIOMMU_SLOT_F_PASID, pasid]))
}

pub fn detach(device: &Device<'_>, domain: u32, endpoint: u32) -> u8 {
    send(device, &request(VIOMMU_T_DETACH, 20, &[domain, endpoint]))
}

pub fn map_bytes(domain: u32, first: u64, last: u64, phys: u64) -> Vec<u8> {
    let [a, b, c, d] = range(first, last);
    let flags = access::READ | access::WRITE;
    request(VIOMMU_T_MAP, 36, &[domain, a, b, c, d, phys as u32, (phys >> 32) as u32, flags])
}

pub fn map(device: &Device<'_>, domain: u32, first: u64, last: u64, phys: u64) -> u8 {
    send(device, &map_bytes(domain, first, last, phys))
}

pub fn unmap(device: &Device<'_>, domain: u32, first: u64, last: u64) -> u8 {
    let [a, b, c, d] = range(first, last);
    send(device, &request(VIOMMU_T_UNMAP, 28, &[domain, a, b, c, d]))
}
