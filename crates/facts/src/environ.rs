//! The environment of a running process, as `/proc` shows it.

use std::collections::HashMap;

use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::open_map::OpenMap;
use crate::scrub;
use crate::secret::{Key, Secret};

/// What shows the environment of a process.
pub(crate) const TEXT: &str = r#"exec cat -- "/proc/$1/environ""#;

/// The look at the environment of process `pid`.
pub fn ask(pid: u32) -> Ask {
    Ask::Run(Command {
        seconds: 5,
        cap: 1 << 20,
        ..Command::new("environ", TEXT)
            .args([pid.to_string()])
            .batch(Batch::Each)
    })
}

/// The variables; never absent. A process may write over its
/// own environment, so this is what it was started with only as far as it left it alone.
pub fn read(answers: &Answers, pid: u32) -> Observed<HashMap<String, String>> {
    let ran = match answers.run(&ask(pid)) {
        Ok(ran) => ran,
        Err(reason) => return Observed::Unknown(reason),
    };
    if ran.code != 0 {
        let text = ran.out.trim();
        return if text.ends_with("No such file or directory") || text.ends_with("No such process") {
            // Nobody saw what it had; that is no proof that it had nothing.
            Observed::unknown(
                ReasonKind::Failed,
                format!("process {pid} ended while we looked"),
            )
        } else if text.ends_with("Permission denied") || text.ends_with("Operation not permitted") {
            Observed::unknown(ReasonKind::Permission, text)
        } else {
            Observed::unknown(ReasonKind::Failed, text)
        };
    }
    let mut variables = HashMap::new();
    for entry in ran.out.split('\0').filter(|entry| !entry.is_empty()) {
        let Some((name, value)) = entry.split_once('=') else {
            return Observed::unknown(
                ReasonKind::Garbled,
                format!("process {pid} has written over its environment"),
            );
        };
        // Of two, `getenv` returns the first.
        variables
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
    }
    Observed::Known(variables)
}

/// The declared variables, plain and secret; of an unknown environment each one is unknown.
pub fn declared<'a>(
    plain: &[String],
    secret: &[String],
    key: &Key,
    find: impl Fn(&str) -> Observed<&'a str>,
) -> (OpenMap<String>, OpenMap<Secret>) {
    (
        OpenMap::declared(plain, |name| {
            find(name).and_then(|value| scrub::plain(name, value))
        }),
        OpenMap::declared(secret, |name| {
            find(name).map(|value| Secret::of(value.as_bytes(), key))
        }),
    )
}

/// The names of variables, sorted.
pub fn names(variables: &Observed<HashMap<String, String>>) -> Observed<Vec<String>> {
    variables.as_ref().map(|map| {
        let mut names: Vec<String> = map.keys().map(|name| one_line(name, 255)).collect();
        names.sort();
        names
    })
}

/// Looks a name up in variables that may be unknown.
pub fn lookup<'a>(
    variables: &'a Observed<HashMap<String, String>>,
    name: &str,
) -> Observed<&'a str> {
    match variables {
        Observed::Known(map) => map.get(name).map(String::as_str).into(),
        Observed::Absent => Observed::Absent,
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    }
}

/// Refuses what cannot be the name of a variable.
pub(crate) fn check_names<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    for name in names {
        let valid = !name.is_empty()
            && name.len() <= 255
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
        if !valid {
            return Err(format!("{name:?} is not the name of a variable"));
        }
    }
    Ok(())
}

/// Refuses names that say that their values are secret: a suite may come from a
/// pull request, and what it declares plain is recorded and shown.
pub(crate) fn check_plain<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    match names.into_iter().find(|name| scrub::names_a_secret(name)) {
        Some(name) => Err(format!(
            "{name:?} is secret by its name: declare it as secret"
        )),
        None => Ok(()),
    }
}

/// The reason for what nobody could look at because there are too many.
pub(crate) fn too_many(what: &str, max: usize) -> Reason {
    Reason::new(ReasonKind::CapReached, format!("more than {max} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_a_closed_or_ended_process_is_unknown() {
        let look = |code, out: &str| read(&Answers::new().with(ask(5), code, out), 5);
        assert!(
            matches!(look(1, "cat: /proc/5/environ: Permission denied\n"), Observed::Unknown(r) if r.kind == ReasonKind::Permission)
        );
        assert!(matches!(
            look(1, "cat: /proc/5/environ: No such file or directory\n"),
            Observed::Unknown(_)
        ));
        assert!(
            matches!(look(0, "nginx: master process"), Observed::Unknown(r) if r.kind == ReasonKind::Garbled)
        );
        let Observed::Known(map) = look(0, "A=1\0B=2=3\0A=4\0") else {
            panic!()
        };
        assert_eq!((map["A"].as_str(), map["B"].as_str()), ("1", "2=3"));
    }

    #[test]
    fn a_secret_cannot_be_declared_plain() {
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        assert!(check_plain(&names(&["VAULT_ADDR", "BOTSERVER_URL", "DATA_DIR"])).is_ok());
        for name in [
            "VAULT_TOKEN",
            "DB_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "api_key",
        ] {
            assert!(check_plain(&names(&[name])).is_err(), "{name}");
        }
    }

    #[test]
    fn a_plain_value_that_looks_like_a_secret_is_not_told() {
        let key = Key::new([7; 32]);
        let value = |value: &'static str| {
            let names = ["DATABASE_URL".to_owned()];
            let (plain, _) = declared(&names, &[], &key, |_| Observed::Known(value));
            plain.get("DATABASE_URL").cloned()
        };
        let told = value("postgres://tables:5432/bots");
        assert_eq!(
            told,
            Some(Observed::Known("postgres://tables:5432/bots".into()))
        );
        for secret in [
            "postgres://gb:hunter2@tables:5432/bots",
            "hvs.CAESIJ4fGxyz12345678",
        ] {
            assert!(
                matches!(value(secret), Some(Observed::Unknown(_))),
                "{secret}"
            );
        }
    }
}
