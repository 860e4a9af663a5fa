//! Every kind of fact by its name, behind one object-safe door.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use runproof_model::observed::{ABSENT_KEY, UNKNOWN_KEY};
use runproof_model::{Observed, ReasonKind, Role};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde::Deserialize as _;
use serde_json::Value;

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::reads::Reads;

/// A query that cannot be used. Completes the sentence "this query cannot be used: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QueryError(pub String);

/// A kind of fact without its types.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// One sentence about it.
    pub about: &'static str,
    /// See [`Fact::REVISION`].
    pub(crate) revision: u16,
    /// See [`Fact::LATER`].
    pub(crate) later: &'static [&'static str],
    // Made once: a lint asks for them at every fact of every invariant.
    fact_schema: LazyLock<Schema>,
    query_schema: LazyLock<Schema>,
    probe: fn(&Value) -> Result<Box<dyn Probe>, QueryError>,
    fits: fn(&Value) -> Result<(), String>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A resolved query, ready to be looked at.
pub trait Probe: Send + Sync {
    /// The query in its canonical form: all defaults written out. Equal forms are one look.
    fn query(&self) -> Value;
    /// What to look at first for the fields that are read.
    fn asks(&self, reads: &Reads) -> Vec<Ask>;
    /// What to look at next, after the first answers.
    fn next(&self, reads: &Reads, answers: &Answers, context: &Context) -> Vec<Ask>;
    /// The fact in the recorded form of [`Observed`].
    fn read(&self, reads: &Reads, answers: &Answers, context: &Context) -> Value;
    /// The command with which an operator looks by hand.
    fn by_hand(&self) -> String;
}

impl Kind {
    fn of<F: Fact + 'static>() -> Self
    where
        F::Query: Send + Sync,
    {
        Self {
            name: F::KIND,
            about: F::ABOUT,
            revision: F::REVISION,
            later: F::LATER,
            fact_schema: LazyLock::new(schema::<F>),
            query_schema: LazyLock::new(schema::<F::Query>),
            probe: probe::<F>,
            fits: fits::<F>,
        }
    }

    /// The JSON Schema of the fact, subschemas inlined; `x-observed` marks what
    /// may be absent or unknown, `x-keys` names the query field that declares a map's keys.
    pub fn fact_schema(&self) -> &Schema {
        &self.fact_schema
    }

    /// The JSON Schema of the query.
    pub fn query_schema(&self) -> &Schema {
        &self.query_schema
    }

    /// A recorded fact as it can be believed. A recording may be older than a field, or
    /// come from anywhere: what it does not hold was not looked at, and is no absence;
    /// what does not have the form of the fact says nothing at all.
    pub fn believed<'a>(&self, recorded: &'a Value) -> Cow<'a, Value> {
        if (self.fits)(recorded).is_ok() {
            return Cow::Borrowed(recorded);
        }
        let mut whole = recorded.clone();
        complete(&mut whole, self.fact_schema().as_value());
        match (self.fits)(&whole) {
            Ok(()) => Cow::Owned(whole),
            Err(why) => Cow::Owned(mark(ReasonKind::Garbled, format!("{}: {why}", self.name))),
        }
    }

    /// A resolved query as a probe.
    pub fn probe(&self, query: &Value) -> Result<Box<dyn Probe>, QueryError> {
        (self.probe)(query)
    }
}

/// One fact that somebody wants of one node.
#[derive(Clone)]
pub struct Wanted {
    /// The node.
    pub role: Role,
    /// The kind's name.
    pub kind: &'static str,
    /// The canonical query; role, kind and query together are the fact's identity.
    pub query: Value,
    /// How to look.
    pub probe: Arc<dyn Probe>,
    /// Which of its fields somebody reads.
    pub reads: Reads,
}

impl Wanted {
    /// What to look at first.
    pub fn asks(&self) -> Vec<Ask> {
        self.probe.asks(&self.reads)
    }

