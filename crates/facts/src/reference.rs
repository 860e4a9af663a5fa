//! The pages `docs/facts.md` and `docs/footprint.md`, made from the registry.
//!
//! `RUNPROOF_UPDATE_DOCS=1 cargo test -p runproof-facts reference` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command, End};
use crate::{Reads, kinds, script, testing};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compare(name: &str, text: &str) {
    let path = root().join("docs").join(name);
    if std::env::var_os("RUNPROOF_UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "docs/{name} is stale: run RUNPROOF_UPDATE_DOCS=1 cargo test -p runproof-facts reference"
    );
}

/// A query of each kind that makes it do every look of its first stage.
fn sample(kind: &str) -> Value {
    match kind {
        "caddyfile" => json!({"caddyfile": "FILE"}),
        "csv" => json!({"csv": "FILE"}),
        "dir" => json!({"dir": "DIRECTORY", "as": "USER"}),
        "dotenv" => json!({"dotenv": "FILE"}),
        "elf" => json!({"elf": "FILE"}),
        "file" => json!({"file": "FILE", "lines": true, "digest": true, "as": "USER"}),
        "firewall" => json!({"firewall": {}, "ports": [80], "saved": "FILE"}),
        "host" => json!({"host": {}}),
        "instance" => json!({"instance": {}}),
        "libc" => json!({"libc": {}}),
        "listeners" => json!({"listeners": {}}),
        "log" => json!({"log": "FILE"}),
        "mount" => json!({"mount": "PATH"}),
        "netif" => json!({"netif": {}, "configured": "FILE"}),
        "os" => json!({"os": {}}),
        "process" => json!({"process": {"name": "NAME"}}),
        "unit" => json!({"unit": "UNIT"}),
        "user" => json!({"user": "USER"}),
        "cache" => json!({"cache": "HOST:1", "patterns": ["PATTERN"]}),
        "dns" => json!({"dns": "NAME", "at": "HOST:53"}),
        "forgejo" => json!({"forgejo": "http://HOST", "credential": "alm"}),
        "http" => json!({"http": "http://HOST/PATH"}),
        "imap" => json!({"imap": "HOST:993"}),
        "kv" => json!({"kv": "SECRET"}),
        "livekit" => json!({"livekit": "http://HOST"}),
        "llm" => json!({"llm": "http://HOST", "credential": "llm"}),
        "objects" => {
            json!({"objects": "http://HOST", "buckets": ["BUCKET"], "prefixes": ["BUCKET/PREFIX"], "heads": ["BUCKET/KEY"], "lines": ["BUCKET/KEY"]})
        }
        "postgres" => {
            json!({"postgres": "HOST:5432", "settings": ["SETTING"], "tables": ["TABLE"], "bot": "BOT"})
        }
        "qdrant" => json!({"qdrant": "http://HOST", "credential": "vectordb"}),
        "smtp" => json!({"smtp": "HOST:25"}),
        "ssh" => json!({"ssh": "HOST:22"}),
        "tls" => json!({"tls": "HOST:443"}),
        "vault" => {
            json!({"vault": "https://HOST:8200", "credential": "vault", "capabilities": ["PATH"], "lists": ["PATH"]})
        }
        "websocket" => json!({"websocket": "ws://HOST/PATH"}),
        "zitadel" => json!({"zitadel": "http://HOST"}),
        // Kinds whose fields all have defaults.
        _ => json!({}),
    }
}

/// Paths in a sample have to be absolute for the query to be usable.
fn absolute(mut query: Value) -> Value {
    for field in query.as_object_mut().unwrap().values_mut() {
        if let Some("FILE" | "DIRECTORY" | "PATH") = field.as_str() {
            *field = json!(format!("/{}", field.as_str().unwrap()));
        }
    }
    query
}

/// The looks of the second stage, which depend on what the first one saw.
fn later(kind: &str) -> Vec<Ask> {
    match kind {
        "caddyfile" => {
            let answers =
                Answers::new().with(Ask::read("/FILE"), 0, "import /IMPORT\nimport /PATTERN*\n");
            next(&json!({"caddyfile": "/FILE"}), &answers)
        }
        "elf" => {
            let exe = std::env::current_exe().unwrap();
            let query = json!({"elf": exe.to_str().unwrap()});
            let probe = crate::registry::kind("elf").unwrap().probe(&query).unwrap();
            let mut asks = next(&query, &testing::look(&probe.asks(&Reads::All)));
            asks.retain(|ask| matches!(ask, Ask::Run(_)));
            asks.push(Ask::Slice {
                path: "/FILE".into(),
                offset: 0,
                len: 8 << 20,
            });
            asks
        }
        "os" => vec![Ask::read("/usr/lib/os-release")],
        "process" => vec![crate::environ::ask(1)],
        "unit" => {
            let mut asks = vec![Ask::read("/UNIT FILE OR DROP-IN")];
            asks.extend(crate::proc_table::asks(&[
                crate::proc_table::Part::Programs,
            ]));
            asks.push(crate::environ::ask(1));
            asks
        }
        _ => Vec::new(),
    }
}

