//! Every primitive, in a real lab on Incus: its effect is seen, and what was there comes back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use runproof_fault::act::Act;
use runproof_fault::inject::Order;
use runproof_fault::primitive::Primitive;
use runproof_fault::{Fault, FaultError, inject};
use runproof_lab::{
    CancellationToken, EngineChoice, Events, LabName, LabNode, LabSite, Said, Servers, Stands,
    UpOptions, down, up,
};
use runproof_model::site::Engine;
use serde_json::{Value, json};

/// A lab that is gone when dropped.
struct Lab {
    runtime: tokio::runtime::Runtime,
    name: LabName,
}

struct Quiet;

impl Events for Quiet {
    fn step(&self, _words: &str, _nodes: &[String]) {}
    fn done(&self, _node: &str) {}
    fn note(&self, _words: &str) {}
}

impl Lab {
    fn up(name: &str, roles: &[&str]) -> Self {
        Self::up_on(Engine::Incus, name, roles)
    }

    fn up_on(engine: Engine, name: &str, roles: &[&str]) -> Self {
        let lab = Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            name: LabName::new(format!("rpt{}-{name}", std::process::id())).unwrap(),
        };
        let options = UpOptions {
            name: lab.name.clone(),
            engine: EngineChoice::This(engine),
            profile: "incus".to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            servers: Servers::Standins,
            parameters: BTreeMap::new(),
            keep: false,
        };
        let made = lab
            .runtime
            .block_on(up(&options, &Quiet, &CancellationToken::new()));
        made.unwrap();
        lab
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(down(&self.name, &Quiet));
    }
}

/// One primitive to try.
struct Case {
    on: &'static str,
    primitive: Value,
    /// Done before, so that there is something to break.
    prepare: &'static str,
    /// The state is the same soon, as systemd starts again what was killed.
    heals: bool,
}

fn case(on: &'static str, primitive: Value) -> Case {
    Case {
        on,
        primitive,
        prepare: ":",
        heals: false,
    }
}

