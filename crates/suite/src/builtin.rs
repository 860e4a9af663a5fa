//! The suites that are compiled into the binary.

use crate::library::SourceFile;

/// The ledger.
pub(crate) const SOURCES: &str = include_str!("../../../suites/sources.yaml");
/// The conflicts.
pub(crate) const CONFLICTS: &str = include_str!("../../../suites/conflicts.yaml");

/// One line a file, by its path below `suites/`; a test compares it with the folder.
static FILES: &[(&str, &str)] = &[("conflicts.yaml", CONFLICTS), ("sources.yaml", SOURCES)];

/// Every file of the library.
pub(crate) fn files() -> Vec<SourceFile> {
    FILES
        .iter()
        .map(|&(name, text)| SourceFile::new(name, text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_file_below_suites_is_compiled_in() {
        let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites");
        let mut there = Vec::new();
        for folder in ["", "profiles"] {
            for entry in fs::read_dir(suites.join(folder)).unwrap().flatten() {
                let base = entry.file_name().into_string().unwrap();
                let name = Path::new(folder).join(base).to_str().unwrap().to_owned();
                if SourceFile::belongs(&name) {
                    there.push(name);
                }
            }
        }
        there.sort();
        let mut listed: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        listed.sort();
        assert_eq!(listed, there);
    }

    #[test]
    fn the_compiled_in_library_has_no_mistakes() {
        let library = crate::Library::builtin().unwrap_or_else(|d| panic!("{d:#?}"));
        let diagnostics = library.lint();
        let lines: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert!(diagnostics.is_empty(), "{}", lines.join("\n"));
    }
}
