//! What decides what facts mean: recordings of facts that meant something else are old.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::ask::{Ask, End};
use crate::reads::Reads;
use crate::registry::{Wanted, kind};
use crate::script::{self, Guard};

/// Keys of a schema that hold words for people.
const WORDS: [&str; 4] = ["$schema", "title", "description", "examples"];
/// Stands where a script has its random word.
const BOUNDARY: &str = "BOUNDARY";
/// Stands where a look has its path.
const PATH: &str = "/PATH";

/// What decides what the wanted facts mean. Of each of their kinds: the forms of its query and its
/// fact, every text that it runs on a node, and its [revision](crate::Fact::REVISION); and how
/// files are looked at.
///
/// Equal for equal wants wherever and whenever it is asked for: nothing of the machine, the run or
/// a key is in it. What is said of a field in words is left out, so that it can be said better.
pub fn meaning(wanted: &[Wanted]) -> Value {
    let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in wanted {
        let texts = texts.entry(one.kind).or_default();
        // Who records looks at everything.
        for ask in one.probe.asks(&Reads::All) {
            if let Ask::Run(command) = ask {
                texts.insert(command.text);
            }
        }
    }
    let kinds: Map<String, Value> = texts
        .into_iter()
        .filter_map(|(name, mut texts)| {
            let kind = kind(name)?;
            texts.extend(kind.later);
            let meaning = json!({
                "revision": kind.revision,
                "query": form(kind.query_schema().as_value()),
                "fact": form(kind.fact_schema().as_value()),
                "texts": texts,
            });
            Some((name.to_owned(), meaning))
        })
        .collect();
    json!({
        "files": [files(Guard::Whole), files(Guard::Each)],
        "kinds": kinds,
    })
}

/// A script with one look of each sort at a file.
fn files(guard: Guard) -> String {
    let read = |end| Ask::Read {
        path: PATH.to_owned(),
        cap: 1,
        end,
    };
    let asks = [
        Ask::stat(PATH),
        read(End::Head),
        read(End::Tail),
        Ask::Slice {
            path: PATH.to_owned(),
            offset: 0,
            len: 1,
        },
        Ask::List {
            path: PATH.to_owned(),
        },
        Ask::Digest {
            path: PATH.to_owned(),
        },
    ];
    script::compose(&asks, BOUNDARY, guard).to_string()
}

/// A schema without the words for people.
fn form(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let kept = map
                .iter()
                .filter(|(key, _)| !WORDS.contains(&key.as_str()))
                .map(|(key, inner)| {
                    let inner = match inner.as_object().filter(|_| key == "properties") {
                        // These keys are names of fields, whatever they are.
                        Some(fields) => fields
                            .iter()
                            .map(|(name, field)| (name.clone(), form(field)))
                            .collect(),
                        None => form(inner),
                    };
                    (key.clone(), inner)
                });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.iter().map(form).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use runproof_model::Role;

    use super::*;
    use crate::kinds;

    fn wanted(query: &Value) -> Wanted {
        let kind = kinds()
            .iter()
            .find(|kind| query.get(kind.name).is_some())
            .unwrap();
        let probe = kind.probe(query).unwrap();
        Wanted {
            role: Role::new("system").unwrap(),
            kind: kind.name,
            query: probe.query(),
            probe: Arc::from(probe),
            reads: Reads::nothing(),
        }
    }

    #[test]
    fn it_holds_what_a_kind_runs_and_what_its_facts_look_like() {
        let unit = wanted(&json!({"unit": "ui.service"}));
        let meaning = meaning(&[unit, wanted(&json!({"tls": "localhost:443"}))]);
        let kinds = meaning["kinds"].as_object().unwrap();
        assert_eq!(kinds.keys().collect::<Vec<_>>(), ["tls", "unit"]);
        let unit = &kinds["unit"];
        assert_eq!(unit["revision"], 1);
        assert_eq!(unit["query"]["properties"]["unit"]["type"], "string");
        assert!(unit["fact"]["properties"]["active_state"].is_object());
        let texts = unit["texts"].to_string();
        assert!(texts.contains("systemctl show") && texts.contains("/environ"));
        assert_eq!(kinds["tls"]["texts"], json!([]), "a client of ours asks");
        assert!(meaning["files"][1].as_str().unwrap().contains("sha256sum"));
    }

    #[test]
    fn which_fields_are_read_and_of_whom_does_not_change_it() {
        let one = wanted(&json!({"unit": "ui.service"}));
        let mut other = wanted(&json!({"unit": "botserver.service"}));
        other.reads = Reads::All;
        other.role = Role::new("alm").unwrap();
        assert_eq!(meaning(&[one]), meaning(&[other]));
    }

    #[test]
    fn words_for_people_are_left_out_and_fields_of_their_names_are_not() {
        let schema = json!({
            "title": "T",
            "description": "said",
            "properties": {"title": {"type": "string", "description": "said"}},
            "oneOf": [{"const": "a", "description": "said"}],
        });
        let left = json!({
            "properties": {"title": {"type": "string"}},
            "oneOf": [{"const": "a"}],
        });
        assert_eq!(form(&schema), left);
    }

    /// A recording is held against it on another machine, years later.
    #[test]
    fn nothing_of_this_machine_is_in_it() {
        let all: Vec<Wanted> = ["ui.service", "a.socket"]
            .into_iter()
            .map(|unit| wanted(&json!({"unit": unit})))
            .collect();
        let text = meaning(&all).to_string();
        let here = std::env::current_dir().unwrap();
        assert!(!text.contains(here.to_str().unwrap()));
        assert!(!text.contains("ui.service"), "texts hold no arguments");
        assert_eq!(text, meaning(&all).to_string());
    }
}