fn cases() -> Vec<Case> {
    let program = "/opt/gbo/bin/botui";
    let certificate = |becomes: &str| {
        let path = "/opt/gbo/conf/vault/vault.crt";
        let key = "/opt/gbo/conf/vault/vault.key";
        case(
            "vault",
            json!({ "certificate": { "path": path, "key": key, "becomes": becomes } }),
        )
    };
    let binary = |becomes: &str| {
        case(
            "system",
            json!({ "binary": { "path": program, "becomes": becomes } }),
        )
    };
    let vault = |what: Value| case("vault", json!({ "vault": what }));
    let rows = |database: &str, what: &str, value: Value| {
        case(
            "tables",
            json!({ "postgres": { "database": database, what: value } }),
        )
    };
    let instance = |what: Value| case("drive", json!({ "instance": what }));
    let key = "suggestions:a:b";
    let with_key = |what: Value| Case {
        prepare: "p=$(sed -n 's/^requirepass //p' /etc/valkey/valkey.conf); printf 'one\\0\\r\\ntwo' | REDISCLI_AUTH=$p valkey-cli -x set suggestions:a:b; REDISCLI_AUTH=$p valkey-cli sadd switchers:a:b x y z",
        ..case("system", json!({ "cache": what }))
    };
    vec![
        Case {
            heals: true,
            ..case(
                "system",
                json!({ "process": { "unit": "ui.service", "signal": "KILL" } }),
            )
        },
        case(
            "system",
            json!({ "process": { "unit": "ui.service", "signal": "STOP" } }),
        ),
        case("system", json!({ "port": { "port": 7777 } })),
        case(
            "system",
            json!({ "port": { "port": 5859, "address": "0.0.0.0", "instead-of": "ui.service" } }),
        ),
        case("system", json!({ "network": { "cut": "vault" } })),
        case("tables", json!({ "network": { "no-ipv4": true } })),
        case("system", json!({ "network": { "resolver": "broken" } })),
        case("system", json!({ "network": { "loss-percent": 30 } })),
        case(
            "system",
            json!({ "disk": { "path": "/opt/gbo/logs", "size-kib": 4096 } }),
        ),
        case(
            "system",
            json!({ "mount": { "path": "/tmp", "mode": "0755" } }),
        ),
        case(
            "system",
            json!({ "mount": { "path": "/opt/gbo/work", "tmpfs": true } }),
        ),
        vault(json!({ "seal": true })),
        vault(json!({ "delete": "gbo/jwt" })),
        vault(
            json!({ "patch": { "path": "gbo/tables", "key": "password", "value": "it's \"{ another" } }),
        ),
        vault(json!({ "remove-key": { "path": "gbo/tables", "key": "username" } })),
        vault(json!({ "drop-policy": "botserver" })),
        vault(json!({ "revoke-token": true })),
        vault(json!({ "short-token": 86400 })),
        rows(
            "botserver",
            "delete-rows",
            json!({ "table": "bots", "where": { "name": "demo" } }),
        ),
        rows(
            "botserver",
            "update-rows",
            json!({ "table": "bot_configuration", "set": { "config_value": "it's \\another" }, "where": { "config_key": "llm-model" } }),
        ),
        rows(
            "PROD-ALM",
            "insert-row",
            json!({ "table": "action_run", "values": { "id": 4, "title": "build 4", "status": 2, "started": null } }),
        ),
        rows(
            "botserver",
            "rename-table",
            json!({ "table": "gbot_config_sync", "to": "gbot_config_sync_old" }),
        ),
        case(
            "tables",
            json!({ "postgres": { "password-of": "gbuser", "to": "another-password" } }),
        ),
        with_key(json!({ "flush": true })),
        with_key(json!({ "set": { "key": key, "value": "it's another" } })),
        case(
            "system",
            json!({ "cache": { "set": { "key": "made:by:fault", "value": "{}" } } }),
        ),
        with_key(json!({ "rename": { "key": key, "to": "suggestions:b:a" } })),
        with_key(json!({ "rename": { "key": "switchers:a:b", "to": "switchers:b:a" } })),
        case(
            "system",
            json!({ "cache": { "password": "an\"other password" } }),
        ),
        case(
            "drive",
            json!({ "objects": { "delete": "demo.gbai/demo.gbot/config.csv" } }),
        ),
        case(
            "drive",
            json!({ "objects": { "put": { "key": "demo.gbai/demo.gbot/config.csv", "content": "llm-model groq\n" } } }),
        ),
        case(
            "drive",
            json!({ "objects": { "put": { "key": "demo.gbai/notes.md", "content": "notes\n" } } }),
        ),
        case(
            "drive",
            json!({ "objects": { "remove-bucket": "demo.gbai" } }),
        ),
        certificate("expired"),
        certificate("other-name"),
        certificate("other-authority"),
        certificate("missing"),
        binary("newer-glibc"),
        binary("missing-library"),
        binary("foreign-architecture"),
        binary("not-executable"),
        instance(json!({ "device": "eth0", "set": { "ipv4.address": null } })),
        instance(json!({ "device": "eth0", "remove": true })),
        instance(json!({ "config": "boot.autostart", "value": "false" })),
        instance(json!({ "config": "limits.memory", "value": "512MiB" })),
    ]
}

