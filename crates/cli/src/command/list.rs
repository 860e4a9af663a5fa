//! `runproof list`: what there is.

use clap::{Args, ValueEnum};
use runproof_model::ExitCode;
use runproof_suite::{Library, Scenario};
use serde_json::Value;

use crate::cli::UsageError;
use crate::load;
use crate::options::{DisplayOptions, SelectOptions, SuiteOptions, TextFormat};
use crate::{message, write};

const EXAMPLES: &str = "\
Examples:
  runproof list                                     every invariant: id, severity, role, title
  runproof list --suite firewall --severity high    some of them
  runproof list --profile lxd                       those of one reading
  runproof list scenarios --suite vault             what can be broken in a lab, and what mends it
  runproof list facts                               the kinds of facts that suites can ask for";

/// Arguments of `list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// What to list: invariants, scenarios, suites, profiles or facts
    #[arg(
        value_name = "WHAT",
        default_value = "invariants",
        hide_possible_values = true
    )]
    pub what: Listed,
    /// Which documents.
    #[command(flatten)]
    pub documents: SuiteOptions,
    /// Which invariants.
    #[command(flatten)]
    pub select: SelectOptions,
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

impl ListArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When something is selected of what has no such thing.
    pub fn check(&self) -> Result<(), UsageError> {
        let wrong = match self.what {
            Listed::Invariants => None,
            Listed::Scenarios => self.select.severity.map(|_| "--severity"),
            Listed::Suites | Listed::Profiles | Listed::Facts => {
                (!self.select.is_empty()).then_some("--suite, --id and --severity")
            }
        };
        match wrong {
            None => Ok(()),
            Some(options) => Err(UsageError::new(
                format!("{options} select invariants, and something else is listed"),
                "leave them away; scenarios are selected by --suite and --id",
            )),
        }
    }
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Invariants.
    Invariants,
    /// Scenarios: what can be broken.
    Scenarios,
    /// Suites.
    Suites,
    /// Profiles.
    Profiles,
    /// Kinds of facts.
    Facts,
}

/// Runs `list`.
pub fn run(args: &ListArgs, display: &DisplayOptions) -> ExitCode {
    let library = match load::library(&args.documents) {
        Ok(library) => library,
        Err(error) => return error.report(display),
    };
    if let Some(profile) = &args.documents.profile
        && let Err(error) = load::known_profile(profile, &library)
    {
        return error.report(display);
    }
    let rows = match args.what {
        Listed::Invariants => invariants(&library, args),
        Listed::Scenarios => scenarios(&library, args),
        Listed::Suites => suites(&library),
        Listed::Profiles => profiles(&library),
        Listed::Facts => facts(),
    };
    let text = match args.format {
        TextFormat::Terminal => table(&rows),
        TextFormat::Json => match runproof_report::json::to_string(&as_json(&rows)) {
            Ok(text) => text,
            Err(error) => {
                message::error(&error.to_string());
                return ExitCode::Defect;
            }
        },
    };
    if let Err(error) = write::stdout(&text) {
        message::error(&error.to_string());
        return error.exit_code();
    }
    if rows.is_empty() {
        message::error("nothing is selected");
        let help = if args.what == Listed::Scenarios {
            load::nearest_scenario(&library, &args.select)
        } else {
            load::nearest(&library, &args.select, args.documents.profile.as_deref())
        };
        if let Some(help) = help {
            message::help(&help);
        }
        return ExitCode::NothingChecked;
    }
    ExitCode::Conforms
}

