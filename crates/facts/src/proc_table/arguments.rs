//! The command lines of processes: each is its process's own text.

use std::collections::HashMap;

use runproof_model::{Observed, Reason, ReasonKind};

use super::{garbled, headed, process_file};

/// The most bytes that are taken of one `cmdline`; the text below says the same.
const CMDLINE_CAP: usize = 32_768;

/// Command lines by process number; an error when a header was forged.
pub(super) fn parse(text: &str) -> Result<HashMap<u32, Observed<Vec<String>>>, Reason> {
    let forged = || garbled("a command line that looks like a header");
    let mut map = HashMap::new();
    if !text.is_empty() && !text.starts_with("==> /proc/") {
        return Err(forged());
    }
    let mut last = String::new();
    for (path, content) in headed(text) {
        let Some((pid, "cmdline")) = process_file(path) else {
            return Err(forged());
        };
        // The shell sorts what a pattern stands for.
        if path <= last.as_str() {
            return Err(forged());
        }
        path.clone_into(&mut last);
        map.insert(pid, split_cmdline(content));
    }
    Ok(map)
}

fn split_cmdline(content: &str) -> Observed<Vec<String>> {
    if content.len() >= CMDLINE_CAP {
        return Observed::unknown(
            ReasonKind::CapReached,
            format!("a command line of more than {CMDLINE_CAP} bytes"),
        );
    }
    if content.is_empty() {
        return Observed::Known(Vec::new());
    }
    let content = content.strip_suffix('\0').unwrap_or(content);
    let mut args: Vec<String> = content.split('\0').map(str::to_owned).collect();
    // A process that writes its own title leaves the rest of its space empty.
    if args.iter().skip(1).all(String::is_empty) {
        args.truncate(1);
    }
    Observed::Known(args)
}
