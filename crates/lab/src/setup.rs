//! Setting a node up: its files are laid, its stand-ins put in place, and its `setup` runs as root.
//!
//! What a set-up needs to know (names, addresses, secrets) comes on its standard input, before the
//! script itself; no secret is in any argument. What it has made itself, as a token, it hands on
//! with `lab_export NAME VALUE` to the set-ups after it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::engine::Place;
use crate::error::LabError;
use crate::parts::Parts;
use crate::proof::{FOREIGN, guard, without_nonce};
use crate::record::{NodeRecord, Record};
use crate::role::{Played, RoleSpec};
use crate::secrets::{Secrets, word};
use crate::upstream::Programs;

/// How long a set-up may take on a busy machine.
const TIME: Duration = Duration::from_secs(300);
/// How long laying files may take.
const LAY: Duration = Duration::from_secs(120);
/// The last lines of a failed set-up that are shown.
const LINES: usize = 6;

/// What set-ups share.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub parts: &'a Parts,
    pub record: &'a Record,
    pub standin: &'a [u8],
    /// Real servers that take a stand-in's place.
    pub programs: &'a Programs,
}

/// Lays files and stand-ins.
pub(crate) async fn lay(
    place: &Place,
    context: &Context<'_>,
    role: &str,
    spec: &RoleSpec,
    node: &NodeRecord,
) -> Result<(), LabError> {
    let failed =
        |reason: &_| place.failed(&format!("cannot lay files into {}", node.instance), reason);
    let reached = place.reached(&node.instance, &node.id);
    let guard = guard(&context.record.nonce);
    let files =
        archive(context.parts, role).map_err(|e| LabError::failed(format!("{role}: {e}")))?;
    let script = format!("{guard}exec tar -C / --no-overwrite-dir -xf -");
    place
        .feed(reached, &["sh", "-c", &script], &files, LAY)
        .await
        .map_err(|r| failed(&r))?;
    let mut first: Option<&str> = None;
    for path in spec.standins() {
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let real = context.programs.get(path);
        // The stand-in goes over once. A program that runs is replaced by a rename: it cannot be written.
        let (from, bytes) = match (real, first) {
            (Some(real), _) => ("cat".to_owned(), real.as_slice()),
            (None, None) => ("cat".to_owned(), context.standin),
            (None, Some(first)) => (format!("cat {first}"), &[][..]),
        };
        let script = format!(
            "{guard}mkdir -p {folder} && {from} > {path}.new && chmod 0755 {path}.new && mv {path}.new {path}"
        );
        place
            .feed(reached, &["sh", "-c", &script], bytes, LAY)
            .await
            .map_err(|r| failed(&r))?;
        if real.is_none() {
            first = first.or(Some(path));
        }
    }
    Ok(())
}

/// The role's `files/` as an archive in which everything is root's.
fn archive(parts: &Parts, role: &str) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    let folder = format!("roles/{role}/files");
    for (path, file) in parts.under(&folder) {
        if path.ends_with(".keep") {
            // git keeps no empty folder; this file stands for one.
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            header.set_mtime(now);
            let folder = path.trim_end_matches(".keep");
            archive.append_data(
                &mut header,
                if folder.is_empty() { "./" } else { folder },
                std::io::empty(),
            )?;
            continue;
        }
        let mut header = tar::Header::new_gnu();
        header.set_mode(if file.runs { 0o755 } else { 0o644 });
        header.set_size(file.bytes.len() as u64);
        header.set_mtime(now);
        archive.append_data(&mut header, path, file.bytes.as_slice())?;
    }
    archive.into_inner()
}

/// Runs the role's `setup`; what it exports.
pub(crate) async fn run(
    place: &Place,
    context: &Context<'_>,
    secrets: &Secrets,
    role: &str,
    node: &NodeRecord,
) -> Result<BTreeMap<String, String>, LabError> {
    let text = |name: &str| {
        let found = context.parts.text(name);
        found.ok_or_else(|| LabError::failed(format!("testenv has no {name}")))
    };
    let mark = word(16)?;
    let script = script(
        context,
        secrets,
        role,
        &mark,
        &text("roles/lib.sh")?,
        &text(&format!("roles/{role}/setup"))?,
    );
    let said = place
        .sh(place.reached(&node.instance, &node.id), &script, TIME)
        .await
        .map_err(|r| place.failed(&format!("setting up {role}"), &r))?;
    if said.code == FOREIGN {
        return Err(without_nonce(context.record, role));
    }
    let (exports, words) = exports(&String::from_utf8_lossy(&said.out), &mark);
    if said.code != 0 {
        let lines: Vec<&str> = words
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let tail = lines[lines.len().saturating_sub(LINES)..].join(" | ");
        return Err(LabError::failed(format!(
            "setting up {role} failed with code {}: {}",
            said.code,
            secrets.hide(&tail)
        ))
        .help("`--keep` leaves the lab as it is, for `runproof lab shell ROLE`"));
    }
    Ok(exports)
}

