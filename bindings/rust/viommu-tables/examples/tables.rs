// SPDX-License-Identifier: BSD-3-Clause
use viommu_tables::{read, Topology};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let machine = Topology::from_file("machine.yaml")?;
    std::fs::write("VIOT.aml", machine.generate("VIOT")?.to_bytes()?)?;

    for table in read("VIOT.aml")?.tables {
        for finding in table.check() {
            println!("{finding}");
        }
        println!("{:?}", table.topology()?.resolve("0000:03:00.0")?);
    }
    Ok(())
}
