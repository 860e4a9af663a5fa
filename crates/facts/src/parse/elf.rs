//! ELF from ranges of a file: what the loader will want, without section headers.
//!
//! A binary may be hundreds of megabytes long, so it is never read whole. The
//! parser is given the ranges that were looked at, and says which further range
//! it lacks. It follows the loader, not the linker's tables for debuggers:
//! PT_DYNAMIC, DT_STRTAB, DT_VERNEED; so a binary stripped of its section
//! headers reads the same.

use runproof_model::{Reason, ReasonKind};

mod ranges;
pub use ranges::Ranges;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DF_1_NODEFLIB: u64 = 0x800;
const VER_FLG_WEAK: u16 = 2;

/// Real programs have a dozen segments, libraries and versions; these are far above.
const MAX_SEGMENTS: u64 = 128;
const MAX_DYNAMIC: u64 = 16 << 10;
const MAX_NEEDED: usize = 512;
const MAX_VERSIONS: usize = 2048;
const MAX_NAME: u64 = 256;
const MAX_STRING: u64 = 4096;
const MAX_STRINGS: u64 = 8 << 20;
const MAX_VERNEED: u64 = 1 << 20;

/// Why something cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This range of the file has to be looked at first.
    Lacks {
        /// First byte.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
    /// It cannot be told at all.
    Because(Reason),
}

fn garbled(what: &str) -> Trouble {
    Trouble::Because(Reason::new(ReasonKind::Garbled, format!("ELF: {what}")))
}

fn too_much(what: &str) -> Trouble {
    Trouble::Because(Reason::new(ReasonKind::CapReached, format!("ELF: {what}")))
}

/// The parser's results.
pub type Told<T> = Result<T, Trouble>;

/// How the file's numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// 64-bit rather than 32-bit.
    pub wide: bool,
    /// Least significant byte first.
    pub little: bool,
}

impl Layout {
    /// The `width` bytes at `at`.
    fn number(self, bytes: &[u8], at: usize, width: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(width)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if self.little {
            bytes.iter().rev().fold(0, add)
        } else {
            bytes.iter().fold(0, add)
        })
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        u16::try_from(self.number(bytes, at, 2)?).ok()
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        u32::try_from(self.number(bytes, at, 4)?).ok()
    }

    /// A number as wide as an address.
    fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        self.number(bytes, at, if self.wide { 8 } else { 4 })
    }
}

/// The ELF header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How numbers are written.
    pub layout: Layout,
    /// `e_type`.
    pub kind: u16,
    /// `e_machine`.
    pub machine: u16,
    segments_at: u64,
    segment_size: u16,
    segment_count: u16,
}

/// Whether a file that begins so is ELF.
pub fn is_elf(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF")
}

impl Header {
    /// Reads the header from the first 64 bytes of the file.
    pub fn read(start: &[u8]) -> Told<Self> {
        let class = start.get(4).copied();
        let data = start.get(5).copied();
        let layout = Layout {
            wide: match class {
                Some(1) => false,
                Some(2) => true,
                Some(_) | None => return Err(garbled("class")),
            },
            little: match data {
                Some(1) => true,
                Some(2) => false,
                Some(_) | None => return Err(garbled("byte order")),
            },
        };
        let (at, size, count) = if layout.wide {
            (32, 54, 56)
        } else {
            (28, 42, 44)
        };
        let short = || garbled("header is cut");
        Ok(Self {
            layout,
            kind: layout.u16(start, 16).ok_or_else(short)?,
            machine: layout.u16(start, 18).ok_or_else(short)?,
            segments_at: layout.word(start, at).ok_or_else(short)?,
            segment_size: layout.u16(start, size).ok_or_else(short)?,
            segment_count: layout.u16(start, count).ok_or_else(short)?,
        })
    }

