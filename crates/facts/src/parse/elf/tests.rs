//! Tables of hand-made files; real binaries are in the tests of the kind `elf`.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// What a hand-made file holds.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub layout: Layout,
    pub machine: u16,
    pub kind: u16,
    pub interpreter: Option<&'static str>,
    pub needed: Vec<&'static str>,
    pub runpath: Option<&'static str>,
    /// Library, and its versions with their flags.
    pub versions: Vec<(&'static str, Vec<(&'static str, u16)>)>,
    /// Bytes before the strings, so that they lie far into the file.
    pub padding: usize,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            layout: Layout {
                wide: true,
                little: true,
            },
            machine: 62,
            kind: 3,
            interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
            needed: vec!["libm.so.6", "libc.so.6"],
            runpath: None,
            versions: vec![
                ("libm.so.6", vec![("GLIBC_2.29", 0)]),
                (
                    "libc.so.6",
                    vec![
                        ("GLIBC_2.2.5", 0),
                        ("GLIBC_2.34", 0),
                        ("GLIBC_2.38", VER_FLG_WEAK),
                    ],
                ),
            ],
            padding: 0,
        }
    }
}

impl Made {
    fn put(&self, out: &mut Vec<u8>, value: u64, width: usize) {
        let bytes = value.to_le_bytes();
        let bytes = bytes[..width].iter();
        if self.layout.little {
            out.extend(bytes);
        } else {
            out.extend(bytes.rev());
        }
    }

    /// The file: header, program headers, interpreter, padding, strings, versions, dynamic section.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        const BASE: u64 = 0x40_0000;
        let wide = self.layout.wide;
        let word = if wide { 8 } else { 4 };
        let (header, entry) = if wide { (64, 56) } else { (52, 32) };
        let dynamic_wanted = !self.needed.is_empty();
        let count = 1 + usize::from(self.interpreter.is_some()) + usize::from(dynamic_wanted);
        let interpreter_at = header + entry * count;
        let interpreter = self.interpreter.map_or(Vec::new(), |path| {
            path.bytes().chain([0]).collect::<Vec<u8>>()
        });
        let strings_at = interpreter_at + interpreter.len() + self.padding;
        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u64;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let needed: Vec<u64> = self.needed.iter().map(|name| string(name)).collect();
        let runpath = self.runpath.map(&mut string);
        let names: Vec<(u64, Vec<(u64, u16)>)> = self
            .versions
            .iter()
            .map(|(library, versions)| {
                let versions = versions.iter().map(|(name, flags)| (string(name), *flags));
                let versions = versions.collect();
                (string(library), versions)
            })
            .collect();
        let versions_at = strings_at + strings.len();
        let mut versions = Vec::new();
        for (index, (library, list)) in names.iter().enumerate() {
            let last = index + 1 == names.len();
            self.put(&mut versions, 1, 2);
            self.put(&mut versions, list.len() as u64, 2);
            self.put(&mut versions, *library, 4);
            self.put(&mut versions, 16, 4);
            let size = 16 + 16 * list.len() as u64;
            self.put(&mut versions, if last { 0 } else { size }, 4);
            for (at, (name, flags)) in list.iter().enumerate() {
                self.put(&mut versions, 0, 4);
                self.put(&mut versions, u64::from(*flags), 2);
                self.put(&mut versions, 2, 2);
                self.put(&mut versions, *name, 4);
                self.put(&mut versions, if at + 1 == list.len() { 0 } else { 16 }, 4);
            }
        }
        let dynamic_at = versions_at + versions.len();
        let mut dynamic = Vec::new();
        let mut tags: Vec<(u64, u64)> = needed.iter().map(|at| (DT_NEEDED, *at)).collect();
        tags.extend(runpath.map(|at| (DT_RUNPATH, at)));
        tags.push((DT_STRTAB, BASE + strings_at as u64));
        tags.push((DT_STRSZ, strings.len() as u64));
        if !self.versions.is_empty() {
            tags.push((DT_VERNEED, BASE + versions_at as u64));
        }
        tags.push((0, 0));
        for (tag, value) in tags {
            self.put(&mut dynamic, tag, word);
            self.put(&mut dynamic, value, word);
        }
        let end = dynamic_at + dynamic.len();

