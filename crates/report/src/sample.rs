//! A report of a made-up run with every verdict, hostile text included.

use runproof_model::exit::Gate;
use runproof_model::report::{FORMAT, Summary};
use runproof_model::{
    ExpectationOutcome, Finding, Level, NodeRecord, Report, Role, Severity, Verdict,
};

fn node(role: &str, instance: &str) -> NodeRecord {
    NodeRecord {
        role: Role::new(role).unwrap(),
        instance: instance.to_owned(),
        image: Some("debian/12".to_owned()),
        standin: false,
        now: Some(1_700_000_000.0),
        skew_s: Some(0.2),
        trouble: None,
    }
}

fn outcome(expect: &str, verdict: Verdict, found: &str, expected: &str) -> ExpectationOutcome {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ExpectationOutcome {
        expect: expect.to_owned(),
        verdict,
        found: some(found),
        expected: some(expected),
    }
}

fn finding(id: &str, suite: &str, node: &str, verdict: Verdict, severity: Severity) -> Finding {
    Finding {
        node: node.to_owned(),
        verdict,
        severity,
        title: format!("the title of {id}"),
        message: format!("the message of {id}"),
        ..Finding::named(id, suite)
    }
}

/// An empty report.
pub(crate) fn empty() -> Report {
    Report {
        format: FORMAT.to_owned(),
        site: "lab".to_owned(),
        profile: "incus".to_owned(),
        recorded: false,
        started: "2024-02-03T04:05:06Z".to_owned(),
        duration_s: 0.4142,
        exit_code: 0,
        summary: Summary::default(),
        findings: Vec::new(),
        nodes: Vec::new(),
        notes: Vec::new(),
    }
}

