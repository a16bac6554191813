// SPDX-License-Identifier: BSD-3-Clause
/// Let the linker find a library: in the folders of VIOMMU_LIB_DIR, or where pkg-config says. Part of build.rs.
fn find(library: &str) {
    use std::env;
    use std::process::{exit, Command};

    println!("cargo:rerun-if-env-changed=VIOMMU_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rustc-link-lib=dylib={library}");
    if let Some(folders) = env::var_os("VIOMMU_LIB_DIR") {
        for folder in env::split_paths(&folders) {
            println!("cargo:rustc-link-search=native={}", folder.display());
        }
        return;
    }
    let answer = Command::new("pkg-config").args(["--libs-only-L", &format!("lib{library} >= 0.2")]).output();
    match answer {
        Ok(done) if done.status.success() => {
            for word in String::from_utf8_lossy(&done.stdout).split_whitespace() {
                if let Some(folder) = word.strip_prefix("-L") {
                    println!("cargo:rustc-link-search=native={folder}");
                }
            }
        }
        _ => {
            eprintln!("lib{library} was not found: install libviommu-dev, or set PKG_CONFIG_PATH or VIOMMU_LIB_DIR");
            exit(1);
        }
    }
}