        let mut out = b"\x7fELF".to_vec();
        out.push(if wide { 2 } else { 1 });
        out.push(if self.layout.little { 1 } else { 2 });
        out.push(1);
        out.resize(16, 0);
        self.put(&mut out, u64::from(self.kind), 2);
        self.put(&mut out, u64::from(self.machine), 2);
        self.put(&mut out, 1, 4);
        self.put(&mut out, BASE, word);
        self.put(&mut out, header as u64, word);
        self.put(&mut out, 0, word);
        self.put(&mut out, 0, 4);
        for value in [header, entry, count, 0, 0, 0] {
            self.put(&mut out, value as u64, 2);
        }
        let mut segment = |kind: u32, at: usize, len: usize| {
            let (at, len) = (at as u64, len as u64);
            self.put(&mut out, u64::from(kind), 4);
            if wide {
                self.put(&mut out, 4, 4);
            }
            for value in [at, BASE + at, BASE + at, len, len] {
                self.put(&mut out, value, word);
            }
            if !wide {
                self.put(&mut out, 4, 4);
            }
            self.put(&mut out, 1, word);
        };
        segment(PT_LOAD, 0, end);
        if self.interpreter.is_some() {
            segment(PT_INTERP, interpreter_at, interpreter.len());
        }
        if dynamic_wanted {
            segment(PT_DYNAMIC, dynamic_at, dynamic.len());
        }
        out.extend(interpreter);
        out.resize(strings_at, 0);
        out.extend(strings);
        out.extend(versions);
        out.extend(dynamic);
        out
    }
}

/// Loader, libraries, search path, versions.
type All = (Option<String>, Vec<String>, Option<String>, Vec<Version>);

/// Everything that can be read of a file, given the ranges that it asks for.
fn read_all(file: &[u8]) -> Told<All> {
    let header = Header::read(&file[..file.len().min(64)])?;
    let mut ranges = Ranges::default();
    for _ in 0..8 {
        let told = Image::read(&header, &ranges).and_then(|image| {
            Ok((
                image.interpreter()?,
                image.needed()?,
                image.search_path()?,
                image.versions()?,
            ))
        });
        match told {
            Err(Trouble::Lacks { offset, len }) => {
                assert!(len <= 8 << 20, "{len}");
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(file.len());
                let end = start
                    .saturating_add(usize::try_from(len).unwrap())
                    .min(file.len());
                ranges.add(offset, len, file[start..end].to_vec());
            }
            told => return told,
        }
    }
    panic!("no end of ranges")
}

