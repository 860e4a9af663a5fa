//! A fault as a suite writes it: primitives, and what lets them take hold.

use runproof_lab::LabSite;
use runproof_model::site::Engine;
use serde_json::{Map, Value};

use crate::act::Act;
use crate::error::FaultError;
use crate::primitive::Primitive;
use crate::settle::Settle;

/// A fault whose templates are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is done, in this order; each with the role of its node, where it names one.
    pub primitives: Vec<(Option<String>, Primitive)>,
    /// The role of the broken node, when it is another than the scenario's.
    pub on: Option<String>,
    /// What lets it take hold.
    pub then: Vec<Settle>,
}

/// The role whose program writes down what it misses.
const LOGGING: &str = "system";

/// What every fault does beside what it says: the program of the platform complains in its log, and
/// these lines are no more when the fault is no more. The first act is the last to be undone.
pub(crate) fn lines() -> Act {
    let log = "/opt/gbo/logs/err.log";
    Act {
        words: format!("adds lines to {log}"),
        on: Some(LOGGING.to_owned()),
        engine: None,
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
        let role = |fields: &mut Map<String, Value>| {
            let on = fields.remove("on").map(serde_json::from_value);
            on.transpose().map_err(unreadable)
        };
        let Value::Object(fields) = value else {
            return Err(FaultError::Unreadable("expected a mapping".to_owned()));
        };
        let mut fields: Map<String, Value> = fields.clone();
        let then = match fields.remove("then") {
            Some(then) => serde_json::from_value(then).map_err(unreadable)?,
            None => Vec::new(),
        };
        let on = role(&mut fields)?;
        let primitives = match fields.remove("all") {
            Some(all) if fields.is_empty() => {
                let items: Vec<Map<String, Value>> =
                    serde_json::from_value(all).map_err(unreadable)?;
                items
                    .into_iter()
                    .map(|mut item| {
                        let on = role(&mut item)?;
                        let one = serde_json::from_value(Value::Object(item));
                        Ok((on, one.map_err(unreadable)?))
                    })
                    .collect::<Result<_, FaultError>>()?
            }
            Some(_) => {
                return Err(FaultError::Unreadable(
                    "`all` stands alone: every primitive is one of its items".to_owned(),
                ));
            }
            None => vec![(
                None,
                serde_json::from_value(Value::Object(fields)).map_err(unreadable)?,
            )],
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

    /// Whether a lab on this engine can have it at all: on Docker no device and no setting of an
    /// instance can be changed.
    pub fn can_be_on(&self, engine: Engine) -> bool {
        let by_engine = |one: &Primitive| matches!(one, Primitive::Instance(_));
        engine != Engine::Docker || !self.primitives.iter().any(|(_, one)| by_engine(one))
    }

    /// The acts in a lab, each with the role of its node, the text that lets them take hold, and the
    /// one that lets their undo.
    ///
    /// # Errors
    /// When a primitive cannot be an act there; nothing was changed.
    pub fn acts(&self, lab: &LabSite) -> Result<(Vec<Act>, String, String), FaultError> {
        let mut acts: Vec<Act> = Vec::new();
        if lab.node(LOGGING).is_some() {
            acts.push(lines());
        }
        for (on, primitive) in &self.primitives {
            let mut act = primitive.act(lab)?;
            // What asks a service of one role alone says so itself.
            act.on = act.on.or_else(|| on.clone());
            acts.push(act);
        }
        let texts = |text: fn(&Settle) -> Result<String, FaultError>| {
            let texts = self.then.iter().map(text);
            Ok::<_, FaultError>(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        };
        Ok((acts, texts(Settle::text)?, texts(Settle::undo_text)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[test]
    fn several_primitives_may_be_on_several_nodes() {
        let fault = Fault::read(&json!({
            "all": [
                { "remove-file": { "path": "/etc/app/a" } },
                { "unit": { "name": "ui.service", "do": "stop" }, "on": "proxy" },
            ],
            "then": [{ "daemon-reload": {} }, { "restart-unit": "ui.service" }, { "undo-touch": "/opt/gbo/x" }, { "wait-s": 2 }],
            "on": "system",
        }))
        .unwrap();
        let roles: Vec<_> = fault
            .primitives
            .iter()
            .map(|(on, _)| on.as_deref())
            .collect();
        assert_eq!(roles, [None, Some("proxy")]);
        assert_eq!(fault.on.as_deref(), Some("system"));
        assert_eq!(fault.then.len(), 4);
    }

    #[rstest]
    #[case(json!({ "instance": { "device": "eth0", "remove": true } }), false)]
    #[case(json!({ "all": [{ "nothing": {} }, { "instance": { "config": "boot.autostart", "value": null } }] }), false)]
    #[case(json!({ "remove-file": { "path": "/etc/app/a" } }), true)]
    fn docker_changes_no_instance(#[case] fault: Value, #[case] can: bool) {
        let fault = Fault::read(&fault).unwrap();
        assert_eq!(fault.can_be_on(Engine::Docker), can);
        assert!(fault.can_be_on(Engine::Incus));
    }

    #[rstest]
    #[case::no_mapping(json!("nothing"))]
    #[case::no_primitive(json!({ "then": [] }))]
    #[case::unknown(json!({ "shell": { "run": "rm -rf /" } }))]
    #[case::two_without_all(json!({ "nothing": {}, "remove-file": { "path": "/etc/app/a" } }))]
    #[case::beside_all(json!({ "all": [{ "nothing": {} }], "nothing": {} }))]
    #[case::empty(json!({ "all": [] }))]
    #[case::more_than_it_takes(json!({ "nothing": { "at": "all" } }))]
    #[case::unknown_settling(json!({ "nothing": {}, "then": [{ "run": "true" }] }))]
    #[case::role_that_is_none(json!({ "nothing": {}, "on": 7 }))]
    fn what_is_no_fault_is_not_read(#[case] value: Value) {
        assert!(matches!(
            Fault::read(&value),
            Err(FaultError::Unreadable(_))
        ));
    }
}