    /// What to look at next, after the first answers.
    pub fn next(&self, answers: &Answers, context: &Context) -> Vec<Ask> {
        self.probe.next(&self.reads, answers, context)
    }

    /// The fact in the recorded form of [`Observed`].
    pub fn read(&self, answers: &Answers, context: &Context) -> Value {
        self.probe.read(&self.reads, answers, context)
    }
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.role, self.kind, self.query)
    }
}

/// The looks of one place and stage, each once, in order; those that can be one are one.
pub fn joined(asks: impl IntoIterator<Item = Ask>) -> Vec<Ask> {
    let mut seen = HashSet::new();
    let mut asks = crate::kind::unit::joined(asks.into_iter().collect());
    asks.retain(|ask| seen.insert(ask.clone()));
    asks
}

/// Every kind, sorted by name.
pub fn kinds() -> &'static [Kind] {
    &KINDS
}

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// One line a kind, sorted by name.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    vec![
        Kind::of::<crate::kind::cache::Cache>(),
        Kind::of::<crate::kind::caddyfile::Caddyfile>(),
        Kind::of::<crate::kind::csv::Csv>(),
        Kind::of::<crate::kind::dir::Dir>(),
        Kind::of::<crate::kind::dns::Dns>(),
        Kind::of::<crate::kind::dotenv::Dotenv>(),
        Kind::of::<crate::kind::elf::Elf>(),
        Kind::of::<crate::kind::file::File>(),
        Kind::of::<crate::kind::firewall::Firewall>(),
        Kind::of::<crate::kind::forgejo::Forgejo>(),
        Kind::of::<crate::kind::gai::Gai>(),
        Kind::of::<crate::kind::host::Host>(),
        Kind::of::<crate::kind::http::Http>(),
        Kind::of::<crate::kind::imap::Imap>(),
        Kind::of::<crate::kind::instance::Instance>(),
        Kind::of::<crate::kind::kv::Kv>(),
        Kind::of::<crate::kind::libc::Libc>(),
        Kind::of::<crate::kind::listeners::Listeners>(),
        Kind::of::<crate::kind::livekit::Livekit>(),
        Kind::of::<crate::kind::llm::Llm>(),
        Kind::of::<crate::kind::log::Log>(),
        Kind::of::<crate::kind::mount::Mount>(),
        Kind::of::<crate::kind::netif::Netif>(),
        Kind::of::<crate::kind::objects::Objects>(),
        Kind::of::<crate::kind::os::Os>(),
        Kind::of::<crate::kind::postgres::Postgres>(),
        Kind::of::<crate::kind::process::Processes>(),
        Kind::of::<crate::kind::qdrant::Qdrant>(),
        Kind::of::<crate::kind::resolv::Resolv>(),
        Kind::of::<crate::kind::smtp::Smtp>(),
        Kind::of::<crate::kind::ssh::Ssh>(),
        Kind::of::<crate::kind::tls::Tls>(),
        Kind::of::<crate::kind::unit::Unit>(),
        Kind::of::<crate::kind::user::User>(),
        Kind::of::<crate::kind::vault::Vault>(),
        Kind::of::<crate::kind::websocket::Websocket>(),
        Kind::of::<crate::kind::zitadel::Zitadel>(),
    ]
});

fn schema<T: schemars::JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>()
}

