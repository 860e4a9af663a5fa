//! Proofs over the reference, with faults that are derived from it.

mod teeth;

use runproof_model::proof::{ScenarioRow, ScenarioState};
use runproof_model::{ExitCode, FactRecord, Outcome};
use runproof_suite::{Selection, bind};
use serde_json::{Value, json};

use super::*;
use crate::kit::{Kit, external_address, sealed};
use crate::record_fault;

const SCENARIOS: &str = "
scenarios:
  - id: external-address
    title: botui points at the external address
    on: system
    fault: { nothing: {} }
    turns-red: [botui-server-url-localhost]
    sources: [production-guide/troubleshooting-quick-reference]
  - id: vault-is-sealed
    title: Vault is sealed
    on: vault
    fault: { vault: { seal: true } }
    turns-red: [vault-unsealed-healthy]
    sources: [infra-ops/vault-troubleshooting]
";

fn kit() -> Kit {
    Kit::with(SCENARIOS)
}

fn proved(kit: &Kit, recordings: &[FaultRecording]) -> Proof {
    prove(
        &kit.library,
        &kit.plan,
        None,
        &kit.bundle.evidence,
        recordings,
        &Selection::all(),
        false,
    )
}

/// Only the matrix: the mutants take most of the time.
fn row(kit: &Kit, recording: FaultRecording) -> ScenarioRow {
    let reference = Reference::new(&kit.plan, &kit.bundle.evidence);
    let id = recording.scenario.clone();
    let rows = matrix::rows(&kit.library, &reference, None, &[recording]);
    rows.into_iter().find(|row| row.id == id).unwrap()
}

fn cell_of(row: &ScenarioRow, id: &str) -> Option<Outcome> {
    let mut cells = row.cells.iter();
    cells.find(|one| one.id == id).map(|one| one.cell)
}

#[test]
fn what_is_built_in_has_teeth_and_is_never_green_on_unknown() {
    let kit = kit();
    let proof = proved(&kit, &[kit.recording("external-address", external_address)]);
    let other = prove(
        &kit.library,
        &lxd(&kit, &[]),
        None,
        &kit.bundle.evidence,
        &[],
        &Selection::all(),
        false,
    );
    assert!(other.counts.mutants_red > 100);
    let weak: Vec<_> = [&proof, &other]
        .iter()
        .flat_map(|proof| &proof.invariants)
        .flat_map(|one| one.toothless.iter().chain(&one.green_on_unknown))
        .collect();
    assert!(weak.is_empty(), "{weak:#?}");
    assert!(proof.counts.mutants > 10_000 && proof.counts.mutants_red > 1000);
    assert!(proof.counts.unknown > 1000 && proof.counts.absent == proof.counts.unknown);
    assert!(proof.counts.defects > 0 && proof.counts.skipped > 0);
    let of = |id: &str| proof.invariants.iter().find(|one| one.id == id).unwrap();
    let botui = of("botui-server-url-localhost");
    assert_eq!(botui.caught_by, ["external-address"]);
    assert!(botui.standin, "system is played by a stand-in");
    assert!(botui.mutants_red > 0 && botui.mutants_red < botui.mutants);
    let defect = of("fw-minio-drop-external");
    assert_eq!((defect.standing, defect.mutants), (Standing::Defect, 0));
    assert_eq!((proof.recall, proof.precision), (Some(1.0), Some(1.0)));
    let counts = proof.counts;
    assert_eq!(counts.uncaught + 1, counts.invariants);
    assert_eq!(counts.standin_only, 1);
    assert_eq!(proof.exit_code, ExitCode::Conforms.code());
}

#[test]
fn an_invariant_that_had_to_turn_red_and_did_is_caught_and_no_other() {
    let kit = kit();
    let recording = kit.recording("external-address", external_address);
    assert_eq!(recording.nodes.len(), 1, "{:?}", recording.nodes);
    assert!(recording.standin, "system is played by a stand-in");
    // Beside what is held against the clock of the node.
    let unit = |fact: &FactRecord| fact.query["unit"] == "ui.service";
    let changed = recording.facts.iter().filter(|fact| unit(fact)).count();
    assert_eq!(changed, 1, "what did not change is not kept");
    let row = row(&kit, recording);
    assert_eq!(row.state, ScenarioState::Recorded);
    assert_eq!(row.cells.len(), 1, "{:?}", row.cells);
    let cell = &row.cells[0];
    assert_eq!((cell.cell, cell.expected), (Outcome::Caught, true));
    assert!(cell.detail.starts_with("on system: "), "{}", cell.detail);
    assert!(row.true_green > 150);
}

