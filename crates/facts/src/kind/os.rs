//! The operating system of a node.

use std::collections::BTreeMap;

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Nothing;
use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::look::node;
use crate::parse::os_release;

/// The two places of os-release(5), the first one that exists counts.
const PLACES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// Nothing to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OsQuery {
    /// Written `{}`.
    pub os: Nothing,
}

/// The operating system. What os-release does not set is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Os {
    /// `ID` of os-release, such as `debian`.
    pub id: Observed<String>,
    /// `VERSION_ID`, such as `12`.
    pub version_id: Observed<String>,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub codename: Observed<String>,
    /// `PRETTY_NAME`.
    pub pretty_name: Observed<String>,
    /// The machine's hardware name as `uname -m` prints it, such as `x86_64`.
    pub architecture: Observed<String>,
    /// The kernel's release as `uname -r` prints it.
    pub kernel: Observed<String>,
}

impl Fact for Os {
    const KIND: &'static str = "os";
    const ABOUT: &'static str =
        "The operating system: os-release, kernel release, hardware architecture.";
    type Query = OsQuery;

    fn check(_: &OsQuery) -> Result<(), String> {
        Ok(())
    }

    fn asks(_: &OsQuery) -> Vec<Ask> {
        vec![node::ask(), Ask::read(PLACES[0])]
    }

    fn read(_: &OsQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let (first, second) = (Ask::read(PLACES[0]), Ask::read(PLACES[1]));
        let text = match answers.text(&first) {
            Observed::Absent if !answers.contains(&second) => return Reading::More(vec![second]),
            Observed::Absent => answers.text(&second),
            text @ (Observed::Known(_) | Observed::Unknown(_)) => text,
        };
        let release: Observed<BTreeMap<String, String>> = text.map(|text| os_release::parse(&text));
        let variable = |name: &str| {
            release
                .as_ref()
                .and_then(|release| release.get(name).cloned().into())
        };
        let (architecture, kernel) = match node::read(answers) {
            Ok(node) => (node.machine, node.kernel),
            Err(reason) => (Observed::Unknown(reason.clone()), Observed::Unknown(reason)),
        };
        Reading::Done(Observed::Known(Self {
            id: variable("ID"),
            version_id: variable("VERSION_ID"),
            codename: variable("VERSION_CODENAME"),
            pretty_name: variable("PRETTY_NAME"),
            architecture,
            kernel,
        }))
    }

    fn by_hand(_: &OsQuery) -> String {
        "cat /etc/os-release; uname -mr".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const QUERY: OsQuery = OsQuery { os: Nothing {} };
    const NODE: &str = "uname h 6.1.0-9-amd64 x86_64\n";

    #[test]
    fn a_debian_is_described() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        let answers = Answers::new()
            .with(Ask::read(PLACES[0]), 0, text)
            .with(node::ask(), 0, NODE);
        let os: Os = testing::read(&QUERY, &answers);
        assert_eq!(os.id, Observed::Known("debian".into()));
        assert_eq!(os.codename, Observed::Known("bookworm".into()));
        assert_eq!(os.architecture, Observed::Known("x86_64".into()));
        assert_eq!(os.kernel, Observed::Known("6.1.0-9-amd64".into()));
    }

    #[test]
    fn the_second_place_is_looked_at_when_the_first_is_not_there() {
        let gone = "head: cannot open '/x' for reading: No such file or directory\n";
        let answers = Answers::new()
            .with(Ask::read(PLACES[0]), 1, gone)
            .with(node::ask(), 0, NODE);
        let second = Ask::read(PLACES[1]);
        match Os::read(&QUERY, &answers, &testing::context()) {
            Reading::More(asks) => assert_eq!(asks, std::slice::from_ref(&second)),
            other @ Reading::Done(_) => panic!("{other:?}"),
        }
        let os: Os = testing::read(
            &QUERY,
            &answers.clone().with(second.clone(), 0, "ID=alpine\n"),
        );
        assert_eq!(os.id, Observed::Known("alpine".into()));
        assert_eq!(os.codename, Observed::Absent);
        let os: Os = testing::read(&QUERY, &answers.with(second, 1, gone));
        assert_eq!(os.id, Observed::Absent);
    }

    #[test]
    fn a_look_that_failed_leaves_unknowns() {
        let os: Os = testing::read(&QUERY, &Answers::new().with(node::ask(), 0, "uname \n"));
        assert!(matches!(os.id, Observed::Unknown(_)));
        assert!(matches!(os.architecture, Observed::Unknown(_)));
    }

    #[test]
    fn this_machine_is_described() {
        let Observed::Known(os) = testing::fact::<Os>(&QUERY) else {
            panic!()
        };
        assert!(os.id.known().is_some() && os.architecture.known().is_some());
    }
}
