//! A binary: what it needs of the node that is to run it.
//!
//! Two looks. The first one lets the shell follow the program headers to the
//! few ranges that matter and brings them as text of `od`, so that nothing but
//! coreutils is needed and no big file is read. The second one asks whether the
//! loader and the libraries are where the node's loader would look for them.

use runproof_model::{Observed, Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::look::node;
use crate::parse::elf::{self, Header, Image, Ranges, Told, Trouble, Version};
use crate::quote::sh;

mod look;
mod search;

use look::First;
use search::{Place, Search};

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElfQuery {
    /// Absolute path; a symbolic link is followed.
    pub elf: String,
}

/// An ELF file as the loader sees it. Of a file that is not ELF, everything
/// but `exists` and `is_elf` is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Elf {
    /// Whether the path leads to anything.
    pub exists: Observed<bool>,
    /// Whether it is a regular file that begins as ELF does.
    pub is_elf: Observed<bool>,
    /// Word size: 32 or 64.
    pub class: Observed<u64>,
    /// Byte order: `little` or `big`.
    pub endian: Observed<String>,
    /// The machine that it is for, as `uname -m` names it: `x86_64`, `aarch64`, ….
    pub machine: Observed<String>,
    /// Whether this node's machine runs it without emulation.
    pub native: Observed<bool>,
    /// `exec`, `dyn` (position-independent program, or library), `relocatable`, `core` or `other`.
    pub kind: Observed<String>,
    /// The loader that the kernel starts for it; absent when there is none.
    pub interpreter: Observed<String>,
    /// Whether that loader is on the node; absent when there is none.
    pub interpreter_exists: Observed<bool>,
    /// Whether it needs neither a loader nor a library; absent for what is no program and no library.
    pub is_static: Observed<bool>,
    /// The libraries that it names.
    pub needed: Observed<Vec<String>>,
    /// Those of them that the node's loader would not find, without LD_LIBRARY_PATH;
    /// what the libraries need in turn is not followed.
    pub missing: Observed<Vec<String>>,
    /// Where it tells the loader to look first (DT_RUNPATH, else DT_RPATH).
    pub runpath: Observed<Vec<String>>,
    /// The greatest version of glibc that it insists on, such as `2.34`; absent when it asks for none.
    pub glibc_required: Observed<String>,
    /// Every version of a library that it asks for.
    pub versions: Observed<Vec<ElfVersion>>,
}

/// A version that a library has to provide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElfVersion {
    /// The library, such as `libc.so.6`.
    pub library: String,
    /// The version's name, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether the loader goes on without it.
    pub weak: bool,
}

/// What the parser told of the ranges known so far.
struct Parsed {
    interpreter: Told<Option<String>>,
    libraries: Told<bool>,
    needed: Told<Vec<String>>,
    search_path: Told<Option<String>>,
    versions: Told<Vec<Version>>,
    no_defaults: bool,
}

impl Parsed {
    fn of(header: &Header, ranges: &Ranges) -> Self {
        match Image::read(header, ranges) {
            Ok(image) => Self {
                interpreter: image.interpreter(),
                libraries: Ok(image.needs_libraries()),
                needed: image.needed(),
                search_path: image.search_path(),
                versions: image.versions(),
                no_defaults: image.no_default_directories(),
            },
            Err(trouble) => Self {
                interpreter: Err(trouble.clone()),
                libraries: Err(trouble.clone()),
                needed: Err(trouble.clone()),
                search_path: Err(trouble.clone()),
                versions: Err(trouble),
                no_defaults: false,
            },
        }
    }

    /// The ranges that are lacking, each once.
    fn lacks(&self) -> Vec<(u64, u64)> {
        let troubles = [
            self.interpreter.as_ref().err(),
            self.needed.as_ref().err(),
            self.search_path.as_ref().err(),
            self.versions.as_ref().err(),
        ];
        let mut lacks: Vec<(u64, u64)> = troubles
            .into_iter()
            .flatten()
            .filter_map(|trouble| match trouble {
                Trouble::Lacks { offset, len } => Some((*offset, *len)),
                Trouble::Because(_) => None,
            })
            .collect();
        lacks.sort_unstable();
        lacks.dedup();
        lacks
    }
}

