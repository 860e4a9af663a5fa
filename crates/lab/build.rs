//! Compiles the lab's parts in (roles, lists of packages, the script that builds images), so
//! that an installed `runproof` needs no checkout.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let testenv = manifest.join("../../testenv").canonicalize()?;
    let mut files = Vec::new();
    for part in ["roles", "images"] {
        collect(&testenv.join(part), &mut files)?;
    }
    files.push(testenv.join("bin/images"));
    for part in ["roles", "images", "bin/images"] {
        println!("cargo::rerun-if-changed=../../testenv/{part}");
    }
    files.sort();
    let mut code = String::from("&[\n");
    for path in files {
        let Ok(name) = path.strip_prefix(&testenv) else {
            continue;
        };
        // git knows only this bit, and umasks differ.
        let runs = fs::metadata(&path)?.permissions().mode() & 0o100 != 0;
        let _ = writeln!(
            code,
            "    Part {{ path: {:?}, runs: {runs}, bytes: include_bytes!({:?}) }},",
            name.display().to_string(),
            path.display().to_string(),
        );
    }
    code.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("testenv.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
