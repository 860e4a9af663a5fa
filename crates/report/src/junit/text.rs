//! What stands inside a result and in a suite's output.

use runproof_model::{Finding, NodeRecord, Report, Verdict};

use crate::words;
use runproof_model::text;

const CUT: &str = "\n… cut here; the JSON report has the rest";

/// The text of a result: the message, then everything that a reader of the
/// pipeline needs and cannot ask for. At most `limit` bytes.
pub(super) fn body(
    report: &Report,
    finding: &Finding,
    node: Option<&NodeRecord>,
    message: &str,
    limit: usize,
) -> String {
    let mut out = message.to_owned();
    let mut add = |line: &str| -> bool {
        // Everything after the limit is cut anyway: do not collect it.
        if out.len() <= limit {
            out.push('\n');
            out.push_str(line);
        }
        out.len() <= limit
    };
    if report.recorded {
        add("recorded reference, not your site");
    }
    add(&text::one_line(&finding.title, 300));
    for outcome in &finding.expectations {
        let label = match outcome.verdict {
            Verdict::Pass => continue,
            Verdict::Error => "unknown: ",
            Verdict::Fail | Verdict::Skip | Verdict::Waived => "expect:  ",
        };
        let mut go_on = add(&format!("{label}{}", text::one_line(&outcome.expect, 1000)));
        for (label, value) in [
            ("  found:    ", &outcome.found),
            ("  expected: ", &outcome.expected),
        ] {
            if let Some(value) = value {
                go_on = add(&format!("{label}{}", text::one_line(value, 1000)));
            }
        }
        if !go_on {
            break;
        }
    }
    for (label, text) in [
        ("because of: ", &finding.because_of),
        ("reading: ", &finding.reading),
        ("document defect: ", &finding.document_defect),
    ] {
        if let Some(text) = text {
            add(&format!("{label}{}", text::one_line(text, 600)));
        }
    }
    for source in &finding.sources {
        if !add(&format!("source: {}", words::source(source))) {
            break;
        }
    }
    let mut fix = finding
        .fix
        .iter()
        .flat_map(|step| text::lines(step, 4000))
        .peekable();
    if fix.peek().is_some() {
        add("fix:");
    }
    for line in fix {
        if !add(&format!("  {line}")) {
            break;
        }
    }
    let standin = if node.is_some_and(|node| node.standin) {
        ", a stand-in"
    } else {
        ""
    };
    let instance = node.map_or_else(String::new, |node| {
        format!(" ({}{standin})", text::one_line(&node.instance, 128))
    });
    add(&format!(
        "node: {}{instance}",
        text::one_line(&finding.node, 80)
    ));
    add(&format!(
        "level: {}, severity: {}",
        finding.level.as_str(),
        finding.severity.as_str()
    ));
    cut(&out, limit.max(message.len()))
}

/// The text in at most `limit` bytes, whole characters; a cut is marked when
/// there is room for the mark.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let first_line = text.find('\n').unwrap_or(text.len());
    let mark = if limit >= first_line + CUT.len() {
        CUT
    } else {
        ""
    };
    let mut end = limit - mark.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &text[..end])
}

/// What a suite says about its node and the run.
pub(super) fn suite_output(
    report: &Report,
    node: Option<&NodeRecord>,
    time_known: bool,
    cuts: &[String],
) -> String {
    let mut lines = Vec::new();
    if report.recorded {
        lines.push("recorded reference, not your site".to_owned());
    }
    let started = text::one_line(&report.started, 40);
    lines.push(format!(
        "profile {}, looked at {started}, the run took {:.3} s, exit {}: {}",
        text::one_line(&report.profile, 80),
        report.duration_s,
        report.exit_code,
        words::exit_of(report)
    ));
    if !time_known {
        lines.push(
            "the start of the run is not a time; the time stamp stands for unknown".to_owned(),
        );
    }
    if let Some(node) = node {
        if node.standin {
            lines.push(
                "a stand-in plays this node: nothing here speaks of the real service".to_owned(),
            );
        }
        if let Some(trouble) = &node.trouble {
            lines.push(format!(
                "nothing could be seen here: {}",
                text::one_line(trouble, 600)
            ));
        }
    }
    lines.extend(cuts.iter().cloned());
    lines.extend(
        report
            .notes
            .iter()
            .take(20)
            .map(|note| text::one_line(note, 600)),
    );
    cut(&lines.join("\n"), 2 << 10)
}