#[rstest]
#[case::wide_little(true, true)]
#[case::wide_big(true, false)]
#[case::narrow_little(false, true)]
#[case::narrow_big(false, false)]
fn every_layout_reads_the_same(#[case] wide: bool, #[case] little: bool) {
    let made = Made {
        layout: Layout { wide, little },
        runpath: Some("$ORIGIN/../lib:/opt/lib"),
        ..Made::default()
    };
    let (interpreter, needed, path, versions) = read_all(&made.bytes()).unwrap();
    assert_eq!(interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
    assert_eq!(needed, ["libm.so.6", "libc.so.6"]);
    assert_eq!(path.as_deref(), Some("$ORIGIN/../lib:/opt/lib"));
    assert_eq!(versions.len(), 4);
    assert_eq!(glibc_required(&versions).as_deref(), Some("2.34"));
}

#[rstest]
#[case(3, true, true, "i386")]
#[case(62, true, true, "x86_64")]
#[case(183, true, true, "aarch64")]
#[case(21, true, true, "ppc64le")]
#[case(21, true, false, "ppc64")]
#[case(243, false, true, "riscv32")]
#[case(4711, true, true, "em_4711")]
fn machines_have_the_names_of_uname(
    #[case] machine: u16,
    #[case] wide: bool,
    #[case] little: bool,
    #[case] name: &str,
) {
    let made = Made {
        machine,
        layout: Layout { wide, little },
        ..Made::default()
    };
    assert_eq!(Header::read(&made.bytes()).unwrap().machine_name(), name);
}

#[test]
fn a_static_program_asks_for_nothing() {
    let made = Made {
        interpreter: None,
        needed: vec![],
        versions: vec![],
        ..Made::default()
    };
    assert_eq!(
        read_all(&made.bytes()).unwrap(),
        (None, vec![], None, vec![])
    );
}

#[rstest]
#[case(&["GLIBC_2.2.5", "GLIBC_2.10", "GLIBC_2.9"], Some("2.10"))]
#[case(&["GLIBC_2.34", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR"], Some("2.34"))]
#[case(&["GLIBCXX_3.4.30", "GCC_3.0", "OPENSSL_3.0.0"], None)]
#[case(&[], None)]
fn only_numbered_versions_of_glibc_count(#[case] names: &[&str], #[case] expected: Option<&str>) {
    let versions: Vec<Version> = names
        .iter()
        .map(|&name| Version {
            library: "libc.so.6".into(),
            version: name.into(),
            weak: false,
        })
        .collect();
    assert_eq!(glibc_required(&versions).as_deref(), expected);
}

/// Offsets of fields in the default file: four program headers would begin at 64.
#[rstest]
#[case::header_table_beyond_the_end(32, 8, u64::MAX - 7)]
#[case::headers_of_another_size(54, 2, 57)]
#[case::too_many_headers(56, 2, 0xfffe)]
#[case::load_beyond_the_end(64 + 8, 8, 1 << 40)]
#[case::load_that_wraps(64 + 16, 8, u64::MAX)]
#[case::interpreter_beyond_the_end(64 + 56 + 8, 8, 1 << 30)]
#[case::endless_interpreter(64 + 56 + 32, 8, 1 << 20)]
#[case::dynamic_beyond_the_end(64 + 112 + 8, 8, 1 << 20)]
#[case::dynamic_without_end(64 + 112 + 32, 8, 16)]
fn a_hostile_header_is_refused(#[case] at: usize, #[case] width: usize, #[case] value: u64) {
    let mut bytes = Made::default().bytes();
    bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    assert!(matches!(read_all(&bytes), Err(Trouble::Because(_))));
}

#[test]
fn a_chain_of_versions_that_never_ends_is_refused() {
    // One library after the other, each 16 bytes further and with one version.
    let made = Made {
        versions: (0..600)
            .map(|_| ("libc.so.6", vec![("GLIBC_2.4", 0)]))
            .collect(),
        ..Made::default()
    };
    assert!(matches!(read_all(&made.bytes()),
        Err(Trouble::Because(r)) if r.kind == ReasonKind::CapReached));
}

#[test]
fn names_far_into_the_file_are_asked_for() {
    let bytes = Made {
        padding: 300_000,
        ..Made::default()
    }
    .bytes();
    let header = Header::read(&bytes[..64]).unwrap();
    let mut ranges = Ranges::default();
    ranges.add(0, 4096, bytes[..4096].to_vec());
    // Six entries of two words each.
    let (offset, len) = (bytes.len() as u64 - 96, 96);
    assert_eq!(
        Image::read(&header, &ranges).unwrap_err(),
        Trouble::Lacks { offset, len }
    );
}

proptest! {
    #[test]
    fn a_damaged_file_never_panics(
        wide: bool, little: bool,
        damage in proptest::collection::vec((0usize..700, any::<u8>()), 0..8),
        cut in 0usize..2000,
    ) {
        let made = Made { layout: Layout { wide, little }, ..Made::default() };
        let mut bytes = made.bytes();
        for (at, byte) in damage {
            if let Some(b) = bytes.get_mut(at) {
                *b = byte;
            }
        }
        bytes.truncate(cut);
        let _ = read_all(&bytes);
    }
}
