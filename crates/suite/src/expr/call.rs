//! What the functions do.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use runproof_model::ReasonKind;

use super::eval::{Frames, Machine, seen};
use super::func::{self, Func};
use super::net::{Cidr, Place};
use super::pattern::{self, Pattern};
use super::stop::{Res, Stop, Why, Worst};
use super::token::Span;
use super::tree::{Math, Node};
use super::val::Val;
use super::version::Version;

/// A look at a node may take so long, in seconds.
const LOOKED: f64 = 120.0;

/// Arguments that were seen, and how to complain about them.
struct Args<'v> {
    func: Func,
    vals: Vec<Cow<'v, Val>>,
    span: Span,
}

impl Args<'_> {
    fn get(&self, at: usize) -> &Val {
        self.vals.get(at).map_or(&Val::Null, |val| &**val)
    }

    fn wrong(&self, message: impl std::fmt::Display) -> Box<Stop> {
        let name = func::row(self.func).map_or("function", |row| row.name);
        Stop::wrong(format!("{name}: {message}"), self.span)
    }

    fn str(&self, at: usize) -> Res<&str> {
        let val = self.get(at);
        val.as_str()
            .ok_or_else(|| self.wrong(format_args!("a string is expected, this is {}", val.sort())))
    }

    fn list(&self, at: usize) -> Res<&[Val]> {
        let val = self.get(at);
        val.as_list()
            .ok_or_else(|| self.wrong(format_args!("a list is expected, this is {}", val.sort())))
    }
}

