//! A made-up proof with every cell and every weakness, hostile text included.

use runproof_model::proof::{
    FORMAT, InvariantColumn, MatrixCell, ProofCounts, ScenarioRow, ScenarioState, Standing, Unmet,
    Weakness,
};
use runproof_model::{Outcome, Proof};

fn cell(id: &str, cell: Outcome, expected: bool, detail: &str) -> MatrixCell {
    MatrixCell {
        id: id.to_owned(),
        cell,
        expected,
        detail: detail.to_owned(),
    }
}

fn row(id: &str, state: ScenarioState, why: Option<&str>, cells: Vec<MatrixCell>) -> ScenarioRow {
    ScenarioRow {
        id: id.to_owned(),
        suite: "vault".to_owned(),
        title: format!("the title of {id}"),
        state,
        why: why.map(str::to_owned),
        standin: id == "vault-is-sealed",
        true_green: if state == ScenarioState::Recorded {
            2
        } else {
            0
        },
        cells,
    }
}

fn column(id: &str, standing: Standing) -> InvariantColumn {
    let holds = standing == Standing::Holds;
    InvariantColumn {
        id: id.to_owned(),
        suite: id.split('-').next().unwrap_or_default().to_owned(),
        title: format!("the title of {id}"),
        standing,
        red: Vec::new(),
        unestablished: Vec::new(),
        caught_by: Vec::new(),
        standin: false,
        mutants: if holds { 40 } else { 0 },
        mutants_red: if holds { 7 } else { 0 },
        toothless: Vec::new(),
        green_on_unknown: Vec::new(),
    }
}

fn empty() -> Proof {
    Proof {
        format: FORMAT.to_owned(),
        site: "reference".to_owned(),
        profile: "incus".to_owned(),
        strict: false,
        exit_code: 0,
        recall: None,
        precision: None,
        counts: ProofCounts {
            type_errors: 3,
            absent: 20,
            unknown: 20,
            ..ProofCounts::default()
        },
        scenarios: Vec::new(),
        invariants: Vec::new(),
    }
}

/// One scenario that nobody recorded, and one invariant.
pub(super) fn unproven() -> Proof {
    let mut proof = empty();
    let why = Some("there is no recording");
    proof.scenarios = vec![row(
        "nobody-recorded",
        ScenarioState::Unproven,
        why,
        Vec::new(),
    )];
    proof.invariants = vec![column("vault-unsealed", Standing::Holds)];
    proof.settle(false)
}

/// Everything.
pub(super) fn proof() -> Proof {
    let mut proof = empty();
    proof.scenarios = vec![
        row(
            "vault-is-sealed",
            ScenarioState::Recorded,
            None,
            vec![
                cell(
                    "vault-path-tables",
                    Outcome::Cascade,
                    false,
                    "on system: it is unknown, because of vault-unsealed",
                ),
                cell(
                    "vault-unsealed",
                    Outcome::Caught,
                    true,
                    "on vault: vault.sealed is true",
                ),
            ],
        ),
        row(
            "botui-is-lost",
            ScenarioState::Recorded,
            None,
            vec![
                cell("botui-port", Outcome::Missed, true, "it stays green"),
                cell("botui-url", Outcome::Error, true, "on system: timed out"),
                cell(
                    "caddy-up",
                    Outcome::Collateral,
                    false,
                    "on proxy: \u{1b}[31m<script>alert('x')</script> & ]]> more",
                ),
                cell("caddy-tls", Outcome::Error, false, "on proxy: timed out"),
            ],
        ),
        row(
            "nobody-recorded",
            ScenarioState::Unproven,
            Some("there is no recording"),
            Vec::new(),
        ),
        row(
            "long-ago",
            ScenarioState::Stale,
            Some("changed since: the scenario"),
            Vec::new(),
        ),
        row(
            "of-the-lxd-guide",
            ScenarioState::OtherProfile,
            Some("recorded for the profile lxd"),
            Vec::new(),
        ),
    ];
    proof.invariants = [
        "botui-port",
        "botui-url",
        "caddy-tls",
        "caddy-up",
        "vault-path-tables",
        "vault-unsealed",
    ]
    .into_iter()
    .map(|id| column(id, Standing::Holds))
    .chain([
        column("fw-impossible", Standing::Defect),
        column("meet-listens", Standing::Skipped),
        column("net-red", Standing::Red),
        column("net-unseen", Standing::Unestablished),
    ])
    .collect();
    let unmet = |node: &str, message: &str| Unmet {
        node: node.to_owned(),
        message: message.to_owned(),
    };
    for one in &mut proof.invariants {
        match one.id.as_str() {
            "net-red" => one.red.push(unmet("system", "nat.rules is []")),
            "net-unseen" => {
                let timeout = "timed out \u{1b}[2J<i>";
                one.unestablished.push(unmet("system [demo]", timeout));
            }
            // On one node it holds, on another it does not.
            "caddy-tls" => one.red.push(unmet("drive", "tls.verified is false")),
            _ => {}
        }
    }
    if let Some(vault) = proof
        .invariants
        .iter_mut()
        .find(|one| one.id == "vault-unsealed")
    {
        vault.caught_by.push("vault-is-sealed".to_owned());
        vault.standin = true;
    }
    if let Some(weak) = proof.invariants.iter_mut().find(|one| one.id == "caddy-up") {
        weak.toothless.push(Weakness {
            node: "proxy".to_owned(),
            expect: "file.size >= 0 || '<b>' == '\u{202e}'".to_owned(),
            place: String::new(),
        });
        weak.green_on_unknown.push(Weakness {
            node: "proxy [demo]".to_owned(),
            expect: "file.exists".to_owned(),
            place: "file.size".to_owned(),
        });
    }
    proof.settle(false)
}