fn next(query: &Value, answers: &Answers) -> Vec<Ask> {
    let kind = kinds()
        .iter()
        .find(|kind| query.get(kind.name).is_some())
        .unwrap();
    kind.probe(query)
        .unwrap()
        .next(&Reads::All, answers, &testing::context())
}

/// Whatever is read, and what takes its place when little is.
fn first(kind: &crate::Kind) -> Vec<Ask> {
    let probe = kind.probe(&absolute(sample(kind.name))).unwrap();
    let mut state = Reads::nothing();
    state.add(["active_state"]);
    let mut asks = probe.asks(&Reads::All);
    for ask in probe.asks(&state) {
        if !asks.contains(&ask) {
            asks.push(ask);
        }
    }
    asks
}

/// A type as an author of suites would say it.
fn type_of(schema: &Map<String, Value>) -> String {
    if let Some(keys) = schema.get("x-keys").and_then(Value::as_str) {
        let inner = schema
            .get("additionalProperties")
            .and_then(Value::as_object)
            .map_or_else(|| "value".to_owned(), type_of);
        return format!("map of {inner}, keys from `{keys}`");
    }
    let word = match schema.get("type") {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .filter(|word| *word != "null")
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "value".to_owned(),
    };
    match word.as_str() {
        "boolean" => "bool".to_owned(),
        "array" => match schema.get("items").and_then(Value::as_object) {
            Some(items) => format!("list of {}", type_of(items)),
            None => "list".to_owned(),
        },
        "object" => match schema.get("additionalProperties") {
            Some(Value::Object(inner)) => format!("map of {}", type_of(inner)),
            _ => "struct".to_owned(),
        },
        _ => word,
    }
}

fn fields(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    match schema.get("items").and_then(Value::as_object) {
        Some(items) => fields(items),
        None => schema
            .get("properties")
            .and_then(Value::as_object)
            .filter(|fields| !fields.is_empty()),
    }
}

