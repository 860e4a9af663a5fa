//! `runproof look`: one fact, gathered by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use console::Style;
use runproof_engine::{SiteKey, site_of};
use runproof_facts::{Context, Reads, Wanted};
use runproof_model::observed::{ABSENT_KEY, UNKNOWN_KEY};
use runproof_model::site::{Engine, Identity, NodeRef, Reach, Via};
use runproof_model::{ExitCode, FactRecord, Reason, ReasonKind, Role, Site, text};
use runproof_site::{CancellationToken, OpenError, Options, Session};
use runproof_suite::{Library, TypedQuery};
use serde::Serialize;
use serde_json::Value;

use super::check::planned;
use super::recover;
use crate::cli::UsageError;
use crate::live::{Shown, block_on};
use crate::load::{self, LoadError, Target};
use crate::options::{DisplayOptions, LookOptions, TargetOptions, TextFormat, role};
use crate::{message, write};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Look at one thing by hand: one fact, on this machine or on a site.

The query is written as in a suite. Without --site this machine is looked at,
with the rights of this account; the files that may hold keys are never read
even then. With --site the site file decides what may be read.

A value is shown as it is, as absent (looked, and it is not there) or as
unknown (could not be looked at) with the reason. Secrets are shown as
fingerprints. Exit code 0 when everything asked for is known or absent, 2 when
any of it is unknown.";

const EXAMPLES: &str = "\
Examples:
  runproof look 'unit: ui.service'                  a unit of this machine
  runproof look 'file: /etc/hosts, lines: true'
  runproof look '{ dotenv: ./app.env, plain: [PORT] }'
  runproof look 'caddyfile: ./Caddyfile' --format json
  runproof look listeners
  runproof look 'firewall: {}, ports: [5858]' --plan
                                                    only print what would run
  runproof look 'unit: \"{profile.ui_unit}\"' --site prod --on system
  runproof list facts                               what can be asked for";

/// The name of the only node when there is no site.
const HERE: &str = "here";
/// The reading that templates follow when there is no site.
const PROFILE: &str = "incus";
/// Longer lists are cut unless everything is wanted.
const ITEMS: usize = 40;
/// Deeper than any fact.
const DEPTH: usize = 16;

/// Arguments of `look`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LookArgs {
    /// What to look at, as in a suite: 'unit: ui.service', 'file: /etc/hosts, lines: true'
    #[arg(value_name = "QUERY")]
    pub query: String,
    /// Where.
    #[command(flatten)]
    pub target: TargetOptions,
    /// The role of the node, with --site
    #[arg(long, help_heading = "What to look at", value_name = "ROLE", value_parser = role)]
    pub on: Option<Role>,
    /// How the site is looked at.
    #[command(flatten)]
    pub look: LookOptions,
    /// Print as terminal or json
    #[arg(
        long,
        help_heading = "Output",
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: TextFormat,
}

impl LookArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When a role is named and no site that could have it.
    pub fn check(&self) -> Result<(), UsageError> {
        if self.on.is_some() && self.target.site.is_none() {
            return Err(UsageError::new(
                "--on names a node of a site",
                "name the site: --site NAME; without one this machine is looked at",
            ));
        }
        Ok(())
    }
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Looked<'a> {
    site: Option<&'a str>,
    node: &'a str,
    kind: &'a str,
    query: &'a Value,
    by_hand: String,
    state: State,
    fact: &'a Value,
}

/// Whether a fact could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Known,
    Absent,
    Unknown,
}

/// Runs `look`.
pub fn run(args: &LookArgs, display: &DisplayOptions) -> ExitCode {
    if let Err(code) = recover::before_looking(args.target.site.as_ref(), args.look.plan) {
        return code;
    }
    let prepared = load::library(&args.target.documents).and_then(|library| {
        let place = Place::of(args, &library)?;
        let wanted = wanted(args, &library, &place.site)?;
        Ok((place, wanted))
    });
    let (place, wanted) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return error.report(display),
    };
    if args.look.plan {
        return match &place.recorded {
            None => planned(&place.site, &place.key, &args.look, &[wanted]),
            Some(_) => {
                message::note("a recording is replayed: nothing would run");
                ExitCode::Conforms
            }
        };
    }
    let (records, interrupted) = match &place.recorded {
        Some(bundle) => {
            let replay = bundle.replay();
            let gathered = replay.gather(std::slice::from_ref(&wanted), replay.rounds());
            (gathered.facts, false)
        }
        None => match gather(&place, &wanted, args, display) {
            Ok(gathered) => gathered,
            Err(message) => {
                message::error(&message);
                return ExitCode::Defect;
            }
        },
    };
    let Some(record) = records.first() else {
        message::error("nobody looked");
        return ExitCode::Defect;
    };
    match show(args, display, &place, &wanted, &record.fact) {
        // An interruption decides, whatever was seen until then.
        Ok(_) if interrupted => ExitCode::Interrupted,
        Ok(code) | Err(code) => code,
    }
}

