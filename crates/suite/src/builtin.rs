//! The suites that are compiled into the binary.

use crate::library::SourceFile;

/// The ledger.
pub(crate) const SOURCES: &str = include_str!("../../../suites/sources.yaml");
/// The conflicts.
pub(crate) const CONFLICTS: &str = include_str!("../../../suites/conflicts.yaml");

/// One line a file, by its path below `suites/`; a test compares it with the folder.
static FILES: &[(&str, &str)] = &[
    ("basic.yaml", include_str!("../../../suites/basic.yaml")),
    ("botui.yaml", include_str!("../../../suites/botui.yaml")),
    ("cache.yaml", include_str!("../../../suites/cache.yaml")),
    ("caddy.yaml", include_str!("../../../suites/caddy.yaml")),
    ("cfg.yaml", include_str!("../../../suites/cfg.yaml")),
    ("ci.yaml", include_str!("../../../suites/ci.yaml")),
    ("conflicts.yaml", CONFLICTS),
    ("ct.yaml", include_str!("../../../suites/ct.yaml")),
    ("db.yaml", include_str!("../../../suites/db.yaml")),
    ("dir.yaml", include_str!("../../../suites/dir.yaml")),
    ("dm.yaml", include_str!("../../../suites/dm.yaml")),
    ("dns.yaml", include_str!("../../../suites/dns.yaml")),
    ("drive.yaml", include_str!("../../../suites/drive.yaml")),
    ("env.yaml", include_str!("../../../suites/env.yaml")),
    ("ext.yaml", include_str!("../../../suites/ext.yaml")),
    ("f2b.yaml", include_str!("../../../suites/f2b.yaml")),
    ("fw.yaml", include_str!("../../../suites/fw.yaml")),
    ("glibc.yaml", include_str!("../../../suites/glibc.yaml")),
    ("health.yaml", include_str!("../../../suites/health.yaml")),
    ("log.yaml", include_str!("../../../suites/log.yaml")),
    ("nat.yaml", include_str!("../../../suites/nat.yaml")),
    ("net.yaml", include_str!("../../../suites/net.yaml")),
    ("path.yaml", include_str!("../../../suites/path.yaml")),
    (
        "profiles/incus.yaml",
        include_str!("../../../suites/profiles/incus.yaml"),
    ),
    (
        "profiles/lxd.yaml",
        include_str!("../../../suites/profiles/lxd.yaml"),
    ),
    ("sources.yaml", SOURCES),
    ("sugg.yaml", include_str!("../../../suites/sugg.yaml")),
    ("svc.yaml", include_str!("../../../suites/svc.yaml")),
    ("tls.yaml", include_str!("../../../suites/tls.yaml")),
    ("vault.yaml", include_str!("../../../suites/vault.yaml")),
];

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
