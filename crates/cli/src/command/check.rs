//! `runproof check`: look at a site and judge it.

use clap::Args;
use runproof_engine::{Checked, RunOptions, SiteKey};
use runproof_facts::{Context, Wanted};
use runproof_model::exit::Gate;
use runproof_model::{ExitCode, Site};
use runproof_site::Options;
use runproof_suite::{Plan, Waivers, bind};

use super::recover;
use crate::cli::UsageError;
use crate::live::{Shown, block_on, run_options};
use crate::load::{self, LiveSite, Target};
use crate::options::{
    DisplayOptions, GateOptions, LookOptions, OutputOptions, SelectOptions, TargetOptions,
};
use crate::{advice, message, write};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Look at a site and judge it.

Every selected invariant is checked on every node it speaks of, at most two
looks a node, and nothing on the site is changed. What could not be looked at
is an error and never a pass.

Without --site the recorded reference that is built in is replayed: it shows
what a report looks like, needs no engine, no root and no network, and says
nothing about a site of yours. So what gates (--gate, --strict, --phase) needs
--site.";

const EXAMPLES: &str = "\
Examples:
  runproof check                                    replay the recorded reference
  runproof check --site prod                        the site of sites/prod.yaml
  runproof check --site prod --plan                 only print what would run there
  runproof check --site prod --suite firewall --severity high
  runproof check --site prod --id 'fw-*' -v         some invariants, everything about them
  runproof check --site bundle:prod.json            judge a recording again
  runproof check --site prod --gate high --phase post --deadline 2m \\
                 --format json --output junit=out.xml";

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// What is looked at.
    #[command(flatten)]
    pub target: TargetOptions,
    /// Which invariants.
    #[command(flatten)]
    pub select: SelectOptions,
    /// What decides the exit code.
    #[command(flatten)]
    pub gate: GateOptions,
    /// How the site is looked at.
    #[command(flatten)]
    pub look: LookOptions,
    /// What goes where.
    #[command(flatten)]
    pub output: OutputOptions,
}

impl CheckArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When something gates and no site is named, or a file is named twice.
    pub fn check(&self) -> Result<(), UsageError> {
        if self.target.site.is_none() {
            let given = self.gate.given();
            if !given.is_empty() {
                return Err(UsageError::new(
                    format!(
                        "{} without --site would gate on a recording",
                        given.join(" and ")
                    ),
                    "name the site: --site NAME, --site FILE.yaml or --site bundle:FILE",
                ));
            }
        }
        self.output.check()
    }
}

/// Runs `check`.
pub fn run(args: &CheckArgs, display: &DisplayOptions) -> ExitCode {
    if let Err(error) = write::check_places(args.output.paths()) {
        message::error(&error.to_string());
        return error.exit_code();
    }
    if let Err(code) = recover::before_looking(args.target.site.as_ref(), args.look.plan) {
        return code;
    }
    let loaded = load::library(&args.target.documents)
        .and_then(|library| Ok((load::target(&args.target, &library)?, library)));
    let (target, library) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return error.report(display),
    };
    let site = target.site();
    let plan = bind(&library, &site, &load::selection(&args.select));
    for selector in &plan.unmatched {
        message::error(&format!("{selector} selects nothing"));
    }
    if let Some(help) = load::nearest(&library, &args.select, Some(&site.profile)) {
        message::help(&help);
    }
    if args.look.plan {
        return print_plan(&target, &plan, &args.look);
    }
    let gate = args.gate.gate();
    let checked = match &target {
        Target::Recorded(bundle) => Ok(runproof_engine::replay(
            bundle,
            &plan,
            &Waivers::default(),
            gate,
        )),
        Target::Live(live) => look_at(
            live,
            &plan,
            gate,
            &run_options(&args.look, Some(&args.gate)),
            display,
        ),
    };
    match checked {
        Ok(checked) => {
            let code = write::deliver(&checked.report, &args.output, &display.style());
            // A recording's troubles are long gone.
            if !checked.report.recorded {
                advice::say(&checked.report.nodes);
            }
            code
        }
        Err(message) => {
            message::error(&message);
            ExitCode::Defect
        }
    }
}

/// A live site, looked at with progress on stderr and judged.
pub(super) fn look_at(
    live: &LiveSite,
    plan: &Plan,
    gate: Gate,
    options: &RunOptions,
    display: &DisplayOptions,
) -> Result<Checked, String> {
    let progress = display.progress();
    if !plan.wanted().is_empty() {
        progress.begin("looking at", roles(plan));
    }
    let result = block_on(|cancel| {
        let progress = &progress;
        async move {
            runproof_engine::check(
                &live.file.site,
                plan,
                &live.waivers,
                gate,
                &live.key,
                options,
                &Shown(progress),
                &cancel,
            )
            .await
        }
    });
    progress.finish();
    result
}

