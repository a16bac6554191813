#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The declarations of a crate agree with the headers: test_layout.py CRATE SOURCE LIBRARY RUSTC CC...

Both compilers print the size of each struct, the offset of each member and each constant. Every function that the
library exports is declared; `test_bindgen.sh` compares their arguments, where bindgen is installed.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE, LIBRARY, RUSTC, CC = pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
CRATE = SOURCE / "bindings/rust" / sys.argv[1]
TEXT = (CRATE / "src/bindings.rs").read_text()
STRUCTS = {name: re.findall(r"^    pub (\w+):", body, re.M)
           for name, body in re.findall(r"^pub struct (\w+) \{\n(.*?)^\}", TEXT, re.M | re.S) if "_unused" not in body}
CONSTANTS = re.findall(r"^pub const (VIOMMU_\w+): \w+ = ", TEXT, re.M)
# Macros whose values bindgen does not know; the crates have them by hand.
BY_HAND = set(re.findall(r"^pub const (VIOMMU_\w+): ", (CRATE / "src/lib.rs").read_text(), re.M))
C = """#include <stdio.h>
#include "{headers}"
int main(void)
{{
{lines}
	return 0;
}}
"""
RUST = """#![allow(dead_code)]
#[path = "{lib}"]
mod sys;
use sys::*;
macro_rules! offset {{ ($s:ident, $m:ident) => {{{{
    let s = std::mem::MaybeUninit::<$s>::uninit();
    unsafe {{ std::ptr::addr_of!((*s.as_ptr()).$m) as usize - s.as_ptr() as usize }}
}}}} }}
fn main() {{
{lines}
}}
"""


class Layout(unittest.TestCase):
    def output(self, folder, compiler, name, text):
        (folder / name).write_text(text)
        program = folder / (name + ".out")
        done = subprocess.run([*compiler, "-o", program, folder / name], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-4000:])
        return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()

    def test_structs_and_constants_are_those_of_c(self):
        self.assertGreater(len(STRUCTS), 20)
        self.assertGreater(len(CONSTANTS), 30)
        self.assertTrue(BY_HAND)
        in_c, in_rust = [], []
        for name, members in STRUCTS.items():
            in_c.append(f'\tprintf("{name} %zu\\n", sizeof(struct {name}));')
            in_rust.append(f'    println!("{name} {{}}", std::mem::size_of::<{name}>());')
            for member in members:
                in_c.append(f'\tprintf("{name}.{member} %zu\\n", offsetof(struct {name}, {member.removesuffix("_")}));')
                in_rust.append(f'    println!("{name}.{member} {{}}", offset!({name}, {member}));')
        for name in [*CONSTANTS, *sorted(BY_HAND)]:
            in_c.append(f'\tprintf("{name} %llu\\n", (unsigned long long){name});')
            in_rust.append(f'    println!("{name} {{}}", {name} as u64);')
        with tempfile.TemporaryDirectory() as name:
            c = self.output(pathlib.Path(name), [*CC, "-D_GNU_SOURCE", f"-I{SOURCE / 'include'}"], "layout.c",
                            C.format(headers=CRATE / "headers.h", lines="\n".join(in_c)))
            rust = self.output(pathlib.Path(name), [RUSTC, "--edition", "2021"], "layout.rs",
                               RUST.format(lib=CRATE / "src/lib.rs", lines="\n".join(in_rust)))
        self.assertEqual(rust, c)

    def test_every_exported_function_is_declared(self):
        symbols = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True)
        exported = set(re.findall(r" T (viommu_\w+)", symbols.stdout))
        declared = set(re.findall(r"^    pub fn (\w+)\(", TEXT, re.M))
        self.assertGreater(len(exported), 70)
        self.assertEqual(declared, exported)


unittest.main(argv=sys.argv[:1], verbosity=0)
