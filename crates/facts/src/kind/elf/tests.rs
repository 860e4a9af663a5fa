//! Real binaries, and hand-made ones looked at by a real shell.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::parse::elf::Layout;
use crate::parse::elf::tests::Made;
use crate::testing;
use rstest::rstest;

/// A directory of its own that goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("runproof-elf-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fact(path: &Path) -> Elf {
    let query = ElfQuery {
        elf: path.to_str().unwrap().to_owned(),
    };
    match testing::fact::<Elf>(&query) {
        Observed::Known(elf) => elf,
        other @ (Observed::Absent | Observed::Unknown(_)) => panic!("{other:?}"),
    }
}

fn known<T: Clone>(field: &Observed<T>) -> T {
    field.known().unwrap().clone()
}

#[test]
fn a_dynamic_program_of_this_machine_has_all_that_it_needs() {
    let elf = fact(&std::env::current_exe().unwrap());
    assert_eq!(elf.native, Observed::Known(true), "{elf:?}");
    assert_eq!(elf.interpreter_exists, Observed::Known(true));
    assert_eq!(elf.is_static, Observed::Known(false));
    assert!(known(&elf.needed).iter().any(|name| name == "libc.so.6"));
    assert_eq!(elf.missing, Observed::Known(vec![]));
    assert!(known(&elf.glibc_required).starts_with("2."));
}

#[test]
fn the_versions_are_those_that_readelf_prints() {
    for path in ["/bin/sh", "/usr/bin/od", "/usr/bin/env"] {
        let Ok(output) = Command::new("readelf").args(["-W", "-V", path]).output() else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut theirs: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once("Name: ")?.1.split(' ').next())
            .filter(|name| name.contains('_'))
            .collect();
        theirs.sort_unstable();
        let versions = known(&fact(Path::new(path)).versions);
        let mut ours: Vec<&str> = versions.iter().map(|v| v.version.as_str()).collect();
        ours.sort_unstable();
        assert_eq!(ours, theirs, "{path}");
    }
}

#[test]
fn a_hand_made_program_reads_the_same_through_a_shell() {
    let place = Place::new("made");
    let made = Made {
        needed: vec!["libown.so.1", "libgone.so.1", "libc.so.6"],
        runpath: Some("$ORIGIN/lib:/opt/none"),
        ..Made::default()
    };
    let path = place.write("program", &made.bytes());
    std::fs::create_dir(place.0.join("lib")).unwrap();
    place.write("lib/libown.so.1", b"");
    let link = place.0.join("lib/link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for path in [path, link] {
        let elf = fact(&path);
        assert_eq!(
            elf.runpath,
            Observed::Known(vec!["$ORIGIN/lib".into(), "/opt/none".into()])
        );
        assert_eq!(
            elf.glibc_required,
            Observed::Known("2.34".into()),
            "{elf:?}"
        );
        if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            assert_eq!(elf.missing, Observed::Known(vec!["libgone.so.1".into()]));
        }
    }
}

#[test]
fn strings_behind_a_long_table_are_found_in_the_second_look() {
    let place = Place::new("far");
    // Version names in the middle of a table that is too long to be brought whole.
    let long: &'static str = Box::leak("x".repeat(4000).into_boxed_str());
    let mut needed = vec![long; 60];
    needed.push("libc.so.6");
    let mut versions = vec![("libc.so.6", vec![("GLIBC_2.34", 0)])];
    versions.extend((0..200).map(|_| {
        let name: &'static str = Box::leak("y".repeat(250).into_boxed_str());
        ("libx.so", vec![(name, 0), (name, 0), (name, 0)])
    }));
    let made = Made {
        needed,
        versions,
        ..Made::default()
    };
    let elf = fact(&place.write("program", &made.bytes()));
    assert_eq!(known(&elf.needed).len(), 61);
    assert_eq!(elf.glibc_required, Observed::Known("2.34".into()));
    assert!(matches!(elf.missing, Observed::Unknown(_)));
    assert!(elf.interpreter_exists.known().is_some());
}

#[test]
fn a_program_for_another_machine_is_told_from_a_native_one() {
    let place = Place::new("foreign");
    let made = Made {
        machine: 183,
        interpreter: Some("/lib/ld-linux-aarch64-none.so.1"),
        ..Made::default()
    };
    let elf = fact(&place.write("program", &made.bytes()));
    assert_eq!(elf.machine, Observed::Known("aarch64".into()));
    if cfg!(target_arch = "x86_64") {
        assert_eq!(elf.native, Observed::Known(false));
    }
    assert_eq!(elf.interpreter_exists, Observed::Known(false));
    assert!(matches!(elf.missing, Observed::Unknown(_)));
}

