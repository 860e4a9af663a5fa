//! An invariant: one documented statement with its expectations.

use std::collections::BTreeSet;
use std::time::Duration;

use runproof_model::{Level, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::{Diagnostic, Place};
use crate::expression::Expression;
use crate::query::Query;
use crate::words::{check_id, check_variable};
use crate::yaml::{Entries, Located, OneOrMany};

/// The word that stands for every mapped node in `on`.
pub const ALL: &str = "all";
/// The most facts that an invariant may name, and the most expectations it may have.
pub const MAX_PARTS: usize = 64;
/// The most items that a loop may have.
pub const MAX_ITEMS: usize = 1000;
/// The longest time that an expectation may be given to come true.
pub const MAX_WITHIN: Duration = Duration::from_secs(600);

/// One documented statement, encoded once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Invariant {
    /// Its name for all time: lower-case words joined by `-`, unique over all suites; the ledger's identifier where it has one.
    pub id: Located<String>,
    /// Statements of the ledger that it decides beside the one of its own name.
    #[serde(default)]
    pub covers: Vec<Located<String>>,
    /// The statement in a few words.
    pub title: String,
    /// The profiles whose documents state it; a profile that inherits from one of them is meant too.
    pub profiles: Vec<Located<String>>,
    /// `must` gates a run, `should` only with `--strict`.
    #[serde(default)]
    pub level: Level,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// The role of the node, a list of roles, or `all` for every mapped container.
    pub on: OneOrMany<Located<String>>,
    /// The facts that the expectations read: name → query. Strings may hold `{profile.x}`, `{input.x}`, `{site}` and the loop's variable.
    #[serde(default)]
    pub facts: Entries<Query>,
    /// What must be true: one CEL expression, or several, each with its own outcome.
    pub expect: OneOrMany<Expression>,
    /// `all()` over nothing and a loop over nothing hold instead of failing.
    #[serde(default)]
    pub allow_empty: bool,
    /// How long the facts are gathered again until it holds, such as `30s` or `2m`; at most `10m`.
    #[serde(default)]
    pub within: Option<Located<String>>,
    /// Judges it once for each item: `bot in input.bots`.
    #[serde(default)]
    pub for_each: Option<Located<String>>,
    /// Invariants whose failure explains a failure of this one.
    #[serde(default)]
    pub needs: Vec<Located<String>>,
    /// A CEL expression over `profile`, `input` and `site`; where it is false the invariant does not apply.
    #[serde(default)]
    pub when: Option<Expression>,
    /// Why it does not apply where `when` is false.
    #[serde(default)]
    pub when_not: Option<String>,
    /// Why the documents ask for it: what happens otherwise.
    pub why: String,
    /// The documented commands that mend it, in order.
    #[serde(default)]
    pub fix: Vec<Located<String>>,
    /// Where it is documented: `document/section`. Empty only where every profile named is `undocumented`.
    pub sources: Vec<Located<String>>,
    /// Says that the statement cannot be true of the real program.
    #[serde(default)]
    pub document_defect: Option<DocumentDefect>,
    /// Where the documents disagree: which parameter decides.
    #[serde(default)]
    pub reading: Option<Reading>,
}

/// A statement of the documents that cannot be true of the real program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentDefect {
    /// Why it cannot be true.
    pub why: String,
    /// What shows that.
    pub evidence: String,
}

/// Which parameter of the profile decides between documented readings.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The parameter's name; its `readings` in the profile are the others.
    pub parameter: Located<String>,
}

/// A loop: a variable and the list it walks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The variable.
    pub variable: String,
    /// The list as a dotted name: `input.bots`.
    pub list: String,
}

