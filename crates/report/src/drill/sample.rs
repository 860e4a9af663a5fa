//! Made-up campaigns: every outcome and every kind of fix, hostile text included.

use runproof_model::drill::{Cell, FixProof, Row, Times};
use runproof_model::{Campaign, ExitCode, Outcome};

fn row(scenario: &str, outcome: Outcome, why: Option<&str>) -> Row {
    Row {
        scenario: scenario.to_owned(),
        title: format!("the title of {scenario}"),
        role: "system".to_owned(),
        standins: Vec::new(),
        outcome,
        why: why.map(str::to_owned),
        held: false,
        acts: vec!["system: edits /etc/app/app.conf".to_owned()],
        cells: Vec::new(),
        fix: FixProof::Untried,
        failed_commands: Vec::new(),
        left: Vec::new(),
        anew: Vec::new(),
        residue: Vec::new(),
        times: Times {
            inject_s: 0.44,
            red_s: None,
            stood_s: None,
            green_s: None,
            restore_s: 2.0,
            whole_s: 12.345,
        },
    }
}

fn cell(invariant: &str, kind: Outcome, message: &str) -> Cell {
    Cell {
        invariant: invariant.to_owned(),
        node: "system".to_owned(),
        kind,
        message: message.to_owned(),
    }
}

/// Nothing was done.
fn undone(scenario: &str, outcome: Outcome, why: &str) -> Row {
    Row {
        acts: Vec::new(),
        times: Times::default(),
        ..row(scenario, outcome, Some(why))
    }
}

/// Every outcome that a scenario can have.
pub(super) fn campaign() -> Campaign {
    let caught = Row {
        standins: vec!["vault".to_owned(), "drive".to_owned()],
        cells: vec![
            cell("vault-unsealed", Outcome::Caught, "vault.sealed is true"),
            cell("vault-path-tables", Outcome::Cascade, "it is unknown"),
        ],
        fix: FixProof::Proven,
        failed_commands: vec!["`systemctl reload app` ended with 1: it is not active".to_owned()],
        left: vec!["log-is-quiet".to_owned()],
        times: Times {
            red_s: Some(1.26),
            stood_s: None,
            green_s: Some(104.0),
            ..row("", Outcome::Caught, None).times
        },
        ..row("vault-sealed-after-restart", Outcome::Caught, None)
    };
    let collateral = Row {
        cells: vec![cell(
            "caddy-up",
            Outcome::Collateral,
            "\u{1b}[31m<script>alert('x')</script> & ]]> more",
        )],
        ..row(
            "caddy-partial-config",
            Outcome::Collateral,
            Some("caddy-up"),
        )
    };
    let missed = Row {
        cells: vec![
            cell("botui-port", Outcome::Missed, "it stays green"),
            cell("botui-url", Outcome::Error, "timed out"),
        ],
        ..row("botui-lost", Outcome::Missed, Some("botui-port"))
    };
    let failed = Row {
        fix: FixProof::Failed("still red: <b>dns</b>. `x` ended with 1: \u{202e}no".to_owned()),
        ..row("dns-zone-lost", Outcome::FixFailed, None)
    };
    let unneeded = Row {
        fix: FixProof::Unneeded("it turned green before the fix was run".to_owned()),
        ..row("unit-stopped", Outcome::FixUnneeded, None)
    };
    let left = Row {
        fix: FixProof::None("nothing is documented".to_owned()),
        anew: vec!["system".to_owned()],
        residue: (0..7).map(|n| format!("system file /a{n} mode")).collect(),
        ..row(
            "a-name-that-is-as-long-as-any-name-of-a-scenario-may-be",
            Outcome::NotRestored,
            Some("still red after the undo: a, b"),
        )
    };
    let mut campaign = Campaign::new("lab", Vec::new());
    campaign.scenarios = vec![
        caught,
        row("nothing", Outcome::TrueGreen, None),
        missed,
        collateral,
        row("unclear", Outcome::Error, Some("botui-url")),
        undone("refused", Outcome::Refused, "the lab has no node proxy"),
        undone("unviable", Outcome::Unviable, "nothing of it is to be seen"),
        failed,
        unneeded,
        left,
        undone(
            "not-green",
            Outcome::NoBaseline,
            "the baseline is not green: a",
        ),
        undone("unreadable", Outcome::Unreadable, "unknown variant `shell`"),
        row("now-and-then", Outcome::Flaky, Some("caught and missed")),
        row("stopped-in-the-middle", Outcome::Interrupted, None),
    ];
    let ran = campaign.scenarios.iter().map(|row| row.scenario.clone());
    campaign.wanted = ran.chain(["never-come-to".to_owned()]).collect();
    let why = "somebody asked to stop".to_owned();
    campaign.settle(Some((ExitCode::Interrupted, why)))
}

/// One scenario that was asked for and not run.
pub(super) fn nothing() -> Campaign {
    Campaign::new("lab", vec!["a-scenario".to_owned()]).settle(None)
}

/// This text wherever a text can stand.
pub(super) fn filled(text: &str) -> Campaign {
    let text = || text.to_owned();
    let mut campaign = campaign();
    campaign.lab = text();
    campaign.stopped = Some(text());
    for row in &mut campaign.scenarios {
        row.title = text();
        row.role = text();
        row.standins = vec![text()];
        row.why = Some(text());
        row.acts = vec![text()];
        row.failed_commands = vec![text()];
        row.left = vec![text()];
        row.anew = vec![text()];
        row.residue = vec![text()];
        row.fix = FixProof::Failed(text());
        for cell in &mut row.cells {
            cell.invariant = text();
            cell.node = text();
            cell.message = text();
        }
    }
    campaign.wanted = campaign
        .scenarios
        .iter()
        .map(|row| row.scenario.clone())
        .chain([format!("not-run-{}", text())])
        .collect();
    campaign
}
