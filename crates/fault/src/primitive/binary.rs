//! A program that cannot start.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::file::{check_path, decoded};
use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// Makes a program one that cannot start. A copy takes its place, so that one that runs goes on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// The program; absolute.
    pub path: String,
    /// What becomes of it.
    pub becomes: Becomes,
}

/// What becomes of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// It needs a glibc that is newer than any. The newest version of its own list of needs is
    /// written anew, which is what a program from a newer Debian looks like to the loader.
    NewerGlibc,
    /// It is one of another processor.
    ForeignArchitecture,
    /// Nobody may execute it.
    NotExecutable,
    /// A library that it needs is nowhere.
    MissingLibrary,
}

/// Edits an ELF program. Every Debian has this Perl; none has a tool for it.
const ELF: &str = include_str!("elf.pl");

impl Binary {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        let path = sh(&self.path);
        let (words, edit, effect) = match self.becomes {
            Becomes::NewerGlibc => (
                "makes a newer glibc the need of",
                Some("newer-glibc"),
                format!("ldd {path} 2>&1 | grep -q 'GLIBC_2.99. not found'"),
            ),
            Becomes::MissingLibrary => (
                "takes a library from",
                Some("missing-library"),
                format!("ldd {path} 2>&1 | grep -q '^[[:space:]]*no-.*not found'"),
            ),
            Becomes::ForeignArchitecture => (
                "makes a foreign program of",
                Some("foreign-architecture"),
                format!("! cmp -s -n 20 -- {path} \"$KEPT/file\""),
            ),
            Becomes::NotExecutable => ("forbids to execute", None, format!("[ ! -x {path} ]")),
        };
        let is_program = format!(
            "[ -f {path} ] && [ ! -L {path} ] && [ -x {path} ] || {{ echo {path} 'is no program' >&2; exit 1; }}"
        );
        let (needs, inject) = match edit {
            None => (is_program, format!("chmod a-x -- {path}")),
            Some(what) => (
                format!("{is_program}\nperl -e {} {path} {what} try", sh(ELF)),
                format!(
                    "p={path}; n=\"$p.runproof-new\"\n\
                     {} && cp -a -- \"$p\" \"$n\" && perl \"$KEPT/elf\" \"$n\" {what} && mv -f -- \"$n\" \"$p\"",
                    decoded(ELF, "\"$KEPT/elf\"")
                ),
            ),
        };
        Ok(Act {
            words: format!("{words} {}", self.path),
            on: None,
            engine: None,
            needs,
            state: state_of_path(&self.path),
            keep: keep_path(&self.path, "file"),
            inject,
            effect,
            restore: restore_path(&self.path, "file"),
        })
    }
}
