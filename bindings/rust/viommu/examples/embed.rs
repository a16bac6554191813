// SPDX-License-Identifier: BSD-3-Clause
use viommu::{access, Config, Device, EndpointConfig};

fn main() -> viommu::Result<()> {
    let device = Device::new(&Config::default(), ())?;
    let disk = device.add(&EndpointConfig { id: 8, ..Default::default() })?;
    // ... requests of the guest go to device.request() ...
    if disk.translate(0x1000, 512, access::WRITE).is_err() {
        println!("the disk may not write there: nothing is mapped yet");
    }
    Ok(())
}
