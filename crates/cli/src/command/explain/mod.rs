//! `runproof explain`: what an invariant means, or a scenario.

mod scenario;

use std::time::Duration;

use clap::Args;
use runproof_engine::RunOptions;
use runproof_model::exit::Gate;
use runproof_model::{ExitCode, Finding};
use runproof_suite::{Invariant, Library, Plan, Selection, Waivers, bind};
use serde::Serialize;

use crate::command::recover;
use crate::live::{Shown, block_on};
use crate::load::{self, Target};
use crate::options::{DisplayOptions, TargetOptions, TextFormat, name};
use crate::{message, write};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Say what an invariant means, how it is checked and how it is mended.

Shows the statement, why it matters, where it is documented, how it is checked
and the command to look by hand, and the documented fix; with --site also the
values of that site. Of a scenario it shows the fault, what that turns red and
the documented fix; nothing is looked at.";

const EXAMPLES: &str = "\
Examples:
  runproof explain botui-server-url-localhost
  runproof explain drive-listens-9100 --site prod   with that site's values
  runproof explain drive-listens-9100 --profile lxd as another reading has it
  runproof explain caddy-partial-config             a scenario: what is broken, and the fix
  runproof list                                     the identifiers
  runproof list scenarios                           those of scenarios";

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The identifier of an invariant or a scenario
    #[arg(value_name = "ID", value_parser = name)]
    pub id: String,
    /// Whose values and whose reading.
    #[command(flatten)]
    pub target: TargetOptions,
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

/// Runs `explain`.
pub fn run(args: &ExplainArgs, display: &DisplayOptions) -> ExitCode {
    let library = match load::library(&args.target.documents) {
        Ok(library) => library,
        Err(error) => return error.report(display),
    };
    let target = match load::target(&args.target, &library) {
        Ok(target) => target,
        Err(error) => return error.report(display),
    };
    let scenario = match scenario::of(&library, &target.site(), &args.id) {
        Ok(scenario) => scenario,
        Err(why) => {
            message::error(&why);
            return ExitCode::Usage;
        }
    };
    let Some(id) = known(&library, &args.id) else {
        return match scenario {
            Some(scenario) => shown(&scenario, scenario::Explained::in_words, args.format),
            None => unknown(&library, &args.id),
        };
    };
    if let Err(code) = recover::before_looking(args.target.site.as_ref(), false) {
        return code;
    }
    let plan = bind(
        &library,
        &target.site(),
        &Selection {
            ids: vec![id.clone()],
            ..Selection::all()
        },
    );
    let findings = match &target {
        Target::Recorded(bundle) => {
            runproof_engine::replay(bundle, &plan, &Waivers::default(), Gate::default())
                .report
                .findings
        }
        Target::Live(live) => {
            let options = RunOptions {
                probe_timeout: Duration::from_secs(30),
                jobs: 64,
                deadline: None,
                wait: false,
            };
            let progress = display.progress();
            progress.begin("looking at", crate::command::check::roles(&plan));
            let checked = block_on(|cancel| {
                let (progress, options, plan) = (&progress, &options, &plan);
                async move {
                    let shown = Shown(progress);
                    runproof_engine::check(
                        &live.file.site,
                        plan,
                        &live.waivers,
                        Gate::default(),
                        &live.key,
                        options,
                        &shown,
                        &cancel,
                    )
                    .await
                }
            });
            progress.finish();
            match checked {
                Ok(checked) => checked.report.findings,
                Err(message) => {
                    message::error(&message);
                    return ExitCode::Defect;
                }
            }
        }
    };
    let Some((suite, invariant)) = library.invariant(&id) else {
        return unknown(&library, &args.id);
    };
    let explained = Explained {
        id: id.clone(),
        suite: suite.suite.to_string(),
        title: invariant.title.clone(),
        why: invariant.why.clone(),
        severity: invariant.severity.as_str(),
        level: invariant.level.as_str(),
        profiles: invariant.profiles.iter().map(|p| p.value.clone()).collect(),
        expect: invariant
            .expect
            .0
            .iter()
            .map(|e| e.text().to_owned())
            .collect(),
        document_defect: invariant
            .document_defect
            .as_ref()
            .map(|d| format!("{} ({})", d.why, d.evidence)),
        by_hand: by_hand(&plan),
        fix: plan
            .bound
            .first()
            .map(|bound| bound.fix.clone())
            .unwrap_or_default(),
        documented: documented(&library, invariant),
        recorded: matches!(target, Target::Recorded(_)),
        site: target.site().site,
        findings,
        scenario,
    };
    shown(&explained, in_words, args.format)
}

/// Prints what there is to say.
fn shown<T: Serialize>(explained: &T, in_words: fn(&T) -> String, format: TextFormat) -> ExitCode {
    let text = match format {
        TextFormat::Terminal => in_words(explained),
        TextFormat::Json => match runproof_report::json::to_string(explained) {
            Ok(text) => text,
            Err(error) => {
                message::error(&error.to_string());
                return ExitCode::Defect;
            }
        },
    };
    write::print(&text, ExitCode::Conforms)
}