/// Where is looked.
struct Place {
    site: Site,
    key: SiteKey,
    recorded: Option<Box<runproof_site::Bundle>>,
    /// Whether a site was named.
    named: bool,
}

impl Place {
    fn of(args: &LookArgs, library: &Library) -> Result<Self, LoadError> {
        let key = || SiteKey::load(None).map_err(|e| LoadError::Message(e.to_string(), None));
        if args.target.site.is_none() {
            let profile = args.target.documents.profile.as_deref().unwrap_or(PROFILE);
            if args.target.documents.profile.is_some() {
                load::known_profile(profile, library)?;
            }
            return Ok(Self {
                site: this_machine(profile),
                key: key()?,
                recorded: None,
                named: false,
            });
        }
        Ok(match load::target(&args.target, library)? {
            Target::Live(live) => Self {
                site: live.file.site,
                key: live.key,
                recorded: None,
                named: true,
            },
            Target::Recorded(bundle) => Self {
                site: site_of(&bundle),
                key: key()?,
                recorded: Some(bundle),
                named: true,
            },
        })
    }

    /// The place in words.
    fn words(&self, wanted: &Wanted) -> String {
        if self.named {
            format!("{} of {}", wanted.role, self.site.site)
        } else {
            "this machine".to_owned()
        }
    }
}

/// The user's own machine: everything may be read that the account can read,
/// but for what is never read anywhere.
fn this_machine(profile: &str) -> Site {
    let nodes = Role::new(HERE)
        .map(|role| BTreeMap::from([(role, NodeRef::Instance(HERE.to_owned()))]))
        .unwrap_or_default();
    Site {
        site: HERE.to_owned(),
        profile: profile.to_owned(),
        identity: Identity::default(),
        reach: Reach {
            engine: Engine::Local,
            project: None,
            sudo: false,
            ssh: None,
            socket: None,
            via: Via::Auto,
        },
        nodes,
        inputs: BTreeMap::new(),
        content: Some(vec!["/**".to_owned()]),
        standins: Vec::new(),
        waivers: None,
        key_file: None,
        credentials: runproof_model::Credentials::default(),
    }
}

fn wanted(args: &LookArgs, library: &Library, site: &Site) -> Result<Wanted, LoadError> {
    // A relative path can only be meant on this machine.
    let folder = std::env::current_dir()
        .ok()
        .filter(|_| args.target.site.is_none());
    let folder = folder.as_deref().and_then(Path::to_str);
    let TypedQuery { kind, probe, on } = TypedQuery::read(&args.query, library, site, folder)?;
    let refuse = |message: String, help: String| LoadError::Message(message, Some(help));
    let mapped: Vec<&Role> = site
        .nodes
        .iter()
        .filter(|(_, node)| !matches!(node, NodeRef::Absent(_)))
        .map(|(role, _)| role)
        .collect();
    let known = mapped
        .iter()
        .map(|role| role.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let role = match (&args.on, on) {
        (Some(role), _) => role.clone(),
        (None, Some(name)) => {
            Role::new(name).map_err(|e| LoadError::Message(e.to_string(), None))?
        }
        (None, None) => match mapped.as_slice() {
            [only] => (*only).clone(),
            _ => {
                return Err(refuse(
                    format!("which node of {}?", site.site),
                    format!("name its role with --on: {known}"),
                ));
            }
        },
    };
    match site.nodes.get(&role) {
        Some(NodeRef::Absent(absent)) => Err(refuse(
            format!("{} has no {role}: {}", site.site, absent.absent),
            format!("its nodes: {known}"),
        )),
        None => Err(refuse(
            format!("{} has no role `{role}`", site.site),
            format!("its nodes: {known}"),
        )),
        Some(NodeRef::Instance(_) | NodeRef::Hypervisor(_)) => Ok(Wanted {
            role,
            kind: kind.name,
            query: probe.query(),
            probe: probe.into(),
            reads: Reads::All,
        }),
    }
}

/// Looks; also whether somebody stopped it.
fn gather(
    place: &Place,
    wanted: &Wanted,
    args: &LookArgs,
    display: &DisplayOptions,
) -> Result<(Vec<FactRecord>, bool), String> {
    let mut options = Options::new(Context {
        key: place.key.key.clone(),
    });
    options.probe_timeout = args.look.timeout;
    options.deadline = args.look.deadline.map(|limit| Instant::now() + limit);
    let progress = display.progress();
    if place.named {
        progress.begin("looking at", [wanted.role.as_str()]);
    }
    let result = block_on(|cancel| {
        let progress = &progress;
        async move {
            let shown = Shown(progress);
            let site = &place.site;
            let facts = match open(site, options, &cancel).await {
                Ok(session) => {
                    let wanted = std::slice::from_ref(wanted);
                    let gathered = session.gather(wanted, &shown, &cancel).await;
                    session.close().await;
                    gathered.facts
                }
                Err(error) => vec![unseen(wanted, &error)],
            };
            (facts, cancel.is_cancelled())
        }
    });
    progress.finish();
    result
}

async fn open(
    site: &Site,
    options: Options,
    cancel: &CancellationToken,
) -> Result<Session, OpenError> {
    let late = |kind, why| Err(OpenError::Unreachable(Reason::new(kind, why)));
    let deadline = options.deadline;
    let passed = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        opened = Session::open(site, options) => opened,
        () = passed => late(ReasonKind::Interrupted, "the deadline passed before the site was entered"),
        () = cancel.cancelled() => late(ReasonKind::Interrupted, "before the site was entered"),
    }
}

