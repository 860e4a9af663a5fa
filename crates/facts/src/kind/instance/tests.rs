//! What real engines answer, and what broken ones might.

use super::*;
use crate::testing;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

const INCUS: &str = include_str!("fixtures/incus.json");
const DOCKER: &str = include_str!("fixtures/docker.json");

fn query(keys: &[&str]) -> InstanceQuery {
    InstanceQuery {
        instance: Nothing {},
        config: keys.iter().map(|&key| key.to_owned()).collect(),
    }
}

fn seen(answer: &str, keys: &[&str]) -> Observed<Instance> {
    let answers = Answers::new().with(Ask::Instance, 0, answer);
    match Instance::read(&query(keys), &answers, &testing::context()) {
        Reading::Done(fact) => fact,
        Reading::More(_) => panic!("the engine is asked once"),
    }
}

fn changed(answer: &str, change: impl FnOnce(&mut Value)) -> Instance {
    let mut value: Value = serde_json::from_str(answer).unwrap();
    change(&mut value["instance"]);
    seen(&value.to_string(), &[]).known().unwrap().clone()
}

#[test]
fn an_incus_container_is_described() {
    let fact = seen(INCUS, &["limits.memory", "boot.autostart"]);
    insta::assert_json_snapshot!(fact.known().unwrap());
}

#[test]
fn a_docker_container_is_described_in_the_same_words() {
    let fact = seen(DOCKER, &["role", "none"]);
    insta::assert_json_snapshot!(fact.known().unwrap());
}

#[test]
fn what_docker_inspect_prints_is_taken_too() {
    let mut value: Value = serde_json::from_str(DOCKER).unwrap();
    value["instance"] = json!([value["instance"].take()]);
    assert_eq!(seen(&value.to_string(), &[]), seen(DOCKER, &[]));
}

#[test]
fn a_stopped_container_has_no_addresses() {
    let fact = changed(INCUS, |instance| {
        instance["status"] = json!("Stopped");
        instance["state"]["network"] = Value::Null;
        instance["snapshots"] = Value::Null;
    });
    assert_eq!(fact.state, Observed::Known("Stopped".into()));
    assert_eq!(fact.ipv4, Observed::Known(vec![]));
    assert_eq!(fact.snapshots, Observed::Known(vec![]));
}

#[test]
fn an_answer_without_its_state_leaves_unknowns() {
    let fact = changed(INCUS, |instance| {
        let map = instance.as_object_mut().unwrap();
        for key in ["state", "snapshots", "expanded_config"] {
            map.remove(key);
        }
    });
    assert!(matches!(fact.ipv4, Observed::Unknown(_)));
    assert!(matches!(fact.snapshots, Observed::Unknown(_)));
    assert!(matches!(fact.privileged, Observed::Unknown(_)));
    assert!(matches!(fact.config, Observed::Unknown(_)));
}

#[rstest]
#[case(json!("true"), Some(true))]
#[case(json!("1"), Some(true))]
#[case(json!("false"), Some(false))]
#[case(json!("maybe"), None)]
#[case(json!(7), None)]
fn privileged_is_said_in_the_engines_words(#[case] word: Value, #[case] expected: Option<bool>) {
    let fact = changed(INCUS, |instance| {
        instance["expanded_config"]["security.privileged"] = word;
    });
    assert_eq!(fact.privileged.known().copied(), expected);
}

#[rstest]
#[case("running", Some("Running"))]
#[case("exited", Some("Stopped"))]
#[case("paused", Some("Frozen"))]
#[case("dead", Some("Error"))]
#[case("sleeping", None)]
fn dockers_states_have_the_words_of_incus(#[case] word: &str, #[case] expected: Option<&str>) {
    let fact = changed(DOCKER, |instance| instance["State"]["Status"] = json!(word));
    assert_eq!(fact.state.known().map(String::as_str), expected);
}

#[test]
fn a_bridge_of_the_host_is_a_network_too() {
    let fact = changed(INCUS, |instance| {
        instance["expanded_devices"]["eth0"] =
            json!({"type": "nic", "nictype": "bridged", "parent": "lxdbr0", "name": "eth0"});
    });
    assert_eq!(fact.networks, Observed::Known(vec!["lxdbr0".into()]));
    assert_eq!(fact.static_ipv4, Observed::Absent);
}

#[rstest]
#[case("")]
#[case("null")]
#[case("{}")]
#[case(r#"{"engine":"incus","instance":[]}"#)]
#[case(r#"{"engine":"podman","instance":{}}"#)]
#[case(r#"{"engine":"docker"}"#)]
fn an_answer_that_makes_no_sense_is_unknown(#[case] answer: &str) {
    assert!(matches!(seen(answer, &[]), Observed::Unknown(r) if r.kind == ReasonKind::Garbled));
}

#[test]
fn an_answer_as_deep_as_a_well_is_unknown() {
    let deep = "[".repeat(200_000);
    assert!(matches!(seen(&deep, &[]), Observed::Unknown(_)));
}

#[rstest]
#[case("environment.VAULT_TOKEN")]
#[case("cloud-init.user-data")]
#[case("user.user-data")]
#[case("")]
fn settings_that_hold_credentials_cannot_be_asked_for(#[case] key: &str) {
    assert!(Instance::check(&query(&[key])).is_err());
    assert!(Instance::check(&query(&["security.privileged"])).is_ok());
}

proptest! {
    #[test]
    fn any_field_may_be_anything(engine in "incus|docker", at in 0usize..40, what in 0usize..5) {
        let text = if engine == "incus" { INCUS } else { DOCKER };
        let mut value: Value = serde_json::from_str(text).unwrap();
        let what = [json!(null), json!(1), json!("x"), json!([1]), json!({"a": {"b": [null]}})][what].clone();
        let instance = value["instance"].as_object_mut().unwrap();
        let keys: Vec<String> = instance.keys().cloned().collect();
        instance.insert(keys[at % keys.len()].clone(), what);
        let _ = seen(&value.to_string(), &["a"]);
    }
}
