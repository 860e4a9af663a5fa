//! The output of `systemctl show`.

use std::collections::HashMap;

use runproof_model::{Reason, ReasonKind};

use super::words::unescape;

/// The properties of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(HashMap<&'static str, Vec<String>>);

/// A command as the manager shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCommand {
    /// The program.
    pub path: String,
    /// Its arguments joined with single spaces: where one ends is not shown.
    pub line: String,
}

/// Properties of which `show` prints a line each time they occur.
const REPEATED: [&str; 2] = ["ExecStart", "EnvironmentFiles"];

impl Properties {
    /// Reads the output of `systemctl show -p KEYS`. A line that does not begin
    /// with one of the keys belongs to the value before it.
    pub fn parse(text: &str, keys: &[&'static str]) -> Result<Self, Reason> {
        let garbled =
            |what: &str| Reason::new(ReasonKind::Garbled, format!("systemctl show: {what}"));
        let mut map: HashMap<&'static str, Vec<String>> = HashMap::new();
        let mut last: Option<&'static str> = None;
        for line in text.lines() {
            let known = line
                .split_once('=')
                .and_then(|(key, value)| Some((*keys.iter().find(|k| **k == key)?, value)));
            match (known, last) {
                (Some((key, value)), _) => {
                    let values = map.entry(key).or_default();
                    if !values.is_empty() && !REPEATED.contains(&key) {
                        return Err(garbled(&format!("{key} came twice")));
                    }
                    values.push(value.to_owned());
                    last = Some(key);
                }
                (None, Some(key)) => {
                    if let Some(value) = map.get_mut(key).and_then(|values| values.last_mut()) {
                        value.push('\n');
                        value.push_str(line);
                    }
                }
                (None, None) if line.trim().is_empty() => {}
                (None, None) => return Err(garbled(line)),
            }
        }
        if map.is_empty() {
            return Err(garbled("it said nothing"));
        }
        Ok(Self(map))
    }

    /// A property that was shown, even if empty.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)?
            .first()
            .map(|value| value.trim_end_matches('\n'))
    }

    /// A property that was shown and is not empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.raw(key).filter(|value| !value.is_empty())
    }

    /// The words of a property that holds names or paths.
    pub fn words(&self, key: &str) -> Option<Vec<String>> {
        split(self.raw(key)?)
    }

    /// `Environment`: names and values.
    pub fn environment(&self) -> Option<HashMap<String, String>> {
        split(self.raw("Environment")?)?
            .into_iter()
            .map(|word| {
                let (name, value) = word.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// `ExecStart`: an error when a line has not the form we know.
    pub fn exec_start(&self) -> Option<Vec<ShownCommand>> {
        let Some(lines) = self.0.get("ExecStart") else {
            return Some(Vec::new());
        };
        lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let (path, rest) = line.strip_prefix("{ path=")?.split_once(" ; argv[]=")?;
                let (line, _) = rest.rsplit_once(" ; ignore_errors=")?;
                Some(ShownCommand {
                    path: path.to_owned(),
                    line: line.to_owned(),
                })
            })
            .collect()
    }

    /// `EnvironmentFiles`: path, and whether it may be missing.
    pub fn environment_files(&self) -> Option<Vec<(String, bool)>> {
        let Some(lines) = self.0.get("EnvironmentFiles") else {
            return Some(Vec::new());
        };
        lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let (path, flag) = line.trim_end().rsplit_once(" (ignore_errors=")?;
                match flag {
                    "yes)" => Some((path.to_owned(), true)),
                    "no)" => Some((path.to_owned(), false)),
                    _ => None,
                }
            })
            .collect()
    }
}

/// Words as systemd quotes them for a shell: bare, `"…"` with backslashes, or `$'…'`.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\n']);
    while !rest.is_empty() {
        let mut word: Vec<u8> = Vec::new();
        let bytes = rest.as_bytes();
        let (close, mut at) = if rest.starts_with("$'") {
            (b'\'', 2)
        } else if rest.starts_with('"') {
            (b'"', 1)
        } else {
            (b' ', 0)
        };
        let mut closed = close == b' ';
        while let Some(&b) = bytes.get(at) {
            at += 1;
            if b == close {
                closed = true;
                break;
            }
            if b == b'\\' && close != b' ' {
                let after = &bytes[at..];
                let c = *after.first()?;
                if c == b'$' || c == b'`' {
                    word.push(c);
                    at += 1;
                } else if let Some((value, used)) = unescape(after) {
                    word.extend_from_slice(&value);
                    at += used;
                } else {
                    word.push(b);
                }
            } else {
                word.push(b);
            }
        }
        if !closed {
            return None;
        }
        words.push(String::from_utf8_lossy(&word).into_owned());
        rest = rest.get(at..)?.trim_start_matches([' ', '\n']);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEYS: &[&str] = &["Environment", "ExecStart", "User", "EnvironmentFiles"];

    #[test]
    fn the_environment_of_a_real_manager_is_unquoted() {
        let text = r#"Environment=A=b "C=d e" "J=x\ny" "K=q\"r" L=é "M=\$x" $'N=\303\251' O=a"b"#;
        let environment = Properties::parse(text, KEYS)
            .unwrap()
            .environment()
            .unwrap();
        for (name, value) in [
            ("A", "b"),
            ("C", "d e"),
            ("J", "x\ny"),
            ("K", "q\"r"),
            ("L", "é"),
            ("M", "$x"),
            ("N", "é"),
            ("O", "a\"b"),
        ] {
            assert_eq!(environment[name], value);
        }
    }

    #[test]
    fn commands_and_environment_files_come_with_their_flags() {
        let text = "ExecStart={ path=/bin/sleep ; argv[]=my name 1000 ; ignore_errors=yes ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\nExecStart={ path=x ; argv[]=x ; ignore_errors=no ; }\nEnvironmentFiles=/etc/default/x (ignore_errors=yes)\n";
        let properties = Properties::parse(text, KEYS).unwrap();
        assert_eq!(properties.exec_start().unwrap()[0].line, "my name 1000");
        assert_eq!(properties.exec_start().unwrap().len(), 2);
        assert_eq!(
            properties.environment_files().unwrap(),
            [("/etc/default/x".to_owned(), true)]
        );
    }

    #[test]
    fn a_property_that_comes_twice_is_no_answer() {
        assert!(Properties::parse("User=a\nUser=root\n", KEYS).is_err());
        assert!(Properties::parse("", KEYS).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(User=|ExecStart=|Environment=|[ -~é\\n]){0,40}") {
            if let Ok(properties) = Properties::parse(&text, KEYS) {
                let _ = (properties.environment(), properties.exec_start(), properties.environment_files(), properties.words("User"));
            }
        }
    }
}
