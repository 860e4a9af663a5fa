//! Canaries in every place of a lab where a secret lives, and nowhere else afterwards: not in what
//! runproof prints and writes, not in an argument, an environment or a file while it runs, and not in
//! what is left of it when it crashes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::watch::{Watch, files};
use common::{Engine, TestSite, runproof};
use serde_json::Value;

const ROLES: [&str; 9] = [
    "system",
    "tables",
    "vault",
    "drive",
    "proxy",
    "alm-ci",
    "directory",
    "vector",
    "llm",
];

/// What is planted beside the lab's own secrets, which are canaries too: role, and the script that does it.
/// Every word that begins with `Cn4ry` is one.
const PLANTED: &[(&str, &str)] = &[
    (
        "system",
        r#"
cat >> /opt/gbo/bin/.env <<'ENV'
# VAULT_OLD_TOKEN=Cn4ryEnvNote01
OPENAI_API_KEY=Cn4ryEnvKey02
this is no line Cn4ryEnvLine03
ENV
mkdir -p /etc/systemd/system/ui.service.d
printf '[Service]\nEnvironment=API_TOKEN=Cn4ryUnitEnv04\nExecStartPre=/bin/true --password=Cn4ryUnitExec05\n' > /etc/systemd/system/ui.service.d/canary.conf
systemctl daemon-reload
cp /bin/sh /opt/gbo/bin/canarysh
systemd-run --quiet --unit=canary --setenv=SECRET_KEY=Cn4ryEnviron06 /opt/gbo/bin/canarysh -c 'sleep 3600; :' x --token Cn4ryArgument07 postgres://app:Cn4ryUrl08@10.0.0.1/db
cat >> /opt/gbo/logs/out.log <<'LOG'
20260101000000.000 info main:login of app with password=Cn4ryLogOut09
20260101000000.000 info main:Authorization: Bearer Cn4ryLogBearer10
LOG
echo '20260101000000.000 error main:cannot connect to postgres://app:Cn4ryLogUrl11@10.0.0.1/db, token: Cn4ryLogErr12' >> /opt/gbo/logs/err.log
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /etc/valkey/valkey.conf); export REDISCLI_AUTH
valkey-cli sadd suggestions:a:b '{"token":"Cn4rySuggestion13"}'
valkey-cli set session:a token=Cn4rySession14
"#,
    ),
    (
        "vault",
        r#"
export VAULT_ADDR=https://127.0.0.1:8200 VAULT_CACERT=/opt/gbo/conf/vault/ca.crt
VAULT_TOKEN=$(tr -d '\n' < /opt/gbo/bin/botserver-stack/conf/vault/vault-conf/init.json | sed 's/.*"root_token": *"\([^"]*\)".*/\1/'); export VAULT_TOKEN
PATH=/opt/gbo/bin:$PATH
vault kv patch secret/gbo/tables other=Cn4ryVaultKey15
vault kv put secret/gbo/canary key=Cn4ryVaultPath16
"#,
    ),
    (
        "tables",
        r#"
cd /
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -d botserver <<'SQL'
INSERT INTO bot_configuration (id, bot_id, config_key, config_value, config_type, is_encrypted, created_at, updated_at)
SELECT gen_random_uuid(), id, 'openai-api-key', 'Cn4ryRow17', 'string', false, now(), now() FROM bots WHERE name = 'demo';
INSERT INTO bot_configuration (id, bot_id, config_key, config_value, config_type, is_encrypted, created_at, updated_at)
SELECT gen_random_uuid(), id, 'llm-url', 'https://app:Cn4ryRowUrl18@api.example.com/', 'string', false, now(), now() FROM bots WHERE name = 'demo';
ALTER SYSTEM SET primary_conninfo = 'host=10.0.0.1 password=Cn4rySetting19';
SELECT pg_reload_conf();
SQL
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -d PROD-ALM <<'SQL'
INSERT INTO action_runner_token (id, token, owner_id, repo_id, is_active, created, updated) VALUES (20, 'Cn4ryRunner20', 0, 0, true, 1, 1);
UPDATE action_run SET title = 'deploy with token=Cn4ryTitle21' WHERE id = 1;
SQL
"#,
    ),
    (
        "drive",
        r#"
user=$(sed -n 's/^Environment=MINIO_ROOT_USER=//p' /etc/systemd/system/drive.service)
password=$(sed -n 's/^Environment=MINIO_ROOT_PASSWORD=//p' /etc/systemd/system/drive.service)
put() {
  cat > /run/canary
  printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:us-east-1:s3"\nsilent\nfail\n' "$user" "$password" |
    curl -K - -X PUT --data-binary @/run/canary -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "http://127.0.0.1:9100/$1"
}
put demo.gbai/demo.gbot/config.csv <<'CSV'
llm-provider,groq
theme-color1,#cc0000
llm-key,Cn4ryCsvKey22
smtp-password,Cn4ryCsvPassword23
CSV
put demo.gbai/demo.gbdialog/start.bas <<'BAS'
password = "Cn4ryBas24"
TALK "Hello"
BAS
rm /run/canary
echo 'token: Cn4ryLogDrive25' >> /opt/gbo/logs/minio.log
"#,
    ),
    (
        "proxy",
        r#"
cat >> /opt/gbo/conf/config <<'CADDY'
canary.example.com {
	import tls_config
	reverse_proxy http://app:Cn4ryCaddyUrl26@10.0.0.1:5858 {
		header_up Authorization "Bearer Cn4ryCaddyHeader27"
	}
}
CADDY
"#,
    ),
];

