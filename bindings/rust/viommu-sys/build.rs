// SPDX-License-Identifier: BSD-3-Clause
//! Find libviommu: in the folder VIOMMU_LIB_DIR, or where pkg-config says.
use std::env;
use std::process::{exit, Command};

fn main() {
    println!("cargo:rerun-if-env-changed=VIOMMU_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rustc-link-lib=dylib=viommu");
    if let Ok(folder) = env::var("VIOMMU_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
        return;
    }
    let answer = Command::new("pkg-config").args(["--libs-only-L", "libviommu >= 0.2"]).output();
    match answer {
        Ok(done) if done.status.success() => {
            for word in String::from_utf8_lossy(&done.stdout).split_whitespace() {
                if let Some(folder) = word.strip_prefix("-L") {
                    println!("cargo:rustc-link-search=native={folder}");
                }
            }
        }
        _ => {
            eprintln!("libviommu was not found: install libviommu-dev, or set PKG_CONFIG_PATH or VIOMMU_LIB_DIR");
            exit(1);
        }
    }
}
