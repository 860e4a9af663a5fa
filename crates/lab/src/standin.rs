//! The stand-in's program: where it is found.

use std::path::{Path, PathBuf};

use crate::error::{LabError, io};
use crate::role::Roles;

/// The variable that names it.
const VARIABLE: &str = "RUNPROOF_STANDIN";
/// Its file name.
const NAME: &str = "runproof-standin";
/// What Cargo builds a static one for.
const STATIC: &str = "x86_64-unknown-linux-musl";
/// The folders of a target folder into which Cargo puts programs.
const BUILDS: [&str; 2] = ["release", "debug"];

/// What is put into nodes: read once for all of them. Nothing where no role needs it.
pub(crate) fn load_for(roles: &Roles) -> Result<Vec<u8>, LabError> {
    if roles
        .iter()
        .all(|(_, spec)| spec.standins().next().is_none())
    {
        return Ok(Vec::new());
    }
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
    let places = executable.as_deref().map(places).unwrap_or_default();
    places
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            LabError::machine("the stand-in, which plays the services that cannot be had, is not built").help(
                format!(
                    "`cargo build --release -p {NAME}` in a checkout (with `--target {STATIC}` it runs anywhere); it is \
                     looked for beside runproof, and in the target folder in which runproof was built; elsewhere \
                     {VARIABLE} names it"
                ),
            )
        })
}

/// Beside the program; and, where Cargo has built that, in the same target folder, a static one first.
/// Never in the working folder: what is there runs as root in nodes, and may be anybody's checkout.
fn places(executable: &Path) -> Vec<PathBuf> {
    let Some(mut beside) = executable.parent() else {
        return Vec::new();
    };
    // Cargo puts tests into a folder of their own below the programs.
    if beside.ends_with("deps") {
        beside = beside.parent().unwrap_or(beside);
    }
    let mut places = vec![beside.join(NAME)];
    if let Some(target) = target(beside) {
        for build in [&format!("{STATIC}/release"), "release", "debug"] {
            places.push(target.join(build).join(NAME));
        }
    }
    places
}

/// The target folder of a folder of Cargo's for programs.
fn target(programs: &Path) -> Option<&Path> {
    if !BUILDS.iter().any(|build| programs.ends_with(build)) {
        return None;
    }
    let target = programs.parent()?;
    if target.ends_with(STATIC) {
        target.parent()
    } else {
        Some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Where a target folder has it, a static one first.
    const BUILT: [&str; 3] = ["x86_64-unknown-linux-musl/release", "release", "debug"];

    #[rstest]
    #[case::by_cargo_run("/x/target/release/runproof", "/x/target/release", Some("/x/target"))]
    #[case::a_test("/x/target/debug/deps/lab-0123", "/x/target/debug", Some("/x/target"))]
    #[case::a_static_one(
        "/x/target/x86_64-unknown-linux-musl/release/runproof",
        "/x/target/x86_64-unknown-linux-musl/release",
        Some("/x/target")
    )]
    #[case::built_elsewhere("/tmp/t/debug/runproof", "/tmp/t/debug", Some("/tmp/t"))]
    #[case::installed("/usr/local/bin/runproof", "/usr/local/bin", None)]
    fn it_is_looked_for_beside_the_program_and_where_that_was_built_and_nowhere_else(
        #[case] executable: &str,
        #[case] beside: &str,
        #[case] target: Option<&str>,
    ) {
        let mut expected = vec![Path::new(beside).join(NAME)];
        if let Some(target) = target {
            expected.extend(BUILT.map(|build| Path::new(target).join(build).join(NAME)));
        }
        let places = places(Path::new(executable));
        assert_eq!(places, expected);
        assert!(places.iter().all(|place| place.is_absolute()));
    }
}
