//! From a site and its evidence to findings.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::time::Duration;

use common::{SITE, evidence, file, library, library_with, site};
use rstest::rstest;
use runproof_model::{Finding, Level, Round, Verdict};
use runproof_suite::{Library, Plan, Selection, bind, evaluate};
use serde_json::{Value, json};

fn plan(site_text: &str) -> Plan {
    bind(&library(), &site(site_text), &Selection::all())
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings
        .iter()
        .map(|f| {
            let item = f
                .item
                .as_ref()
                .map(|item| format!("[{item}]"))
                .unwrap_or_default();
            let cause = f
                .because_of
                .as_ref()
                .map(|id| format!(" because of {id}"))
                .unwrap_or_default();
            let reading = f
                .reading
                .as_ref()
                .map(|r| format!(" reading: {r}"))
                .unwrap_or_default();
            format!(
                "{} {}{item} {}: {}{cause}{reading}",
                f.verdict.as_str(),
                f.node,
                f.id,
                f.message
            )
        })
        .collect();
    lines.join("\n")
}

fn find<'a>(findings: &'a [Finding], id: &str, node: &str) -> &'a Finding {
    findings
        .iter()
        .find(|f| f.id == id && f.node == node)
        .unwrap()
}

fn good(plan: &Plan, more: &[(&str, &str, Value)]) -> Vec<Finding> {
    let mut others = more.to_vec();
    others.push(("system", "/opt/gbo/bin/.env", file(json!({"mode": "0600"}))));
    others.push((
        "system",
        "/opt/gbo/data/demo.gbai",
        file(json!({"type": "dir"})),
    ));
    others.push(("system", "/etc/never", file(json!({"exists": false}))));
    evaluate(plan, &evidence(plan, &others))
}

#[test]
fn a_site_that_conforms_passes_everything_that_applies() {
    let plan = plan(SITE);
    insta::assert_snapshot!("conforms", lines(&good(&plan, &[])));
}

#[test]
fn the_plan_wants_each_fact_once_and_sorted() {
    let wanted: Vec<String> = plan(SITE)
        .wanted()
        .iter()
        .map(|w| format!("{w:?}"))
        .collect();
    insta::assert_snapshot!("wanted", wanted.join("\n"));
}

#[test]
fn a_failure_names_the_values_and_the_other_reading_and_its_consequences() {
    let plan = plan(SITE);
    let findings = good(
        &plan,
        &[
            (
                "system",
                "/etc/hosts",
                file(json!({"mode": "0600", "digest": "11aa"})),
            ),
            (
                "system",
                "/opt/gbo/bin/.env",
                file(
                    json!({"mode": "0644", "owner": {"$unknown": {"kind": "permission", "detail": "denied"}}}),
                ),
            ),
            (
                "system",
                "/opt/gbo/data/demo.gbai",
                file(json!({"type": {"$absent": true}})),
            ),
        ],
    );
    insta::assert_snapshot!("fails", lines(&findings));
    let env = find(&findings, "env-closed", "system");
    assert_eq!(
        env.fix,
        [
            "chmod 600 /opt/gbo/bin/.env",
            "awk '{print $1}' /opt/gbo/bin/.env"
        ]
    );
    assert_eq!(env.expectations.len(), 3);
}

#[test]
fn a_fact_that_nobody_looked_at_is_an_error() {
    let plan = plan(SITE);
    let mut evidence = evidence(&plan, &[]);
    evidence.rounds.clear();
    for node in &mut evidence.nodes {
        if node.role.as_str() == "proxy" {
            node.trouble = Some("connection refused".into());
        }
    }
    let findings = evaluate(&plan, &evidence);
    assert!(
        findings
            .iter()
            .all(|f| matches!(f.verdict, Verdict::Error | Verdict::Skip))
    );
    insta::assert_snapshot!("not-recorded", lines(&findings));
}