/// Everything there is to say about an invariant.
#[derive(Debug, Serialize)]
struct Explained {
    id: String,
    suite: String,
    title: String,
    why: String,
    severity: &'static str,
    level: &'static str,
    profiles: Vec<String>,
    expect: Vec<String>,
    document_defect: Option<String>,
    /// Role and command.
    by_hand: Vec<(String, String)>,
    fix: Vec<String>,
    /// Place, and what stands there in our words.
    documented: Vec<(String, String)>,
    recorded: bool,
    site: String,
    findings: Vec<Finding>,
    /// The scenario of the statement that it covers, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<scenario::Explained>,
}

/// The invariant of that identifier, or the one that covers that statement of the ledger.
fn known(library: &Library, id: &str) -> Option<String> {
    if library.invariant(id).is_some() {
        return Some(id.to_owned());
    }
    library
        .invariants()
        .find(|(_, invariant)| invariant.covers.iter().any(|covered| covered.value == id))
        .map(|(_, invariant)| invariant.id.value.clone())
}

fn unknown(library: &Library, id: &str) -> ExitCode {
    let statement = library
        .sources()
        .ok()
        .and_then(|sources| sources.statement(id));
    if let Some(statement) = statement {
        message::error(&format!(
            "{id} is documented and not encoded yet: {}",
            statement.statement
        ));
        return ExitCode::Usage;
    }
    message::error(&format!("there is no invariant and no scenario {id}"));
    let known = library
        .invariants()
        .map(|(_, invariant)| invariant.id.as_str());
    let ledger = library
        .sources()
        .ok()
        .into_iter()
        .flat_map(|sources| &sources.statements)
        .map(|statement| statement.id.as_str());
    let scenarios = library.scenarios().map(|(_, one)| one.id.as_str());
    let nearest = load::alike(id, known.chain(scenarios).chain(ledger));
    message::help(&match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "`runproof list` and `runproof list scenarios` show them all".to_owned(),
    });
    ExitCode::Usage
}

/// How to look by hand, each way once.
fn by_hand(plan: &Plan) -> Vec<(String, String)> {
    let mut ways = Vec::new();
    for wanted in plan.wanted() {
        let way = (wanted.role.to_string(), wanted.probe.by_hand());
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

fn documented(library: &Library, invariant: &Invariant) -> Vec<(String, String)> {
    let mut places = Vec::new();
    let ids = std::iter::once(&invariant.id).chain(&invariant.covers);
    if let Ok(sources) = library.sources() {
        for statement in ids.filter_map(|id| sources.statement(&id.value)) {
            for source in &statement.sources {
                let place = format!(
                    "{} § {}, lines {}",
                    source.doc, source.section, source.lines
                );
                places.push((place, statement.statement.clone()));
            }
        }
    }
    if places.is_empty() {
        places.extend(
            invariant
                .sources
                .iter()
                .map(|key| (runproof_report::words::source(&key.value), String::new())),
        );
    }
    places
}

fn in_words(e: &Explained) -> String {
    let line = |text: &str| runproof_model::text::one_line(text, 400);
    let mut out = format!(
        "{}  ({}, {}, suite {}, profiles {})\n{}\n",
        e.id,
        e.severity,
        e.level,
        e.suite,
        e.profiles.join(", "),
        line(&e.title)
    );
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{title}\n"));
            for text in lines {
                out.push_str(&format!("  {text}\n"));
            }
        }
    };
    section("Why", vec![line(&e.why)]);
    section(
        "Document defect",
        e.document_defect.iter().map(|d| line(d)).collect(),
    );
    section(
        "Documented",
        e.documented
            .iter()
            .map(|(place, says)| {
                if says.is_empty() {
                    line(place)
                } else {
                    format!("{}: {}", line(place), line(says))
                }
            })
            .collect(),
    );
    section("Expected", e.expect.iter().map(|x| line(x)).collect());
    section(
        "To look by hand",
        e.by_hand
            .iter()
            .map(|(role, command)| format!("on {role}:  {}", line(command)))
            .collect(),
    );
    section("Fix", e.fix.iter().map(|x| line(x)).collect());
    let heading = if e.recorded {
        "Last values, of a recording and not of your site"
    } else {
        "Last values"
    };
    section(
        heading,
        e.findings
            .iter()
            .map(|f| {
                format!(
                    "{} on {}: {} {}",
                    e.site,
                    f.node,
                    f.verdict.as_str(),
                    line(&f.message)
                )
            })
            .collect(),
    );
    if let Some(scenario) = &e.scenario {
        out.push('\n');
        out.push_str(&scenario.in_words());
    }
    out
}