fn about(schema: &Map<String, Value>) -> String {
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn fact_rows(text: &mut String, prefix: &str, schema: &Map<String, Value>, depth: usize) {
    assert!(depth < 12, "{prefix}");
    let Some(fields) = fields(schema) else { return };
    let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
    for (name, field) in sorted {
        let field = field.as_object().unwrap();
        let observed = field.get("x-observed") == Some(&Value::Bool(true));
        let path = format!("{prefix}{name}");
        let mark = if observed { "yes" } else { "" };
        writeln!(
            text,
            "| `{path}` | {} | {mark} | {} |",
            type_of(field),
            about(field)
        )
        .unwrap();
        let list = field.get("items").is_some();
        fact_rows(
            text,
            &format!("{path}{}.", if list { "[]" } else { "" }),
            field,
            depth + 1,
        );
    }
}

fn query_rows(text: &mut String, kind: &str, schema: &Schema) {
    let object = schema.as_object().unwrap();
    let required: Vec<&str> = object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    fn rows(
        text: &mut String,
        prefix: &str,
        fields: &Map<String, Value>,
        required: &[&str],
        main: &str,
    ) {
        let mut names: Vec<&String> = fields.keys().collect();
        names.sort_by_key(|name| (name.as_str() != main, (*name).clone()));
        for name in names {
            let field = fields[name].as_object().unwrap();
            let default = match field.get("default") {
                Some(Value::Null) => "none".to_owned(),
                Some(value) => format!("`{value}`"),
                None if required.contains(&name.as_str()) => "required".to_owned(),
                None => "none".to_owned(),
            };
            let inner = super::reference::fields(field);
            let kind = match inner {
                None if type_of(field) == "struct" => "`{}`".to_owned(),
                _ => type_of(field),
            };
            writeln!(
                text,
                "| `{prefix}{name}` | {kind} | {default} | {} |",
                about(field)
            )
            .unwrap();
            if let Some(inner) = inner {
                rows(text, &format!("{prefix}{name}."), inner, &[], "");
            }
        }
    }
    let fields = object.get("properties").and_then(Value::as_object).unwrap();
    rows(text, "", fields, &required, kind);
}

#[test]
fn the_reference_of_facts_is_that_of_the_code() {
    let mut text = String::from(
        "# Kinds of facts\n\n\
         Made from the registry by a test; `RUNPROOF_UPDATE_DOCS=1 cargo test -p runproof-facts reference` writes it anew.\n\n\
         A query has one field named like its kind. A field that is *observed* is known, proven absent, or unknown with a\n\
         reason; the others are always known where the struct around them is. Times are seconds since 1970, sizes are bytes.\n\n",
    );
    for kind in kinds() {
        writeln!(text, "- [{0}](#{0}): {1}", kind.name, kind.about).unwrap();
    }
    for kind in kinds() {
        let fact = kind.fact_schema();
        writeln!(text, "\n## {}\n\n{}\n", kind.name, kind.about).unwrap();
        let long = about(fact.as_object().unwrap());
        if !long.is_empty() {
            writeln!(text, "{long}\n").unwrap();
        }
        text.push_str("| query | type | default | what |\n|---|---|---|---|\n");
        query_rows(&mut text, kind.name, kind.query_schema());
        text.push_str("\n| fact | type | observed | what |\n|---|---|---|---|\n");
        fact_rows(&mut text, "", fact.as_object().unwrap(), 0);
        let by_hand = kind.probe(&absolute(sample(kind.name))).unwrap().by_hand();
        writeln!(text, "\nBy hand: `{by_hand}`").unwrap();
    }
    compare("facts.md", &text);
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else if bytes.is_multiple_of(1 << 10) {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{bytes} bytes")
    }
}

fn look_in_words(ask: &Ask) -> String {
    let mut text = match ask {
        Ask::Stat { path } => format!("metadata of `{path}`"),
        Ask::Read { path, cap, end } => {
            let end = match end {
                End::Head => "first",
                End::Tail => "last",
            };
            format!("the {end} {} of `{path}`", size(u64::from(*cap)))
        }
        Ask::Slice { path, len, .. } => {
            format!("up to {} from inside `{path}`", size(u64::from(*len)))
        }
        Ask::List { path } => format!("the names and metadata in `{path}`"),
        Ask::Digest { path } => format!("SHA-256 of `{path}`, computed on the node"),
        Ask::Run(command) => format!("[`{0}`](#{0})", command.name),
        Ask::Instance => {
            "the engine's own description of the instance; nothing runs on the node".to_owned()
        }
        Ask::Service(service) => service.steps().to_string(),
    };
    if matches!(ask, Ask::Run(_)) && ask.content_path().is_some() {
        text.push_str(", which shows content");
    }
    text
}

fn commands() -> BTreeMap<&'static str, Command> {
    let mut found = BTreeMap::new();
    for kind in kinds() {
        for ask in first(kind).into_iter().chain(later(kind.name)) {
            if let Ask::Run(command) = ask {
                found.insert(command.name, command);
            }
        }
    }
    found
}

