//! Real servers out of public images, for `--images upstream`, where a registry can be reached.
//!
//! Only the programs are taken, by Docker's own client; the node stays what its role makes of it.
//! Nothing falls back in silence: what cannot be had is an error that says how to go on without.

use std::collections::BTreeMap;
use std::process::Stdio;

use tokio::process::Command;

use runproof_model::site::Engine as Kind;
use runproof_site::engine::socket_of;

use crate::Events;
use crate::engine::{LAB, NONCE, ROLE, client_environment};
use crate::error::LabError;
use crate::journal::{Journal, Made};
use crate::record::Record;
use crate::role::{Roles, Upstream};

/// Programs by the path in the node that they take from a stand-in.
pub(crate) type Programs = BTreeMap<String, Vec<u8>>;

/// The programs of every role that names a public image.
pub(crate) async fn fetch(
    record: &Record,
    journal: &Journal,
    roles: &Roles,
    events: &dyn Events,
) -> Result<Programs, LabError> {
    let mut programs = Programs::new();
    for (role, spec) in roles.iter() {
        let Some(upstream) = &spec.upstream else {
            continue;
        };
        events.note(&format!("{role}: taking {}", upstream.image));
        programs.extend(take(record, journal, upstream).await?);
    }
    Ok(programs)
}

async fn take(
    record: &Record,
    journal: &Journal,
    upstream: &Upstream,
) -> Result<Programs, LabError> {
    let image = upstream.image.as_str();
    docker(&["pull", "--quiet", image]).await.map_err(|why| {
        LabError::machine(format!("no registry gives {image}: {why}"))
            .help("without `--images upstream` a stand-in plays it; so it does with `--fall-back`")
    })?;
    // With the lab's labels, and written down, so that it goes with the lab should we be killed.
    let name = record.name.instance("image");
    let made = Made::Instance { name: name.clone() };
    journal.will(Kind::Docker, made)?;
    let mut words = vec!["create", "--name", &name];
    let labels = [
        format!("{LAB}={}", record.name),
        format!("{NONCE}={}", record.nonce),
        format!("{ROLE}=image"),
    ];
    for label in &labels {
        words.extend(["--label", label]);
    }
    words.push(image);
    let failed = |why: String| LabError::failed(format!("{image}: {why}"));
    let created = docker(&words).await.map_err(failed)?;
    let id = String::from_utf8_lossy(&created).trim().to_owned();
    let mut programs = Programs::new();
    let mut result = Ok(());
    for (from, to) in &upstream.take {
        // `-` is an archive of that one file on standard output; `-L` follows a link in the image.
        let copied = docker(&["cp", "-L", &format!("{id}:{from}"), "-"]).await;
        match copied
            .map_err(failed)
            .and_then(|archive| only_file(&archive).map_err(failed))
        {
            Ok(bytes) => {
                programs.insert(to.clone(), bytes);
            }
            Err(error) => result = Err(error),
        }
    }
    let _ = docker(&["rm", "-fv", &id]).await;
    result.map(|()| programs)
}

/// The one file of an archive.
fn only_file(archive: &[u8]) -> Result<Vec<u8>, String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().map_err(|e| e.to_string())?;
    for entry in entries {
        let mut entry = entry.map_err(|e| e.to_string())?;
        if entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).map_err(|e| e.to_string())?;
            return Ok(bytes);
        }
    }
    Err("no such file in it".to_owned())
}

/// Docker's client, at the daemon at which what it makes is looked for later.
async fn docker(words: &[&str]) -> Result<Vec<u8>, String> {
    let socket = socket_of(Kind::Docker).map_err(|reason| reason.to_string())?;
    let output = Command::new("docker")
        .args(words)
        .envs(client_environment(Kind::Docker, &socket, ""))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| format!("docker, which takes programs out of images: {e}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = error.lines().rev().find(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it failed").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_comes_out_of_its_archive_whole() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o755);
        archive
            .append_data(&mut header, "vault", b"hello".as_slice())
            .unwrap();
        let archive = archive.into_inner().unwrap();
        assert_eq!(only_file(&archive).unwrap(), b"hello");
        assert!(only_file(&[]).is_err());
    }
}