#[test]
fn a_later_round_replaces_what_an_earlier_one_saw() {
    let plan = plan(SITE);
    let mut evidence = evidence(
        &plan,
        &[("system", "/etc/hosts", file(json!({"mode": "0000"})))],
    );
    assert_eq!(
        find(&evaluate(&plan, &evidence), "hosts-mode", "system").verdict,
        Verdict::Fail
    );
    let mut facts = evidence.rounds[0].facts.clone();
    facts.retain(|fact| fact.query["file"] == "/etc/hosts");
    for fact in &mut facts {
        fact.fact = file(json!({}));
    }
    evidence.rounds.push(Round { at_s: 2.0, facts });
    assert_eq!(
        find(&evaluate(&plan, &evidence), "hosts-mode", "system").verdict,
        Verdict::Pass
    );
}

#[rstest]
#[case::missing_role(
    "proxy: proxy-1, ",
    "",
    "proxy-same-hosts",
    Verdict::Error,
    "role proxy is not in the site file: map it, or say why it is absent"
)]
#[case::absent_role(
    "proxy: proxy-1",
    "proxy: { absent: no proxy here }",
    "proxy-same-hosts",
    Verdict::Skip,
    "no proxy here: no proxy here"
)]
#[case::missing_input(
    "bots: [ { name: demo, folder: /opt/gbo/data } ], ",
    "",
    "bot-folder",
    Verdict::Error,
    "the site file does not give the input `bots`, and it has no default"
)]
#[case::wrong_input(
    "bots: [ { name: demo, folder: /opt/gbo/data } ]",
    "bots: demo",
    "bot-folder",
    Verdict::Error,
    "the input `bots` of the site file is no list"
)]
#[case::wrong_input_of_an_expression(
    "domain: example.com",
    "limit: many",
    "env-closed",
    Verdict::Error,
    "the input `limit` of the site file is no int"
)]
#[case::empty_loop(
    "[ { name: demo, folder: /opt/gbo/data } ]",
    "[]",
    "bot-folder",
    Verdict::Fail,
    "no bots: input.bots is empty"
)]
#[case::item_without_the_field(
    "name: demo, folder: /opt/gbo/data",
    "name: demo",
    "bot-folder",
    Verdict::Error,
    "fact `folder`: `bot.folder` has no `folder`"
)]
#[case::item_that_makes_no_path(
    "folder: /opt/gbo/data",
    "folder: data",
    "bot-folder",
    Verdict::Error,
    "fact `folder`: this query cannot be used: path \"data/demo.gbai\" must be absolute"
)]
fn what_cannot_be_judged_says_why(
    #[case] from: &str,
    #[case] to: &str,
    #[case] id: &str,
    #[case] verdict: Verdict,
    #[case] message: &str,
) {
    assert!(SITE.contains(from));
    let plan = plan(&SITE.replace(from, to));
    let findings = good(&plan, &[]);
    let finding = find(&findings, id, "system");
    assert_eq!(
        (finding.verdict, finding.message.as_str()),
        (verdict, message)
    );
}

#[rstest]
#[case::absent(
    "meet: { absent: no video here }",
    "",
    Verdict::Skip,
    "no meet here: no video here"
)]
#[case::no_input("meet: meet-1", "", Verdict::Skip, "the site has no video")]
#[case::input_false(
    "meet: meet-1",
    ", meet: false",
    Verdict::Skip,
    "the site has no video"
)]
#[case::input_true("meet: meet-1", ", meet: true", Verdict::Pass, "holds")]
#[case::input_wrong(
    "meet: meet-1",
    ", meet: 1",
    Verdict::Error,
    "the input `meet` of the site file is no bool"
)]
fn an_invariant_applies_where_its_condition_holds(
    #[case] node: &str,
    #[case] input: &str,
    #[case] verdict: Verdict,
    #[case] message: &str,
) {
    let text = SITE
        .replace("meet: { absent: no video here }", node)
        .replace(
            "domain: example.com",
            &format!("domain: example.com{input}"),
        );
    let plan = plan(&text);
    let mut evidence = evidence(&plan, &[]);
    let mut meet = evidence.nodes[0].clone();
    meet.role = runproof_model::Role::new("meet").unwrap();
    evidence.nodes.push(meet);
    let findings = evaluate(&plan, &evidence);
    let finding = find(&findings, "meet-file", "meet");
    assert_eq!(
        (finding.verdict, finding.message.as_str()),
        (verdict, message)
    );
}