fn fits<F: Fact>(recorded: &Value) -> Result<(), String> {
    Observed::<F>::deserialize(recorded)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn mark(kind: ReasonKind, detail: impl AsRef<str>) -> Value {
    let lost: Observed<()> = Observed::unknown(kind, detail);
    serde_json::to_value(lost).unwrap_or(Value::Null)
}

/// Puts an unknown where the schema has a field and the value has none. The depth is
/// the schema's: facts are no recursive types.
fn complete(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            let is_mark =
                map.len() == 1 && (map.contains_key(ABSENT_KEY) || map.contains_key(UNKNOWN_KEY));
            let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            if is_mark {
                return;
            }
            for (name, schema) in fields {
                match map.get_mut(name) {
                    Some(inner) => complete(inner, schema),
                    None => {
                        map.insert(name.clone(), mark(ReasonKind::NotRecorded, name));
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    complete(item, schema);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn probe<F: Fact + 'static>(query: &Value) -> Result<Box<dyn Probe>, QueryError>
where
    F::Query: Send + Sync,
{
    let query: F::Query =
        serde_json::from_value(query.clone()).map_err(|error| QueryError(error.to_string()))?;
    F::check(&query).map_err(QueryError)?;
    Ok(Box::new(Typed::<F>(query)))
}

struct Typed<F: Fact>(F::Query);

impl<F: Fact> Probe for Typed<F>
where
    F::Query: Send + Sync,
{
    fn query(&self) -> Value {
        serde_json::to_value(&self.0).unwrap_or(Value::Null)
    }

    fn asks(&self, reads: &Reads) -> Vec<Ask> {
        F::asks_for(&self.0, reads)
    }

    fn next(&self, reads: &Reads, answers: &Answers, context: &Context) -> Vec<Ask> {
        match F::read_for(&self.0, reads, answers, context) {
            Reading::Done(_) => Vec::new(),
            Reading::More(asks) => asks,
        }
    }

    fn read(&self, reads: &Reads, answers: &Answers, context: &Context) -> Value {
        let fact = match F::read_for(&self.0, reads, answers, context) {
            Reading::Done(fact) => fact,
            Reading::More(_) => Observed::unknown(ReasonKind::Defect, "a third look was asked for"),
        };
        serde_json::to_value(&fact).unwrap_or_else(|error| {
            let lost: Observed<()> = Observed::unknown(ReasonKind::Defect, error.to_string());
            serde_json::to_value(lost).unwrap_or(Value::Null)
        })
    }

    fn by_hand(&self) -> String {
        F::by_hand(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sorted_and_their_names_unique() {
        let names: Vec<_> = kinds().iter().map(|kind| kind.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn every_query_has_a_field_named_like_its_kind_and_no_other_field_is_a_kind() {
        for kind in kinds() {
            let schema = kind.query_schema();
            let fields = schema.get("properties").and_then(Value::as_object).unwrap();
            assert!(fields.contains_key(kind.name), "{}", kind.name);
            for field in fields.keys() {
                assert!(
                    field == kind.name || super::kind(field).is_none(),
                    "{}: {field}",
                    kind.name
                );
                assert_ne!(field, "on", "{}", kind.name);
            }
            assert_eq!(
                schema.get("additionalProperties"),
                Some(&Value::Bool(false)),
                "{}",
                kind.name
            );
        }
    }

    #[test]
    fn what_a_recording_does_not_hold_is_unknown_and_not_absent() {
        let kind = kind("gai").unwrap();
        let whole = kind
            .probe(&serde_json::json!({"gai": "/etc/gai.conf"}))
            .unwrap()
            .read(&Reads::All, &Answers::new(), &crate::testing::context());
        assert!(matches!(kind.believed(&whole), Cow::Borrowed(_)));
        let mut older = whole.clone();
        let gone = older.as_object().unwrap().keys().next().unwrap().clone();
        older.as_object_mut().unwrap().remove(&gone);
        let believed = kind.believed(&older);
        assert_eq!(believed[&gone]["$unknown"]["kind"], "not-recorded");
        for forged in [
            serde_json::json!({}),
            serde_json::json!([]),
            serde_json::json!({"made": "up"}),
            Value::Null,
        ] {
            let believed = kind.believed(&forged);
            assert!(!believed.to_string().contains("$absent"), "{believed}");
            assert!(believed.to_string().contains("$unknown"), "{believed}");
        }
    }
}