#[test]
fn a_narrow_program_is_read_and_not_called_native() {
    let place = Place::new("narrow");
    let made = Made {
        machine: 3,
        layout: Layout {
            wide: false,
            little: true,
        },
        interpreter: Some("/lib/ld-linux.so.2"),
        ..Made::default()
    };
    let elf = fact(&place.write("program", &made.bytes()));
    assert_eq!(
        (elf.class, elf.glibc_required),
        (Observed::Known(32), Observed::Known("2.34".into()))
    );
    assert_ne!(elf.native, Observed::Known(true));
}

#[test]
fn a_file_of_the_other_byte_order_is_named_but_not_searched() {
    let place = Place::new("big");
    let made = Made {
        machine: 22,
        layout: Layout {
            wide: true,
            little: false,
        },
        ..Made::default()
    };
    let elf = fact(&place.write("program", &made.bytes()));
    assert_eq!(elf.machine, Observed::Known("s390x".into()));
    assert_eq!(elf.endian, Observed::Known("big".into()));
    assert!(
        matches!(elf.glibc_required, Observed::Unknown(_)),
        "{elf:?}"
    );
}

#[test]
fn a_static_program_needs_nothing() {
    let place = Place::new("static");
    let made = Made {
        interpreter: None,
        needed: vec![],
        versions: vec![],
        ..Made::default()
    };
    let elf = fact(&place.write("program", &made.bytes()));
    assert_eq!(elf.is_static, Observed::Known(true));
    assert_eq!(elf.interpreter, Observed::Absent);
    assert_eq!(elf.interpreter_exists, Observed::Absent);
    assert_eq!(elf.missing, Observed::Known(vec![]));
    assert_eq!(elf.glibc_required, Observed::Absent);
}

#[rstest]
#[case::text(b"#!/bin/sh\nexit 0\n")]
#[case::empty(b"")]
#[case::one_byte(b"\x7f")]
fn what_does_not_begin_as_elf_is_not_elf(#[case] bytes: &[u8]) {
    let place = Place::new(&format!("other{}", bytes.len()));
    let elf = fact(&place.write("file", bytes));
    assert_eq!(elf.exists, Observed::Known(true));
    assert_eq!(elf.is_elf, Observed::Known(false));
    assert_eq!(elf.needed, Observed::Absent);
}

#[test]
fn a_directory_is_not_elf_and_nothing_is_nothing() {
    let elf = fact(Path::new("/"));
    assert_eq!(elf.is_elf, Observed::Known(false));
    let elf = fact(Path::new("/no/such/file"));
    assert_eq!(elf.exists, Observed::Known(false));
    assert_eq!(elf.is_elf, Observed::Absent);
}

#[test]
fn a_file_that_cannot_be_read_is_unknown() {
    let ask = look::ask("/x");
    let answers = Answers::new().with(
        ask,
        1,
        "head: cannot open '/x' for reading: Permission denied\n",
    );
    let query = ElfQuery { elf: "/x".into() };
    let elf: Elf = testing::read(&query, &answers);
    assert!(matches!(&elf.exists, Observed::Unknown(r) if r.kind == ReasonKind::Permission));
    assert!(matches!(&elf.glibc_required, Observed::Unknown(_)));
}

#[rstest]
#[case::header_only(20)]
#[case::program_headers_cut(100)]
#[case::strings_cut(300)]
fn a_file_that_is_cut_is_elf_but_makes_no_sense(#[case] len: usize) {
    let place = Place::new(&format!("cut{len}"));
    let elf = fact(&place.write("program", &Made::default().bytes()[..len]));
    assert_eq!(elf.is_elf, Observed::Known(true));
    for field in [
        elf.glibc_required.exists(),
        elf.needed.exists(),
        elf.missing.exists(),
    ] {
        assert!(matches!(field, Observed::Unknown(_)), "{field:?}");
    }
}

#[rstest]
#[case(Some("x86_64"), 62, true, Some(true))]
#[case(Some("aarch64"), 62, true, Some(false))]
#[case(Some("x86_64"), 3, false, None)]
#[case(Some("x86_64"), 62, false, None)]
#[case(Some("i686"), 3, false, Some(true))]
#[case(Some("armv7l"), 40, false, Some(true))]
#[case(Some("riscv64"), 243, true, Some(true))]
#[case(Some("riscv64"), 243, false, Some(false))]
fn native_is_said_only_when_it_is_sure(
    #[case] node: Option<&str>,
    #[case] machine: u16,
    #[case] wide: bool,
    #[case] expected: Option<bool>,
) {
    let made = Made {
        machine,
        layout: Layout { wide, little: true },
        ..Made::default()
    };
    let header = Header::read(&made.bytes()).unwrap();
    assert_eq!(native(&header, node.unwrap()).known().copied(), expected);
}
