//! The stand-in's program: where it is found.

use std::path::{Path, PathBuf};

use crate::error::{LabError, io};

/// The variable that names it.
const VARIABLE: &str = "RUNPROOF_STANDIN";
/// Its file name.
const NAME: &str = "runproof-standin";

/// What is put into nodes: read once for all of them.
pub(crate) fn load() -> Result<Vec<u8>, LabError> {
    let path = find()?;
    std::fs::read(&path).map_err(|e| io(&path, &e))
}

fn find() -> Result<PathBuf, LabError> {
    if let Some(given) = std::env::var_os(VARIABLE).filter(|given| !given.is_empty()) {
        let path = PathBuf::from(given);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(LabError::machine(format!(
                "{VARIABLE}: {}: no such file",
                path.display()
            )))
        };
    }
    let executable = std::env::current_exe().ok();
    let mut beside = executable.as_deref().and_then(Path::parent);
    // Cargo puts tests into a folder of their own below the programs.
    if beside.is_some_and(|folder| folder.ends_with("deps")) {
        beside = beside.and_then(Path::parent);
    }
    places(beside)
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            LabError::machine("the stand-in, which plays the services that cannot be had, is not built").help(
                format!(
                    "`cargo build --release -p {NAME}` in a checkout (with `--target x86_64-unknown-linux-musl` it \
                     runs anywhere); it is looked for beside runproof and in target/, or {VARIABLE} names it"
                ),
            )
        })
}

/// Beside the program; in its target folder, a static one first; in that of the working folder.
fn places(beside: Option<&Path>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let targets = beside
        .and_then(Path::parent)
        .map(Path::to_owned)
        .into_iter()
        .chain([PathBuf::from("target")]);
    places.extend(beside.map(|folder| folder.join(NAME)));
    for target in targets {
        for build in ["x86_64-unknown-linux-musl/release", "release", "debug"] {
            places.push(target.join(build).join(NAME));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_beside_the_program_comes_first() {
        let places = places(Some(Path::new("/x/target/debug")));
        assert_eq!(places[0], Path::new("/x/target/debug/runproof-standin"));
        assert!(places[1].ends_with("target/x86_64-unknown-linux-musl/release/runproof-standin"));
    }
}
