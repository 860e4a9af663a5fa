//! Compiles the recordings of faults in: every `fixtures/faults/<scenario>.json` that is there.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let fixtures = manifest.join("../../fixtures");
    let faults = fixtures.join("faults");
    // A folder that is not there yet is seen when it comes.
    let watched = if faults.is_dir() { &faults } else { &fixtures };
    println!("cargo::rerun-if-changed={}", watched.display());
    let mut code = String::from("&[\n");
    for path in recordings(&faults)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            code,
            "    ({name:?}, include_bytes!({:?})),",
            path.display().to_string()
        );
    }
    code.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("faults.rs"), code)
}

fn recordings(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "json") {
                paths.push(path.canonicalize()?);
            }
        }
    }
    paths.sort();
    Ok(paths)
}