#[test]
fn on_incus_every_primitive_takes_effect_and_what_was_there_comes_back_and_twice_is_harmless() {
    let lab = Lab::up("fault", &["system", "tables", "vault", "drive"]);
    let failed = lab.runtime.block_on(async {
        let site = LabSite::open(&lab.name).await.unwrap();
        let mut failed = Vec::new();
        for (number, case) in cases().iter().enumerate() {
            if let Err(why) = tried(&site, number, case).await {
                failed.push(format!("{}: {why}", case.primitive));
            }
        }
        failed
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn on_incus_what_lacks_its_precondition_is_refused() {
    let refused = [
        (
            "drive",
            json!({ "process": { "unit": "nobody.service", "signal": "KILL" } }),
        ),
        ("drive", json!({ "port": { "port": 9100 } })),
        (
            "drive",
            json!({ "disk": { "path": "/opt/gbo", "size-kib": 64 } }),
        ),
        (
            "drive",
            json!({ "mount": { "path": "/opt/gbo/nowhere", "tmpfs": true } }),
        ),
        ("drive", json!({ "cache": { "flush": true } })),
        (
            "drive",
            json!({ "objects": { "delete": "demo.gbai/nothing" } }),
        ),
        (
            "drive",
            json!({ "objects": { "remove-bucket": "nobody.gbai" } }),
        ),
        (
            "drive",
            json!({ "certificate": { "path": "/etc/ssl/x.crt", "key": "/etc/ssl/x.key", "becomes": "expired" } }),
        ),
        (
            "drive",
            json!({ "binary": { "path": "/opt/gbo/bin/start.sh", "becomes": "newer-glibc" } }),
        ),
        (
            "drive",
            json!({ "git": { "path": "/opt/gbo/data", "dirty": true } }),
        ),
    ];
    let lab = Lab::up("refuse", &["drive"]);
    lab.runtime.block_on(async {
        let site = LabSite::open(&lab.name).await.unwrap();
        for (role, primitive) in refused {
            let act = read(&site, &primitive);
            let said = run(&site, site.node(role).unwrap(), 0, &act.needs).await;
            assert_ne!(said.code, 0, "{primitive}");
            assert_ne!(said.error.trim(), "", "{primitive} does not say why");
        }
    });
}

/// The words with which a fault is refused.
async fn refusal(name: &LabName, role: &str, primitive: &Value) -> String {
    let fault = Fault::read(primitive).unwrap();
    let order = Order {
        scenario: "refused",
        role,
        fault: &fault,
        // Nobody gets as far as to a watchdog.
        program: Path::new("/nonexistent"),
        deadline: Duration::from_secs(60),
    };
    let site = LabSite::open(name).await.unwrap();
    let folder = site.folder().to_owned();
    let refused = inject(site, order).await;
    assert!(!folder.join("faults.jsonl").exists(), "{primitive}");
    match refused {
        Err(FaultError::Refused(why)) => why,
        other => panic!("{primitive}: {other:?}"),
    }
}

#[test]
fn on_incus_a_part_that_is_not_there_is_refused_and_an_added_device_goes_and_comes_back() {
    let lab = Lab::up("parts", &["dns"]);
    let instance = lab.runtime.block_on(async {
        let site = LabSite::open(&lab.name).await.unwrap();
        site.node("dns").unwrap().instance().to_owned()
    });
    let incus = |words: &[&str]| {
        let output = Command::new("incus").args(words).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let described = || incus(&["config", "show", &instance]);
    let before = described();
    lab.runtime.block_on(async {
        for (what, words) in [
            (
                json!({ "device": "gone", "remove": true }),
                "no device gone of its own",
            ),
            (
                json!({ "device": "gone", "set": { "ipv4.address": null } }),
                "no device gone of its own",
            ),
            (
                json!({ "device": "eth0", "set": { "ipv6.address": null } }),
                "it stands so already",
            ),
            (
                json!({ "config": "limits.memory", "value": null }),
                "it stands so already",
            ),
        ] {
            let why = refusal(&lab.name, "dns", &json!({ "instance": what })).await;
            assert!(why.contains(words), "{why}");
        }
    });
    assert_eq!(described(), before);

    incus(&[
        "config",
        "device",
        "add",
        &instance,
        "web",
        "proxy",
        "listen=tcp:127.0.0.1:50053",
        "connect=tcp:127.0.0.1:53",
    ]);
    let with_web = described();
    assert!(with_web.contains("50053"), "{with_web}");
    let web = json!({ "instance": { "device": "web", "remove": true } });
    let site = lab.runtime.block_on(LabSite::open(&lab.name)).unwrap();
    let change = read(&site, &web).engine.unwrap();
    let gone = lab.runtime.block_on(async {
        let node = site.node("dns").unwrap();
        let stood = site.stands(node, &change.part()).await.unwrap();
        let gone = change.of(&stood).unwrap();
        site.make_stand(node, &gone).await.unwrap();
        assert!(!described().contains("web:"), "{}", described());
        site.make_stand(node, &stood).await.unwrap();
        tried(&site, 0, &case("dns", web)).await.unwrap();
        gone
    });
    assert_eq!(described(), with_web);

    // An instance that is none of the lab's by now is neither looked at nor changed.
    incus(&["config", "set", &instance, "user.runproof-nonce=other"]);
    let foreign = described();
    lab.runtime.block_on(async {
        let node = site.node("dns").unwrap();
        let looked = site.stands(node, &change.part()).await;
        let changed = site.make_stand(node, &gone).await;
        for error in [looked.unwrap_err(), changed.unwrap_err()] {
            assert!(error.problem.contains("another nonce"), "{error}");
        }
    });
    assert_eq!(described(), foreign);
    let (_, nonce) = before.split_once("user.runproof-nonce: ").unwrap();
    let nonce = nonce.lines().next().unwrap().trim_matches('"');
    incus(&[
        "config",
        "set",
        &instance,
        &format!("user.runproof-nonce={nonce}"),
    ]);
    assert_eq!(described(), with_web);
}

#[test]
fn on_docker_a_device_is_refused_for_there_is_none() {
    let lab = Lab::up_on(Engine::Docker, "dockerparts", &["dns"]);
    for what in [
        json!({ "device": "eth0", "remove": true }),
        json!({ "config": "boot.autostart", "value": "false" }),
    ] {
        let primitive = json!({ "instance": what });
        let why = lab.runtime.block_on(refusal(&lab.name, "dns", &primitive));
        assert!(why.contains("Docker has no devices and settings"), "{why}");
    }
}

fn read(site: &LabSite, primitive: &Value) -> Act {
    let primitive: Primitive = serde_json::from_value(primitive.clone()).unwrap();
    primitive.act(site).unwrap()
}

async fn run(site: &LabSite, node: &LabNode, number: usize, text: &str) -> Said {
    let kept = format!("KEPT=/var/lib/runproof-kept/test/{number}; export KEPT LC_ALL=C\n");
    site.run(node, &(kept + text), Duration::from_secs(90))
        .await
        .unwrap()
}

async fn tried(site: &LabSite, number: usize, case: &Case) -> Result<(), String> {
    let act = read(site, &case.primitive);
    let node = site.node(act.on.as_deref().unwrap_or(case.on)).unwrap();
    let must = async |what: &str, text: &str| {
        let said = run(site, node, number, text).await;
        if said.code == 0 {
            Ok(said.out)
        } else {
            Err(format!(
                "{what}: exit {}: {}{}",
                said.code, said.out, said.error
            ))
        }
    };
    let state = async || {
        let mut told = must("state", &act.state).await?;
        if let Some(change) = &act.engine {
            let stands = site.stands(node, &change.part()).await;
            told += &format!("{:?}", stands.map_err(|e| e.to_string())?);
        }
        Ok::<_, String>(told)
    };
    let make_stand = async |stands: Option<&Stands>| match stands {
        Some(stands) => site
            .make_stand(node, stands)
            .await
            .map_err(|e| e.to_string()),
        None => Ok(()),
    };
    let again = async |before: &str| {
        let mut now = String::new();
        for _ in 0..40 {
            now = state().await?;
            if now == before {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(format!("not restored: {before:?} became {now:?}"))
    };
    must("prepare", case.prepare).await?;
    must("needs", &act.needs).await?;
    let before = state().await?;
    let (stood, will_stand) = match &act.engine {
        Some(change) => {
            let stands = site.stands(node, &change.part()).await;
            let stands = stands.map_err(|e| e.to_string())?;
            let after = change.of(&stands)?;
            (Some(stands), Some(after))
        }
        None => (None, None),
    };
    let keep = format!("mkdir -p -m 700 \"$KEPT\" && {{ {}\n}}", act.keep);
    must("keep", &keep).await?;
    // What is restored before anything was done stays as it was.
    make_stand(stood.as_ref()).await?;
    must("restore", &act.restore).await?;
    again(&before).await?;
    make_stand(will_stand.as_ref()).await?;
    must("inject", &act.inject).await?;
    let mut seen = Err(String::new());
    for _ in 0..40 {
        seen = must("effect", &act.effect).await;
        if seen.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let differs = state().await? != before;
    for _ in 0..2 {
        make_stand(stood.as_ref()).await?;
        must("restore", &act.restore).await?;
        again(&before).await?;
    }
    seen?;
    if !differs && !case.heals {
        return Err("the state does not tell".to_owned());
    }
    must("clean", "rm -rf \"$KEPT\"").await.map(|_| ())
}