fn unseen(wanted: &Wanted, error: &OpenError) -> FactRecord {
    let reason = match error {
        OpenError::Unreachable(reason) => reason.clone(),
        OpenError::WrongSite { .. } | OpenError::BadSite(_) => {
            Reason::new(ReasonKind::Unreachable, error.to_string())
        }
    };
    FactRecord {
        role: wanted.role.clone(),
        kind: wanted.kind.to_owned(),
        query: wanted.query.clone(),
        fact: serde_json::json!({ UNKNOWN_KEY: reason }),
    }
}

fn show(
    args: &LookArgs,
    display: &DisplayOptions,
    place: &Place,
    wanted: &Wanted,
    fact: &Value,
) -> Result<ExitCode, ExitCode> {
    let looked = Looked {
        site: place.named.then_some(place.site.site.as_str()),
        node: wanted.role.as_str(),
        kind: wanted.kind,
        query: &wanted.query,
        by_hand: wanted.probe.by_hand(),
        state: match marker(fact) {
            Some((ABSENT_KEY, _)) => State::Absent,
            Some(_) => State::Unknown,
            None => State::Known,
        },
        fact,
    };
    let mut unknown = 0;
    count_unknown(fact, 0, &mut unknown);
    let text = match args.format {
        TextFormat::Terminal => {
            let style = display.style();
            in_words(&looked, &place.words(wanted), style.color, style.verbose)
        }
        TextFormat::Json => runproof_report::json::to_string(&looked).map_err(|error| {
            message::error(&error.to_string());
            ExitCode::Defect
        })?,
    };
    write::stdout(&text).map_err(|error| {
        message::error(&error.to_string());
        error.exit_code()
    })?;
    if unknown == 0 {
        return Ok(ExitCode::Conforms);
    }
    message::note(&format!(
        "{} could not be looked at",
        message::count(unknown, "value")
    ));
    Ok(ExitCode::Unestablished)
}

/// The marker of an absent or unknown value, and what stands under it.
fn marker(value: &Value) -> Option<(&'static str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    [ABSENT_KEY, UNKNOWN_KEY]
        .into_iter()
        .find_map(|key| Some((key, map.get(key)?)))
}

