//! The kill certificate: whatever kills a drill, and whenever, the lab is whole again afterwards.
//!
//! One scenario of each primitive is killed at every step of its last act, and all of them at random
//! moments. It takes the better part of an hour, so `ci/kill-certificate` runs it; the suite does the
//! same with one scenario (`drill.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it means by panicking, and this one prints its table"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Engine, TestSite};
use serde_json::Value;

const ROLES: [&str; 16] = [
    "alm",
    "alm-ci",
    "directory",
    "dns",
    "drive",
    "email",
    "host",
    "llm",
    "meet",
    "proxy",
    "system",
    "table-editor",
    "tables",
    "vault",
    "vector",
    "webmail",
];

/// The steps at which a drill kills itself when it is told to: around every line of its journal. Those
/// of an act are tried for the last, which is the fault's own; the first is the log that every fault
/// fills, and `drill.rs` tries it too.
fn steps(acts: usize) -> Vec<String> {
    let of_act = |step: &str| format!("{step}:{}", acts - 1);
    vec![
        "begin".to_owned(),
        of_act("doing"),
        of_act("injected"),
        of_act("done"),
        "fixed".to_owned(),
        "fixing".to_owned(),
        "mended".to_owned(),
        of_act("restored"),
        "cleared".to_owned(),
        "undone".to_owned(),
    ]
}

/// What a fault or its undo could leave in a node: files by digest, mode and owner, units, the rules of
/// the packet filter, mounts, listeners, and what waits for its return.
const STATE: &str = r#"
find /etc /opt /root /home -xdev \( -path /opt/gbo/logs -o -path /opt/gbo/data -o -path /root/.mc -o -name '*.pid' \) -prune -o -printf '%p %y %m %U %G %l\n' | sort
find /etc /opt /root /home -xdev \( -path /opt/gbo/logs -o -path /opt/gbo/data -o -path /root/.mc -o -name '*.pid' -o -path '/etc/iptables/rules.v?' \) -prune -o -type f -exec sha256sum {} + | sort -k2
sed '/^#/d; s/\[[0-9:]*\]//' /etc/iptables/rules.v? 2>/dev/null || :
stat -c '%n %a' /tmp
systemctl list-units --all --plain --no-legend --type=service | awk '{ print $1, $2, $3 }' | grep -v -e systemd- -e '^user@' -e '^run-' | sort
iptables-save 2>/dev/null | sed '/^#/d; s/\[[0-9:]*\]//'
ip6tables-save 2>/dev/null | sed '/^#/d; s/\[[0-9:]*\]//'
cut -d' ' -f5 /proc/self/mountinfo | sort
ss -Hltn | awk '{ print $4 }' | sort -u
ls /var/lib/runproof-kept 2>/dev/null || :
ip -4 -o addr show scope global | awk '{ print $2, $4 }'
:
"#;

/// What is known of one node: its identity, and its state.
type Node = (String, Vec<String>);

/// A scenario, how long its drill takes when nobody kills it, and the nodes that it changes.
struct Sampled {
    name: String,
    time: Duration,
    acts: usize,
    /// Whether it has a fix that is run.
    has_fix: bool,
    roles: BTreeSet<&'static str>,
}

struct Certificate {
    site: TestSite,
    nodes: BTreeMap<&'static str, Node>,
    verdicts: Vec<String>,
    anew: Vec<String>,
    failed: Vec<String>,
}

fn node(site: &TestSite, role: &str) -> Node {
    let output = Command::new("incus")
        .args(["config", "get", &site.node(role), "volatile.uuid"])
        .output()
        .unwrap();
    let identity = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let state = site.sh(role, STATE).lines().map(str::to_owned).collect();
    (identity, state)
}

fn nodes(site: &TestSite, roles: &BTreeSet<&'static str>) -> BTreeMap<&'static str, Node> {
    std::thread::scope(|scope| {
        let looks: Vec<_> = roles
            .iter()
            .map(|&role| (role, scope.spawn(move || node(site, role))))
            .collect();
        looks
            .into_iter()
            .map(|(role, look)| (role, look.join().unwrap()))
            .collect()
    })
}

/// Every finding with its verdict; nothing that is red or unknown but the defects of the documents.
fn verdicts(site: &TestSite) -> Result<Vec<String>, String> {
    let output = site
        .runproof()
        .args(["check", "--format", "json", "--site", &site.prefix])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let findings = report["findings"].as_array().unwrap();
    let bad: Vec<String> = findings
        .iter()
        .filter(|one| one["verdict"] == "fail" || one["verdict"] == "error")
        .filter(|one| one["document_defect"].is_null())
        .map(|one| format!("{}: {}", one["id"], one["message"]))
        .collect();
    if !bad.is_empty() {
        return Err(bad.join("; "));
    }
    Ok(findings
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {}",
                one["id"], one["node"], one["item"], one["verdict"]
            )
        })
        .collect())
}

