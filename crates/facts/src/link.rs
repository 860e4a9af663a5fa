//! Links on the way to a file that is opened: where they lead, and whether that is allowed.
//!
//! The allow-list speaks of names, `head` follows links: a link below an allowed
//! folder, put there by whoever may write to it, would bring any file of the node.
//! So the script says first which of its paths go through a link and where they end;
//! what ends elsewhere is thrown away before any kind sees it. Paths without a link,
//! which are nearly all, cost no process.

use std::collections::HashMap;
use std::fmt::Write as _;

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::{Answer, Answers};
use crate::ask::Ask;
use crate::content::ContentPolicy;
use crate::quote::sh;

/// The name of the section.
pub(crate) const SECTION: &str = "links";

/// A look that opens a file, and the path at which it ends when a link is on the
/// way; nothing when nobody could say.
pub type Led = (Ask, Option<String>);

/// The path that a look opens, whether or not it brings its content.
pub(crate) fn opened(ask: &Ask) -> Option<&str> {
    match ask {
        Ask::Read { path, .. } | Ask::Slice { path, .. } | Ask::Digest { path } => Some(path),
        Ask::Stat { .. } | Ask::List { .. } | Ask::Run(_) | Ask::Instance | Ask::Service(_) => None,
    }
}

/// The shell text of the section; `limit` stands before each program that it starts.
/// A record is a line of the look's number and the path, and the path stays in the
/// [variable](end_of) of the look.
pub(crate) fn text(asks: &[Ask], limit: &str) -> String {
    let mut words = String::new();
    for (index, ask) in asks.iter().enumerate() {
        if let Some(path) = opened(ask) {
            let _ = write!(words, " {}", sh(&format!("{index}:{path}")));
        }
    }
    if words.is_empty() {
        return String::new();
    }
    format!(
        "b {SECTION}\nfor q in{words}; do p=${{q#*:}}; t=$p; while [ -n \"$t\" ]; do \
         if [ -L \"$t\" ]; then t=$({limit}readlink -f -- \"$p\" 2>/dev/null); \
         printf '%s %s\\n' \"${{q%%:*}}\" \"$t\"; eval \"K${{q%%:*}}=\\$t\"; break; fi; \
         t=${{t%/*}}; done; done </dev/null\ne {SECTION} 0\n"
    )
}

/// The variable of the script that holds where the path of look `index` leads, when it leads elsewhere.
pub(crate) fn end_of(index: usize) -> String {
    format!("K{index}")
}

/// What the section says; without it nothing is known of any path.
pub(crate) fn read(asks: &[Ask], section: Option<&[u8]>) -> Vec<Led> {
    let opening = || {
        asks.iter()
            .enumerate()
            .filter(|(_, ask)| opened(ask).is_some())
    };
    let Some(section) = section else {
        return opening().map(|(_, ask)| (ask.clone(), None)).collect();
    };
    let text = String::from_utf8_lossy(section);
    let mut ends: HashMap<&str, Option<&str>> = HashMap::new();
    for line in text.lines() {
        let (index, path) = line.split_once(' ').unwrap_or((line, ""));
        let path = Some(path).filter(|path| path.starts_with('/') && !path.contains('\u{fffd}'));
        // A name with a newline may look like a record: of two nobody knows which is true.
        ends.entry(index)
            .and_modify(|known| *known = None)
            .or_insert(path);
    }
    opening()
        .filter_map(|(index, ask)| {
            let end = ends.get(index.to_string().as_str())?;
            Some((ask.clone(), end.map(str::to_owned)))
        })
        .collect()
}

