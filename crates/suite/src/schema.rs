//! JSON Schemas of the files that people write, for their editors.
//!
//! A suite begins with `# yaml-language-server: $schema=../schema/suite.schema.json`
//! (as seen from its own folder: `schema/…` in `suites/`, `../schema/…` in `suites/profiles/`).

use runproof_model::Site;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::profile::Profile;
use crate::suite::Suite;
use crate::waivers::Waivers;

/// The JSON Schema of a suite file, with the query of every kind of fact.
pub fn schema() -> Value {
    of::<Suite>()
}

/// Every schema by the name of its file below `suites/schema/`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("profile.schema.json", of::<Profile>()),
        ("site.schema.json", of::<Site>()),
        ("suite.schema.json", schema()),
        ("waivers.schema.json", of::<Waivers>()),
    ]
}

fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// `UPDATE=1 cargo test -p runproof-suite schema` rewrites them.
    #[test]
    fn the_schemas_in_the_repository_are_those_of_the_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites/schema");
        for (name, schema) in schemas() {
            let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
            let path = folder.join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, text).unwrap();
            } else {
                let stored = std::fs::read_to_string(&path).unwrap_or_default();
                assert!(stored == text, "{name} is stale: run with UPDATE=1");
            }
        }
    }

    #[test]
    fn every_field_of_a_suite_is_explained() {
        let schema = schema();
        for (name, field) in schema["properties"].as_object().unwrap() {
            assert!(field["description"].is_string(), "{name}");
        }
        for (name, field) in schema["$defs"]["Invariant"]["properties"]
            .as_object()
            .unwrap()
        {
            assert!(field["description"].is_string(), "{name}");
        }
    }
}