fn script(
    context: &Context<'_>,
    secrets: &Secrets,
    role: &str,
    mark: &str,
    library: &str,
    setup: &str,
) -> Zeroizing<String> {
    let mut script = Zeroizing::new(String::with_capacity(64 << 10));
    // In a container that took the node's place nothing is done.
    script.push_str(&guard(&context.record.nonce));
    // One stream, so that a failure shows what was said last.
    script.push_str("exec 2>&1\n");
    // Incus takes 126 and 127 for a shell that is not there, and says nothing of what failed.
    script.push_str("trap 'c=$?; [ $c -lt 126 ] || exit 125' EXIT\n");
    let record = context.record;
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(script, "{name}={}; export {name}", quote(value));
    };
    set("LAB_MARK", mark);
    set("LAB_NAME", record.name.as_str());
    set("LAB_ROLE", role);
    set("LAB_PROFILE", &record.profile);
    set("LAB_ENGINE", record.engine.as_str());
    set("LAB_DOMAIN", "example.com");
    set(
        "LAB_SUBNET",
        record.subnet.as_deref().unwrap_or("10.0.0.0/8"),
    );
    let roles: Vec<&str> = record.nodes.keys().map(String::as_str).collect();
    set("LAB_ROLES", &roles.join(" "));
    for (role, node) in &record.nodes {
        set(&format!("LAB_IP_{}", variable(role)), &node.address);
    }
    for (name, value) in &record.parameters {
        set(&format!("LAB_WITH_{}", variable(name)), value);
    }
    for (name, value) in secrets.iter() {
        set(name, value);
    }
    script.push_str(library);
    // In braces the shell reads the set-up whole before it begins: whatever in it reads standard
    // input would swallow the rest of the script.
    script.push_str("\n{\n");
    script.push_str(setup);
    script.push_str("\n} </dev/null\n");
    script
}

/// `alm-ci` as a part of a variable's name: `ALM_CI`.
fn variable(role: &str) -> String {
    role.to_ascii_uppercase().replace(['-', '.'], "_")
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What was exported, and the rest.
fn exports(text: &str, mark: &str) -> (BTreeMap<String, String>, String) {
    let mut found = BTreeMap::new();
    let mut rest = String::new();
    for line in text.lines() {
        let export = line.strip_prefix(mark).and_then(|export| {
            let (name, value) = export.trim_start().split_once('=')?;
            let value = BASE64.decode(value).ok()?;
            let sound = name.starts_with("LAB_")
                && name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            sound.then(|| {
                (
                    name.to_owned(),
                    String::from_utf8_lossy(&value).into_owned(),
                )
            })
        });
        match export {
            Some((name, value)) => {
                found.insert(name, value);
            }
            None => {
                rest.push_str(line);
                rest.push('\n');
            }
        }
    }
    (found, rest)
}

/// Asks a node which versions it runs.
pub(crate) async fn played(
    place: &Place,
    context: &Context<'_>,
    spec: &RoleSpec,
    node: &NodeRecord,
) -> Vec<Played> {
    let reached = place.reached(&node.instance, &node.id);
    let mut script = String::from("PATH=/opt/gbo/bin:$PATH:/usr/sbin\n");
    for (at, program) in spec.runs.iter().enumerate() {
        if let Some(command) = &program.version {
            let _ = writeln!(
                script,
                "printf '{at} '; {{ {command}; }} 2>/dev/null </dev/null | head -n 1 | grep -o '[0-9][0-9A-Za-z.+~:-]*' | head -n 1; echo"
            );
        }
    }
    let text = match place.sh(reached, &script, LAY).await {
        Ok(said) => String::from_utf8_lossy(&said.out).into_owned(),
        Err(_) => String::new(),
    };
    spec.runs
        .iter()
        .enumerate()
        .map(|(at, program)| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{at} ")));
            Played {
                service: program.service.clone(),
                version: line
                    .map(str::trim)
                    .filter(|v| !v.is_empty())
                    .map(str::to_owned),
                standin: program
                    .standin
                    .as_ref()
                    .is_some_and(|path| !context.programs.contains_key(path)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_told_from_what_is_said_and_names_are_checked() {
        let text = format!(
            "hello\nm LAB_TOKEN={}\nm PATH={}\nm LAB_BAD=***\nbye",
            BASE64.encode("a\nb"),
            BASE64.encode("/evil")
        );
        let (found, rest) = exports(&text, "m");
        assert_eq!(
            found,
            BTreeMap::from([("LAB_TOKEN".to_owned(), "a\nb".to_owned())])
        );
        assert!(rest.contains("hello\n") && rest.contains("PATH=") && rest.contains("LAB_BAD"));
    }

    #[test]
    fn a_set_up_compares_the_nonce_before_anything_else() {
        let record = crate::proof::tests::record();
        let context = Context {
            parts: &Parts::load().unwrap(),
            record: &record,
            standin: &[],
            programs: &Programs::new(),
        };
        let script = script(
            &context,
            &Secrets::default(),
            "dns",
            "m",
            "library",
            "setup",
        );
        assert!(script.starts_with(&guard("n")));
    }

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        assert_eq!(quote("a'; rm -rf / #"), r"'a'\''; rm -rf / #'");
    }
}