/// What is looked at by hand, for suites leave most of it alone: role and query.
const LOOKS: &[(&str, &str)] = &[
    (
        "system",
        "dotenv: /opt/gbo/bin/.env, plain: [PORT], secret: [VAULT_TOKEN, OPENAI_API_KEY]",
    ),
    ("system", "file: /opt/gbo/bin/.env"),
    (
        "system",
        "unit: ui.service, environment: [BOTSERVER_URL], secret_environment: [API_TOKEN]",
    ),
    (
        "system",
        "process: { name: canarysh }, secret_environment: [SECRET_KEY]",
    ),
    ("system", "log: /opt/gbo/logs/out.log, contains: [password]"),
    ("system", "log: /opt/gbo/logs/err.log, contains: [token]"),
    (
        "system",
        "vault: chain, credential: vault, lists: [gbo], capabilities: [secret/data/gbo/tables]",
    ),
    (
        "system",
        "kv: gbo/tables, plain: [host], secret: [password, other]",
    ),
    ("system", "kv: gbo/canary, secret: [key]"),
    (
        "system",
        "cache: 'localhost:6379', patterns: ['suggestions:*', 'session:*'], info: [used_memory]",
    ),
    (
        "tables",
        "postgres: 'localhost:5432', database: botserver, bot: demo, config: [llm-url], secret: [openai-api-key], settings: [primary_conninfo]",
    ),
    (
        "tables",
        "postgres: 'localhost:5432', database: PROD-ALM, credential: auditor",
    ),
    (
        "drive",
        "unit: drive.service, secret_environment: [MINIO_ROOT_USER, MINIO_ROOT_PASSWORD]",
    ),
    (
        "drive",
        "objects: 'http://localhost:9100', prefixes: ['demo.gbai/'], lines: [demo.gbai/demo.gbot/config.csv, demo.gbai/demo.gbdialog/start.bas]",
    ),
    ("proxy", "caddyfile: /opt/gbo/conf/config"),
    ("directory", "zitadel: 'http://localhost:9000'"),
    ("directory", "file: /opt/gbo/conf/directory/admin-pat.txt"),
    (
        "vector",
        "qdrant: 'http://localhost:6333', credential: vectordb",
    ),
    ("llm", "llm: 'http://localhost:8081', credential: llm"),
];

