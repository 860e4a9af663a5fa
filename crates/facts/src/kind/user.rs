//! A user account.

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::look::account;
use crate::quote::sh;
use crate::reads::Reads;

/// Which user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    /// The user's name.
    pub user: String,
}

/// A user account. Proven absent only by `getent`, or by `/etc/passwd` where
/// nsswitch.conf names no other source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Whether there is such a user.
    pub exists: Observed<bool>,
    /// The user's number.
    pub uid: Observed<u64>,
    /// The primary group's number.
    pub gid: Observed<u64>,
    /// The primary group's name; its number where it has none.
    pub group: Observed<String>,
    /// The names of all groups, the primary one first.
    pub groups: Observed<Vec<String>>,
    /// Home directory.
    pub home: Observed<String>,
    /// Login shell; absent when the entry leaves it empty.
    pub shell: Observed<String>,
}

impl Fact for User {
    const KIND: &'static str = "user";
    const ABOUT: &'static str = "A user account: numbers, groups, home directory, login shell.";
    type Query = UserQuery;

    fn check(query: &UserQuery) -> Result<(), String> {
        account::check_name(&query.user)
    }

    fn asks(query: &UserQuery) -> Vec<Ask> {
        account::asks(&query.user)
    }

    fn asks_for(query: &UserQuery, reads: &Reads) -> Vec<Ask> {
        if reads.want_any(&["group", "groups"]) {
            Self::asks(query)
        } else {
            vec![account::entry(&query.user)]
        }
    }

    fn read(query: &UserQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let account = account::read(&query.user, answers);
        let groups = account.clone().and_then(|account| account.groups);
        Reading::Done(Observed::Known(Self {
            exists: account.exists(),
            uid: account.as_ref().map(|account| u64::from(account.uid)),
            gid: account.as_ref().map(|account| u64::from(account.gid)),
            group: groups
                .as_ref()
                .and_then(|groups| groups.first().map(|(_, name)| name.clone()).into()),
            groups: groups.map(|groups| groups.into_iter().map(|(_, name)| name).collect()),
            home: account.as_ref().map(|account| account.home.clone()),
            shell: account
                .and_then(|account| Some(account.shell).filter(|shell| !shell.is_empty()).into()),
        }))
    }

    fn by_hand(query: &UserQuery) -> String {
        let name = sh(&query.user);
        format!("getent passwd {name}; id {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn fact(name: &str) -> User {
        match testing::fact::<User>(&UserQuery { user: name.into() }) {
            Observed::Known(user) => user,
            other @ (Observed::Absent | Observed::Unknown(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn root_of_this_machine_is_described() {
        let root = fact("root");
        assert_eq!(root.uid, Observed::Known(0));
        assert_eq!(root.group, Observed::Known("root".into()));
        assert_eq!(root.home, Observed::Known("/root".into()));
        assert_eq!(root.groups.known().unwrap()[0], "root");
    }

    #[test]
    fn a_user_that_is_not_there_is_absent() {
        let none = fact("no-such-user-here");
        assert_eq!(none.exists, Observed::Known(false));
        assert_eq!(none.uid, Observed::Absent);
    }

    #[test]
    fn a_user_without_a_shell_has_none() {
        let out = "getent 0 svc:x:998:997::/:\nid 0 uid=998(svc) gid=997(svc) groups=997(svc)\n";
        let query = UserQuery { user: "svc".into() };
        let user: User = testing::read(&query, &testing::account("svc", out));
        assert_eq!(user.shell, Observed::Absent);
        assert_eq!(user.groups, Observed::Known(vec!["svc".into()]));
    }
}