impl Machine<'_> {
    /// Calls a function. All are strict: an argument without a value leaves none.
    pub(super) fn call<'v>(
        &'v self,
        func: Func,
        nodes: &'v [Node],
        pattern: Option<&Pattern>,
        node: &Node,
        frames: Frames<'v>,
    ) -> Res<Cow<'v, Val>> {
        let span = node.span;
        let mut vals = Vec::with_capacity(nodes.len());
        let mut stopped: Option<Box<Stop>> = None;
        for argument in nodes {
            match self.eval(argument, frames) {
                Ok(val) => vals.push(val),
                Err(stop) => {
                    stopped = Some(match stopped {
                        Some(old) => Stop::worse(old, stop),
                        None => stop,
                    });
                }
            }
        }
        if let Some(stop) = stopped {
            return Err(stop);
        }
        let args = Args { func, vals, span };
        self.apply(&args, pattern).map(Cow::Owned)
    }

    fn apply(&self, args: &Args, pattern: Option<&Pattern>) -> Res<Val> {
        let span = args.span;
        match args.func {
            Func::Size => self.size(args),
            Func::Contains => {
                let (text, part) = (self.scan(args, 0, 256)?, args.str(1)?);
                Ok(Val::Bool(text.contains(part)))
            }
            Func::StartsWith => Ok(Val::Bool(args.str(0)?.starts_with(args.str(1)?))),
            Func::EndsWith => Ok(Val::Bool(args.str(0)?.ends_with(args.str(1)?))),
            Func::Matches => {
                let text = args.str(0)?;
                let made;
                let pattern = if let Some(pattern) = pattern {
                    pattern
                } else {
                    // One that is not a literal is compiled each time, at its price.
                    self.step(pattern::COMPILE, span)?;
                    made = Pattern::new(args.str(1)?).map_err(|message| args.wrong(message))?;
                    &made
                };
                self.step(pattern.price(text.len()), span)?;
                Ok(Val::Bool(pattern.matches(text)))
            }
            Func::LowerAscii => self.text(args.str(0)?.to_ascii_lowercase(), span),
            Func::UpperAscii => self.text(args.str(0)?.to_ascii_uppercase(), span),
            Func::Trim => self.text(args.str(0)?.trim().to_owned(), span),
            Func::Split => {
                let (text, by) = (self.scan(args, 0, 64)?, args.str(1)?);
                if by.is_empty() {
                    return Err(args.wrong("the separator is empty"));
                }
                let mut parts = Vec::new();
                for part in text.split(by) {
                    self.produce(part.len() + 2 * size_of::<Val>(), span)?;
                    parts.push(Val::from(part));
                }
                Ok(Val::from(parts))
            }
            Func::Join => self.join(args),
            Func::Replace => {
                let (text, old, new) = (self.scan(args, 0, 64)?, args.str(1)?, args.str(2)?);
                if old.is_empty() {
                    return Err(args.wrong("what to replace is empty"));
                }
                // Paid for before it is made: the result can be much longer than the text.
                let hits = text.matches(old).count();
                self.produce(text.len() + hits * new.len(), span)?;
                Ok(Val::Str(text.replace(old, new).into()))
            }
            Func::Int | Func::Double | Func::String | Func::Bool => self.convert(args),
            Func::Min | Func::Max => {
                let want = if args.func == Func::Min {
                    std::cmp::Ordering::Less
                } else {
                    std::cmp::Ordering::Greater
                };
                let sorted = self.known_items(args, 0)?;
                let mut best: Option<&Val> = None;
                for item in sorted {
                    // Compared with itself when it is the first, so that one lone map is an error too.
                    let order = self.order(item, best.unwrap_or(item), span)?;
                    if best.is_none() || order == want {
                        best = Some(item);
                    }
                    self.step(1, span)?;
                }
                best.cloned()
                    .ok_or_else(|| Stop::absent("the least or greatest of an empty list", span))
            }
            Func::Sort => {
                let mut items: Vec<Val> = self.known_items(args, 0)?.to_vec();
                self.step(items.len() * 8, span)?;
                self.produce(items.len() * size_of::<Val>(), span)?;
                let mut failed = None;
                if let Some(first) = items.first() {
                    self.order(first, first, span)?;
                }
                items.sort_by(|a, b| {
                    self.order(a, b, span).unwrap_or_else(|stop| {
                        failed.get_or_insert(stop);
                        std::cmp::Ordering::Equal
                    })
                });
                failed.map_or_else(|| Ok(Val::from(items)), Err)
            }
            Func::Flatten => {
                let mut flat = Vec::new();
                for item in self.known_items(args, 0)? {
                    let Some(inner) = item.as_list() else {
                        let message =
                            format!("a list of lists is expected, it holds {}", item.sort());
                        return Err(args.wrong(message));
                    };
                    self.produce(size_of_val(inner), span)?;
                    self.step(1 + inner.len(), span)?;
                    flat.extend_from_slice(inner);
                }
                Ok(Val::from(flat))
            }
            Func::Distinct => self.distinct(args),
            Func::VersionCompare => {
                let (a, b) = (version(args, 0)?, version(args, 1)?);
                Ok(Val::Int(match a.compare(&b) {
                    std::cmp::Ordering::Less => -1,
                    std::cmp::Ordering::Equal => 0,
                    std::cmp::Ordering::Greater => 1,
                }))
            }
            Func::InCidr => {
                let (ip, net) = (args.str(0)?, args.str(1)?);
                let not =
                    |what, text: &str| args.wrong(format_args!("{} is not {what}", shown(text)));
                let ip: IpAddr = ip.parse().map_err(|_| not("an address", ip))?;
                let net = Cidr::parse(net).ok_or_else(|| not("a CIDR network", net))?;
                Ok(Val::Bool(net.contains(ip)))
            }
            Func::Subset => {
                let (a, b) = (args.list(0)?, args.list(1)?);
                if a.is_empty() && !self.allows_empty() {
                    let mut stop = Stop::new(Why::Vacuous, span);
                    stop.text = Some("the first list".to_owned());
                    return Err(stop);
                }
                self.all_among(a, b, true, span).map(Val::Bool)
            }
            Func::Disjoint => {
                let within = self.all_among(args.list(0)?, args.list(1)?, false, span);
                within.map(Val::Bool)
            }
            Func::SameSet => {
                let (a, b) = (args.list(0)?, args.list(1)?);
                match (
                    self.all_among(a, b, true, span),
                    self.all_among(b, a, true, span),
                ) {
                    (Ok(false), _) | (_, Ok(false)) => Ok(Val::Bool(false)),
                    (Ok(true), Ok(true)) => Ok(Val::Bool(true)),
                    (Err(stop), Ok(true)) | (Ok(true), Err(stop)) => Err(stop),
                    (Err(a), Err(b)) => Err(Stop::worse(a, b)),
                }
            }
            Func::Without => self.select(args.list(0)?, args.list(1)?, false, span),
            Func::Intersection => self.select(args.list(0)?, args.list(1)?, true, span),
            Func::Age => {
                let now = seen(Cow::Borrowed(self.now()), span)?;
                let age = self.math(Math::Sub, &now, args.get(0), span)?;
                // Of two whole numbers the difference is whole; an age never is.
                let age = self.math(Math::Add, &age, &Val::Float(0.0), span)?;
                let Val::Float(seconds) = age else {
                    return Ok(age);
                };
                if seconds >= 0.0 {
                    Ok(age)
                } else if seconds > -LOOKED {
                    // The clock was read before the rest: what happened while we looked is new.
                    Ok(Val::Float(0.0))
                } else {
                    let ahead = format!("a time {:.0} s ahead of the node's own clock", -seconds);
                    let none = Val::unknown(ReasonKind::Unsupported, ahead);
                    seen(Cow::Owned(none), span).map(Cow::into_owned)
                }
            }
            Func::Day => {
                let since = if let Val::Int(seconds) = args.get(0) {
                    Some(SignedDuration::from_secs(*seconds))
                } else if let Val::Float(seconds) = args.get(0) {
                    SignedDuration::try_from_secs_f64(*seconds).ok()
                } else {
                    None
                };
                let date = since
                    .and_then(|since| Timestamp::from_duration(since).ok())
                    .map(|time| TimeZone::UTC.to_datetime(time).date())
                    .ok_or_else(|| args.wrong("no day has this number of seconds"))?;
                let [year, month, day] = [
                    i64::from(date.year()),
                    i64::from(date.month()),
                    i64::from(date.day()),
                ];
                Ok(Val::Int(year * 10_000 + month * 100 + day))
            }
            Func::SeenSince => {
                let missing = self.math(Math::Sub, args.get(0), args.get(1), span)?;
                let missing = self.math(Math::Add, &missing, &Val::Float(0.0), span)?;
                if let Val::Float(missing) = missing
                    && missing > 0.0
                {
                    let why = format!("what was read begins {missing:.0} s too late");
                    let none = Val::unknown(ReasonKind::CapReached, why);
                    return seen(Cow::Owned(none), span).map(Cow::into_owned);
                }
                Ok(Val::Bool(true))
            }
            Func::HostOf => Ok(Val::Str(place(args)?.host.into())),
            Func::PortOf => match place(args)?.port {
                Some(port) => Ok(Val::Int(i64::from(port))),
                None => {
                    let text = shown(args.str(0)?);
                    Err(Stop::absent(format!("the port of {text}"), span))
                }
            },
        }
    }

    /// A text that is about to be gone through, paid for by its length.
    fn scan<'a>(&self, args: &'a Args, at: usize, bytes_a_step: usize) -> Res<&'a str> {
        let text = args.str(at)?;
        self.step(text.len() / bytes_a_step, args.span)?;
        Ok(text)
    }

    fn text(&self, text: String, span: Span) -> Res<Val> {
        self.produce(text.len(), span)?;
        Ok(Val::Str(text.into()))
    }

    fn size(&self, args: &Args) -> Res<Val> {
        let count = match args.get(0) {
            Val::Str(_) => self.scan(args, 0, 256)?.chars().count(),
            Val::List(items) => items.len(),
            Val::Map(map) => {
                self.step(map.len(), args.span)?;
                let mut count = 0;
                for val in map.values() {
                    match val {
                        Val::Absent => {}
                        Val::Unknown(reason) => {
                            let why = Why::Unknown(Arc::clone(reason));
                            return Err(Stop::new(why, args.span));
                        }
                        Val::Null
                        | Val::Bool(_)
                        | Val::Int(_)
                        | Val::Float(_)
                        | Val::Str(_)
                        | Val::List(_)
                        | Val::Map(_) => count += 1,
                    }
                }
                count
            }
            other @ (Val::Null
            | Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Absent
            | Val::Unknown(_)) => {
                let message = format!("{} has no size", other.sort());
                return Err(args.wrong(message));
            }
        };
        Ok(Val::Int(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    fn join(&self, args: &Args) -> Res<Val> {
        let by = args.str(1)?;
        let mut joined = String::new();
        for (index, item) in self.known_items(args, 0)?.iter().enumerate() {
            let Some(text) = item.as_str() else {
                let message = format!("strings are expected, the list holds {}", item.sort());
                return Err(args.wrong(message));
            };
            let by = if index == 0 { "" } else { by };
            self.produce(by.len() + text.len(), args.span)?;
            self.step(1, args.span)?;
            joined.push_str(by);
            joined.push_str(text);
        }
        Ok(Val::Str(joined.into()))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn convert(&self, args: &Args) -> Res<Val> {
        let val = args.get(0);
        let no = || args.wrong(format_args!("{} cannot be converted", val.show()));
        match (args.func, val) {
            (Func::Int, Val::Int(_))
            | (Func::Double, Val::Float(_))
            | (Func::Bool, Val::Bool(_))
            | (Func::String, Val::Str(_)) => Ok(val.clone()),
            (Func::Int, Val::Float(number)) => {
                // The casts of Rust saturate; a number out of range is no number of seconds.
                let whole = number.trunc();
                let fits =
                    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole);
                fits.then_some(Val::Int(whole as i64)).ok_or_else(no)
            }
            (Func::Int, Val::Str(text)) => text.trim().parse().map(Val::Int).map_err(|_| no()),
            (Func::Double, Val::Int(number)) => Ok(Val::Float(*number as f64)),
            (Func::Double, Val::Str(text)) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Val::Float(number)),
                Ok(_) | Err(_) => Err(no()),
            },
            (Func::Bool, Val::Str(text)) => match &**text {
                "true" => Ok(Val::Bool(true)),
                "false" => Ok(Val::Bool(false)),
                _ => Err(no()),
            },
            (Func::String, Val::Bool(truth)) => {
                Ok(Val::from(if *truth { "true" } else { "false" }))
            }
            (Func::String, Val::Int(number)) => self.text(number.to_string(), args.span),
            (Func::String, Val::Float(number)) => self.text(number.to_string(), args.span),
            _ => Err(no()),
        }
    }

    /// The items of a list, none of which may be absent or unknown.
    fn known_items<'a>(&self, args: &'a Args, at: usize) -> Res<&'a [Val]> {
        let items = args.list(at)?;
        self.step(items.len() / 4, args.span)?;
        let mut worst = Worst::default();
        for item in items {
            match item {
                Val::Absent => worst.and(Stop::absent("an element", args.span)),
                Val::Unknown(reason) => {
                    worst.and(Stop::new(Why::Unknown(Arc::clone(reason)), args.span));
                }
                Val::Null
                | Val::Bool(_)
                | Val::Int(_)
                | Val::Float(_)
                | Val::Str(_)
                | Val::List(_)
                | Val::Map(_) => {}
            }
        }
        worst.unless(items)
    }

    fn distinct(&self, args: &Args) -> Res<Val> {
        let items = self.known_items(args, 0)?;
        self.produce(size_of_val(items), args.span)?;
        let mut once: Vec<Val> = Vec::new();
        let mut strings: HashSet<&str> = HashSet::new();
        for item in items {
            self.step(1, args.span)?;
            let new = match item.as_str() {
                // Strings by hash; when other sorts are mixed in, the slow way tells the mistake.
                Some(text) if once.len() == strings.len() => strings.insert(text),
                _ => !self.among(item, &once, args.span)?,
            };
            if new {
                once.push(item.clone());
            }
        }
        Ok(Val::from(once))
    }

    /// Whether all of `a` are (or none is) among `b`.
    fn all_among(&self, a: &[Val], b: &[Val], within: bool, span: Span) -> Res<bool> {
        let set = Set::of(b);
        let mut worst = Worst::default();
        for item in a {
            match self.member(item, &set, span) {
                Ok(found) if found == within => {}
                Ok(_) => return Ok(false),
                Err(stop) if stop.is_final() => return Err(stop),
                Err(stop) => worst.and(stop),
            }
        }
        worst.unless(true)
    }

    /// The elements of `a` that are (or are not) among `b`.
    pub(super) fn select(&self, a: &[Val], b: &[Val], within: bool, span: Span) -> Res<Val> {
        let set = Set::of(b);
        let mut worst = Worst::default();
        let mut made = Vec::new();
        for item in a {
            match self.member(item, &set, span) {
                Ok(found) => {
                    if found == within {
                        self.produce(size_of::<Val>(), span)?;
                        made.push(item.clone());
                    }
                }
                Err(stop) if stop.is_final() => return Err(stop),
                Err(stop) => worst.and(stop),
            }
        }
        worst.unless(Val::from(made))
    }

    fn member(&self, item: &Val, set: &Set, span: Span) -> Res<bool> {
        match (&set.strings, item.as_str()) {
            (Some(strings), Some(text)) => {
                self.step(1, span)?;
                Ok(strings.contains(text))
            }
            _ => {
                // An element that has no value has none wherever it is looked for.
                let there = seen(Cow::Borrowed(item), span)?;
                self.among(&there, set.items, span)
            }
        }
    }
}

/// A list to look things up in; quickly when it holds strings only.
struct Set<'v> {
    items: &'v [Val],
    strings: Option<HashSet<&'v str>>,
}

impl<'v> Set<'v> {
    fn of(items: &'v [Val]) -> Self {
        let strings = if items.len() > 8 {
            items.iter().map(Val::as_str).collect()
        } else {
            None
        };
        Self { items, strings }
    }
}

fn version<'a>(args: &'a Args, at: usize) -> Res<Version<'a>> {
    let text = args.str(at)?;
    Version::parse(text).ok_or_else(|| args.wrong(format_args!("{} is not a version", shown(text))))
}

fn place(args: &Args) -> Res<Place> {
    let text = args.str(0)?;
    Place::parse(text).ok_or_else(|| {
        args.wrong(format_args!(
            "{} is neither a URL nor host:port",
            shown(text)
        ))
    })
}

/// A text as a report shows it.
fn shown(text: &str) -> String {
    let head: String = text.chars().take(super::val::SHOWN).collect();
    Val::from(head.as_str()).show()
}
