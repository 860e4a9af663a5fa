//! The C library of a node.

use std::collections::BTreeSet;

use runproof_model::{Observed, Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Nothing;
use crate::answer::Answers;
use crate::ask::{Ask, Command};
use crate::fact::{Context, Fact, Reading};

/// `getconf` asks the library that it runs with; without it, the loaders say
/// their version. musl's loader prints it as part of its usage.
const TEXT: &str = r#"if command -v getconf >/dev/null 2>&1; then g=$(getconf GNU_LIBC_VERSION 2>&1); echo "getconf $? $g"; case $g in glibc*) exit 0 ;; esac; fi
for l in /lib/ld-musl-*.so.1; do [ -x "$l" ] && { echo 'musl loader'; "$l" 2>&1; }; done
for l in /lib64/ld-linux*.so.* /lib/ld-linux*.so.* /lib64/ld64.so.* /lib/ld64.so.*; do [ -x "$l" ] && { echo 'glibc loader'; "$l" --version 2>&1; }; done
echo end"#;

/// Nothing to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LibcQuery {
    /// Written `{}`.
    pub libc: Nothing,
}

/// The C library that the node's programs use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Libc {
    /// `glibc` or `musl`.
    pub name: Observed<String>,
    /// Its version, such as `2.36`.
    pub version: Observed<String>,
}

fn ask() -> Ask {
    Ask::Run(Command {
        cap: 64 << 10,
        ..Command::new("libc", TEXT)
    })
}

fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    text.len() <= 16
        && text.contains('.')
        && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Name and version out of what the node said.
fn parse(text: &str) -> Result<(&'static str, Observed<String>), Reason> {
    let unsure = |what: &str| Reason::new(ReasonKind::Unsupported, what);
    let mut getconf = None;
    let (mut glibc, mut musl) = (false, false);
    let mut versions: [BTreeSet<&str>; 2] = Default::default();
    for line in text.lines() {
        if let Some(answer) = line.strip_prefix("getconf ") {
            getconf = Some(answer);
        } else if line == "musl loader" {
            musl = true;
        } else if line == "glibc loader" {
            glibc = true;
        } else if let Some(version) = line.strip_prefix("Version ") {
            versions[1].insert(version.trim());
        } else if let Some((_, version)) = line.split_once(" release version ") {
            versions[0].insert(version.trim().trim_end_matches('.'));
        }
    }
    if let Some(version) = getconf.and_then(|answer| answer.strip_prefix("0 glibc ")) {
        let version = version.trim();
        return if is_version(version) {
            Ok(("glibc", Observed::Known(version.to_owned())))
        } else {
            Err(Reason::new(
                ReasonKind::Garbled,
                format!("getconf: {version}"),
            ))
        };
    }
    let (name, versions) = match (glibc, musl, getconf.is_some()) {
        // A getconf that knows no glibc is not glibc's, so glibc's loader is a guest here.
        (_, true, true) | (false, true, false) => ("musl", &versions[1]),
        (true, false, _) => ("glibc", &versions[0]),
        (true, true, false) => {
            return Err(unsure("loaders of both glibc and musl, and no getconf"));
        }
        (false, false, _) => return Err(unsure("no getconf and no loader in its usual place")),
    };
    let mut found = versions.iter();
    let version = match (found.next(), found.next()) {
        (Some(version), None) if is_version(version) => Observed::Known((*version).to_owned()),
        (Some(_), None) => Observed::unknown(ReasonKind::Garbled, "the loader's version"),
        (None, _) => Observed::unknown(
            ReasonKind::Unsupported,
            "the loader does not say its version",
        ),
        (Some(_), Some(_)) => {
            Observed::unknown(ReasonKind::Unsupported, "loaders of several versions")
        }
    };
    Ok((name, version))
}

impl Fact for Libc {
    const KIND: &'static str = "libc";
    const ABOUT: &'static str = "The C library: glibc or musl, and its version.";
    type Query = LibcQuery;

    fn check(_: &LibcQuery) -> Result<(), String> {
        Ok(())
    }

    fn asks(_: &LibcQuery) -> Vec<Ask> {
        vec![ask()]
    }

    fn read(_: &LibcQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let found = answers.run(&ask()).and_then(|ran| parse(&ran.out));
        let found = Observed::from(found);
        Reading::Done(Observed::Known(Self {
            name: found.as_ref().map(|(name, _)| (*name).to_owned()),
            version: found.and_then(|(_, version)| version),
        }))
    }

    fn by_hand(_: &LibcQuery) -> String {
        "getconf GNU_LIBC_VERSION || ldd --version".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;
    use rstest::rstest;

    const QUERY: LibcQuery = LibcQuery { libc: Nothing {} };
    const MUSL: &str = "musl loader\nmusl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\nUsage: /lib/ld-musl-x86_64.so.1 [options] [--] pathname [args]\n";
    const GLIBC: &str = "glibc loader\nld.so (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\nCopyright (C) 2022\n";
    const OLD: &str = "glibc loader\n--version: error while loading shared libraries: --version: cannot open shared object file\n";
    const NO_GETCONF: &str = "getconf 1 getconf: GNU_LIBC_VERSION: unknown variable\n";

    fn seen(out: &str) -> String {
        let libc: Libc = testing::read(&QUERY, &Answers::new().with(ask(), 0, out));
        let word = |field: Observed<String>| match field {
            Observed::Known(text) => text,
            Observed::Absent => "absent".into(),
            Observed::Unknown(_) => "?".into(),
        };
        format!("{} {}", word(libc.name), word(libc.version))
    }

    #[rstest]
    #[case::getconf("getconf 0 glibc 2.36\n".into(), "glibc 2.36")]
    #[case::alpine(format!("{NO_GETCONF}{MUSL}end\n"), "musl 1.2.4")]
    #[case::alpine_with_a_glibc_loader(format!("{NO_GETCONF}{MUSL}{GLIBC}end\n"), "musl 1.2.4")]
    #[case::musl_alone(format!("{MUSL}end\n"), "musl 1.2.4")]
    #[case::loader(format!("{GLIBC}end\n"), "glibc 2.36")]
    #[case::twice_the_same(format!("{GLIBC}{GLIBC}end\n"), "glibc 2.36")]
    #[case::two_versions(format!("{GLIBC}{}end\n", GLIBC.replace("2.36.", "2.31.")), "glibc ?")]
    #[case::loader_of_old(format!("{OLD}end\n"), "glibc ?")]
    #[case::both(format!("{MUSL}{GLIBC}end\n"), "? ?")]
    #[case::neither("end\n".into(), "? ?")]
    #[case::nonsense("getconf 0 glibc latest\n".into(), "? ?")]
    fn the_c_library_is_named_only_when_it_is_sure(#[case] out: String, #[case] expected: &str) {
        assert_eq!(seen(&out), expected);
    }

    #[test]
    fn this_machine_has_a_c_library() {
        let Observed::Known(libc) = testing::fact::<Libc>(&QUERY) else {
            panic!()
        };
        assert!(libc.version.known().is_some(), "{libc:?}");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(out in "(getconf |0 glibc |Version | release version |(musl|glibc) loader|[0-9.\n])*") {
            let _ = seen(&out);
        }
    }
}