#[test]
fn a_fault_that_nobody_sees_is_missed_and_what_it_hits_instead_is_collateral() {
    let kit = kit();
    let mut recording = kit.recording("external-address", external_address);
    recording.scenario = "vault-is-sealed".to_owned();
    let reference = &kit.bundle.evidence;
    let scenario = kit.scenario("vault-is-sealed");
    recording.digests = crate::fault_digests(&recording, scenario, reference, &kit.plan);
    let row = row(&kit, recording);
    assert_eq!(
        cell_of(&row, "vault-unsealed-healthy"),
        Some(Outcome::Missed)
    );
    let hit = cell_of(&row, "botui-server-url-localhost");
    assert_eq!(hit, Some(Outcome::Collateral));
}

#[test]
fn what_follows_from_the_root_is_no_collateral() {
    let kit = kit();
    let row = row(&kit, kit.recording("vault-is-sealed", sealed));
    assert_eq!(
        cell_of(&row, "vault-unsealed-healthy"),
        Some(Outcome::Caught)
    );
    let follows = row.cells.iter().filter(|one| one.cell == Outcome::Cascade);
    let follows: Vec<_> = follows.collect();
    assert!(follows.len() > 3, "{:?}", row.cells);
    assert!(follows.iter().all(|one| !one.expected));
    assert!(
        follows
            .iter()
            .any(|one| one.detail.contains("because of vault-unsealed-healthy"))
    );
}

#[test]
fn an_error_is_no_catch() {
    let kit = kit();
    let unknown = |_: &str, kind: &str, query: &Value, fact: &mut Value| {
        if kind == "unit" && query["unit"] == "ui.service" {
            *fact = json!({"$unknown": {"kind": "timeout", "detail": "5 s"}});
        }
    };
    let row = row(&kit, kit.recording("external-address", unknown));
    let cell = row.cells.iter().find(|one| one.expected).unwrap();
    assert_eq!(cell.cell, Outcome::Error);
    let others = row.cells.iter().filter(|one| !one.expected);
    assert!(others.clone().count() > 0, "others read the unit too");
    assert!(others.clone().all(|one| one.cell == Outcome::Error));
}

#[test]
fn an_old_recording_is_stale_and_says_what_changed() {
    let kit = kit();
    let recording = kit.recording("external-address", external_address);
    let said = |change: &dyn Fn(&mut FaultRecording)| {
        let mut old = recording.clone();
        change(&mut old);
        let row = row(&kit, old);
        assert!(row.cells.is_empty() && row.true_green == 0);
        assert_eq!(row.state, ScenarioState::Stale);
        row.why.unwrap()
    };
    let old = said(&|old| old.digests.scenario = "0".repeat(64));
    assert_eq!(old, "changed since: the scenario");
    let old = said(&|old| old.digests.reference = "0".repeat(64));
    assert_eq!(old, "changed since: the reference site");
    let old = said(&|old| old.digests.queries = "0".repeat(64));
    assert_eq!(old, "changed since: what the suites ask for");
    let old = said(&|old| old.digests.parsers = String::new());
    assert_eq!(old, "changed since: how facts are read");
    let old = said(&|old| old.digests.images = "0".repeat(64));
    assert_eq!(old, "changed since: the images of its nodes");
    let old = said(&|old| old.digests.content = String::new());
    assert_eq!(old, "changed since: its own content");
    let old = said(&|old| old.scenario = "gone-since".to_owned());
    assert_eq!(old, "no suite has this scenario any more");
}

#[rstest::rstest]
#[case::a_value(|edited: &mut FaultRecording| edited.facts[0].fact["exists"] = json!("maybe"))]
#[case::a_fact(|edited: &mut FaultRecording| drop(edited.facts.pop()))]
#[case::a_clock(|edited: &mut FaultRecording| edited.nodes[0].now = Some(1.0))]
#[case::a_claim(|edited: &mut FaultRecording| edited.standin = false)]
#[case::an_image(|edited: &mut FaultRecording| edited.nodes[0].image = Some("mine".to_owned()))]
fn a_recording_that_was_edited_by_hand_is_stale(#[case] edit: fn(&mut FaultRecording)) {
    let kit = kit();
    let mut edited = kit.recording("external-address", external_address);
    edit(&mut edited);
    let row = row(&kit, edited);
    assert_eq!(row.state, ScenarioState::Stale);
    let why = row.why.unwrap();
    assert!(why.contains("its own content"), "{why}");
    assert!(
        row.standin,
        "system is played by a stand-in, whatever it says"
    );
}