fn observed<T>(told: Told<T>) -> Observed<T> {
    match told {
        Ok(value) => Observed::Known(value),
        Err(Trouble::Because(reason)) => Observed::Unknown(reason),
        Err(Trouble::Lacks { .. }) => Observed::unknown(
            ReasonKind::Unsupported,
            "ELF: it lies where two looks do not reach",
        ),
    }
}

/// Whether a machine runs a binary without emulation.
fn native(header: &Header, machine: &str) -> Observed<bool> {
    let of_file = header.machine_name();
    let wide = header.layout.wide;
    let (family, bits) = match machine {
        "i386" | "i486" | "i586" | "i686" => ("i386", 32),
        "armv6l" | "armv7l" | "armv8l" | "arm" => ("arm", 32),
        "x86_64" | "amd64" => ("x86_64", 64),
        "arm64" => ("aarch64", 64),
        other => (other, 64),
    };
    let narrow_sibling = matches!(
        (of_file.as_str(), family),
        ("i386", "x86_64") | ("arm", "aarch64") | ("x86_64", "i386") | ("aarch64", "arm")
    );
    if narrow_sibling || (of_file == family && wide != (bits == 64)) {
        Observed::unknown(
            ReasonKind::Unsupported,
            format!("whether a kernel of {machine} runs {of_file} depends on how it was built"),
        )
    } else {
        let little = !matches!(family, "s390x" | "ppc64" | "ppc" | "mips");
        Observed::Known(of_file == family && header.layout.little == little)
    }
}

impl Elf {
    /// A fact in which only the first two fields say something.
    fn without(exists: Observed<bool>, is_elf: Observed<bool>, rest: Option<&Reason>) -> Self {
        fn of<T>(rest: Option<&Reason>) -> Observed<T> {
            rest.map_or(Observed::Absent, |reason| Observed::Unknown(reason.clone()))
        }
        Self {
            exists,
            is_elf,
            class: of(rest),
            endian: of(rest),
            machine: of(rest),
            native: of(rest),
            kind: of(rest),
            interpreter: of(rest),
            interpreter_exists: of(rest),
            is_static: of(rest),
            needed: of(rest),
            missing: of(rest),
            runpath: of(rest),
            glibc_required: of(rest),
            versions: of(rest),
        }
    }
}

impl Fact for Elf {
    const KIND: &'static str = "elf";
    const ABOUT: &'static str = "A binary: machine, loader, libraries and versions of them that it needs, and whether the node has them.";
    const LATER: &'static [&'static str] = &[search::TEXT];
    type Query = ElfQuery;

    fn check(query: &ElfQuery) -> Result<(), String> {
        check_path(&query.elf)
    }

    fn asks(query: &ElfQuery) -> Vec<Ask> {
        vec![look::ask(&query.elf), node::ask(), Ask::read(search::CACHE)]
    }

    fn read(query: &ElfQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let done = |fact| Reading::Done(Observed::Known(fact));
        let yes = || Observed::Known(true);
        let (start, origin, ranges) = match look::read(answers, &query.elf) {
            Observed::Known(First::Elf {
                start,
                origin,
                ranges,
            }) => (start, origin, ranges),
            Observed::Known(First::Other) => {
                return done(Self::without(yes(), Observed::Known(false), None));
            }
            Observed::Absent => {
                return done(Self::without(
                    Observed::Known(false),
                    Observed::Absent,
                    None,
                ));
            }
            // What cannot be opened may be there all the same.
            Observed::Unknown(reason) => {
                let unknown = || Observed::Unknown(reason.clone());
                return done(Self::without(unknown(), unknown(), Some(&reason)));
            }
        };
        let header = match Header::read(&start) {
            Ok(header) => header,
            Err(trouble) => {
                let reason = match trouble {
                    Trouble::Because(reason) => reason,
                    Trouble::Lacks { .. } => Reason::new(ReasonKind::Garbled, "ELF: header"),
                };
                return done(Self::without(yes(), yes(), Some(&reason)));
            }
        };

        let first = Parsed::of(&header, &ranges);
        let lacks = first.lacks();
        let search = if lacks.is_empty() {
            Search::new(&header, &first, origin.as_deref(), answers)
        } else {
            Search::loader_only(&first)
        };
        let slices: Vec<(u64, u64, Ask)> = lacks
            .iter()
            .map(|&(offset, len)| (offset, len, look::slice(&query.elf, offset, len)))
            .collect();
        let mut more: Vec<Ask> = slices.iter().map(|(_, _, ask)| ask.clone()).collect();
        more.extend(search.ask());
        if !more.iter().all(|ask| answers.contains(ask)) {
            return Reading::More(more);
        }
        let parsed = if slices.is_empty() {
            first
        } else {
            let mut ranges = ranges;
            let mut refused = None;
            for (offset, len, ask) in &slices {
                match answers.bytes(ask) {
                    Observed::Known(bytes) => ranges.add(*offset, *len, bytes.to_vec()),
                    Observed::Absent => {
                        let gone = "it went away while it was looked at";
                        refused = Some(Reason::new(ReasonKind::Failed, gone));
                    }
                    Observed::Unknown(reason) => refused = Some(reason),
                }
            }
            let mut parsed = Parsed::of(&header, &ranges);
            if let Some(reason) = refused {
                parsed.blame(&reason);
            }
            parsed
        };
        Reading::Done(Observed::Known(Self::from_parts(
            &header, parsed, &search, answers,
        )))
    }

    fn by_hand(query: &ElfQuery) -> String {
        let path = sh(&query.elf);
        format!("file -L {path}; readelf -ldV {path}; ldd {path}")
    }
}