/// Takes back what was read at the end of a link that leads to where nothing may be read.
pub fn take_back(policy: &ContentPolicy, led: &[Led], answers: &mut Answers) {
    for (ask, end) in led {
        let path = opened(ask).unwrap_or_default();
        let detail = match end {
            Some(end) if policy.permits(ask, end) => continue,
            Some(end) => format!("{path} leads to {end}, which is not on the allow-list"),
            // What was not read needs no permission, and may be proved absent.
            None if !matches!(answers.bytes(ask), Observed::Known(_)) => continue,
            None => format!("{path} is reached through a link, and nobody can say where it leads"),
        };
        let reason = Reason::new(ReasonKind::NotAllowed, detail);
        answers.insert(ask.clone(), Answer::Missing(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;
    use std::process::{Command, Stdio};

    fn looked(asks: &[Ask]) -> script::Output {
        let text = script::compose(
            asks,
            "0123456789abcdef0123456789abcdef",
            script::Guard::Each,
        );
        let mut child = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let missing = Reason::new(ReasonKind::Unreachable, "gone");
        script::take_apart(
            asks,
            "0123456789abcdef0123456789abcdef",
            &output.stdout,
            &missing,
        )
    }

    #[test]
    fn a_link_out_of_the_allowed_folders_brings_nothing() {
        let base = std::env::temp_dir().join(format!("runproof-link-{}", std::process::id()));
        std::fs::create_dir_all(base.join("allowed/deep")).unwrap();
        std::fs::create_dir_all(base.join("secret")).unwrap();
        std::fs::write(base.join("secret/shadow"), "root:x").unwrap();
        std::fs::write(base.join("allowed/deep/plain"), "plain").unwrap();
        symlink("../secret/shadow", base.join("allowed/direct")).unwrap();
        symlink("../secret", base.join("allowed/folder")).unwrap();
        symlink("deep", base.join("allowed/inside")).unwrap();
        symlink("../secret/none", base.join("allowed/dangling")).unwrap();
        symlink("loop", base.join("allowed/loop")).unwrap();
        symlink("/proc/self/environ", base.join("allowed/pseudo")).unwrap();
        let base = base.canonicalize().unwrap();
        let path = |name: &str| base.join("allowed").join(name).to_str().unwrap().to_owned();
        let names = [
            "deep/plain",
            "inside/plain",
            "direct",
            "folder/shadow",
            "dangling",
            "none",
            "loop",
        ];
        let mut asks: Vec<Ask> = names.iter().map(|name| Ask::read(path(name))).collect();
        asks.push(Ask::Slice {
            path: path("direct"),
            offset: 0,
            len: 4,
        });
        asks.push(Ask::Digest {
            path: path("pseudo"),
        });
        let mut output = looked(&asks);
        let policy = ContentPolicy {
            allow: vec![format!("{}/allowed/**", base.display())],
        };
        take_back(&policy, &output.led, &mut output.answers);
        std::fs::remove_dir_all(&base).unwrap();
        let seen: Vec<&str> = asks
            .iter()
            .map(|ask| match output.answers.bytes(ask) {
                Observed::Known(_) => "known",
                Observed::Absent => "absent",
                Observed::Unknown(reason) => reason.kind.as_str(),
            })
            .collect();
        let refused = ReasonKind::NotAllowed.as_str();
        let failed = ReasonKind::Failed.as_str();
        assert_eq!(
            seen,
            [
                "known", "known", refused, refused, refused, "absent", failed, refused, refused
            ]
        );
    }

    #[test]
    fn without_the_section_nothing_that_was_read_is_believed() {
        let asks = [Ask::read("/a"), Ask::stat("/b")];
        let mut answers = Answers::new().with(asks[0].clone(), 0, "x");
        take_back(&ContentPolicy::default(), &read(&asks, None), &mut answers);
        assert!(matches!(answers.bytes(&asks[0]), Observed::Unknown(_)));
    }

    #[test]
    fn a_name_with_a_newline_forges_no_record() {
        let asks = [Ask::read("/opt/gbo/conf/a")];
        let led = read(&asks, Some(b"0 /etc/shadow\n0 /opt/gbo/conf/b\n"));
        assert_eq!(led, [(asks[0].clone(), None)]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(section in proptest::collection::vec(any::<u8>(), 0..200)) {
            let asks = [Ask::read("/a"), Ask::read("/b")];
            let _ = read(&asks, Some(&section));
        }
    }
}
