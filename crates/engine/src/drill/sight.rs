//! How a drill looks at its lab: as `check` does, by the same plans and clients.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use runproof_model::observed::UNKNOWN_KEY;
use runproof_model::{Evidence, FactRecord, Finding, Site, Verdict};
use runproof_site::{CancellationToken, Silent};
use runproof_suite::{BoundScenario, Library, Plan, Selection, bind, evaluate};
use serde_json::{Map, Value};

use super::judge::all_red;
use super::{FLAPS, PAUSE};
use crate::key::SiteKey;
use crate::run::{RunOptions, run};

const LOOKS: Duration = Duration::from_secs(1);
/// How long what was undone may take to be as it was in every fact.
const SETTLES: Duration = Duration::from_secs(12);
/// How long nothing is done, to learn what changes by itself.
const STILL: Duration = Duration::from_secs(4);

/// What a fix has left.
#[derive(Debug, Default)]
pub(super) struct NotGreen {
    /// The invariants that were not green when that was last so: true for those that failed.
    pub bad: BTreeMap<String, bool>,
    /// Whether all of them were green in between.
    pub comes_and_goes: bool,
}

/// The eyes of a drill.
#[derive(Debug)]
pub struct Sight<'a> {
    library: &'a Library,
    site: &'a Site,
    key: &'a SiteKey,
    plan: Plan,
    options: RunOptions,
    /// Leaves of facts that change by themselves, as the looks of this sight have shown.
    restless: BTreeSet<String>,
    has_learned: bool,
    cancel: CancellationToken,
}