/// One line: names of columns and their values.
type Row = Vec<(&'static str, String)>;

fn invariants(library: &Library, args: &ListArgs) -> Vec<Row> {
    let selection = load::selection(&args.select);
    let profile = args.documents.profile.as_deref();
    library
        .invariants()
        .filter(|(suite, invariant)| {
            selection.wants(&suite.suite, invariant)
                && profile.is_none_or(|p| library.applies(invariant, p))
        })
        .map(|(suite, invariant)| {
            let on: Vec<_> = invariant
                .on
                .0
                .iter()
                .map(|role| role.value.clone())
                .collect();
            vec![
                ("id", invariant.id.value.clone()),
                ("severity", invariant.severity.as_str().to_owned()),
                ("level", invariant.level.as_str().to_owned()),
                ("on", on.join(",")),
                ("suite", suite.suite.to_string()),
                ("title", invariant.title.clone()),
            ]
        })
        .collect()
}

/// Scenarios with the profiles in which what they have to turn red is asked for.
fn scenarios(library: &Library, args: &ListArgs) -> Vec<Row> {
    let is_one_of = |patterns: &[String], name: &str| {
        patterns.is_empty()
            || patterns
                .iter()
                .any(|one| runproof_suite::matches(one, name))
    };
    let holds = |scenario: &Scenario, profile: &str| {
        let mut reds = scenario.turns_red.iter();
        reds.all(|id| {
            let red = library.invariant(&id.value);
            red.is_some_and(|(_, invariant)| library.applies(invariant, profile))
        })
    };
    let profile = args.documents.profile.as_deref();
    library
        .scenarios()
        .filter(|(suite, scenario)| {
            is_one_of(&args.select.suites, &suite.suite.value)
                && is_one_of(&args.select.ids, &scenario.id.value)
                && profile.is_none_or(|profile| holds(scenario, profile))
        })
        .map(|(suite, scenario)| {
            let on = scenario.on.0.iter().map(|role| role.value.clone());
            let profiles = library.profile_names().filter(|name| holds(scenario, name));
            let fix = scenario.fix.as_ref().map(|fix| fix.to_json());
            let has = |key: &str| fix.as_ref().is_some_and(|fix| fix.get(key).is_some());
            let fix = match (has("run"), has("document-defect")) {
                (true, true) => "defect",
                (true, false) => "fix",
                (false, _) => "no-fix",
            };
            vec![
                ("id", scenario.id.value.clone()),
                ("on", on.collect::<Vec<_>>().join(",")),
                ("fix", fix.to_owned()),
                ("profiles", profiles.collect::<Vec<_>>().join(",")),
                ("suite", suite.suite.to_string()),
                ("title", scenario.title.clone()),
            ]
        })
        .collect()
}

fn suites(library: &Library) -> Vec<Row> {
    library
        .suites()
        .iter()
        .map(|loaded| {
            vec![
                ("suite", loaded.suite.suite.to_string()),
                ("invariants", loaded.suite.invariants.len().to_string()),
                ("file", loaded.file.name.clone()),
            ]
        })
        .collect()
}

fn profiles(library: &Library) -> Vec<Row> {
    library
        .profile_names()
        .filter_map(|name| Some((name, library.profile(name)?)))
        .map(|(name, loaded)| {
            vec![
                ("profile", name.to_owned()),
                ("title", loaded.profile.title.clone()),
            ]
        })
        .collect()
}

fn facts() -> Vec<Row> {
    runproof_facts::kinds()
        .iter()
        .map(|kind| {
            vec![
                ("fact", kind.name.to_owned()),
                ("about", kind.about.to_owned()),
            ]
        })
        .collect()
}

/// Columns as wide as their widest value; the last one as it is.
fn table(rows: &[Row]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, (_, value)) in row.iter().enumerate() {
            let width = value.chars().count();
            match widths.get_mut(index) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let last = row.len().saturating_sub(1);
        for (index, (_, value)) in row.iter().enumerate() {
            let value = runproof_model::text::one_line(value, 200);
            let width = if index == last {
                0
            } else {
                widths.get(index).map_or(0, |w| w + 2)
            };
            text.push_str(&format!("{value:width$}"));
        }
        text.push('\n');
    }
    text
}

fn as_json(rows: &[Row]) -> Value {
    rows.iter()
        .map(|row| {
            let fields = row
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())));
            Value::Object(fields.collect())
        })
        .collect()
}
