//! The reference, and faults that are derived from it, for tests.

use std::path::Path;

use runproof_model::{Evidence, FaultRecording};
use runproof_site::Bundle;
use runproof_suite::{Library, Plan, Scenario, Selection, SourceFile, bind};
use serde_json::Value;

use crate::{record_fault, site_of};

const REFERENCE: &[u8] = include_bytes!("../../../fixtures/sites/reference/bundle.json");

/// The reference with the built-in suites and one more.
pub(crate) struct Kit {
    pub(crate) library: Library,
    pub(crate) plan: Plan,
    pub(crate) bundle: Bundle,
}

impl Kit {
    /// With scenarios, or whatever else stands in a suite after its name.
    pub(crate) fn with(suite: &str) -> Self {
        let bundle = Bundle::parse("the reference", REFERENCE).unwrap();
        Self::over(suite, bundle)
    }

    pub(crate) fn over(suite: &str, bundle: Bundle) -> Self {
        let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites");
        let mut files = vec![SourceFile::new(
            "proving.yaml",
            format!("suite: proving\n{suite}"),
        )];
        for folder in ["", "profiles/"] {
            for entry in std::fs::read_dir(suites.join(folder)).unwrap().flatten() {
                let name = format!("{folder}{}", entry.file_name().to_str().unwrap());
                if SourceFile::belongs(&name) {
                    let text = std::fs::read_to_string(entry.path()).unwrap();
                    // The scenarios of a test stand alone; those of the suites come last in a file.
                    let invariants = text.split("\nscenarios:").next().unwrap();
                    files.push(SourceFile::new(name, format!("{invariants}\n")));
                }
            }
        }
        let library = Library::load(files).unwrap_or_else(|mistakes| {
            panic!(
                "{}",
                mistakes.iter().map(ToString::to_string).collect::<String>()
            )
        });
        let plan = bind(&library, &site_of(&bundle), &Selection::all());
        Self {
            library,
            plan,
            bundle,
        }
    }

    pub(crate) fn scenario(&self, id: &str) -> &Scenario {
        let mut all = self.library.scenarios();
        all.find(|(_, scenario)| scenario.id.value == id).unwrap().1
    }

    /// The reference with its facts changed.
    pub(crate) fn changed(&self, change: impl Fn(&str, &str, &Value, &mut Value)) -> Evidence {
        let mut evidence = self.bundle.evidence.clone();
        for record in evidence
            .rounds
            .iter_mut()
            .flat_map(|round| &mut round.facts)
        {
            change(
                record.role.as_str(),
                &record.kind,
                &record.query,
                &mut record.fact,
            );
        }
        evidence
    }

    /// What a drill of the scenario would have recorded, had it changed the facts so.
    pub(crate) fn recording(
        &self,
        scenario: &str,
        change: impl Fn(&str, &str, &Value, &mut Value),
    ) -> FaultRecording {
        self.recording_but(scenario, change, "")
    }

    /// The same, where facts of one kind change by themselves.
    pub(crate) fn recording_but(
        &self,
        scenario: &str,
        change: impl Fn(&str, &str, &Value, &mut Value),
        restless: &str,
    ) -> FaultRecording {
        let reference = &self.bundle.evidence;
        record_fault(
            self.scenario(scenario),
            reference,
            reference,
            &self.changed(change),
            &self.plan,
            &|one, other| one.kind != restless && one.fact != other.fact,
        )
    }
}

/// botui at the external address, as its unit and its process tell.
pub(crate) fn external_address(_: &str, kind: &str, query: &Value, fact: &mut Value) {
    if kind == "unit" && query["unit"] == "ui.service" {
        for place in ["/environment", "/disk/environment", "/running/environment"] {
            if let Some(url) = fact.pointer_mut(&format!("{place}/BOTSERVER_URL")) {
                *url = "https://system.example.com".into();
            }
        }
    }
}

/// Vault sealed, as all who ask it are told.
pub(crate) fn sealed(_: &str, kind: &str, _: &Value, fact: &mut Value) {
    if kind == "vault" {
        fact["sealed"] = true.into();
        fact["status"] = 503.into();
    }
    if kind == "kv" {
        *fact = serde_json::json!({"$unknown": {"kind": "failed", "detail": "Vault is sealed"}});
    }
}