#[test]
fn a_recording_of_another_image_than_the_references_is_stale() {
    let kit = kit();
    let mut red = kit.changed(external_address);
    for node in &mut red.nodes {
        node.image = Some("another".to_owned());
    }
    let reference = &kit.bundle.evidence;
    let scenario = kit.scenario("external-address");
    let differs = |one: &FactRecord, other: &FactRecord| one.fact != other.fact;
    let recording = record_fault(scenario, reference, reference, &red, &kit.plan, &differs);
    let row = row(&kit, recording);
    assert_eq!(row.state, ScenarioState::Stale);
    let why = row.why.unwrap();
    assert_eq!(why, "changed since: the images of its nodes");
}

/// What a file holds is not always what was written into it, to the last digit.
#[test]
fn a_recording_is_as_fresh_when_it_was_written_and_read() {
    let kit = kit();
    let odd = |_: &str, kind: &str, _: &Value, fact: &mut Value| {
        if kind == "unit" {
            fact["started"] = json!(1_795_693_144.544_945_7);
        }
    };
    let mut red = kit.changed(odd);
    for (node, odd) in red.nodes.iter_mut().zip(1_u32..) {
        node.now = Some(1_795_693_144.544_945_7 + f64::from(odd) / 7.0);
        node.skew_s = Some(1.0 / 3.0 / f64::from(odd));
    }
    let reference = &kit.bundle.evidence;
    let scenario = kit.scenario("external-address");
    let differs = |one: &FactRecord, other: &FactRecord| one.fact != other.fact;
    let recording = record_fault(scenario, reference, reference, &red, &kit.plan, &differs);
    assert!(recording.nodes.len() > 2);
    let text = serde_json::to_string(&recording).unwrap();
    let read: FaultRecording = serde_json::from_str(&text).unwrap();
    assert_eq!(row(&kit, read).state, ScenarioState::Recorded);
    assert_eq!(row(&kit, recording).state, ScenarioState::Recorded);
}

/// The same with the reading of another profile.
fn lxd(kit: &Kit, ids: &[&str]) -> Plan {
    let mut site = crate::site_of(&kit.bundle);
    site.profile = "lxd".to_owned();
    bind(&kit.library, &site, &of_ids(ids))
}

fn of_ids(ids: &[&str]) -> Selection {
    Selection {
        ids: ids.iter().map(|&id| id.to_owned()).collect(),
        ..Selection::all()
    }
}

#[test]
fn a_recording_of_another_profile_is_not_old() {
    let kit = kit();
    let today = kit.recording("external-address", external_address);
    let mut old = today.clone();
    old.digests.scenario = "0".repeat(64);
    let plan = lxd(&kit, &["botui-server-url-localhost"]);
    let row = |recorded_for: Option<&Plan>, recording: &FaultRecording| {
        let recordings = std::slice::from_ref(recording);
        let evidence = &kit.bundle.evidence;
        let proof = prove(
            &kit.library,
            &plan,
            recorded_for,
            evidence,
            recordings,
            &Selection::all(),
            false,
        );
        assert_eq!(proof.profile, "lxd");
        let mut rows = proof.scenarios.into_iter();
        let row = rows.find(|row| row.id == "external-address").unwrap();
        assert!(row.cells.is_empty() && row.true_green == 0);
        (row.state, row.why.unwrap())
    };
    let said = |state, why: &str| (state, why.to_owned());
    assert_eq!(
        row(Some(&kit.plan), &today),
        said(
            ScenarioState::OtherProfile,
            "recorded for the profile incus"
        )
    );
    assert_eq!(
        row(Some(&kit.plan), &old),
        said(ScenarioState::Stale, "changed since: the scenario")
    );
    let changed = "changed since: what the suites ask for, how facts are read";
    assert_eq!(row(None, &today), said(ScenarioState::Stale, changed));
}

