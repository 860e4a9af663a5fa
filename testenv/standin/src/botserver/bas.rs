//! What of a BASIC script matters here: its suggestions, and whether it can be compiled.

use serde_json::{Value, json};

/// The suggestions of a script, as the original puts them into the cache.
pub fn suggestions(script: &str) -> Vec<Value> {
    script
        .lines()
        .filter_map(|line| suggestion(line.trim()))
        .collect()
}

/// The first line that no compiler would take, from 1.
pub fn first_error(script: &str) -> Option<usize> {
    let broken = |line: &str| line.matches('"').count() % 2 == 1;
    let mut lines = script.lines().map(str::trim);
    lines
        .position(|line| !comment(line) && broken(line))
        .map(|at| at + 1)
}

fn comment(line: &str) -> bool {
    line.starts_with('\'') || line.to_uppercase().starts_with("REM ")
}

/// `ADD_SUGGESTION_TOOL "tool" AS "text"`, `ADD_SUGGESTION "context" AS "text"`, spaces for underscores too.
fn suggestion(line: &str) -> Option<Value> {
    let words = line.to_uppercase().replace('_', " ");
    let tool = words.starts_with("ADD SUGGESTION TOOL ");
    if !words.starts_with("ADD SUGGESTION ") {
        return None;
    }
    let mut quoted = line.split('"').skip(1).step_by(2);
    let first = quoted.next()?;
    let text = quoted.last().unwrap_or(first);
    Some(if tool {
        let action = json!({"type": "invoke_tool", "tool": first, "params": null, "prompt_for_params": false});
        json!({"type": "invoke_tool", "text": text, "tool": first, "action": action})
    } else {
        let action = json!({"type": "select_context", "context": first});
        json!({"type": "context", "context": first, "text": text, "action": action})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_of_both_kinds_are_found_with_and_without_underscores() {
        let script = "TALK \"Hi\"\n  ADD_SUGGESTION_TOOL \"enrol\" AS \"Enrol\"\nADD SUGGESTION \"fees\" AS \"Fees\"\n";
        let found = suggestions(script);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0]["tool"], "enrol");
        assert_eq!(found[1]["text"], "Fees");
    }

    #[test]
    fn a_quote_that_nobody_closes_is_an_error_on_its_line_but_not_in_a_comment() {
        assert_eq!(
            first_error("TALK \"a\"\nREM it's \"\n' \"\nTALK \"b\n"),
            Some(4)
        );
        assert_eq!(first_error("TALK \"a\"\n"), None);
    }
}
