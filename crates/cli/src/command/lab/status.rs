//! `runproof lab status`: which node runs what, and whether it runs.

use clap::Args;
use runproof_lab::{NodeState, Played, Status};
use runproof_model::ExitCode;

use super::{WhichLab, report, table};
use crate::command::recover;
use crate::live::block_on;
use crate::options::TextFormat;
use crate::{message, write};

const EXAMPLES: &str = "\
Examples:
  runproof lab status                               the lab named lab
  runproof lab status --format json                 for a program";

/// Arguments of `lab status`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
    /// Print as terminal or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: TextFormat,
}

/// Runs `lab status`: 0 when every node runs, 2 when one does not.
pub(super) fn run(args: &StatusArgs) -> ExitCode {
    if let Err(code) = recover::before(&args.lab.name) {
        return code;
    }
    let name = &args.lab.name;
    let status = match block_on(|_| async move { runproof_lab::status(name).await }) {
        Err(error) => {
            message::error(&error);
            return ExitCode::Defect;
        }
        Ok(Err(error)) => return report(&error),
        Ok(Ok(status)) => status,
    };
    let text = match args.format {
        TextFormat::Terminal => Ok(shown(&status)),
        TextFormat::Json => runproof_report::json::to_string(&as_json(&status)),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            message::error(&error.to_string());
            return ExitCode::Defect;
        }
    };
    let mut nodes = status.nodes.values();
    let code = if nodes.all(|node| node.state == NodeState::Running) {
        ExitCode::Conforms
    } else {
        ExitCode::Unestablished
    };
    write::print(&text, code)
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Running => "running",
        NodeState::Stopped => "STOPPED",
        NodeState::Gone => "GONE",
        NodeState::Foreign => "FOREIGN",
    }
}

fn played(one: &Played) -> String {
    match (&one.version, one.standin) {
        (_, true) => format!("{} (STAND-IN)", one.service),
        (Some(version), false) => format!("{} {version}", one.service),
        (None, false) => one.service.clone(),
    }
}

fn shown(status: &Status) -> String {
    let record = &status.record;
    let mut text = format!(
        "lab {}, {}, profile {}, made {}\n\n",
        record.name,
        record.engine.as_str(),
        record.profile,
        record
            .made
            .split('.')
            .next()
            .unwrap_or_default()
            .trim_end_matches('Z'),
    );
    let mut rows = Vec::new();
    for (role, node) in &record.nodes {
        let now = status.nodes.get(role);
        let memory = now.and_then(|now| now.memory);
        let runs: Vec<String> = node.runs.iter().map(played).collect();
        rows.push(vec![
            role.clone(),
            now.map_or("?", |now| word(now.state)).to_owned(),
            node.address.clone(),
            memory.map_or_else(String::new, |bytes| format!("{} MiB", bytes >> 20)),
            node.instance.clone(),
            runs.join(", "),
        ]);
    }
    text.push_str(&table(&rows));
    text
}

fn as_json(status: &Status) -> serde_json::Value {
    let record = &status.record;
    let nodes: serde_json::Map<String, serde_json::Value> = record
        .nodes
        .iter()
        .map(|(role, node)| {
            let now = status.nodes.get(role);
            let node = serde_json::json!({
                "instance": node.instance,
                "address": node.address,
                "state": now.map(|now| now.state),
                "memory": now.and_then(|now| now.memory),
                "standin": node.standin(),
                "runs": node.runs,
            });
            (role.clone(), node)
        })
        .collect();
    serde_json::json!({
        "lab": record.name, "engine": record.engine, "profile": record.profile,
        "made": record.made, "nodes": nodes,
    })
}