/// The words that must stay where they are.
fn canaries(site: &TestSite) -> Vec<String> {
    let planted = PLANTED.iter().flat_map(|(_, script)| {
        script
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.starts_with("Cn4ry"))
            .map(str::to_owned)
    });
    let secrets = fs::read(site.kept().join("secrets.json")).unwrap();
    let secrets: Value = serde_json::from_slice(&secrets).unwrap();
    let own = secrets
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, value)| {
            // A certificate and a public key are for everybody.
            let public = ["LAB_CA_CRT", "LAB_RUNNER_KEY"].contains(&name.as_str());
            (!public).then(|| value.as_str().unwrap().to_owned())
        });
    // Vault's file holds several; a key has several lines.
    let own = own.flat_map(|value| {
        value
            .split(|c: char| c.is_whitespace() || c == '"')
            .filter(|word| word.len() >= 20 && !word.contains("-----"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    // The names of the fields of that file.
    let named = |word: &String| !word.starts_with("recovery_") && !word.starts_with("unseal_");
    planted.chain(own).filter(named).collect()
}

/// A folder where one run of the program has its home, its temporary files and what it writes.
struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program with everything on that could make it talk.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = runproof();
        command
            .args(words)
            .current_dir(self.path())
            .env("HOME", self.path().join("home"))
            .env("TMPDIR", self.path().join("tmp"))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LIB_BACKTRACE", "full")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// Every line of a text with a canary in it, and which.
fn leaks(canaries: &[String], place: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let of_a_line = |line: &str| {
        let found = canaries
            .iter()
            .find(|canary| line.contains(canary.as_str()))?;
        Some(format!("{found} in {place}: {line:.300}"))
    };
    text.lines().filter_map(of_a_line).collect()
}

fn leaks_of_output(canaries: &[String], words: &str, output: &Output) -> Vec<String> {
    let mut found = leaks(canaries, &format!("the output of {words}"), &output.stdout);
    found.extend(leaks(
        canaries,
        &format!("the messages of {words}"),
        &output.stderr,
    ));
    found
}

fn leaks_of_files(canaries: &[String], folder: &Path) -> Vec<String> {
    let of_a_file = |file: PathBuf| {
        leaks(
            canaries,
            &file.display().to_string(),
            &fs::read(&file).unwrap(),
        )
    };
    files(folder).into_iter().flat_map(of_a_file).collect()
}

#[test]
fn on_incus_no_canary_of_a_lab_is_seen_anywhere_else() {
    let site = TestSite::up(Engine::Incus, "incus", &ROLES);
    for (role, script) in PLANTED {
        site.sh(role, script);
    }
    let canaries = canaries(&site);
    assert!(canaries.len() > 45, "{}", canaries.len());
    looked_at_in_every_way(&site, &canaries);
    crashed(&site, &canaries);
}

fn looked_at_in_every_way(site: &TestSite, canaries: &[String]) {
    let room = Room::new();
    let file = site.file();
    let file = file.to_str().unwrap();
    let watch = Watch::begin(canaries.to_owned(), room.path().join("tmp"));
    let mut ran: Vec<(String, Output)> = Vec::new();
    let mut run = |words: &[&str]| {
        let output = room.command(words).output().unwrap();
        ran.push((words.join(" "), output));
    };
    for format in ["terminal", "json", "junit"] {
        let out = format!("{format}=out.{format}");
        run(&[
            "check", "-v", "--site", file, "--format", format, "--output", &out,
        ]);
    }
    run(&["check", "--plan", "--site", file]);
    run(&["record", "bundle.json", "-v", "--site", file]);
    run(&[
        "check",
        "-v",
        "--site",
        "bundle:bundle.json",
        "--profile",
        "incus",
    ]);
    let cli = site.reached_by("cli", "{ engine: incus, via: cli }");
    run(&["check", "-v", "--site", cli.to_str().unwrap()]);
    for (role, query) in LOOKS {
        run(&["look", query, "--on", role, "-v", "--site", file]);
    }
    // Every door shut in turn: what went wrong is told, and told without the credential.
    for suite in ["vault", "db", "drive", "cache"] {
        run(&[
            "check",
            "-v",
            "--site",
            file,
            "--suite",
            suite,
            "--timeout",
            "1ms",
        ]);
    }
    let seen = watch.end();

    // The canaries were in sight: the values are known by their fingerprints.
    let bundle = fs::read_to_string(room.path().join("bundle.json")).unwrap();
    let known = bundle.matches("\"fingerprint\"").count();
    assert!(known >= 8, "{known} fingerprints");
    let mut found: Vec<String> = seen.found.into_iter().collect();
    found.extend(leaks_of_files(canaries, room.path()));
    for (words, output) in &ran {
        found.extend(leaks_of_output(canaries, words, output));
        if let Some(query) = words.strip_prefix("look ") {
            let code = output.status.code();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(code, Some(0 | 2)), "{query}: {code:?} {said}");
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    // The watch saw the program and what it starts: on this machine and in the nodes.
    for program in ["runproof", "incus", "sh"] {
        assert!(seen.programs.contains(program), "{:?}", seen.programs);
    }
}

/// Kills runs that hang on the database with every credential in memory, in ways that would like to
/// write it all down.
fn crashed(site: &TestSite, canaries: &[String]) {
    for way in [Way::Signal("-ABRT"), Way::Signal("-ILL"), Way::NoMemory] {
        // A run whose own deadline came before the blow has ended in peace, and another one is taken.
        let hit = (0..10).any(|_| crash(site, canaries, way));
        assert!(hit, "{way:?} never hit a run that still went on");
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Signal(&'static str),
    /// No more memory than it has: the next buffer fails, and Rust's own way of crashing follows.
    NoMemory,
}

/// Whether a run crashed; it told nothing then.
fn crash(site: &TestSite, canaries: &[String], way: Way) -> bool {
    let room = Room::new();
    let database = |signal: &str| {
        site.sh(
            "tables",
            &format!("systemctl kill --signal={signal} postgresql@15-main"),
        );
    };
    let file = site.file();
    let mut command = room.command(&[
        "check",
        "-v",
        "--timeout",
        "60s",
        "--site",
        file.to_str().unwrap(),
    ]);
    database("STOP");
    let watch = Watch::begin(canaries.to_owned(), room.path().join("tmp"));
    // A core would be all of its memory, on disk.
    let mut run = with_cores(&mut command).spawn().unwrap();
    wait_until_it_hangs(site, &mut run);
    let pid = run.id().to_string();
    match way {
        Way::Signal(signal) => {
            let _ = Command::new("kill").args([signal, &pid]).status().unwrap();
        }
        Way::NoMemory => {
            let limits = ["--as=1", "--data=1", "--pid", &pid];
            let _ = Command::new("prlimit").args(limits).status().unwrap();
            database("CONT");
        }
    }
    let output = run.wait_with_output().unwrap();
    database("CONT");
    let mut found: Vec<String> = watch.end().found.into_iter().collect();
    found.extend(leaks_of_output(canaries, &format!("{way:?}"), &output));
    found.extend(leaks_of_files(canaries, room.path()));
    assert!(found.is_empty(), "{way:?}: {}", found.join("\n"));
    assert!(!output.status.core_dumped(), "{way:?}");
    let left = files(room.path());
    assert!(!left.iter().any(|file| is_core(file)), "{left:?}");
    // 70 is a panic: with its backtrace, which was asked for.
    output.status.signal().is_some() || output.status.code() == Some(70)
}

/// The program under a shell that allows cores of any size.
fn with_cores(command: &mut Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

fn is_core(file: &Path) -> bool {
    file.file_name()
        .unwrap()
        .to_string_lossy()
        .starts_with("core")
}

/// Waits until a connection to the stopped database has sent its first words.
fn wait_until_it_hangs(site: &TestSite, run: &mut Child) {
    let begun = Instant::now();
    // botserver and the forge wait too; we come from elsewhere.
    let waiting = r#"
others=$(getent hosts system alm | sed 's/^\([0-9.]*\) .*/ \1:/')
ss -Htn state established sport = :5432 | awk '$1 > 0' | grep -vF "$others" | wc -l"#;
    while run.try_wait().unwrap().is_none() && site.sh("tables", waiting).trim() == "0" {
        assert!(
            begun.elapsed() < Duration::from_secs(100),
            "it never asked the database"
        );
    }
}
