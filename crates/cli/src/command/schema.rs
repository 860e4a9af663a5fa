//! `runproof schema`: print the JSON Schema of suites and other files.

use clap::{Args, ValueEnum};
use runproof_model::ExitCode;
use serde_json::{Value, json};

use crate::{message, write};

const EXAMPLES: &str = "\
Examples:
  runproof schema > suite.schema.json               for suites
  runproof schema site > site.schema.json           for site files
An editor with a YAML language server completes a file that begins with
  # yaml-language-server: $schema=suite.schema.json";

/// Arguments of `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SchemaArgs {
    /// Whose schema: suite, profile, site, waivers or facts
    #[arg(
        value_name = "WHAT",
        default_value = "suite",
        hide_possible_values = true
    )]
    pub what: SchemaOf,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Suites.
    Suite,
    /// Profiles.
    Profile,
    /// Site files.
    Site,
    /// Files of waivers.
    Waivers,
    /// Every kind of fact, by name.
    Facts,
}

/// Runs `schema`.
pub fn run(args: &SchemaArgs) -> ExitCode {
    let schema = match args.what {
        SchemaOf::Suite => file_schema("suite"),
        SchemaOf::Profile => file_schema("profile"),
        SchemaOf::Site => file_schema("site"),
        SchemaOf::Waivers => file_schema("waivers"),
        SchemaOf::Facts => Some(facts()),
    };
    let text = schema.and_then(|schema| runproof_report::json::to_string(&schema).ok());
    let Some(text) = text else {
        message::error("there is no such schema");
        return ExitCode::Defect;
    };
    write::print(&text, ExitCode::Conforms)
}

fn file_schema(what: &str) -> Option<Value> {
    let name = format!("{what}.schema.json");
    runproof_suite::schemas()
        .into_iter()
        .find_map(|(file, schema)| (file == name).then_some(schema))
}

/// Every kind with its query and its fact.
fn facts() -> Value {
    runproof_facts::kinds()
        .iter()
        .map(|kind| {
            let schema = json!({ "about": kind.about, "query": kind.query_schema(), "fact": kind.fact_schema() });
            (kind.name.to_owned(), schema)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