impl Parsed {
    /// Gives what still lacks a range the reason why it could not be had.
    fn blame(&mut self, reason: &Reason) {
        fn put<T>(told: &mut Told<T>, reason: &Reason) {
            if matches!(told, Err(Trouble::Lacks { .. })) {
                *told = Err(Trouble::Because(reason.clone()));
            }
        }
        put(&mut self.interpreter, reason);
        put(&mut self.libraries, reason);
        put(&mut self.needed, reason);
        put(&mut self.search_path, reason);
        put(&mut self.versions, reason);
    }
}

impl Elf {
    fn from_parts(header: &Header, parsed: Parsed, search: &Search, answers: &Answers) -> Self {
        let interpreter = observed(parsed.interpreter);
        let needed = observed(parsed.needed);
        let versions = observed(parsed.versions);
        let libraries = observed(parsed.libraries);
        let loads = matches!(header.kind_name(), "exec" | "dyn");
        let is_static = if loads {
            interpreter
                .clone()
                .and_then(|loader| libraries.map(|libraries| loader.is_none() && !libraries))
        } else {
            Observed::Absent
        };
        let places = search.places(answers);
        Self {
            exists: Observed::Known(true),
            is_elf: Observed::Known(true),
            class: Observed::Known(if header.layout.wide { 64 } else { 32 }),
            endian: Observed::Known(
                if header.layout.little {
                    "little"
                } else {
                    "big"
                }
                .to_owned(),
            ),
            machine: Observed::Known(header.machine_name()),
            native: Observed::from(node::read(answers))
                .and_then(|node| node.machine)
                .and_then(|machine| native(header, &machine)),
            kind: Observed::Known(header.kind_name().to_owned()),
            interpreter_exists: interpreter.clone().and_then(|loader| match loader {
                None => Observed::Absent,
                Some(loader) => match places.of(&loader) {
                    Place::There => Observed::Known(true),
                    Place::NotThere => Observed::Known(false),
                    Place::Unknown(reason) => Observed::Unknown(reason),
                },
            }),
            missing: needed
                .clone()
                .and_then(|needed| search.missing(&needed, &places)),
            interpreter: interpreter.and_then(Observed::from),
            is_static,
            needed,
            runpath: observed(parsed.search_path).map(|path| {
                let path = path.unwrap_or_default();
                let parts = path.split(':').filter(|_| !path.is_empty());
                parts.map(str::to_owned).collect()
            }),
            glibc_required: versions
                .as_ref()
                .and_then(|versions| elf::glibc_required(versions).into()),
            versions: versions.map(|versions| {
                let versions = versions.into_iter().map(|version| ElfVersion {
                    library: version.library,
                    version: version.version,
                    weak: version.weak,
                });
                versions.collect()
            }),
        }
    }
}

#[cfg(test)]
mod tests;
