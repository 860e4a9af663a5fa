//! A Caddyfile: global options, snippets, imports, sites, upstreams.

use runproof_model::{Observed, Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::{Ask, Command};
use crate::content::ContentPolicy;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::parse::caddyfile::adapt::{
    Adapted, Global, Import, Site, SiteUpstream, Snippet, Variable, adapt,
};
use crate::parse::caddyfile::import::{Found, Source, Target, sort_files};
use crate::parse::caddyfile::{Limits, Problem, parser};
use crate::quote::sh;

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaddyfileQuery {
    /// Absolute path; the site's allow-list must have it and the files that it imports.
    pub caddyfile: String,
}

/// A Caddyfile as the server would understand it, imports followed.
///
/// Files that an imported file imports are followed only when they were looked at
/// anyway; what depends on one that was not is unknown. A value that comes from the
/// server's environment is unknown too. Servers differ in small things: a file is read as
/// the present ones do, and a hidden file that only older ones take in is unknown. Of a file with mistakes, the fields say what
/// could be made of it; the server would refuse it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caddyfile {
    /// Whether the path leads to anything.
    pub exists: Observed<bool>,
    /// What is wrong with it; directives of plug-ins are taken as they are. Unknown when
    /// nothing is found and text that could be wrong was not read.
    pub errors: Observed<Vec<Problem>>,
    /// The global options.
    pub global: Observed<Global>,
    /// The snippets, in order.
    pub snippets: Observed<Vec<Snippet>>,
    /// The imports, in the order in which they were met.
    pub imports: Observed<Vec<Import>>,
    /// The environment placeholders.
    pub environment: Observed<Vec<Variable>>,
    /// The sites, in order.
    pub sites: Observed<Vec<Site>>,
    /// The upstreams of all sites.
    pub upstreams: Observed<Vec<SiteUpstream>>,
    /// The host names of all sites, sorted, each once.
    pub hosts: Observed<Vec<String>>,
    /// Host names that are the address of two sites, with the same port and path.
    pub duplicate_hosts: Observed<Vec<String>>,
}

/// Prints the files that fit the pattern `$1`: a line `KIND PATH` for each (file, dir,
/// unreadable, never, other), an empty line, the sizes of the readable files, an empty line,
/// where they lie when links are followed, an empty line, their contents. `$2` is the folder
/// before the wildcard, `$3` the pattern of folders
/// when the wildcard is not in the last component, `$4` the pattern of hidden files when
/// the last component begins with the wildcard.
const GLOB: &str = r#"IFS=
if [ ! -d "$2" ]; then stat -c x -- "$2" 2>&1 >/dev/null || exit 1; exit 0; fi
if [ ! -r "$2" ] || [ ! -x "$2" ]; then echo "$2: Permission denied"; exit 1; fi
p=$1 d=$3 h=$4
set --
if [ -n "$d" ]; then for f in $d; do
  if [ -d "$f" ] && [ ! -x "$f" ]; then echo "$f: Permission denied"; exit 1; fi