#[rstest::rstest]
#[case::red(
    "{ bin: { dir: /opt/gbo/bin } }",
    "bin.entries.exists(entry, entry.name == 'coredns')",
    "dns",
    Standing::Red
)]
#[case::not_established(
    "{ server: { unit: botserver.service } }",
    "server.active_state == 'active'",
    "system",
    Standing::Unestablished
)]
fn what_holds_on_one_node_does_not_hide_another(
    #[case] facts: &str,
    #[case] expect: &str,
    #[case] holds_on: &str,
    #[case] standing: Standing,
) {
    let kit = Kit::with(&format!(
        "
invariants:
  - id: of-two
    title: made up
    profiles: [incus]
    severity: low
    on: [alm, {holds_on}]
    facts: {facts}
    expect: {expect}
    why: a test wants it
    sources: [production-guide/troubleshooting-quick-reference]
"
    ));
    let site = crate::site_of(&kit.bundle);
    let plan = bind(&kit.library, &site, &of_ids(&["of-two"]));
    let all = Selection::all();
    let evidence = &kit.bundle.evidence;
    let proof = |strict| prove(&kit.library, &plan, None, evidence, &[], &all, strict);
    let settled = proof(true);
    let column = &settled.invariants[0];
    assert_eq!(column.standing, Standing::Holds);
    assert!(column.mutants_red > 0, "on {holds_on} it is proved");
    let (unmet, none) = if standing == Standing::Red {
        (&column.red, &column.unestablished)
    } else {
        (&column.unestablished, &column.red)
    };
    assert_eq!((unmet.len(), none.len()), (1, 0));
    assert_eq!(unmet[0].node, "alm");
    assert!(!unmet[0].message.is_empty() && unmet[0].message != "holds");
    assert_eq!(settled.exit_code, ExitCode::Fails.code());
    assert_eq!(proof(false).exit_code, ExitCode::Conforms.code());
}

#[test]
fn a_digest_follows_the_fault_and_not_the_prediction() {
    let digest = |from: &str, to: &str| {
        assert!(SCENARIOS.contains(from));
        let kit = Kit::with(&SCENARIOS.replacen(from, to, 1));
        let scenario = kit.scenario("external-address");
        let recording = kit.recording("external-address", external_address);
        let today = crate::fault_digests(&recording, scenario, &kit.bundle.evidence, &kit.plan);
        assert_eq!(recording.digests, today, "what was made just now is fresh");
        today
    };
    let today = digest("nothing", "nothing");
    assert_eq!(today.scenario.len(), 64);
    let predicted = digest(
        "[botui-server-url-localhost]",
        "[botui-server-url-localhost, svc-ui-active]",
    );
    assert_eq!(today, predicted);
    let broken = digest("nothing: {}", "remove-file: { path: /etc/hosts }");
    assert_ne!(today.scenario, broken.scenario);
    assert_eq!(today.reference, broken.reference);
}

#[test]
fn a_clock_takes_along_what_is_held_against_it() {
    let kit = kit();
    let later = |role: &str, kind: &str, _: &Value, fact: &mut Value| {
        if role == "proxy" && kind == "caddyfile" {
            fact["errors"] = json!(["broken"]);
        }
        // Another handshake on every node, which nobody would call a change.
        if kind == "tls" {
            fact["chain"] = json!([]);
        }
    };
    let recording = kit.recording_but("external-address", later, "tls");
    let kinds: Vec<_> = recording
        .facts
        .iter()
        .map(|fact| (fact.role.as_str(), fact.kind.as_str()))
        .collect();
    assert!(kinds.contains(&("proxy", "caddyfile")), "{kinds:?}");
    assert!(kinds.contains(&("proxy", "tls")), "{kinds:?}");
    assert!(kinds.iter().all(|(role, _)| *role == "proxy"), "{kinds:?}");
}

/// What is held against each other comes from one look: a unit that was started again would make
/// every line of an older log look as if it came before.
#[test]
fn what_is_judged_together_is_taken_along_as_far_as_it_is_another() {
    let kit = kit();
    let later = |role: &str, kind: &str, query: &Value, fact: &mut Value| {
        if role == "system" && kind == "unit" && query["unit"] == "botserver.service" {
            fact["started"] = json!(2_000_000_000.0);
        }
        if role == "system" && kind == "log" {
            fact["entries"] = json!([]);
        }
    };
    let recording = kit.recording_but("external-address", later, "log");
    let has = |kind: &str, of: &str| {
        let mut facts = recording.facts.iter();
        facts.any(|fact| fact.kind == kind && fact.query.to_string().contains(of))
    };
    assert!(has("unit", "botserver.service"));
    assert!(
        has("log", "out.log"),
        "env-no-dev-paths-in-logs holds both against each other"
    );
    // What is as the reference has it is left out.
    assert!(!has("dotenv", ""));
}