#[test]
fn a_clock_that_nobody_read_is_an_error_not_an_age() {
    let text = SITE
        .replace("meet: { absent: no video here }", "meet: meet-1")
        .replace("domain: example.com", "domain: example.com, meet: true");
    let plan = plan(&text);
    let findings = evaluate(&plan, &evidence(&plan, &[]));
    assert_eq!(find(&findings, "meet-file", "meet").verdict, Verdict::Error);
}

#[test]
fn a_document_defect_never_gates_and_is_never_green() {
    let plan = plan(SITE);
    let findings = good(&plan, &[]);
    let finding = find(&findings, "never-true", "system");
    assert_eq!(
        (finding.verdict, finding.level),
        (Verdict::Fail, Level::Should)
    );
    assert!(finding.message.starts_with("document defect: "));
    assert_eq!(
        finding.document_defect.as_deref(),
        Some("nothing writes it")
    );
    let findings = evaluate(&plan, &evidence(&plan, &[]));
    let finding = find(&findings, "never-true", "system");
    assert_eq!(finding.verdict, Verdict::Error);
    assert!(finding.message.contains("revise the suite"));
}

#[test]
fn a_profile_that_inherits_judges_the_same_invariants_with_its_own_values() {
    let plan = plan(&SITE.replace("profile: incus", "profile: strict"));
    let paths: Vec<&str> = plan
        .wanted()
        .iter()
        .filter_map(|w| w.query["file"].as_str())
        .collect();
    assert!(paths.contains(&"/opt/gbo/etc/.env") && !paths.contains(&"/opt/gbo/bin/.env"));
    let plan = self::plan(&SITE.replace("profile: incus", "profile: design"));
    let ids: Vec<&str> = plan.bound.iter().map(|b| b.invariant.id.as_str()).collect();
    assert_eq!(ids, ["bot-folder"]);
}

#[rstest]
#[case(Selection { ids: vec!["*-mode".into()], ..Selection::all() }, &["hosts-mode"], &[])]
#[case(Selection { suites: vec!["base".into()], severities: vec![runproof_model::Severity::Critical], ..Selection::all() }, &["env-closed"], &[])]
#[case(Selection { ids: vec!["nothing".into()], ..Selection::all() }, &[], &["invariant `nothing`"])]
#[case(Selection { suites: vec!["bsae".into()], ..Selection::all() }, &[], &["suite `bsae`"])]
#[case(Selection { roles: vec![runproof_model::Role::new("proxy").unwrap()], ..Selection::all() }, &["hosts-mode"], &[])]
fn a_selection_narrows_and_tells_what_it_did_not_find(
    #[case] selection: Selection,
    #[case] ids: &[&str],
    #[case] unmatched: &[&str],
) {
    let plan = bind(&library(), &site(SITE), &selection);
    let mut found: Vec<&str> = plan.bound.iter().map(|b| b.invariant.id.as_str()).collect();
    found.dedup();
    assert_eq!(found, ids);
    assert_eq!(plan.unmatched, unmatched);
    assert_eq!(plan.is_empty(), ids.is_empty());
}

#[test]
fn what_may_still_come_true_is_looked_at_again_until_its_time_is_over() {
    let plan = plan(SITE);
    let findings = good(
        &plan,
        &[("system", "/opt/gbo/bin/.env", file(json!({"mode": "0644"})))],
    );
    let unsettled = plan.unsettled(&findings, Duration::from_secs(10));
    let paths: Vec<&str> = unsettled
        .wanted
        .iter()
        .filter_map(|w| w.query["file"].as_str())
        .collect();
    assert_eq!(paths, ["/opt/gbo/bin/.env"]);
    assert_eq!(unsettled.left, Duration::from_secs(20));
    assert!(
        plan.unsettled(&findings, Duration::from_secs(30))
            .wanted
            .is_empty()
    );
    assert!(
        plan.unsettled(&good(&plan, &[]), Duration::ZERO)
            .wanted
            .is_empty()
    );
}