/// All five verdicts; a root cause with followers; a node that cannot be seen;
/// a stand-in; a document defect; and text that a hostile node wrote.
pub(crate) fn report() -> Report {
    let mut botui = finding(
        "botui-server-url-localhost",
        "botui",
        "system",
        Verdict::Fail,
        Severity::Critical,
    );
    botui.title = "botui reaches botserver over localhost".to_owned();
    botui.message =
        "BOTSERVER_URL is \"https://system.example.com\"; it should be \"http://localhost:5858\""
            .to_owned();
    botui.expectations = vec![
        outcome("ui.exists", Verdict::Pass, "", ""),
        outcome(
            "ui.environment.BOTSERVER_URL == \"http://localhost:\" + string(profile.botserver_port)",
            Verdict::Fail,
            "\"https://system.example.com\"",
            "\"http://localhost:5858\"",
        ),
    ];
    botui.reading = Some("also documented as 8080, infra-ops".to_owned());
    botui.sources = vec![
        "production-guide/troubleshooting-quick-reference".to_owned(),
        "lxd-guide/botserver-botui".to_owned(),
    ];
    botui.fix = vec![
        "sed -i 's|BOTSERVER_URL=.*|BOTSERVER_URL=http://localhost:5858|' /etc/systemd/system/ui.service && systemctl daemon-reload".to_owned(),
        "systemctl restart ui".to_owned(),
    ];

    let mut vault = finding(
        "vault-unsealed",
        "vault",
        "vault",
        Verdict::Fail,
        Severity::High,
    );
    vault.fix = vec!["if vault status; then\n  vault operator unseal\nfi".to_owned()];
    vault.sources = vec!["infra-ops/vault".to_owned()];
    let mut follower = finding(
        "drive-secret-readable",
        "drive",
        "drive",
        Verdict::Fail,
        Severity::High,
    );
    follower.because_of = Some("vault-unsealed".to_owned());
    let mut second = finding(
        "tables-secret-readable",
        "tables",
        "tables",
        Verdict::Error,
        Severity::Medium,
    );
    second.because_of = Some("vault-unsealed".to_owned());
    let mut orphan = finding(
        "cache-bind-loopback",
        "cache",
        "system",
        Verdict::Fail,
        Severity::Low,
    );
    orphan.because_of = Some("something-not-selected".to_owned());

    let mut hostile = finding(
        "log-lines-parse",
        "log",
        "system",
        Verdict::Fail,
        Severity::Medium,
    );
    hostile.item = Some("demo ]]> <b>&\u{1b}[31m".to_owned());
    hostile.message =
        "last line is \u{1b}]0;owned\u{7}\u{1b}[2J]]><failure>\0 \u{202e}gnp.exe\u{fffe}"
            .to_owned();
    hostile.expectations = vec![outcome(
        "log.lines.all(l, l.level != \"ERROR\")",
        Verdict::Fail,
        &format!("\"{}\"", "A".repeat(10 << 20)),
        "]]>",
    )];

    let mut firewall = finding(
        "fw-loopback-accept-first",
        "firewall",
        "system",
        Verdict::Error,
        Severity::Critical,
    );
    firewall.message = "tool missing: iptables-save is not on the node".to_owned();
    firewall.expectations = vec![outcome(
        "fw.v4.loopback(\"5858\") == \"accept\"",
        Verdict::Error,
        "tool missing: iptables-save is not on the node",
        "",
    )];
    let dark: Vec<Finding> = ["mail-listens-25", "mail-unit-active"]
        .into_iter()
        .map(|id| {
            let mut finding = finding(id, "mail", "mail", Verdict::Error, Severity::High);
            finding.message = "node is not running".to_owned();
            finding
        })
        .collect();

    let mut recommended = finding(
        "env-file-mode",
        "env",
        "system",
        Verdict::Fail,
        Severity::Low,
    );
    recommended.level = Level::Should;

    let mut waived = finding(
        "glibc-new-enough",
        "glibc",
        "system",
        Verdict::Waived,
        Severity::High,
    );
    waived.message = "accepted until 2024-06-30 by ops: the image is rebuilt in June".to_owned();

    let mut defect = finding(
        "drive-console-port",
        "drive",
        "drive",
        Verdict::Fail,
        Severity::Low,
    );
    defect.level = Level::Should;
    defect.document_defect = Some("the real program has no such option".to_owned());

    let mut skips: Vec<Finding> = ["meet-listens", "meet-unit-active"]
        .into_iter()
        .map(|id| {
            let mut finding = finding(id, "meet", "meet", Verdict::Skip, Severity::Medium);
            finding.message = "no video here".to_owned();
            finding
        })
        .collect();
    let mut other = finding("ct-snapshots", "ct", "host", Verdict::Skip, Severity::Low);
    other.message = "the engine is local".to_owned();
    skips.push(other);

    let mut findings = vec![
        botui,
        vault,
        follower,
        second,
        orphan,
        hostile,
        firewall,
        recommended,
        waived,
        defect,
    ];
    findings.extend(dark);
    findings.extend(skips);
    for (id, suite) in [
        ("botui-unit-active", "botui"),
        ("botui-port", "botui"),
        ("net-dns", "net"),
    ] {
        findings.push(finding(id, suite, "system", Verdict::Pass, Severity::High));
    }

    let mut mail = node("mail", "lab-mail");
    mail.trouble = Some("node is not running: lab-mail is Stopped".to_owned());
    mail.now = None;
    mail.skew_s = None;
    mail.image = None;
    let mut vault = node("vault", "lab-vault");
    vault.standin = true;
    let mut report = empty();
    report.findings = findings;
    report.nodes = vec![
        node("system", "lab-system"),
        node("drive", "drive"),
        mail,
        vault,
        node("tables", "lab-tables"),
    ];
    report.notes = vec![
        "fingerprints were made with a throw-away key and do not compare with another run's"
            .to_owned(),
    ];
    report.settle(Gate::default(), false)
}

/// One finding of every verdict in which every text is the given one.
pub(crate) fn with_text_everywhere(text: &str) -> Report {
    let mut report = empty();
    for verdict in Verdict::ALL {
        for level in [Level::Must, Level::Should] {
            report.findings.push(Finding {
                id: text.to_owned(),
                suite: text.to_owned(),
                node: text.to_owned(),
                item: Some(text.to_owned()),
                verdict,
                level,
                severity: Severity::High,
                title: text.to_owned(),
                message: text.to_owned(),
                expectations: vec![
                    outcome(text, Verdict::Fail, text, text),
                    outcome(text, Verdict::Error, text, text),
                ],
                because_of: Some(text.to_owned()),
                document_defect: Some(text.to_owned()),
                reading: Some(text.to_owned()),
                sources: vec![text.to_owned()],
                fix: vec![text.to_owned()],
            });
        }
    }
    let mut node = node("system", text);
    node.image = Some(text.to_owned());
    node.trouble = Some(text.to_owned());
    report.nodes = vec![node];
    report.notes = vec![text.to_owned()];
    report.site = text.to_owned();
    report.profile = text.to_owned();
    report.started = text.to_owned();
    report.settle(Gate::default(), false)
}
