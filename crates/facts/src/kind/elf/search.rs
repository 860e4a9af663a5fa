//! Where the node's loader would look for the libraries of a binary.

use std::collections::BTreeMap;

use runproof_model::{Observed, Reason, ReasonKind};

use super::Parsed;
use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::parse::elf::Header;
use crate::parse::ld_cache;

/// The cache of glibc's loader.
pub const CACHE: &str = "/etc/ld.so.cache";

/// More paths than any real binary makes us ask for.
const MAX_PATHS: usize = 1500;

/// Says of each argument whether it is there. What a closed directory hides is
/// not said to be missing: the nearest directory that can be seen has to be open.
pub(super) const TEXT: &str = r#"i=0
for p; do
  if [ -e "$p" ]; then echo "$i there"
  else
    d=$p
    while :; do
      d=${d%/*}
      [ -z "$d" ] || [ -e "$d" ] || continue
      [ -d "${d:-/}" ] && [ ! -x "${d:-/}" ] && echo "$i hidden"
      break
    done
  fi
  i=$((i + 1))
done
echo "end $i""#;

/// Whether something lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It does.
    There,
    /// It is proved that nothing does.
    NotThere,
    /// It cannot be told.
    Unknown(Reason),
}

/// The paths that were looked at.
#[derive(Debug)]
pub struct Places {
    known: Result<BTreeMap<String, Place>, Reason>,
}

impl Places {
    /// What is known of a path.
    pub fn of(&self, path: &str) -> Place {
        match &self.known {
            Ok(places) => places.get(path).cloned().unwrap_or_else(|| {
                Place::Unknown(Reason::new(ReasonKind::Defect, "nobody looked"))
            }),
            Err(reason) => Place::Unknown(reason.clone()),
        }
    }
}

/// One path at which the loader may find a library.
#[derive(Debug)]
struct Candidate {
    path: String,
    /// The loader of this node does look there, rather than that of some distributions.
    sure: bool,
}

/// Where one library may be found.
#[derive(Debug)]
struct Library {
    name: String,
    candidates: Vec<Candidate>,
    /// There are further places that cannot be told.
    unsure: Option<Reason>,
}

/// A search for the loader and every library.
#[derive(Debug)]
pub struct Search {
    interpreter: Option<String>,
    libraries: Result<Vec<Library>, Reason>,
    /// A file whose presence would change the search path.
    config: Option<String>,
}

/// The two loaders that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loader {
    Glibc,
    Musl,
}

fn unsupported(detail: impl AsRef<str>) -> Reason {
    Reason::new(ReasonKind::Unsupported, detail)
}

fn loader(interpreter: Option<&str>, needed: &[String]) -> Result<Loader, Reason> {
    let Some(interpreter) = interpreter else {
        // A library is loaded by whoever loads the C library that it names.
        let musl = |name: &String| name.starts_with("libc.musl-") || name == "libc.so";
        return Ok(if needed.iter().any(musl) {
            Loader::Musl
        } else {
            Loader::Glibc
        });
    };
    let name = interpreter.rsplit('/').next().unwrap_or_default();
    if name.starts_with("ld-musl-") {
        Ok(Loader::Musl)
    } else if ["ld-linux", "ld64.so.", "ld.so."]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    {
        Ok(Loader::Glibc)
    } else {
        Err(unsupported(format!("loader {interpreter}")))
    }
}

/// How the cache marks libraries for this machine; `None` for machines whose mark we do not know.
fn cache_flags(header: &Header) -> Option<&'static [u32]> {
    match (header.machine, header.layout.wide) {
        (62, true) => Some(&[0x303]),
        (62, false) => Some(&[0x803]),
        (3, _) => Some(&[0x003]),
        (183, true) => Some(&[0xa03]),
        (40, _) => Some(&[0x003, 0x903, 0xb03]),
        (22, true) => Some(&[0x403]),
        (21, _) => Some(&[0x503]),
        (243, true) => Some(&[0x1003]),
        (258, true) => Some(&[0x1203]),
        _ => None,
    }
}

/// Directories of glibc's loader. Which of them it was built with depends on
/// the distribution; the one of Debian's multiarch is used by nobody else.
fn glibc_directories(header: &Header) -> Vec<(String, bool)> {
    let triple = match (header.machine, header.layout.wide) {
        (62, true) => Some("x86_64-linux-gnu"),
        (62, false) => Some("x86_64-linux-gnux32"),
        (3, _) => Some("i386-linux-gnu"),
        (183, true) => Some("aarch64-linux-gnu"),
        (40, _) => Some("arm-linux-gnueabihf"),
        (22, true) => Some("s390x-linux-gnu"),
        (21, true) if header.layout.little => Some("powerpc64le-linux-gnu"),
        (243, true) => Some("riscv64-linux-gnu"),
        _ => None,
    };
    let mut directories = Vec::new();
    if let Some(triple) = triple {
        directories.push((format!("/lib/{triple}"), true));
        directories.push((format!("/usr/lib/{triple}"), true));
    }
    for directory in ["/lib", "/usr/lib", "/lib64", "/usr/lib64"] {
        directories.push((directory.to_owned(), false));
    }
    directories
}

/// The directories of DT_RUNPATH that can be told, and why some cannot.
fn own_directories(path: Option<&str>, origin: Option<&str>) -> (Vec<String>, Option<Reason>) {
    let mut directories = Vec::new();
    let mut unsure = None;
    for part in path
        .unwrap_or_default()
        .split(':')
        .filter(|_| path.is_some())
    {
        let needs_origin = part.contains("$ORIGIN") || part.contains("${ORIGIN}");
        let expanded = match origin {
            Some(origin) => part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin),
            None if needs_origin => {
                unsure = Some(unsupported("the directory of the binary cannot be told"));
                continue;
            }
            None => part.to_owned(),
        };
        if expanded.contains('$') {
            unsure = Some(unsupported(format!("run path {part}")));
        } else if expanded.starts_with('/') || (expanded.is_empty() && needs_origin) {
            directories.push(expanded.trim_end_matches('/').to_owned());
        } else {
            unsure = Some(unsupported(format!(
                "run path {part:?} depends on the working directory"
            )));
        }
    }
    (directories, unsure)
}

impl Search {
    /// A search that only tells whether the loader is there.
    pub fn loader_only(parsed: &Parsed) -> Self {
        Self {
            interpreter: parsed.interpreter.clone().ok().flatten(),
            libraries: Err(unsupported(
                "the names lie too far into the file to look for the libraries in two looks",
            )),
            config: None,
        }
    }

    /// The search for everything that the binary needs.
    pub fn new(header: &Header, parsed: &Parsed, origin: Option<&str>, answers: &Answers) -> Self {
        let mut search = Self::loader_only(parsed);
        let (Ok(interpreter), Ok(needed), Ok(own)) =
            (&parsed.interpreter, &parsed.needed, &parsed.search_path)
        else {
            search.libraries = Err(Reason::new(
                ReasonKind::Garbled,
                "ELF: loader, libraries or run path make no sense",
            ));
            return search;
        };
        let loader = match loader(interpreter.as_deref(), needed) {
            Ok(loader) => loader,
            Err(reason) => {
                search.libraries = Err(reason);
                return search;
            }
        };
        let (own, own_unsure) = own_directories(own.as_deref(), origin);
        let cache = answers.bytes(&Ask::read(CACHE));
        let (cache, cache_unsure) = match (&cache, loader) {
            (_, Loader::Musl) | (Observed::Absent, Loader::Glibc) => (Vec::new(), None),
            (Observed::Known(bytes), Loader::Glibc) => match ld_cache::parse(bytes) {
                Some(entries) => (entries, None),
                None => (Vec::new(), Some(Reason::new(ReasonKind::Garbled, CACHE))),
            },
            (Observed::Unknown(reason), Loader::Glibc) => (Vec::new(), Some(reason.clone())),
        };
        let flags = cache_flags(header);
        let defaults = match loader {
            Loader::Glibc => glibc_directories(header),
            Loader::Musl => ["/lib", "/usr/local/lib", "/usr/lib"]
                .map(|directory| (directory.to_owned(), true))
                .to_vec(),
        };
        if loader == Loader::Musl {
            let name = interpreter
                .as_deref()
                .and_then(|path| path.rsplit('/').next());
            search.config = name
                .and_then(|name| name.strip_suffix(".so.1"))
                .map(|name| format!("/etc/{name}.path"));
        }
        let no_defaults = parsed
            .no_defaults
            .then(|| unsupported("the binary turns the loader's own directories off"));
        let library = |name: &String| {
            let mut candidates = Vec::new();
            let mut unsure = own_unsure.clone();
            if name.contains('/') {
                if name.starts_with('/') {
                    candidates.push((name.clone(), true));
                } else {
                    unsure = Some(unsupported(format!(
                        "{name} depends on the working directory"
                    )));
                }
            } else {
                candidates.extend(own.iter().map(|dir| (format!("{dir}/{name}"), true)));
                let usual = no_defaults.is_none();
                for entry in cache.iter().filter(|entry| entry.name == name.as_bytes()) {
                    let fits = flags.is_none_or(|flags| flags.contains(&(entry.flags & 0xffff)));
                    if let (true, Ok(path)) = (fits, std::str::from_utf8(entry.path)) {
                        candidates.push((path.to_owned(), usual && flags.is_some()));
                    }
                }
                let places = defaults.iter();
                candidates
                    .extend(places.map(|(dir, sure)| (format!("{dir}/{name}"), *sure && usual)));
                unsure = unsure.or_else(|| cache_unsure.clone());
            }
            Library {
                name: name.clone(),
                candidates: candidates
                    .into_iter()
                    .map(|(path, sure)| Candidate { path, sure })
                    .collect(),
                unsure,
            }
        };
        let provided = |name: &&String| !provided(loader, interpreter.as_deref(), name);
        let libraries: Vec<Library> = needed.iter().filter(provided).map(library).collect();
        let paths: usize = libraries
            .iter()
            .map(|library| library.candidates.len())
            .sum();
        search.libraries = if paths > MAX_PATHS {
            Err(Reason::new(
                ReasonKind::CapReached,
                format!("more than {MAX_PATHS} places to look for libraries"),
            ))
        } else {
            Ok(libraries)
        };
        search
    }

    fn paths(&self) -> Vec<String> {
        let libraries = self.libraries.iter().flatten();
        let candidates = libraries.flat_map(|library| &library.candidates);
        let mut paths: Vec<String> = candidates
            .map(|candidate| candidate.path.clone())
            .chain(self.interpreter.clone())
            .chain(self.config.clone())
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// The look at every path; `None` when there is nothing to look for.
    pub fn ask(&self) -> Option<Ask> {
        let paths = self.paths();
        (!paths.is_empty())
            .then(|| Ask::Run(Command::new("paths", TEXT).args(paths).batch(Batch::Each)))
    }

    /// What the look said.
    pub fn places(&self, answers: &Answers) -> Places {
        let Some(ask) = self.ask() else {
            return Places {
                known: Ok(BTreeMap::new()),
            };
        };
        Places {
            known: answers
                .run(&ask)
                .and_then(|ran| parse_places(&ran.out, &self.paths())),
        }
    }

    /// The names that the loader would not find.
    pub fn missing(&self, needed: &[String], places: &Places) -> Observed<Vec<String>> {
        if needed.is_empty() {
            return Observed::Known(Vec::new());
        }
        let libraries = match &self.libraries {
            Ok(libraries) => libraries,
            Err(reason) => return Observed::Unknown(reason.clone()),
        };
        for (path, wanted, trouble) in [
            (
                &self.interpreter,
                Place::There,
                "the loader is not on the node",
            ),
            (
                &self.config,
                Place::NotThere,
                "a file of its own tells the loader where to look",
            ),
        ] {
            match path.as_ref().map(|path| places.of(path)) {
                Some(Place::Unknown(reason)) => return Observed::Unknown(reason),
                Some(place) if place != wanted => {
                    return Observed::unknown(ReasonKind::Unsupported, trouble);
                }
                Some(_) | None => {}
            }
        }
        let mut missing = Vec::new();
        for library in libraries {
            match library.found(places) {
                Ok(true) => {}
                Ok(false) => missing.push(library.name.clone()),
                Err(reason) => {
                    let detail = format!("{}: {}", library.name, reason.detail);
                    return Observed::unknown(reason.kind, detail);
                }
            }
        }
        Observed::Known(missing)
    }
}

/// Whether a name needs no file: the loader itself, and what musl has built in.
fn provided(loader: Loader, interpreter: Option<&str>, name: &str) -> bool {
    let itself = interpreter.and_then(|path| path.rsplit('/').next()) == Some(name);
    let built_in = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];
    itself
        || loader == Loader::Musl
            && interpreter.is_some()
            && name
                .strip_prefix("lib")
                .is_some_and(|rest| built_in.iter().any(|word| rest.starts_with(word)))
}

impl Library {
    fn found(&self, places: &Places) -> Result<bool, Reason> {
        let mut unsure = self.unsure.clone();
        for candidate in &self.candidates {
            match places.of(&candidate.path) {
                Place::There if candidate.sure => return Ok(true),
                Place::There => {
                    unsure = Some(unsupported(format!(
                        "it is at {}, where not every loader looks",
                        candidate.path
                    )));
                }
                Place::NotThere => {}
                Place::Unknown(reason) => unsure = Some(reason),
            }
        }
        unsure.map_or(Ok(false), Err)
    }
}

fn parse_places(text: &str, paths: &[String]) -> Result<BTreeMap<String, Place>, Reason> {
    let garbled = || Reason::new(ReasonKind::Garbled, "the look at paths");
    let mut places: Vec<Place> = vec![Place::NotThere; paths.len()];
    let mut ended = false;
    for line in text.lines() {
        let (first, second) = line.split_once(' ').ok_or_else(garbled)?;
        if first == "end" {
            ended = second.parse() == Ok(paths.len());
            continue;
        }
        let index: usize = first.parse().map_err(|_| garbled())?;
        let place = places.get_mut(index).ok_or_else(garbled)?;
        *place = match second {
            "there" => Place::There,
            "hidden" => Place::Unknown(Reason::new(
                ReasonKind::Permission,
                "a directory on the way cannot be searched",
            )),
            _ => return Err(garbled()),
        };
    }
    if ended {
        Ok(paths.iter().cloned().zip(places).collect())
    } else {
        Err(garbled())
    }
}