    /// The kind of file in a word: `relocatable`, `exec`, `dyn`, `core`, `other`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            1 => "relocatable",
            2 => "exec",
            3 => "dyn",
            4 => "core",
            _ => "other",
        }
    }

    /// The machine as `uname -m` names it; `em_N` when it is none that we know.
    pub fn machine_name(&self) -> String {
        let Layout { wide, little } = self.layout;
        match self.machine {
            3 => "i386".to_owned(),
            8 => "mips".to_owned(),
            20 => "ppc".to_owned(),
            21 if little => "ppc64le".to_owned(),
            21 => "ppc64".to_owned(),
            22 => "s390x".to_owned(),
            40 => "arm".to_owned(),
            62 => "x86_64".to_owned(),
            183 => "aarch64".to_owned(),
            243 if wide => "riscv64".to_owned(),
            243 => "riscv32".to_owned(),
            258 => "loongarch64".to_owned(),
            other => format!("em_{other}"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// A file whose segments are known.
#[derive(Debug)]
pub struct Image<'a> {
    layout: Layout,
    ranges: &'a Ranges,
    segments: Vec<Segment>,
    dynamic: Vec<(u64, u64)>,
}

/// A version of a library that the file asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The library that has to provide it.
    pub library: String,
    /// Its name, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether the loader goes on without it.
    pub weak: bool,
}

impl<'a> Image<'a> {
    /// Reads the program headers and the dynamic section.
    pub fn read(header: &Header, ranges: &'a Ranges) -> Told<Self> {
        let layout = header.layout;
        let size: u64 = if layout.wide { 56 } else { 32 };
        let count = u64::from(header.segment_count);
        if count > 0 && u64::from(header.segment_size) != size {
            return Err(garbled("size of a program header"));
        }
        if count > MAX_SEGMENTS {
            return Err(too_much("more than 128 program headers"));
        }
        let table = ranges.get(header.segments_at, size * count)?;
        let mut segments = Vec::new();
        for entry in table.chunks_exact(usize::try_from(size).unwrap_or(usize::MAX)) {
            let (offset, address, length) = if layout.wide { (8, 16, 32) } else { (4, 8, 16) };
            let read = |at| {
                layout
                    .word(entry, at)
                    .ok_or_else(|| garbled("program header"))
            };
            segments.push(Segment {
                kind: layout
                    .u32(entry, 0)
                    .ok_or_else(|| garbled("program header"))?,
                offset: read(offset)?,
                address: read(address)?,
                size: read(length)?,
            });
        }
        let mut image = Self {
            layout,
            ranges,
            segments,
            dynamic: Vec::new(),
        };
        image.dynamic = image.read_dynamic()?;
        Ok(image)
    }

    fn segment(&self, kind: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    fn read_dynamic(&self) -> Told<Vec<(u64, u64)>> {
        let Some(segment) = self.segment(PT_DYNAMIC) else {
            return Ok(Vec::new());
        };
        let width = if self.layout.wide { 8 } else { 4 };
        let bytes = self
            .ranges
            .get(segment.offset, segment.size.min(MAX_DYNAMIC))?;
        let mut entries = Vec::new();
        for entry in bytes.chunks_exact(2 * width) {
            match (self.layout.word(entry, 0), self.layout.word(entry, width)) {
                (Some(0), _) => return Ok(entries),
                (Some(tag), Some(value)) => entries.push((tag, value)),
                _ => return Err(garbled("dynamic section")),
            }
        }
        Err(if segment.size > MAX_DYNAMIC {
            too_much("the dynamic section is longer than 16 KiB")
        } else {
            garbled("the dynamic section has no end")
        })
    }

    fn tag(&self, tag: u64) -> Option<u64> {
        // Of a tag that comes twice the loader takes the last.
        let found = self.dynamic.iter().rev().find(|(t, _)| *t == tag);
        found.map(|(_, value)| *value)
    }

    /// Where an address lies in the file, and how many bytes follow it there.
    fn locate(&self, address: u64) -> Told<(u64, u64)> {
        self.segments
            .iter()
            .filter(|segment| segment.kind == PT_LOAD)
            .find_map(|segment| {
                let into = address.checked_sub(segment.address)?;
                let left = segment.size.checked_sub(into).filter(|left| *left > 0)?;
                Some((segment.offset.checked_add(into)?, left))
            })
            .ok_or_else(|| garbled("an address outside of the file"))
    }

    /// The string at `index` of the dynamic string table, its NUL within `max` bytes.
    fn string(&self, index: u64, max: u64) -> Told<String> {
        let no_table = || garbled("no string table");
        let size = self.tag(DT_STRSZ).ok_or_else(no_table)?;
        let (table, left) = self.locate(self.tag(DT_STRTAB).ok_or_else(no_table)?)?;
        if size > left || index >= size {
            return Err(garbled("a string outside of its table"));
        }
        let Some(start) = table.checked_add(index) else {
            return Err(garbled("a string outside of its table"));
        };
        let max = max.min(size - index);
        let bytes = self.ranges.some(start, max);
        match bytes.iter().position(|&b| b == 0) {
            Some(end) => match std::str::from_utf8(&bytes[..end]) {
                Ok(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
                Ok(_) | Err(_) => Err(garbled("a name that is no text")),
            },
            None if bytes.len() as u64 == max || self.ranges.ends_at(start, bytes.len() as u64) => {
                Err(garbled("a string without end"))
            }
            None if size > MAX_STRINGS => Err(too_much("the string table is longer than 8 MiB")),
            None => Err(Trouble::Lacks {
                offset: table,
                len: size,
            }),
        }
    }

    fn strings(&self, tag: u64) -> Told<Vec<String>> {
        let indices = self.dynamic.iter().filter(|(t, _)| *t == tag);
        let indices: Vec<u64> = indices.map(|(_, value)| *value).collect();
        if indices.len() > MAX_NEEDED {
            return Err(too_much("more than 512 libraries"));
        }
        indices
            .into_iter()
            .map(|index| self.string(index, MAX_STRING))
            .collect()
    }

    /// The loader that the kernel is to start; `None` for a static program or a library.
    pub fn interpreter(&self) -> Told<Option<String>> {
        let Some(segment) = self.segment(PT_INTERP) else {
            return Ok(None);
        };
        // The kernel refuses a path longer than PATH_MAX or without its NUL.
        if segment.size < 2 || segment.size > MAX_STRING {
            return Err(garbled("interpreter"));
        }
        let bytes = self.ranges.get(segment.offset, segment.size)?;
        let path = bytes.split(|&b| b == 0).next().unwrap_or_default();
        match std::str::from_utf8(path) {
            Ok(path) if bytes.ends_with(&[0]) && !path.chars().any(char::is_control) => {
                Ok(Some(path.to_owned()))
            }
            Ok(_) | Err(_) => Err(garbled("interpreter")),
        }
    }

    /// The libraries that it needs, in the order in which the loader wants them.
    pub fn needed(&self) -> Told<Vec<String>> {
        self.strings(DT_NEEDED)
    }

    /// Whether it needs any library.
    pub fn needs_libraries(&self) -> bool {
        self.tag(DT_NEEDED).is_some()
    }

    /// Where the loader is to look: DT_RUNPATH, else DT_RPATH; not split yet.
    pub fn search_path(&self) -> Told<Option<String>> {
        let tag = if self.tag(DT_RUNPATH).is_some() {
            DT_RUNPATH
        } else {
            DT_RPATH
        };
        self.tag(tag)
            .map(|index| self.string(index, MAX_STRING))
            .transpose()
    }

    /// Whether the loader is told to leave out its own directories.
    pub fn no_default_directories(&self) -> bool {
        self.tag(DT_FLAGS_1)
            .is_some_and(|flags| flags & DF_1_NODEFLIB != 0)
    }

    /// The versions of libraries that it asks for, in the order of the file.
    pub fn versions(&self) -> Told<Vec<Version>> {
        let Some(address) = self.tag(DT_VERNEED) else {
            return Ok(Vec::new());
        };
        let (start, left) = self.locate(address)?;
        let bytes = self.ranges.some(start, left.min(MAX_VERNEED));
        let outside = || {
            if bytes.len() as u64 >= left {
                garbled("version needs reach outside of their segment")
            } else if bytes.len() as u64 >= MAX_VERNEED {
                too_much("version needs are longer than 1 MiB")
            } else if self.ranges.ends_at(start, bytes.len() as u64) {
                garbled("version needs reach beyond the end of the file")
            } else {
                Trouble::Lacks {
                    offset: start,
                    len: left.min(MAX_VERNEED),
                }
            }
        };
        let layout = self.layout;
        let number = |at: usize, field: usize| {
            layout
                .u32(bytes, at.saturating_add(field))
                .ok_or_else(outside)
        };
        let short = |at: usize, field: usize| {
            layout
                .u16(bytes, at.saturating_add(field))
                .ok_or_else(outside)
        };
        let further =
            |at: usize, by: u32| at.saturating_add(usize::try_from(by).unwrap_or(usize::MAX));
        let mut versions = Vec::new();
        let mut libraries = 0;
        let mut need = 0;
        loop {
            libraries += 1;
            if libraries > MAX_NEEDED {
                return Err(too_much("more than 512 libraries with versions"));
            }
            if short(need, 0)? != 1 {
                return Err(garbled("version needs of an unknown revision"));
            }
            let library = self.string(u64::from(number(need, 4)?), MAX_NAME)?;
            // The loader follows the links, not the counts.
            let mut aux = further(need, number(need, 8)?);
            loop {
                if versions.len() >= MAX_VERSIONS {
                    return Err(too_much("more than 2048 versions"));
                }
                versions.push(Version {
                    library: library.clone(),
                    version: self.string(u64::from(number(aux, 8)?), MAX_NAME)?,
                    weak: short(aux, 4)? & VER_FLG_WEAK != 0,
                });
                match number(aux, 12)? {
                    0 => break,
                    by => aux = further(aux, by),
                }
            }
            match number(need, 12)? {
                0 => return Ok(versions),
                by => need = further(need, by),
            }
        }
    }
}

/// The greatest `GLIBC_x.y` that the loader insists on, as `x.y`; marks such as
/// `GLIBC_PRIVATE` or `GLIBC_ABI_DT_RELR` are no versions.
pub fn glibc_required(versions: &[Version]) -> Option<String> {
    versions
        .iter()
        .filter(|version| !version.weak)
        .filter_map(|version| {
            let text = version.version.strip_prefix("GLIBC_")?;
            let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
            Some((parts?, text))
        })
        .max()
        .map(|(_, text)| text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
