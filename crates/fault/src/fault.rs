//! A fault as a suite writes it: primitives, and what lets them take hold.

use runproof_lab::LabSite;
use serde_json::{Map, Value};

use crate::act::Act;
use crate::error::FaultError;
use crate::primitive::Primitive;
use crate::settle::Settle;

/// A fault whose templates are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is done, in this order.
    pub primitives: Vec<Primitive>,
    /// The role of the broken node, when it is another than the scenario's.
    pub on: Option<String>,
    /// What lets it take hold.
    pub then: Vec<Settle>,
}

/// The role whose program writes down what it misses.
const LOGGING: &str = "system";

/// What every fault does beside what it says: the program of the platform complains in its log, and
/// these lines are no more when the fault is no more. The first act is the last to be undone.
fn lines() -> Act {
    let log = "/opt/gbo/logs/err.log";
    Act {
        words: format!("adds lines to {log}"),
        on: Some(LOGGING.to_owned()),
        needs: ":".to_owned(),
        // What the log holds goes on by itself; that it goes back is seen by who reads it.
        state: "echo log".to_owned(),
        keep: format!("if [ -f {log} ]; then stat -c %s {log} >\"$KEPT/size\"; fi"),
        inject: ":".to_owned(),
        effect: ":".to_owned(),
        restore: format!(
            "[ ! -s \"$KEPT/size\" ] || [ \"$(stat -c %s {log})\" -le \"$(cat \"$KEPT/size\")\" ] || truncate -s \"$(cat \"$KEPT/size\")\" {log}"
        ),
    }
}

impl Fault {
    /// Reads a fault: `{PRIMITIVE: …, then: […], on: ROLE}`, or several under `all`.
    ///
    /// # Errors
    /// When it is none; with what was expected.
    pub fn read(value: &Value) -> Result<Self, FaultError> {
        let unreadable = |error: serde_json::Error| FaultError::Unreadable(error.to_string());
        let Value::Object(fields) = value else {
            return Err(FaultError::Unreadable("expected a mapping".to_owned()));
        };
        let mut fields: Map<String, Value> = fields.clone();
        let then = match fields.remove("then") {
            Some(then) => serde_json::from_value(then).map_err(unreadable)?,
            None => Vec::new(),
        };
        let on = match fields.remove("on") {
            Some(on) => Some(serde_json::from_value(on).map_err(unreadable)?),
            None => None,
        };
        let primitives = match fields.remove("all") {
            Some(all) if fields.is_empty() => {
                serde_json::from_value::<Vec<Primitive>>(all).map_err(unreadable)?
            }
            Some(_) => {
                return Err(FaultError::Unreadable(
                    "`all` stands alone: every primitive is one of its items".to_owned(),
                ));
            }
            None => vec![serde_json::from_value(Value::Object(fields)).map_err(unreadable)?],
        };
        if primitives.is_empty() {
            return Err(FaultError::Unreadable("`all` is empty".to_owned()));
        }
        Ok(Self {
            primitives,
            on,
            then,
        })
    }

    /// The acts in a lab, each with the role of its node, and the text that settles them.
    ///
    /// # Errors
    /// When a primitive cannot be an act there; nothing was changed.
    pub fn acts(&self, lab: &LabSite) -> Result<(Vec<Act>, String), FaultError> {
        let mut acts: Vec<Act> = Vec::new();
        if lab.node(LOGGING).is_some() {
            acts.push(lines());
        }
        for primitive in &self.primitives {
            acts.push(primitive.act(lab)?);
        }
        let settle = self
            .then
            .iter()
            .map(Settle::text)
            .collect::<Result<Vec<_>, _>>()?;
        Ok((acts, settle.join("\n")))
    }
}