const LOOP: &str = "
suite: loop
inputs:
  bots: { type: list, about: x, example: [a] }
invariants:
  - id: loop-root
    title: x
    profiles: [incus]
    severity: low
    on: system
    for-each: bot in input.bots
    facts: { f: { file: '/{bot}' } }
    expect: f.exists
    why: x
    sources: [production-guide/hosts]
  - id: loop-leaf
    title: x
    profiles: [incus]
    severity: low
    on: proxy
    for-each: bot in input.bots
    facts: { f: { file: '/{bot}' } }
    expect: f.exists
    needs: [loop-root]
    why: x
    sources: [production-guide/hosts]
  - id: loop-end
    title: x
    profiles: [incus]
    severity: low
    on: proxy
    facts: { f: { file: /end } }
    expect: f.exists
    needs: [loop-leaf]
    why: x
    sources: [production-guide/hosts]
";

#[test]
fn a_consequence_is_laid_to_its_root_and_keeps_its_verdict() {
    let library = library_with(LOOP);
    let site = site(&SITE.replace("[ { name: demo, folder: /opt/gbo/data } ]", "[a, b, a]"));
    let plan = bind(&library, &site, &Selection::all());
    let gone = || file(json!({"exists": false}));
    let evidence = evidence(
        &plan,
        &[
            ("system", "/b", gone()),
            ("proxy", "/b", gone()),
            ("proxy", "/end", gone()),
        ],
    );
    insta::assert_snapshot!("causes", lines(&evaluate(&plan, &evidence)));
}

#[rstest]
#[case::equal(
    "f.size == profile.botserver_port",
    8080,
    Some("also documented as 8080, infra-ops")
)]
#[case::computed(
    "string(f.size) == string(profile.botserver_port) + \"0\"",
    80800,
    Some("also documented as 8080, infra-ops")
)]
#[case::at_least("f.size >= profile.botserver_port * 2 && f.size < 20000", 9000, None)]
#[case::a_third_value("f.size == profile.botserver_port", 9090, None)]
#[case::its_own("f.size == profile.botserver_port", 5858, None)]
fn a_site_that_follows_another_documented_reading_is_told_so(
    #[case] expect: &str,
    #[case] size: i64,
    #[case] reading: Option<&str>,
) {
    let library = library_with(&format!(
        "
suite: port
invariants:
  - id: port-read
    title: x
    profiles: [incus]
    severity: low
    on: system
    facts: {{ f: {{ file: /f }} }}
    expect: '{expect}'
    why: x
    sources: [production-guide/hosts]
    reading: {{ parameter: botserver_port }}
"
    ));
    assert_eq!(common::said(&library.lint()), "");
    let plan = bind(
        &library,
        &site(&SITE.replace("inputs", "#inputs")),
        &Selection::all(),
    );
    let evidence = evidence(&plan, &[("system", "/f", file(json!({"size": size})))]);
    let findings = evaluate(&plan, &evidence);
    assert_eq!(
        findings[0].reading.as_deref(),
        reading,
        "{}",
        findings[0].message
    );
    assert_eq!(findings[0].verdict == Verdict::Pass, size == 5858);
}