/// Tries until it is well, for a while.
fn soon<T>(time: Duration, mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let end = Instant::now() + time;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(why) if Instant::now() > end => return Err(why),
            Err(_) => std::thread::sleep(Duration::from_millis(400)),
        }
    }
}

impl Certificate {
    fn begin() -> Self {
        let site = TestSite::up(Engine::Incus, "incus", &ROLES);
        let verdicts = soon(Duration::from_secs(90), || verdicts(&site)).unwrap();
        Self {
            nodes: nodes(&site, &ROLES.into()),
            verdicts,
            site,
            anew: Vec::new(),
            failed: Vec::new(),
        }
    }

    fn drill(&self, words: &[&str]) -> Command {
        let mut command = self.site.runproof();
        command
            .args(["drill", "--site", &self.site.prefix, "--no-progress"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// One scenario of each primitive, run once without a kill.
    fn sample(&self) -> Vec<Sampled> {
        let output = self.drill(&["--list", "--sample"]).output().unwrap();
        let list = String::from_utf8(output.stdout).unwrap();
        let names = list
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        let sample: Vec<Sampled> = names
            .map(|name| {
                let begun = Instant::now();
                let output = self.drill(&["--format", "json", name]).output().unwrap();
                let report: Value = serde_json::from_slice(&output.stdout).unwrap();
                let row = &report["scenarios"][0];
                assert_eq!(row["outcome"], "caught", "{row}");
                let acts = row["acts"].as_array().unwrap();
                let of = |role: &str| {
                    let begin = format!("{role}: ");
                    acts.iter()
                        .any(|act| act.as_str().unwrap().starts_with(&begin))
                };
                Sampled {
                    name: name.to_owned(),
                    time: begun.elapsed(),
                    acts: acts.len(),
                    has_fix: row["fix"]["fix"] != "none",
                    roles: ROLES.into_iter().filter(|role| of(role)).collect(),
                }
            })
            .collect();
        assert!(sample.len() > 12, "{list}");
        sample
    }

    /// Told at once: the certificate takes long.
    fn fail(&mut self, why: String) {
        println!("FAILED {why}");
        self.failed.push(why);
    }

    /// Compares the verdicts and these nodes with the beginning. A lab that is not whole is made anew,
    /// so that it is not counted against what is killed next.
    fn judge(&mut self, what: &str, roles: &BTreeSet<&'static str>) {
        let failed = self.failed.len();
        self.compare(what, roles);
        if self.failed.len() == failed {
            return;
        }
        let reset = ["lab", "reset", "--name", &self.site.prefix];
        let output = self.site.runproof().args(reset).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.verdicts = soon(Duration::from_secs(90), || verdicts(&self.site)).unwrap();
        self.nodes = nodes(&self.site, &ROLES.into());
    }

    fn compare(&mut self, what: &str, roles: &BTreeSet<&'static str>) {
        let journal = self.site.kept().join("faults.jsonl");
        let healed = soon(Duration::from_secs(150), || {
            if journal.exists() {
                Err(std::fs::read_to_string(&journal).unwrap_or_default())
            } else {
                Ok(())
            }
        });
        if let Err(open) = healed {
            self.fail(format!("{what}: never undone: {open}"));
            return;
        }
        match soon(Duration::from_secs(90), || verdicts(&self.site)) {
            Ok(now) if now == self.verdicts => {}
            Ok(now) => {
                let other: Vec<&String> = now
                    .iter()
                    .filter(|one| !self.verdicts.contains(one))
                    .collect();
                self.fail(format!("{what}: other verdicts: {other:?}"));
            }
            Err(why) => self.fail(format!("{what}: not green: {why}")),
        }
        // A unit that was put back may still be coming up.
        let mut now = BTreeMap::new();
        let differs = soon(Duration::from_secs(20), || {
            now = nodes(&self.site, roles);
            let differs: Vec<String> = now
                .iter()
                .map(|(role, node)| (role, &self.nodes[role], node))
                .filter(|(_, before, after)| before.0 == after.0)
                .flat_map(|(role, before, after)| difference(role, &before.1, &after.1))
                .collect();
            if differs.is_empty() {
                Ok(())
            } else {
                Err(differs.join("\n  "))
            }
        });
        if let Err(differs) = differs {
            self.fail(format!("{what}: differs:\n  {differs}"));
        }
        let made: Vec<&str> = now
            .iter()
            .filter(|(role, node)| node.0 != self.nodes[*role].0)
            .map(|(role, _)| *role)
            .collect();
        if !made.is_empty() {
            println!("{what}: made anew: {}", made.join(", "));
            self.anew.push(format!("{what}: {}", made.join(", ")));
        }
        self.nodes.extend(now);
    }

    fn at_every_step(&mut self, sample: &[Sampled]) -> usize {
        let mut kills = 0;
        for one in sample {
            let Sampled { name, roles, .. } = one;
            let mut hit = Vec::new();
            for step in steps(one.acts) {
                // A scenario without a fix has no such step.
                if !one.has_fix && ["fixed", "fixing", "mended"].contains(&step.as_str()) {
                    continue;
                }
                let output = self
                    .drill(&[name])
                    .env("RUNPROOF_TEST_DIE_AT", &step)
                    .output()
                    .unwrap();
                if output.status.code().is_some() {
                    let said = String::from_utf8_lossy(&output.stdout).into_owned();
                    self.fail(format!("{name} came to no {step}: {said}"));
                    continue;
                }
                self.judge(&format!("{name} at {step}"), roles);
                kills += 1;
                hit.push(step);
            }
            println!("{name}: killed at {}", hit.join(", "));
        }
        kills
    }

    fn at_random_moments(&mut self, sample: &[Sampled], moments: u64, seed: u64) -> u64 {
        let mut state = seed;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below.max(1)
        };
        let mut kills = 0;
        for moment in 0..moments {
            let one = &sample[usize::try_from(moment).unwrap() % sample.len()];
            let millis = next(u64::try_from(one.time.as_millis()).unwrap());
            let mut child = self.drill(&[&one.name]).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(millis));
            child.kill().unwrap();
            if child.wait().unwrap().code().is_none() {
                kills += 1;
            }
            println!(
                "{} of {moments}: {} after {millis} ms",
                moment + 1,
                one.name
            );
            self.judge(&format!("{} after {millis} ms", one.name), &one.roles);
        }
        kills
    }
}

fn difference(role: &str, before: &[String], after: &[String]) -> Vec<String> {
    let only = |a: &[String], b: &[String], sign: char| {
        a.iter()
            .filter(|line| !b.contains(line))
            .map(|line| format!("{role} {sign} {line}"))
            .collect::<Vec<_>>()
    };
    let mut found = only(before, after, '-');
    found.extend(only(after, before, '+'));
    found
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
#[ignore = "it takes the better part of an hour: ci/kill-certificate"]
fn on_incus_a_drill_that_is_killed_at_any_step_or_moment_leaves_the_lab_as_it_was() {
    let mut certificate = Certificate::begin();
    let sample = certificate.sample();
    certificate.judge("undisturbed", &ROLES.into());
    // Each part fits a shorter night alone.
    let part = std::env::var("RUNPROOF_PART").unwrap_or_default();
    let steps = match part.as_str() {
        "moments" => 0,
        _ => certificate.at_every_step(&sample),
    };
    let moments = match part.as_str() {
        "steps" => 0,
        _ => number("RUNPROOF_KILLS", 100),
    };
    let seed = number("RUNPROOF_SEED", 20_261_126);
    let kills = certificate.at_random_moments(&sample, moments, seed);
    println!(
        "{} scenarios; {steps} kills at steps of the journal, {kills} of {moments} at random moments (seed {seed}); \
         {} made a node anew; {} failed",
        sample.len(),
        certificate.anew.len(),
        certificate.failed.len()
    );
    assert!(
        certificate.failed.is_empty(),
        "{}",
        certificate.failed.join("\n")
    );
}