fn count_unknown(value: &Value, depth: usize, count: &mut usize) {
    if let Some((key, _)) = marker(value) {
        *count += usize::from(key == UNKNOWN_KEY);
        return;
    }
    // What is too deep to be looked through is not known to be known.
    if depth > DEPTH {
        *count += 1;
        return;
    }
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| count_unknown(item, depth + 1, count)),
        Value::Object(map) => map
            .values()
            .for_each(|item| count_unknown(item, depth + 1, count)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_words(looked: &Looked<'_>, place: &str, color: bool, verbose: bool) -> String {
    let mut page = Page {
        text: String::new(),
        color,
        verbose,
    };
    page.text.push_str(&format!(
        "{} on {}\nby hand: {}\n\n",
        looked.kind,
        place,
        text::one_line(&looked.by_hand, 400)
    ));
    match (marker(looked.fact), looked.fact) {
        (None, Value::Object(map)) => page.fields(map, 0),
        (_, value) => {
            let shown = page.scalar(value);
            page.text.push_str(&format!("{shown}\n"));
        }
    }
    page.text
}

/// A page that grows line by line.
struct Page {
    text: String,
    color: bool,
    verbose: bool,
}

impl Page {
    /// `name  value`, one a line, values in a column; what is large below its name,
    /// and what is unknown at the end.
    fn fields(&mut self, map: &serde_json::Map<String, Value>, depth: usize) {
        let width = map
            .keys()
            .map(|key| key.chars().count())
            .max()
            .unwrap_or_default()
            .min(30);
        // One reason for many fields is said once.
        let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
        for (key, value) in map {
            let key = text::one_line(key, 60);
            if matches!(marker(value), Some((UNKNOWN_KEY, _))) {
                let why = self.scalar(value);
                match reasons.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, keys)) => keys.push(key),
                    None => reasons.push((why, vec![key])),
                }
                continue;
            }
            self.entry(&format!("{key:width$}"), value, depth);
        }
        let indent = "  ".repeat(depth);
        for (why, keys) in reasons {
            let line = match keys.as_slice() {
                [only] => format!("{indent}{only:width$}  {why}\n"),
                many => format!("{indent}{}\n{indent}  {why}\n", many.join(", ")),
            };
            self.text.push_str(&line);
        }
    }

    fn entry(&mut self, head: &str, value: &Value, depth: usize) {
        let indent = "  ".repeat(depth);
        let large = marker(value).is_none() && depth < DEPTH;
        match value {
            Value::Object(map) if large && !map.is_empty() => {
                self.text
                    .push_str(&format!("{indent}{}\n", head.trim_end()));
                self.fields(map, depth + 1);
            }
            Value::Array(items) if large && !items.is_empty() => {
                self.text
                    .push_str(&format!("{indent}{}\n", head.trim_end()));
                let most = if self.verbose { usize::MAX } else { ITEMS };
                for item in items.iter().take(most) {
                    match item {
                        Value::Object(map) if marker(item).is_none() => {
                            self.text.push_str(&format!("{indent}  -\n"));
                            self.fields(map, depth + 2);
                        }
                        Value::Object(_)
                        | Value::Array(_)
                        | Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_) => self.entry("-", item, depth + 1),
                    }
                }
                if items.len() > most {
                    let more = items.len() - most;
                    self.text
                        .push_str(&format!("{indent}  … {more} more, -v shows all\n"));
                }
            }
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                let shown = self.scalar(value);
                self.text.push_str(&format!("{indent}{head}  {shown}\n"));
            }
        }
    }

    fn scalar(&self, value: &Value) -> String {
        let limit = if self.verbose { 4000 } else { 200 };
        match marker(value) {
            Some((ABSENT_KEY, _)) => self.painted(Style::new().dim(), "absent"),
            Some((_, reason)) => {
                let why = match serde_json::from_value::<Reason>(reason.clone()) {
                    Ok(reason) => format!("unknown: {reason}"),
                    Err(_) => "unknown".to_owned(),
                };
                self.painted(Style::new().yellow(), &text::one_line(&why, 400))
            }
            None => match value {
                Value::String(value) if value.is_empty() => "\"\"".to_owned(),
                Value::String(value) => text::one_line(value, limit),
                Value::Array(items) if items.is_empty() => "none".to_owned(),
                Value::Object(map) if map.is_empty() => "none".to_owned(),
                Value::Array(_)
                | Value::Object(_)
                | Value::Null
                | Value::Bool(_)
                | Value::Number(_) => text::one_line(&value.to_string(), limit),
            },
        }
    }

    fn painted(&self, style: Style, words: &str) -> String {
        style.force_styling(self.color).apply_to(words).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, parse};
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(&["look", "unit: a"], true)]
    #[case(&["look", "unit: a", "--on", "system"], false)]
    #[case(&["look", "unit: a", "--on", "system", "--site", "prod"], true)]
    fn a_role_needs_a_site(#[case] words: &[&str], #[case] fine: bool) {
        let Command::Look(args) = parse(words).unwrap().command else {
            panic!("not look");
        };
        assert_eq!(args.check().is_ok(), fine);
    }

    fn page(fact: &Value, verbose: bool) -> String {
        let looked = Looked {
            site: None,
            node: HERE,
            kind: "file",
            query: &Value::Null,
            by_hand: "cat /x".to_owned(),
            state: State::Known,
            fact,
        };
        in_words(&looked, "this machine", false, verbose)
    }

    #[test]
    fn known_absent_and_unknown_are_told_apart() {
        let fact = json!({
            "exists": true,
            "mode": { "$absent": true },
            "size": { "$unknown": { "kind": "permission", "detail": "stat" } },
            "empty": [],
            "plain": { "A": "1\u{1b}[31m\n2", "B": { "$absent": true } },
            "lines": ["", "a"],
            "sockets": [{ "port": 80, "address": "::" }],
        });
        insta::assert_snapshot!(page(&fact, false));
        let mut unknown = 0;
        count_unknown(&fact, 0, &mut unknown);
        assert_eq!(unknown, 1);
    }

    #[test]
    fn a_long_list_is_cut_unless_everything_is_wanted() {
        let fact = json!({ "lines": vec!["x"; 100] });
        assert!(page(&fact, false).ends_with("  … 60 more, -v shows all\n"));
        assert_eq!(page(&fact, true).matches("- ").count(), 100);
    }

    #[test]
    fn an_absent_fact_is_one_word() {
        assert!(page(&json!({ "$absent": true }), false).ends_with("\n\nabsent\n"));
    }
}