impl Invariant {
    /// The loop, when there is one that can be read.
    pub fn looped(&self) -> Option<Result<Loop, String>> {
        self.for_each.as_ref().map(|text| {
            let mut words = text.split_whitespace();
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some(variable), Some("in"), Some(list), None)
                    if list.starts_with("input.") || list.starts_with("profile.") =>
                {
                    check_variable(variable)?;
                    Ok(Loop {
                        variable: variable.to_owned(),
                        list: list.to_owned(),
                    })
                }
                _ => Err(
                    "expected `<variable> in input.<list>` or `<variable> in profile.<list>`"
                        .to_owned(),
                ),
            }
        })
    }

    /// How long it may take to come true, when it may take any time.
    pub fn within(&self) -> Option<Result<Duration, String>> {
        self.within.as_ref().map(|text| duration(text))
    }

    /// All its expressions.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.expect.0.iter().chain(self.when.as_ref())
    }

    /// What is wrong with its form, whatever the profile and the rest of the library.
    pub(crate) fn problems(&self, file: &str, text: &str) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let mut say = |place: Place, message: String| {
            problems.push(Diagnostic::new(file, place, message));
        };
        if let Err(message) = check_id(&self.id) {
            say(self.id.place, message);
        }
        let id = self.id.place;
        for (what, list) in [
            ("profiles", &self.profiles),
            ("sources", &self.sources),
            ("on", &self.on.0),
        ] {
            // Whether there may be no sources is for the profiles to say, see lint.
            if list.is_empty() && what != "sources" {
                say(id, format!("`{what}` is empty"));
            }
            let mut seen = BTreeSet::new();
            for item in list {
                if !seen.insert(item.as_str()) {
                    say(
                        item.place,
                        format!("`{}` stands twice in `{what}`", item.value),
                    );
                }
            }
        }
        for (what, words) in [("title", &self.title), ("why", &self.why)] {
            if words.trim().is_empty() {
                say(id, format!("`{what}` is empty"));
            }
        }
        if self.expect.0.is_empty() {
            say(id, "it expects nothing".to_owned());
        }
        if self.expect.0.len() > MAX_PARTS {
            say(id, format!("more than {MAX_PARTS} expectations"));
        }
        if self.facts.0.len() > MAX_PARTS {
            say(id, format!("more than {MAX_PARTS} facts"));
        }
        if let (Some(for_each), Some(Err(message))) = (&self.for_each, self.looped()) {
            say(for_each.place, message);
        }
        if let (Some(within), Some(Err(message))) = (&self.within, self.within()) {
            say(within.place, message);
        }
        match (&self.when, &self.when_not) {
            (Some(when), None) => say(
                when.place(),
                "`when` needs `when-not`: the reason that is reported where it does not apply"
                    .to_owned(),
            ),
            (None, Some(_)) => say(id, "`when-not` without `when`".to_owned()),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(defect) = &self.document_defect
            && (defect.why.trim().is_empty() || defect.evidence.trim().is_empty())
        {
            say(
                id,
                "a document defect needs a `why` and its `evidence`".to_owned(),
            );
        }
        let variable = self
            .looped()
            .and_then(Result::ok)
            .map(|looped| looped.variable);
        for (name, _) in self.facts.iter() {
            if let Err(message) = check_variable(name) {
                say(name.place, message);
            }
            if variable.as_deref() == Some(name.as_str()) {
                say(
                    name.place,
                    format!("`{}` is the loop's variable", name.value),
                );
            }
        }
        for (_, query) in self.facts.iter() {
            problems.extend(query.problems(file));
        }
        for expression in self.expressions() {
            if let Err(error) = expression.compiled() {
                let place = expression.place_of(text, error.offset);
                problems.push(
                    Diagnostic::new(file, place, error.message.as_str()).help(error.help.clone()),
                );
            }
        }
        problems
    }
}

/// `30s` or `2m`, at most [`MAX_WITHIN`].
fn duration(text: &str) -> Result<Duration, String> {
    let form = || format!("expected a time such as `30s` or `2m`, found `{text}`");
    let (number, factor) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 60),
        (None, None) => return Err(form()),
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(form());
    }
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    match seconds.map(Duration::from_secs) {
        Some(time) if time.is_zero() => Err("the time is zero: leave it out".to_owned()),
        Some(time) if time <= MAX_WITHIN => Ok(time),
        Some(_) | None => Err(format!("`{text}` is longer than 10m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("30s", Some(30))]
    #[case("2m", Some(120))]
    #[case("10m", Some(600))]
    #[case("11m", None)]
    #[case("0s", None)]
    #[case("30", None)]
    #[case("-1s", None)]
    #[case("s", None)]
    #[case("99999999999999999999m", None)]
    fn a_time_is_a_number_with_a_unit(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(duration(text).ok().map(|time| time.as_secs()), seconds);
    }
}