done; fi
n=0
for f in $p $h; do
  case $f in */.|*/..) continue ;; esac
  [ -e "$f" ] || [ -L "$f" ] || continue
  n=$((n + 1))
  [ $n -gt 500 ] && { echo "more than 500 files"; exit 3; }
  case $f in
  /etc/shadow*|/etc/gshadow*|*/init.json|*.key|*/id_*|*_key|/proc/*|/sys/*|/dev/*) echo "never $f"; continue ;;
  esac
  if [ -d "$f" ]; then echo "dir $f"
  elif [ ! -f "$f" ]; then echo "other $f"
  elif [ ! -r "$f" ]; then echo "unreadable $f"
  else echo "file $f"; set -- "$@" "$f"; fi
done
echo
[ $# = 0 ] && { echo; exit 0; }
stat -L -c %s -- "$@" || exit 3
echo
readlink -f -- "$@" || exit 3
echo
cat -- "$@"
"#;

/// The look at an imported file or pattern.
fn ask(target: &Target) -> Ask {
    match target {
        Target::File(path) => Ask::read(path),
        Target::Glob(pattern) => {
            let wild = pattern.find(['*', '?']).unwrap_or(pattern.len());
            let folder_end = pattern[..wild].rfind('/').unwrap_or(0);
            let folder = &pattern[..folder_end.max(1)];
            let folders = match pattern[wild..].find('/') {
                Some(at) => &pattern[..wild + at],
                None => "",
            };
            // The shell's `*` leaves hidden files out, as present servers do and older ones do not.
            let hidden = pattern.rsplit_once('/').and_then(|(folder, name)| {
                name.starts_with('*').then(|| format!("{folder}/.{name}"))
            });
            Ask::Run(
                Command::new("import-glob", GLOB)
                    .args(
                        [pattern.as_str(), folder, folders]
                            .into_iter()
                            .chain(hidden.as_deref()),
                    )
                    .content(pattern),
            )
        }
    }
}

/// The imported files as the answers know them.
struct Looks<'a> {
    answers: &'a Answers,
}

impl Source for Looks<'_> {
    fn find(&self, target: &Target) -> Found {
        let ask = ask(target);
        if let Err(reason) = may_look(target) {
            return Found::Unknown(reason);
        }
        if !self.answers.contains(&ask) {
            return Found::NotYet;
        }
        match target {
            Target::File(path) => match self.answers.text(&ask) {
                Observed::Known(text) => Found::Files(vec![(path.clone(), Ok(text))]),
                Observed::Absent => Found::Missing,
                Observed::Unknown(reason) => Found::Unknown(reason),
            },
            Target::Glob(_) => match self.answers.bytes(&ask) {
                Observed::Known(bytes) => match files(bytes) {
                    Some(files) => Found::Files(files),
                    None => Found::Unknown(Reason::new(ReasonKind::Garbled, "import-glob")),
                },
                Observed::Absent => Found::Files(Vec::new()),
                Observed::Unknown(reason) => Found::Unknown(reason),
            },
        }
    }
}

/// Refuses what cannot be looked at. Whether it may be is the business of the site's
/// allow-list, which is asked by whoever looks.
fn may_look(target: &Target) -> Result<(), Reason> {
    let (Target::File(path) | Target::Glob(path)) = target;
    if let Err(why) = check_path(path) {
        return Err(Reason::new(ReasonKind::Unsupported, why));
    }
    let Target::Glob(pattern) = target else {
        return Ok(());
    };
    if pattern.contains('\\') {
        return Err(Reason::new(
            ReasonKind::Unsupported,
            format!("import {pattern} holds a backslash"),
        ));
    }
    Ok(())
}

/// Takes the output of [`GLOB`] apart; nothing when it is not what [`GLOB`] prints.
fn files(out: &[u8]) -> Option<Vec<(String, Result<String, Reason>)>> {
    if out.is_empty() {
        return Some(Vec::new());
    }
    let never = ContentPolicy {
        allow: vec!["/**".to_owned()],
    };
    let mut rest = out;
    let mut line = || -> Option<&[u8]> {
        let end = rest.iter().position(|&b| b == b'\n')?;
        let (line, tail) = rest.split_at(end);
        rest = &tail[1..];
        Some(line)
    };
    let mut names = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(text).into_owned();
        let (kind, path) = text.split_once(' ')?;
        names.push((kind.to_owned(), path.to_owned()));
    }
    let mut sizes = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            break;
        }
        sizes.push(std::str::from_utf8(text).ok()?.parse::<usize>().ok()?);
    }
    let mut ends = Vec::new();
    while ends.len() < sizes.len() {
        ends.push(String::from_utf8_lossy(line()?).into_owned());
    }
    if !sizes.is_empty() && !line()?.is_empty() {
        return None;
    }
    let mut ends = ends.into_iter();
    let mut sizes = sizes.into_iter();
    let mut files = Vec::with_capacity(names.len());
    for (kind, path) in names {
        let text = match kind.as_str() {
            "file" => {
                let (text, tail) = rest.split_at_checked(sizes.next()?)?;
                rest = tail;
                let end = ends.next()?;
                if never.allows(&path) && never.allows(&end) && is_near(&path, &end) {
                    Ok(String::from_utf8_lossy(text).into_owned())
                } else {
                    Err(Reason::new(
                        ReasonKind::NotAllowed,
                        if end == path {
                            format!("{path} is never read")
                        } else {
                            format!("{path} leads to {end}")
                        },
                    ))
                }
            }
            "never" => Err(Reason::new(
                ReasonKind::NotAllowed,
                format!("{path} is never read"),
            )),
            "unreadable" => Err(Reason::new(ReasonKind::Permission, &path)),
            "dir" | "other" => Err(Reason::new(
                ReasonKind::Unsupported,
                format!("{path} is not a regular file"),
            )),
            _ => return None,
        };
        files.push((path, text));
    }
    if !rest.is_empty() || sizes.next().is_some() {
        return None;
    }
    sort_files(&mut files);
    Some(files)
}

/// Whether what a pattern found lies where the pattern looks, or, through a link, in the
/// folder beside it (`sites-available` and `sites-enabled`) or at a documented place.
fn is_near(path: &str, end: &str) -> bool {
    let parent = |path: &str| path.rfind('/').map_or(0, |at| at);
    let folder = &path[..parent(path)];
    let around = &folder[..parent(folder)];
    // Not the root, nor one of its folders: there is nothing near in those.
    let inside = |around: &str| {
        around.matches('/').count() > 1
            && end
                .strip_prefix(around)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    end == path || inside(around) || inside(folder) || ContentPolicy::default().allows(end)
}

impl Caddyfile {
    fn known(adapted: Adapted) -> Self {
        Self {
            exists: Observed::Known(true),
            errors: match adapted.unread {
                // A mistake is one whatever else there is; that there is none is not proved.
                Some(reason) if adapted.errors.is_empty() => Observed::Unknown(reason),
                Some(_) | None => Observed::Known(adapted.errors),
            },
            global: Observed::Known(adapted.global),
            snippets: adapted.snippets,
            imports: Observed::Known(adapted.imports),
            environment: Observed::Known(adapted.environment),
            sites: adapted.sites,
            upstreams: adapted.upstreams,
            hosts: adapted.hosts,
            duplicate_hosts: adapted.duplicate_hosts,
        }
    }

    /// A file of which nothing but this is known.
    fn without<T>(exists: Observed<bool>, why: &Observed<T>) -> Self {
        fn same<T, U>(why: &Observed<T>) -> Observed<U> {
            match why {
                Observed::Known(_) => Observed::unknown(ReasonKind::Defect, "not read"),
                Observed::Absent => Observed::Absent,
                Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
            }
        }
        Self {
            exists,
            errors: same(why),
            global: same(why),
            snippets: same(why),
            imports: same(why),
            environment: same(why),
            sites: same(why),
            upstreams: same(why),
            hosts: same(why),
            duplicate_hosts: same(why),
        }
    }
}

/// Whether a failed read shows all the same that something is there.
fn exists(reason: &Reason) -> Observed<bool> {
    if matches!(reason.kind, ReasonKind::CapReached) {
        Observed::Known(true)
    } else {
        Observed::Unknown(reason.clone())
    }
}

impl Fact for Caddyfile {
    const KIND: &'static str = "caddyfile";
    const ABOUT: &'static str = "A Caddyfile with its imports: mistakes, global options, snippets, sites, \
         host names, upstreams, with line numbers.";
    const LATER: &'static [&'static str] = &[GLOB];
    type Query = CaddyfileQuery;

    fn check(query: &CaddyfileQuery) -> Result<(), String> {
        check_path(&query.caddyfile)
    }

    fn asks(query: &CaddyfileQuery) -> Vec<Ask> {
        vec![Ask::read(&query.caddyfile)]
    }

    fn read(query: &CaddyfileQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let text = match answers.text(&Ask::read(&query.caddyfile)) {
            Observed::Known(text) => text,
            Observed::Absent => {
                let none: Observed<()> = Observed::Absent;
                return Reading::Done(Observed::Known(Self::without(
                    Observed::Known(false),
                    &none,
                )));
            }
            Observed::Unknown(reason) => {
                let exists = exists(&reason);
                let why: Observed<()> = Observed::Unknown(reason);
                return Reading::Done(Observed::Known(Self::without(exists, &why)));
            }
        };
        let limits = Limits::default();
        let parse = |source: &dyn Source| parser::parse(&query.caddyfile, &text, source, &limits);
        let parsed = parse(&Looks { answers }).and_then(|parsed| {
            if parsed.wanted.is_empty() {
                return Ok((parsed, Vec::new()));
            }
            // What this file itself imports decides whether this is the first look: then
            // everything that is wanted is asked for. In the second look only imports of
            // imports are left, and they stay unknown.
            let direct = parse(&Nobody)?.wanted;
            let first_look = direct
                .iter()
                .any(|target| may_look(target).is_ok() && !answers.contains(&ask(target)));
            let asks = if first_look {
                parsed.wanted.iter().map(ask).collect()
            } else {
                Vec::new()
            };
            Ok((parsed, asks))
        });
        let adapted = match parsed {
            Ok((_, asks)) if !asks.is_empty() => return Reading::More(asks),
            Ok((parsed, _)) => adapt(&parsed, &limits),
            Err(reason) => Err(reason),
        };
        Reading::Done(Observed::Known(match adapted {
            Ok(adapted) => Self::known(adapted),
            Err(reason) => {
                let why: Observed<()> = Observed::Unknown(reason);
                Self::without(Observed::Known(true), &why)
            }
        }))
    }

    fn by_hand(query: &CaddyfileQuery) -> String {
        format!(
            "caddy adapt --pretty --adapter caddyfile --config {}",
            sh(&query.caddyfile)
        )
    }
}

/// The source for which nobody has looked at anything.
struct Nobody;

impl Source for Nobody {
    fn find(&self, _: &Target) -> Found {
        Found::NotYet
    }
}

#[cfg(test)]
mod tests;