/// About a hundred invariants, each of an ordinary size.
fn large() -> Vec<runproof_suite::SourceFile> {
    let mut files: Vec<_> = common::files()
        .into_iter()
        .filter(|f| f.name != "base.yaml")
        .collect();
    for suite in 0..10 {
        let mut text = format!("suite: part-{suite}\ninvariants:\n");
        for n in 0..10 {
            text += &format!(
                "  - id: part-{suite}-number-{n}\n    title: the file number {n} is there and closed\n    profiles: [incus]\n    severity: high\n    on: [system, proxy]\n    facts:\n      env: {{ file: \"{{profile.env_path}}.{n}\" }}\n      hosts: {{ file: /etc/hosts }}\n    expect:\n      - env.exists && env.mode in [\"0600\", \"0400\"]\n      - env.owner == \"root\" && env.size <= 4096\n      - hosts.mode == profile.hosts_mode\n    why: it holds a token and somebody could read it otherwise\n    fix: [ \"chmod 600 {{profile.env_path}}\", systemctl restart system ]\n    sources: [production-guide/hosts]\n"
            );
        }
        files.push(runproof_suite::SourceFile::new(
            format!("part-{suite}.yaml"),
            text,
        ));
    }
    files
}

/// `cargo test --release -p runproof-suite --test judge -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn speed() {
    let site = site(SITE);
    let time = |what: &str, rounds: u32, work: &mut dyn FnMut()| {
        work();
        // The best of all rounds: others may be using the machine.
        let best = (0..rounds)
            .map(|_| {
                let begin = std::time::Instant::now();
                work();
                begin.elapsed()
            })
            .min();
        println!("{what}: {:?}", best.unwrap_or_default());
    };
    let texts = large();
    let bytes: usize = texts.iter().map(|file| file.text.len()).sum();
    println!("{bytes} bytes of YAML");
    time("parse only", 20, &mut || {
        for file in &texts {
            runproof_suite::yaml::Node::parse("f", &file.text).unwrap();
        }
    });
    time("load", 20, &mut || drop(Library::load(large()).unwrap()));
    let library = Library::load(large()).unwrap();
    time("bind", 20, &mut || {
        drop(bind(&library, &site, &Selection::all()))
    });
    let plan = bind(&library, &site, &Selection::all());
    let evidence = evidence(&plan, &[]);
    time("evaluate, 600 expectations", 50, &mut || {
        drop(evaluate(&plan, &evidence))
    });
    time("builtin", 5, &mut || drop(Library::builtin().unwrap()));
    time("lint", 1, &mut || drop(library.lint()));
}

#[test]
fn plans_and_libraries_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Library>();
    shared::<Plan>();
    shared::<runproof_suite::Facts>();
}

#[rstest]
#[case::of_one_other_node("age(theirs.mtime) < 3600.0", Verdict::Pass, "")]
#[case::of_its_own_node("age(ours.mtime) < 3600.0", Verdict::Fail, "")]
#[case::of_both(
    "age(ours.mtime) > 1.0 && age(theirs.mtime) < 3600.0",
    Verdict::Error,
    "each has its own clock"
)]
#[case::of_both_by_name(
    "theirs.mtime > now - 10.0 && ours.exists",
    Verdict::Error,
    "each has its own clock"
)]
fn a_time_is_judged_by_the_clock_of_the_node_it_was_read_on(
    #[case] expect: &str,
    #[case] verdict: Verdict,
    #[case] part: &str,
) {
    let library = library_with(&format!(
        "
suite: clocks
invariants:
  - id: clocks
    title: x
    profiles: [incus]
    severity: low
    on: system
    facts:
      ours: {{ file: /f }}
      theirs: {{ file: /f, on: proxy }}
    expect: '{expect}'
    why: x
    sources: [production-guide/hosts]
"
    ));
    let plan = bind(&library, &site(SITE), &Selection::all());
    let mut evidence = evidence(&plan, &[]);
    for node in &mut evidence.nodes {
        // The proxy's clock is years behind, and its file as old as its clock says.
        node.now = Some(if node.role.as_str() == "proxy" {
            1_700_000_060.0
        } else {
            1_800_000_000.0
        });
    }
    let findings = evaluate(&plan, &evidence);
    assert_eq!(findings[0].verdict, verdict, "{}", findings[0].message);
    assert!(
        findings[0].message.contains(part),
        "{}",
        findings[0].message
    );
}
