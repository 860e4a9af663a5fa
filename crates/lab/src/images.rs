//! The images of nodes: built by the one script that CI uses too, `testenv/bin/images`.
//!
//! The script keeps them by the digest of what they are made of, one build at a time, and hands a
//! finished one to the engine. It ends when its standard input does, so that a killed `lab up`
//! takes it along.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use runproof_site::CancellationToken;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::Events;
use crate::engine::Place;
use crate::error::{LabError, io};
use crate::parts::Parts;

/// The image of each name, in the engine's terms; they are built when they are missing.
pub(crate) async fn ready(
    parts: &Parts,
    place: &Place,
    names: &[String],
    folder: &Path,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<BTreeMap<String, String>, LabError> {
    // The script and its lists may be compiled in; it reads them from files.
    let laid = folder.join("images");
    for (below, file) in parts.under("images") {
        lay(&laid.join("images").join(below), &file.bytes)?;
    }
    let script = laid.join("bin/images");
    let text = parts
        .get("bin/images")
        .ok_or_else(|| LabError::failed("testenv has no bin/images"))?;
    lay(&script, &text.bytes)?;

    let mut command = Command::new("bash");
    command
        .arg(&script)
        .arg("--with-parent")
        .arg(place.kind().as_str())
        .args(names)
        // The engine's client may be configured for another daemon than makes the nodes.
        .envs(place.client_environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at the terminal is for us; closing its input tells the script.
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|e| LabError::machine(format!("bash, which builds the images: {e}")))?;
    let input = child.stdin.take();
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(LabError::failed("a child without pipes"));
    };
    let (mut out, mut err) = (BufReader::new(out).lines(), BufReader::new(err).lines());
    let mut images = BTreeMap::new();
    let mut last = String::new();
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            () = cancel.cancelled() => {
                drop(input);
                let _ = child.wait().await;
                return Err(LabError::interrupted());
            }
            line = out.next_line(), if out_open => match line {
                Ok(Some(line)) => {
                    if let Some((name, image)) = line.split_once(' ') {
                        images.insert(name.to_owned(), image.to_owned());
                    }
                }
                Ok(None) | Err(_) => out_open = false,
            },
            line = err.next_line(), if err_open => match line {
                Ok(Some(line)) => {
                    let words = line.strip_prefix("images: ").unwrap_or(&line);
                    if line.starts_with("images: ") {
                        events.note(words);
                    }
                    words.clone_into(&mut last);
                }
                Ok(None) | Err(_) => err_open = false,
            },
        }
    }
    let status = child
        .wait()
        .await
        .map_err(|e| LabError::failed(format!("testenv/bin/images: {e}")))?;
    drop(input);
    let _ = std::fs::remove_dir_all(&laid);
    if !status.success() {
        return Err(LabError::machine(format!("the images of the nodes cannot be built: {last}"))
            .help("they are built of Debian packages by mmdebstrap, as root or by sudo, from the mirror that apt uses"));
    }
    Ok(images)
}

fn lay(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|e| io(folder, &e))?;
    std::fs::write(path, bytes).map_err(|e| io(path, &e))
}
