//! A scenario: what is broken, what that turns red, and how it is mended.

use runproof_engine::drill::Fix;
use runproof_model::Site;
use runproof_model::text::one_line;
use runproof_suite::{BoundScenario, Library};
use serde::Serialize;
use serde_json::Value;

/// Everything there is to say about a scenario.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    id: String,
    suite: String,
    title: String,
    on: String,
    fault: Value,
    turns_red: Vec<String>,
    cascades: Vec<String>,
    fix: Vec<String>,
    fix_on: Option<String>,
    /// Why there is no fix that could be run.
    no_fix: Option<String>,
    document_defect: Option<String>,
    lab_only: Option<String>,
    sources: Vec<String>,
}

/// The scenario of that identifier as a site has it. `None` when no suite has it; why not, when the
/// site cannot have it.
pub(super) fn of(library: &Library, site: &Site, id: &str) -> Result<Option<Explained>, String> {
    if !library.scenarios().any(|(_, one)| one.id.value == id) {
        return Ok(None);
    }
    let (bound, failed) = runproof_suite::scenarios(library, site);
    if let Some((_, why)) = failed.iter().find(|(failed, _)| failed == id) {
        return Err(format!("the scenario {id} cannot be bound: {why}"));
    }
    match bound.into_iter().find(|one| one.id == id) {
        Some(scenario) => explained(scenario).map(Some),
        None => Err(format!(
            "the scenario {id} is none of the profile {}, or the site has no node for it",
            site.profile
        )),
    }
}

fn explained(scenario: BoundScenario) -> Result<Explained, String> {
    let fix = Fix::read(&scenario)?;
    Ok(Explained {
        fix_on: (!fix.run.is_empty()).then(|| fix.on.unwrap_or_else(|| scenario.role.clone())),
        fix: fix.run,
        no_fix: fix.none,
        document_defect: fix.document_defect,
        lab_only: fix.lab_only,
        id: scenario.id,
        suite: scenario.suite,
        title: scenario.title,
        on: scenario.role,
        fault: scenario.fault,
        turns_red: scenario.turns_red,
        cascades: scenario.cascades,
        sources: scenario.sources,
    })
}

impl Explained {
    pub(super) fn in_words(&self) -> String {
        let line = |text: &str| one_line(text, 400);
        let mut out = format!(
            "{}  (scenario, on {}, suite {})\n{}\n",
            line(&self.id),
            line(&self.on),
            line(&self.suite),
            line(&self.title)
        );
        let mut section = |title: &str, lines: &[String]| {
            if !lines.is_empty() {
                out.push_str(&format!("\n{title}\n"));
                for text in lines {
                    out.push_str(&format!("  {}\n", one_line(text, 2000)));
                }
            }
        };
        section("Fault", &[self.fault.to_string()]);
        section("Turns red", &self.turns_red);
        section("May follow", &self.cascades);
        let on = self.fix_on.as_deref().unwrap_or_default();
        section(&format!("Documented fix, on {}", line(on)), &self.fix);
        let because = |why: &Option<String>| why.clone().into_iter().collect::<Vec<_>>();
        section("No fix that could be run", &because(&self.no_fix));
        section("It does not mend", &because(&self.document_defect));
        section("What in the fix is the lab's", &because(&self.lab_only));
        let places = self.sources.iter();
        let places: Vec<String> = places
            .map(|key| runproof_report::words::source(key))
            .collect();
        section("Documented", &places);
        section("To see it", &[format!("runproof drill {}", self.id)]);
        out
    }
}