#[test]
fn the_page_about_the_footprint_is_that_of_the_code() {
    let mut text = String::from(
        "# What a look leaves on a node\n\n\
         Made from the registry by a test; `RUNPROOF_UPDATE_DOCS=1 cargo test -p runproof-facts reference` writes it anew.\n\n\
         Every node is given one script a stage, on the standard input of one `sh`, with `LC_ALL=C`, `TZ=UTC`, `umask 077` and\n\
         a low priority. It writes no file, starts no service and opens no connection. What it runs is listed below, whole.\n\
         Services are asked by clients of ours, see [services](#services).\n\
         Arguments come from queries and are quoted; the texts are constant. What is read, listed or digested is a regular file\n\
         or a directory; where times of access are kept (`strictatime`, or once a day with `relatime`), they change.\n\n\
         Logs that others keep: the engine's or sshd's line for the session, sudo's line where sudo is used; on a node with\n\
         auditing, what its rules say about the files and programs below. `systemctl show` may make systemd load the file of a\n\
         unit that is not loaded, and forget it again. `iptables-nft-save` and `nft` take a netlink socket; they may load the\n\
         module `nf_tables` where the kernel does not have it yet. The older generation's tool is started only where its\n\
         tables are loaded already. `getent` and `id` ask the name services of the node, which may ask a directory.\n\n\
         | look | limit | process |\n|---|---|---|\n\
         | metadata of a path | 16 KiB; 20 s for all files together | `stat`, one for all paths, one more for each link and each path that is not there |\n\
         | content of a small file, or its end | as stated; 20 s for all files together | `head -c` or `tail -c` |\n\
         | slice of a file | as stated; 10 s | `tail -c`, `head -c` |\n\
         | names in a directory | 20000 entries, 4 MiB; 20 s for all files together | a shell's copy, and one `stat` for 500 entries |\n\
         | digest | 30 s | `sha256sum` |\n\n\
         Content is read only from paths that the site's allow-list has; keys, the password files and the doors of `/proc`\n\
         never. What exceeds its limit is unknown, not cut.\n\n\
         ## By kind\n\n| kind | first | then, where the answers call for it |\n|---|---|---|\n",
    );
    for kind in kinds() {
        let words = |asks: Vec<Ask>| {
            let words: Vec<String> = asks.iter().map(look_in_words).collect();
            words.join("; ")
        };
        writeln!(
            text,
            "| `{}` | {} | {} |",
            kind.name,
            words(first(kind)),
            words(later(kind.name))
        )
        .unwrap();
    }
    text.push_str(
        "\n## Services\n\n\
         A service is asked from inside its node: `bash` (`/dev/tcp`), else `socat` or `nc`, opens the port in an exec and hands\n\
         bytes through; at most 24 at once on a site, 6 behind ssh, where each is a connection of its own. What was started there\n\
         ends with the stream, and after 120 s by the node's own `timeout`. On this machine HTTP clients speak over a unix socket\n\
         in a folder of the temporary directory that only this account can enter; it is removed at the end. No credential stands\n\
         in any argument, file or environment variable; it is fetched once, kept in memory, and sent only to nodes of the site.\n\n\
         What stays is what services log of a visitor: the access line of a web server, Vault's audit of a read and of a look-up\n\
         of a token, PostgreSQL's lines about connections (`application_name` is `runproof`) where it is told to write them, the\n\
         line of a mail server or sshd about somebody who left before logging in, and how far fail2ban has read in them. Sessions of PostgreSQL are read only, with a\n\
         limit of 5 s a statement and 1 s a lock. `SCAN` walks through all keys of a cache in steps of 1000, at most 300 steps,\n\
         and changes no time of access; `GET` on an object store counts as a read in its own statistics.\n",
    );
    text.push_str("\n## Commands\n");
    for (name, command) in commands() {
        let together = match command.batch {
            Batch::Alone => "a process of its own",
            Batch::InPlace => "the shell of the script",
            Batch::Each => "one process, in turn for each of its sort",
            Batch::Blocks | Batch::Lines => "one process for all of its sort",
        };
        writeln!(
            text,
            "\n### {name}\n\nAt most {} s and {} each; {together}.\n\n```sh\n{}\n```",
            command.seconds,
            size(u64::from(command.cap)),
            command.text.trim_end()
        )
        .unwrap();
    }
    writeln!(
        text,
        "\n## The frame\n\nA script that looks at nothing; `BOUNDARY` stands for a random word.\n\n```sh\n{}```",
        script::compose(&[], "BOUNDARY", script::Guard::Whole).as_str()
    )
    .unwrap();
    compare("footprint.md", &text);
}

#[test]
fn no_command_is_left_out_of_the_footprint() {
    fn sources(folder: &Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "tests" {
                    sources(&path, found);
                }
            } else if name.ends_with(".rs") && !name.contains("tests") && name != "reference.rs" {
                found.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut source = String::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut source,
    );
    let known = commands();
    let named: Vec<&str> = source
        .split("Command::new(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        // Programs that tests start.
        .filter(|name| !matches!(*name, "x" | "sh" | "busybox" | "/sbin/ldconfig"))
        .collect();
    assert!(named.len() >= 12, "{named:?}");
    for name in named {
        assert!(known.contains_key(name), "{name}");
    }
}

#[test]
fn what_runs_after_the_first_answers_is_said_to() {
    for kind in kinds() {
        let probe = kind.probe(&absolute(sample(kind.name))).unwrap();
        let first = probe.asks(&Reads::All);
        for ask in later(kind.name) {
            if let Ask::Run(command) = &ask
                && !first
                    .iter()
                    .any(|ask| matches!(ask, Ask::Run(one) if one.text == command.text))
            {
                let said = kind.later.contains(&command.text);
                assert!(
                    said,
                    "{} runs {} and LATER lacks it",
                    kind.name, command.name
                );
            }
        }
    }
}

/// What would write on a node, or wait for somebody.
#[test]
fn no_command_writes_or_waits() {
    for (name, command) in commands() {
        for line in command.text.lines() {
            let redirected = line
                .replace("2>&1", "")
                .replace(">&2", "")
                .replace("2>/dev/null", "");
            let redirected = redirected
                .replace(">/dev/null", "")
                .replace("3>&1", "")
                .replace(">&3", "");
            // ` -> ` is in patterns, `>>` would be an appending.
            let redirected = redirected
                .replace(" -> ", "")
                .replace("==>", "")
                .replace("<==", "");
            let redirected = redirected.replace("$(($3 >> 8))", "");
            assert!(!redirected.contains('>'), "{name}: {line}");
            for word in [
                "mktemp", "tee ", "modprobe", "touch ", "mkdir", "rm ", "sleep", "kill",
            ] {
                assert!(!line.contains(word), "{name}: {line}");
            }
        }
    }
}