/// The roles that a plan looks at, each once.
pub(super) fn roles(plan: &Plan) -> Vec<String> {
    let mut roles: Vec<_> = plan
        .wanted()
        .iter()
        .map(|wanted| wanted.role.to_string())
        .collect();
    roles.dedup();
    roles
}

/// Prints what would run, and runs nothing.
pub(super) fn print_plan(target: &Target, plan: &Plan, look: &LookOptions) -> ExitCode {
    let Target::Live(live) = target else {
        message::note("a recording is replayed: nothing would run");
        return ExitCode::Conforms;
    };
    planned(&live.file.site, &live.key, look, plan.wanted())
}

/// Prints what the first look at a site would run.
pub(super) fn planned(
    site: &Site,
    key: &SiteKey,
    look: &LookOptions,
    wanted: &[Wanted],
) -> ExitCode {
    let mut options = Options::new(Context {
        key: key.key.clone(),
    });
    options.probe_timeout = look.timeout;
    let planned = match runproof_site::plan(site, &options, wanted) {
        Ok(planned) => planned,
        Err(error) => {
            message::error(&error.to_string());
            return ExitCode::Usage;
        }
    };
    let mut text = String::new();
    for node in &planned {
        let instance = match node.instance.as_str() {
            "" => String::new(),
            name => format!(" {name},"),
        };
        text.push_str(&format!(
            "# {}:{instance} as {}\n{}\n",
            node.role, node.as_whom, node.how
        ));
        for look in &node.looks {
            text.push_str(&format!("#   {look}\n"));
        }
        if !node.script.is_empty() {
            text.push_str("# its standard input:\n");
            text.push_str(&node.script);
        }
        text.push('\n');
    }
    let code = if planned.is_empty() {
        ExitCode::NothingChecked
    } else {
        ExitCode::Conforms
    };
    write::print(&text, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, parse};
    use crate::options::{Format, Phase, SiteChoice};
    use rstest::rstest;
    use runproof_model::Severity;
    use std::time::Duration;

    fn check(words: &[&str]) -> CheckArgs {
        let words: Vec<&str> = std::iter::once("check")
            .chain(words.iter().copied())
            .collect();
        let Command::Check(args) = parse(&words).unwrap().command else {
            panic!("not check");
        };
        args
    }

    #[rstest]
    #[case(&["--gate", "high"])]
    #[case(&["--strict"])]
    #[case(&["--phase", "pre"])]
    fn what_gates_needs_a_site(#[case] words: &[&str]) {
        assert!(check(words).check().is_err());
        let with_site: Vec<&str> = words.iter().copied().chain(["--site", "prod"]).collect();
        assert!(check(&with_site).check().is_ok());
    }

    #[test]
    fn every_option_arrives() {
        let args = check(&[
            "--site",
            "bundle:a.json",
            "--profile",
            "lxd",
            "--suites",
            "d",
            "--suite",
            "botui",
            "--id",
            "fw-*",
            "--id",
            "x",
            "--severity",
            "high",
            "--gate",
            "critical",
            "--strict",
            "--phase",
            "post",
            "--jobs",
            "4",
            "--timeout",
            "2s",
            "--deadline",
            "1m30s",
            "--plan",
            "--format",
            "json",
            "--output",
            "junit=a.xml",
        ]);
        assert_eq!(args.target.site, Some(SiteChoice::Bundle("a.json".into())));
        assert_eq!(args.target.documents.profile.as_deref(), Some("lxd"));
        assert_eq!(args.select.ids, ["fw-*", "x"]);
        assert_eq!(
            args.select.severities(),
            Some(vec![Severity::High, Severity::Critical])
        );
        assert_eq!(args.gate.gate().severity, Severity::Critical);
        assert!(args.gate.gate().strict && args.look.plan);
        assert_eq!(args.gate.phase, Some(Phase::Post));
        assert_eq!(args.look.jobs.unwrap().get(), 4);
        assert_eq!(args.look.timeout, Duration::from_secs(2));
        assert_eq!(args.look.deadline, Some(Duration::from_secs(90)));
        assert_eq!(args.output.format, Format::Json);
        assert_eq!(args.output.files.len(), 1);
    }

    #[rstest]
    #[case(&["--jobs", "0"])]
    #[case(&["--timeout", "10"])]
    #[case(&["--severity", "urgent"])]
    #[case(&["--site", "a b"])]
    #[case(&["--output", "out.xml"])]
    #[case(&["--phase", "during"])]
    fn a_wrong_value_is_refused(#[case] words: &[&str]) {
        let words: Vec<&str> = std::iter::once("check")
            .chain(words.iter().copied())
            .collect();
        assert!(parse(&words).is_err());
    }
}
