//! The programs of processes, as `stat` prints the links of `/proc`.

use std::collections::HashMap;

use runproof_model::Reason;

use super::{garbled, process_file};

/// Lines of `0 root "/proc/1/exe" -> "/usr/bin/x"`: a link that could not be
/// read has no arrow. Raw names (busybox) are believed when each number comes once.
pub(super) fn parse(text: &str) -> Result<HashMap<u32, Option<String>>, Reason> {
    let mut map = HashMap::new();
    for line in text.lines() {
        let Some(names) = line.splitn(3, ' ').nth(2) else {
            continue;
        };
        let (link, target) = match names.split_once(" -> ") {
            Some((link, target)) => (link, Some(target)),
            None => (names, None),
        };
        let Some((pid, "exe")) = process_file(link.trim_matches(['"', '\''])) else {
            continue;
        };
        let target = match target {
            Some(target) => {
                Some(unquote(target).ok_or_else(|| garbled("a name that ends nowhere"))?)
            }
            None => None,
        };
        if map.insert(pid, target).is_some() {
            return Err(garbled("two programs for one process"));
        }
    }
    Ok(map)
}

/// A name as `stat` quotes it: `"C style"`, `'shell style'` or raw between apostrophes.
pub(super) fn unquote(name: &str) -> Option<String> {
    if let Some(inner) = name.strip_prefix('"') {
        let inner = inner.strip_suffix('"')?;
        if !inner.contains('\\') {
            return Some(inner.to_owned());
        }
        let mut bytes = Vec::with_capacity(inner.len());
        let mut rest = inner.as_bytes();
        while let Some((&b, tail)) = rest.split_first() {
            rest = tail;
            if b != b'\\' {
                bytes.push(b);
                continue;
            }
            let (&c, tail) = rest.split_first()?;
            rest = tail;
            bytes.push(match c {
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                b'0'..=b'7' => {
                    let mut value = u32::from(c - b'0');
                    for _ in 0..2 {
                        match rest.split_first() {
                            Some((&d @ b'0'..=b'7', tail)) => {
                                value = value * 8 + u32::from(d - b'0');
                                rest = tail;
                            }
                            _ => break,
                        }
                    }
                    u8::try_from(value).ok()?
                }
                other => other,
            });
        }
        return Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    match name.strip_prefix('\'') {
        Some(inner) => inner.strip_suffix('\'').map(str::to_owned),
        None => Some(name.to_owned()),
    }
}