impl<'a> Sight<'a> {
    /// The eyes for a lab. Every field of every fact is looked at, for recordings and comparisons.
    pub fn new(
        library: &'a Library,
        site: &'a Site,
        key: &'a SiteKey,
        jobs: usize,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            library,
            site,
            key,
            plan: bind(library, site, &Selection::all()).whole(),
            options: RunOptions {
                probe_timeout: Duration::from_secs(30),
                jobs,
                deadline: None,
                wait: false,
            },
            restless: BTreeSet::new(),
            has_learned: false,
            cancel,
        }
    }

    /// The plan by which everything is judged.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The site that is looked at.
    pub(super) fn site(&self) -> &Site {
        self.site
    }

    /// Learns what changes by itself from two looks between which nothing is done.
    pub async fn learn(&mut self) {
        self.restless.extend(self.changes_by_itself().await);
        self.has_learned = true;
    }

    async fn changes_by_itself(&self) -> BTreeSet<String> {
        let one = self.look().await.0;
        self.wait(STILL).await;
        let mut changes = differences(&one, &self.look().await.0);
        // What could not be read for a moment may not hide what is not as it was.
        changes.retain(|leaf| !leaf.ends_with(UNREADABLE));
        changes
    }

    /// The roles concerned whose services a stand-in plays.
    pub(super) fn standins(&self, scenario: &BoundScenario) -> Vec<String> {
        let mut roles: BTreeSet<String> = BTreeSet::from([scenario.role.clone()]);
        for bound in &self.plan.bound {
            if scenario.turns_red.contains(&bound.invariant.id.value) {
                roles.insert(bound.role.clone());
                for (_, at) in bound.facts() {
                    if let Some(wanted) = self.plan.wanted().get(at) {
                        roles.insert(wanted.role.to_string());
                    }
                }
            }
        }
        roles.retain(|role| self.site.standins.iter().any(|one| one.as_str() == role));
        roles.into_iter().collect()
    }

    /// Whether somebody asked to stop: the fault is undone then, and nothing more is tried.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Lets time pass, until somebody asks to stop.
    pub(super) async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Looks at everything and judges it.
    pub async fn look(&self) -> (Evidence, Vec<Finding>) {
        self.judged(&self.plan).await
    }

    async fn judged(&self, plan: &Plan) -> (Evidence, Vec<Finding>) {
        let run = run(
            self.site,
            plan,
            self.key,
            &self.options,
            &Silent,
            &CancellationToken::new(),
        )
        .await;
        let findings = evaluate(plan, &run.evidence);
        (run.evidence, findings)
    }

    /// Looks until everything is green, for a while, or until somebody asks to stop; what is red or
    /// unknown then.
    pub(super) async fn green(&self, time: Duration) -> (Evidence, Vec<String>) {
        self.green_or(time, || self.is_cancelled()).await
    }

    /// The same after an undo, where nobody's hurry makes a lab that is still coming up a broken one.
    pub(super) async fn green_again(&self, time: Duration) -> (Evidence, Vec<String>) {
        self.green_or(time, || false).await
    }

    async fn green_or(&self, time: Duration, stop: impl Fn() -> bool) -> (Evidence, Vec<String>) {
        let started = Instant::now();
        loop {
            let (evidence, findings) = self.look().await;
            let mut bad: Vec<String> = findings
                .iter()
                .filter(|finding| {
                    finding.document_defect.is_none()
                        && matches!(finding.verdict, Verdict::Fail | Verdict::Error)
                })
                .map(|finding| finding.id.clone())
                .collect();
            bad.dedup();
            if bad.is_empty() || started.elapsed() > time || stop() {
                return (evidence, bad);
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    /// Which of these invariants are not green now: true for those that fail.
    pub(super) async fn bad(&self, ids: &[String]) -> BTreeMap<String, bool> {
        let mut bad = BTreeMap::new();
        if ids.is_empty() {
            return bad;
        }
        let selection = Selection {
            ids: ids.to_vec(),
            ..Selection::default()
        };
        let plan = bind(self.library, self.site, &selection);
        let (_, findings) = self.judged(&plan).await;
        for finding in findings {
            match finding.verdict {
                Verdict::Fail => {
                    bad.insert(finding.id, true);
                }
                Verdict::Error => {
                    bad.entry(finding.id).or_insert(false);
                }
                Verdict::Pass | Verdict::Skip | Verdict::Waived => {}
            }
        }
        bad
    }

    /// Looks at these invariants until those that are not green are as wanted, for a while; whether
    /// they came to be.
    pub(super) async fn until(
        &self,
        ids: &[String],
        time: Duration,
        pause: Duration,
        wanted: impl Fn(&BTreeMap<String, bool>) -> bool,
    ) -> bool {
        let started = Instant::now();
        loop {
            if wanted(&self.bad(ids).await) {
                return true;
            }
            if started.elapsed() > time || self.is_cancelled() {
                return false;
            }
            self.wait(pause).await;
        }
    }

    /// Whether all of these are red after this time as well; what could not be established is not. What
    /// systemd tries again and again is green for moments, and is not mended. Nor has anything stayed
    /// red that was not watched for as long, because somebody asked to stop.
    pub(super) async fn stays_red(&self, ids: &[String], time: Duration) -> bool {
        self.wait(time).await;
        let red = self.until(ids, FLAPS, PAUSE, |bad| all_red(ids, bad)).await;
        red && !self.is_cancelled()
    }

    /// Looks until all of these are green and have stayed it for a time: what comes and goes is not mended.
    ///
    /// # Errors
    /// What was not green last, when that has not come to be in time or somebody asked to stop.
    pub(super) async fn stays_green(
        &self,
        ids: &[String],
        time: Duration,
        stays: Duration,
    ) -> Result<(), NotGreen> {
        let started = Instant::now();
        let mut green: Option<Instant> = None;
        let mut not_green = NotGreen::default();
        loop {
            let bad = self.bad(ids).await;
            if bad.is_empty() {
                if green.get_or_insert_with(Instant::now).elapsed() >= stays {
                    return Ok(());
                }
            } else {
                not_green.comes_and_goes |= green.take().is_some();
                not_green.bad = bad;
            }
            if green.is_none() && started.elapsed() > time || self.is_cancelled() {
                return Err(not_green);
            }
            self.wait(PAUSE).await;
        }
    }

    /// Whether a fact differs in a leaf that does not change by itself.
    pub fn differs(&self, one: &FactRecord, other: &FactRecord) -> bool {
        let mut found = BTreeSet::new();
        leaves(&name(one), &one.fact, &other.fact, &mut found);
        found.iter().any(|leaf| !self.restless.contains(leaf))
    }

    /// What is not as it was before a fault, once it has had time for it: what was put back may have to
    /// be taken in again, as the drive monitor does with an object. `after` is the look after the undo.
    pub(super) async fn remains(&self, before: &Evidence, after: Evidence) -> Vec<String> {
        let begun = Instant::now();
        let mut left = self.residue(before, &after);
        while !left.is_empty() && begun.elapsed() < SETTLES && !self.is_cancelled() {
            self.wait(LOOKS).await;
            left = self.residue(before, &self.look().await.0);
        }
        // One that was in a hurry learns now what the others knew before.
        if !left.is_empty() && !self.has_learned {
            let restless = self.changes_by_itself().await;
            left.retain(|leaf| !restless.contains(leaf));
        }
        left
    }

    /// What differs between two looks and does not change by itself. Logs go on, and sessions of bots
    /// come with every start: they are history, and no state.
    fn residue(&self, before: &Evidence, after: &Evidence) -> Vec<String> {
        let history = |leaf: &String| match leaf.split(' ').nth(1) {
            Some("log") => true,
            Some("cache") => leaf.contains(" patterns "),
            Some("unit") => leaf.ends_with(" n_restarts"),
            // A secret that was put back is a version of its own.
            Some("kv") => leaf.ends_with(" version") || leaf.ends_with(" created"),
            Some("file") => leaf.contains("\"file\":\"/opt/gbo/logs/") && leaf.ends_with(" size"),
            Some("dir") => leaf.contains("\"dir\":\"/opt/gbo/logs\"") && leaf.ends_with(" entries"),
            _ => false,
        };
        differences(before, after)
            .into_iter()
            .filter(|leaf| !self.restless.contains(leaf) && !history(leaf))
            .collect()
    }
}

/// Names of fields that tell of a moment or a process: a unit that was restarted is no residue.
const MOMENTS: [&str; 8] = [
    "elapsed_ms",
    "started",
    "mtime",
    "modified",
    "pid",
    "ppid",
    "main_pid",
    "active_since",
];

/// Ends the name of a leaf that just one of two looks could read, or that both could not for two reasons.
const UNREADABLE: &str = " (could not be read)";

/// Whether a field tells of a state: no moment, and not the size of a folder, which some file systems
/// let grow with what was ever in it.
fn is_state(of: &Map<String, Value>, field: &str) -> bool {
    let of_folder = field == "size" && of.get("type").is_some_and(|it| it == "dir");
    !of_folder && !MOMENTS.contains(&field)
}

/// The leaves of facts that differ, as `role kind query path`. What a leaf of a list stands for may move, so a list counts as one.
fn differences(one: &Evidence, other: &Evidence) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (Some(one), Some(other)) = (one.rounds.last(), other.rounds.last()) else {
        return found;
    };
    for fact in &one.facts {
        let name = name(fact);
        let same = other.facts.iter().find(|there| {
            there.role == fact.role && there.kind == fact.kind && there.query == fact.query
        });
        match same {
            Some(there) => leaves(&name, &fact.fact, &there.fact, &mut found),
            None => {
                found.insert(name);
            }
        }
    }
    found
}

/// What a fact is called in the names of its leaves.
fn name(fact: &FactRecord) -> String {
    format!("{} {} {}", fact.role, fact.kind, fact.query)
}

fn leaves(path: &str, one: &Value, other: &Value, found: &mut BTreeSet<String>) {
    let unknown = |value: &Value| value.get(UNKNOWN_KEY).is_some();
    match (one, other) {
        (a, b) if a == b => {}
        (a, b) if unknown(a) || unknown(b) => {
            found.insert(format!("{path}{UNREADABLE}"));
        }
        (Value::Object(a), Value::Object(b)) => {
            for key in a
                .keys()
                .chain(b.keys().filter(|key| !a.contains_key(*key)))
                .filter(|key| is_state(b, key))
            {
                let null = Value::Null;
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                leaves(&format!("{path} {key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if still(a) == still(b) => {}
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// The items of a list without what tells of no state, sorted: processes that were
/// started anew stand in another order.
fn still(items: &[Value]) -> Vec<String> {
    fn without(value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| is_state(map, key))
                .map(|(key, inner)| (key.clone(), without(inner)))
                .collect(),
            Value::Array(items) => items.iter().map(without).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
    let mut still: Vec<String> = items.iter().map(|one| without(one).to_string()).collect();
    still.sort();
    still
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::started_again(json!({ "processes": [{ "pid": 1, "exe": "a" }, { "pid": 2, "exe": "b" }] }), json!({ "processes": [{ "pid": 8, "exe": "b" }, { "pid": 9, "exe": "a" }] }), &[])]
    #[case::one_more(json!({ "processes": [{ "pid": 1, "exe": "a" }] }), json!({ "processes": [{ "pid": 1, "exe": "a" }, { "pid": 2, "exe": "a" }] }), &["r k {} processes"])]
    #[case::written_again(json!({ "entries": [{ "name": "a", "mtime": 1, "size": 2 }] }), json!({ "entries": [{ "name": "a", "mtime": 9, "size": 2 }] }), &[])]
    #[case::another_size(json!({ "entries": [{ "name": "a", "size": 2 }] }), json!({ "entries": [{ "name": "a", "size": 3 }] }), &["r k {} entries"])]
    #[case::a_folder_grew(json!({ "type": "dir", "size": 80, "entries": [{ "type": "dir", "size": 2 }] }), json!({ "type": "dir", "size": 120, "entries": [{ "type": "dir", "size": 3 }] }), &[])]
    #[case::a_file_grew(json!({ "type": "file", "size": 80 }), json!({ "type": "file", "size": 120 }), &["r k {} size"])]
    #[case::deeper(json!({ "a": { "b": 1, "started": 1 } }), json!({ "a": { "b": 2, "started": 2 } }), &["r k {} a b"])]
    #[case::unreadable(json!({ "a": 1, "b": 1 }), json!({ "a": { "$unknown": { "kind": "timeout" } }, "b": 2 }), &["r k {} a (could not be read)", "r k {} b"])]
    #[case::an_object_that_is_unreadable(json!({ "a": { "b": 1 } }), json!({ "a": { "$unknown": { "kind": "timeout" } } }), &["r k {} a (could not be read)"])]
    #[case::gone(json!({ "a": 1 }), json!({}), &["r k {} a"])]
    fn leaves_that_differ_are_named_and_moments_are_none(
        #[case] one: Value,
        #[case] other: Value,
        #[case] expected: &[&str],
    ) {
        let mut found = BTreeSet::new();
        leaves("r k {}", &one, &other, &mut found);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, expected);
    }
}
