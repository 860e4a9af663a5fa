use super::*;
use proptest::prelude::*;
use runproof_facts::reads::Reads;
use runproof_facts::registry::kind;
use runproof_model::{NodeRecord, Round};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

fn wanted(path: &str) -> Wanted {
    let kind = kind("file").unwrap();
    let probe = kind.probe(&json!({ "file": path })).unwrap();
    Wanted {
        role: role("system"),
        kind: kind.name,
        query: probe.query(),
        probe: Arc::from(probe),
        reads: Reads::All,
    }
}

fn record(path: &str, fact: Value) -> FactRecord {
    FactRecord {
        role: role("system"),
        kind: "file".into(),
        query: wanted(path).query,
        fact,
    }
}

fn bundle() -> Bundle {
    let site: Site = serde_json::from_value(json!({
        "site": "lab", "profile": "incus",
        "reach": { "engine": "incus", "ssh": "ops@prod.example.com" },
        "nodes": { "system": "system", "meet": { "absent": "no video" }, "host": { "hypervisor": true } },
        "inputs": { "bots": ["demo"] },
    }))
    .unwrap();
    let evidence = Evidence {
        format: evidence::FORMAT.into(),
        site: "lab".into(),
        profile: "incus".into(),
        started: "2026-01-01T00:00:00Z".into(),
        duration_s: 0.5,
        key_id: None,
        inputs: BTreeMap::new(),
        absent_roles: BTreeMap::new(),
        nodes: vec![NodeRecord {
            role: role("system"),
            instance: "system".into(),
            image: None,
            standin: false,
            now: Some(1.5),
            skew_s: None,
            trouble: None,
        }],
        rounds: vec![
            Round {
                at_s: 0.0,
                facts: vec![record("/a", json!({"n": 1})), record("/b", json!({"n": 2}))],
            },
            Round {
                at_s: 5.0,
                facts: vec![record("/a", json!({"n": 3}))],
            },
        ],
    };
    Bundle::new(&site, evidence)
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("runproof-bundle-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_bundle_comes_back_as_it_was_and_is_the_owners_alone() {
    let folder = Folder::new("round-trip");
    let path = folder.0.join("lab.json");
    fs::write(&path, "an older one").unwrap();
    bundle().write(&path).unwrap();
    assert_eq!(Bundle::read(&path).unwrap(), bundle());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn a_bundle_does_not_tell_how_the_site_is_reached() {
    let text = serde_json::to_string(&bundle()).unwrap();
    assert!(!text.contains("prod.example.com"));
}

#[test]
fn a_bundle_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::new("unwritable");
    let path = folder.0.join("taken");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("x"), "").unwrap();
    assert!(matches!(bundle().write(&path), Err(BundleError::Io { .. })));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn facts_are_found_by_identity_and_the_latest_round_wins() {
    let bundle = bundle();
    let replay = bundle.replay();
    let wanted = [wanted("/b"), wanted("/a"), wanted("/never")];
    let values = |round| -> Vec<Value> {
        let gathered = replay.gather(&wanted, round);
        gathered.facts.into_iter().map(|fact| fact.fact).collect()
    };
    assert_eq!(values(0)[..2], [json!({"n": 2}), json!({"n": 1})]);
    assert_eq!(values(1)[..2], [json!({"n": 2}), json!({"n": 3})]);
    assert_eq!(values(9)[..2], values(1)[..2]);
    assert_eq!(values(0)[2]["$unknown"]["kind"], "not-recorded");
}

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::to_value(bundle()).unwrap();
    change(&mut value);
    Bundle::parse("x", value.to_string().as_bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_strangers_bundle_is_checked() {
    assert!(refused(|b| b["format"] = json!("runproof.bundle/9")).contains("format"));
    assert!(refused(|b| b["evidence"]["format"] = json!("x")).contains("evidence"));
    assert!(refused(|b| b["site"]["name"] = json!("\u{1b}[2Jother")).contains("other"));
    assert!(!refused(|b| b["site"]["name"] = json!("\u{1b}[2Jother")).contains('\u{1b}'));
    assert!(refused(|b| b["evidence"]["rounds"] = json!([])).contains("no look"));
    assert!(refused(|b| b["extra"] = json!(1)).contains("not a bundle"));
    assert!(
        refused(|b| b["evidence"]["nodes"][0]["role"] = json!("../x")).contains("not a bundle")
    );
    assert!(
        refused(|b| {
            let nodes = b["evidence"]["nodes"].as_array_mut().unwrap();
            nodes.push(nodes[0].clone());
        })
        .contains("twice")
    );
    assert!(
        refused(|b| {
            let facts = b["evidence"]["rounds"][0]["facts"].as_array_mut().unwrap();
            facts.push(facts[0].clone());
        })
        .contains("twice")
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Bundle::parse("x", deep.as_bytes()).is_err());
    assert!(Bundle::read(Path::new("/dev/zero")).is_err());
}

/// Seven bytes of it would be some hundreds in memory.
#[test]
fn a_small_bundle_of_very_many_values_is_refused_before_it_is_parsed() {
    let many = format!("[{}{{}}]", r#"{"":0},"#.repeat(300_000));
    let text = serde_json::to_string(&bundle()).unwrap();
    let text = text.replacen("\"fact\":", &format!("\"fact\":{many},\"x\":"), 1);
    let refused = Bundle::parse("x", text.as_bytes()).unwrap_err().to_string();
    assert!(
        refused.contains("JSON values, more than 500000"),
        "{refused}"
    );
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = Folder::new("many");
    let path = folder.0.join("many.json");
    let mut many = bundle();
    many.evidence.rounds[0].facts[0].fact = vec![1; 600_000].into();
    let refused = many.write(&path).unwrap_err().to_string();
    assert!(
        refused.contains("JSON values, more than 500000"),
        "{refused}"
    );
    assert!(refused.ends_with("it could not be read again"), "{refused}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn a_large_bundle_is_refused_with_its_size_and_the_limit() {
    let folder = Folder::new("large");
    let path = folder.0.join("large.json");
    fs::File::create(&path)
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    let refused = Bundle::read(&path).unwrap_err().to_string();
    assert!(
        refused.ends_with("16777217 bytes, larger than 16 MiB"),
        "{refused}"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Bundle::parse("x", &bytes);
    }
}
