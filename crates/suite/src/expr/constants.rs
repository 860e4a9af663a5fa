//! The constants of an expression, and texts that its patterns match.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::func::Func;
use super::tree::{Kind, Node};
use super::val::Val;

/// An example is not made longer than this.
const LONGEST: usize = 512;

/// Every literal, and of every pattern a text that it matches.
pub(super) fn constants(root: &Node) -> Vec<Val> {
    let mut found = Vec::new();
    collect(root, &mut found);
    found
}

fn collect(node: &Node, found: &mut Vec<Val>) {
    if let Kind::Const(val) = &node.kind {
        found.push(val.clone());
    }
    if let Kind::Call(Func::Matches, args, _) = &node.kind {
        let pattern = args.get(1).and_then(Node::literal);
        found.extend(
            pattern
                .and_then(example)
                .map(|text| Val::from(text.as_str())),
        );
    }
    for child in node.children() {
        collect(child, found);
    }
}

/// A short text that a pattern matches; none where it asks for more than characters.
fn example(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut out = String::new();
    write(&hir, &mut out)?;
    Some(out)
}

fn write(hir: &Hir, out: &mut String) -> Option<()> {
    if out.len() > LONGEST {
        return None;
    }
    match hir.kind() {
        // An assertion holds or not; who tries the text finds out.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            // A letter or a digit looks most like what a node says.
            let plain = |c: &char| c.is_ascii_alphanumeric();
            let ranges = || class.ranges().iter();
            let within = |c: char| ranges().any(|range| (range.start()..=range.end()).contains(&c));
            let c = ('a'..='z')
                .chain('0'..='9')
                .chain('A'..='Z')
                .find(|c| plain(c) && within(*c))
                .or_else(|| ranges().next().map(|range| range.start()))?;
            out.push(c);
        }
        HirKind::Class(Class::Bytes(class)) => {
            out.push(char::from(class.ranges().first()?.start()));
        }
        HirKind::Repetition(repetition) => {
            // Once, where it need not be there: a set that may be empty says more when it is not.
            let times = repetition.min.max(u32::from(repetition.max != Some(0)));
            for _ in 0..times {
                write(&repetition.sub, out)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, out)?;
            }
        }
        HirKind::Alternation(parts) => write(parts.iter().max_by_key(|part| width(part))?, out)?,
    }
    Some(())
}

/// How long a part is at least: of several the longest says most.
fn width(hir: &Hir) -> usize {
    hir.properties().minimum_len().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("^config\\.bak-[0-9]{12}$")]
    #[case("(?i)(secret|passw|pwd|_key$)")]
    #[case(":4747/?\"")]
    #[case("(^|[ '\"=:(])(\\./|/home/)[^ ]*(work|data)")]
    #[case("^#[0-9a-fA-F]{6}$")]
    #[case("a?b*c+")]
    fn the_example_of_a_pattern_matches_it(#[case] pattern: &str) {
        let text = example(pattern).unwrap();
        assert!(
            regex::Regex::new(pattern).unwrap().is_match(&text),
            "{text}"
        );
    }

    #[test]
    fn a_pattern_without_an_end_has_no_example() {
        assert_eq!(example("(a{1000}){1000}"), None);
        assert_eq!(example("["), None);
    }
}
