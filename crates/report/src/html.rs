//! What every page shares: its head, its colours, and the washing of text.
//!
//! A page holds everything it needs, asks for nothing from anywhere, and has no script. All text is
//! washed and escaped, and a policy in its head forbids the rest. It follows the reader's light or
//! dark scheme, and prints with the heads of tables repeated and no row torn.

use runproof_model::text;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:14px/1.4 system-ui,sans-serif;margin:2rem;max-width:none}\
table{border-collapse:collapse}th,td{border:1px solid #8886;padding:.15rem .4rem;text-align:left}\
.caught{background:#2a8a3a;color:#fff}.cascade{background:#7aa6d8;color:#000}\
.missed,.collateral,.fix-failed,.fix-unneeded,.not-restored,.flaky{background:#c4242b;color:#fff}\
.error,.refused,.unviable,.no-baseline,.unreadable,.interrupted,.not-run{background:#d99a00;color:#000}\
.true-green{color:#8888}code{white-space:pre-wrap}.bad{color:#c4242b}\
@media (prefers-color-scheme:dark){.bad{color:#ff8a84}}\
@media print{body{margin:0;font-size:10px}thead{display:table-header-group}tr,li{break-inside:avoid}\
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// A page of this title, which is washed already; `style` is added to what all pages share.
pub(crate) fn page(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         {body}</body>\n</html>\n"
    )
}

/// A table of names and values, which are washed already.
pub(crate) fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows = rows.into_iter();
    let rows = rows.map(|(name, value)| format!("<tr><th>{name}</th><td>{value}</td></tr>\n"));
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

/// The exit code and what it means; marked unless it is 0.
pub(crate) fn exit(code: u8, meaning: &str) -> String {
    let class = if code == 0 { "" } else { " class=\"bad\"" };
    format!("<span{class}>{code}: {meaning}</span>")
}

/// Text from outside, washed and without markup, in about `max` characters.
pub(crate) fn text(input: &str, max: usize) -> String {
    let mut out = String::new();
    for c in text::one_line(input, max).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
