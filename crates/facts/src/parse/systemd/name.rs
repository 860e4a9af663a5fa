//! Names of units: their alphabet, their parts, and the `%` specifiers that stand for them.

use super::words::unescape;

/// The suffixes that systemd knows.
const TYPES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];

/// A valid name of a unit that is no bare template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitName {
    full: String,
}

impl UnitName {
    /// A name; without a suffix it is a service. The error completes "the name of a unit …".
    pub fn new(name: &str) -> Result<Self, String> {
        let has_type = name
            .rsplit_once('.')
            .is_some_and(|(_, suffix)| TYPES.contains(&suffix));
        let full = if has_type {
            name.to_owned()
        } else {
            format!("{name}.service")
        };
        if full.len() > 255 {
            return Err("is longer than 255 bytes".to_owned());
        }
        let unit = Self { full };
        let valid = |part: &str| {
            part.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b":-_.\\".contains(&b))
        };
        let before = unit.before_suffix();
        match before.split_once('@') {
            _ if before.is_empty() || before.starts_with('@') => Err("has no beginning".to_owned()),
            Some((_, "")) => Err("is a template: name an instance of it".to_owned()),
            Some((prefix, instance)) if valid(prefix) && instance.split('@').all(valid) => Ok(unit),
            None if valid(before) => Ok(unit),
            _ => Err(
                "may hold letters, digits, ':', '-', '_', '.', '\\' and one '@' only".to_owned(),
            ),
        }
    }

    /// The full name, `botserver.service`.
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The type: `service`.
    pub fn kind(&self) -> &str {
        self.full.rsplit_once('.').map_or("", |(_, kind)| kind)
    }

    fn before_suffix(&self) -> &str {
        self.full.rsplit_once('.').map_or("", |(before, _)| before)
    }

    /// What stands before `@` or the suffix.
    pub fn prefix(&self) -> &str {
        let before = self.before_suffix();
        before.split_once('@').map_or(before, |(prefix, _)| prefix)
    }

    /// What stands after `@`.
    pub fn instance(&self) -> Option<&str> {
        self.before_suffix()
            .split_once('@')
            .map(|(_, instance)| instance)
    }

    /// Resolves the specifiers that the name and the system manager's constants
    /// decide. The others stay as they are; the second value lists them. An error is one
    /// that systemd does not have; only before a letter or digit is a `%` that.
    pub fn resolve(&self, text: &str) -> Result<(String, Vec<char>), char> {
        let mut out = String::with_capacity(text.len());
        let mut unresolved = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let Some(specifier) = chars.next() else {
                out.push('%');
                break;
            };
            match self.specifier(specifier) {
                Some(value) => out.push_str(&value),
                None => {
                    if "aAbBdDHlmMoqsvwWyY".contains(specifier) {
                        if !unresolved.contains(&specifier) {
                            unresolved.push(specifier);
                        }
                    } else if specifier.is_ascii_alphanumeric() {
                        return Err(specifier);
                    }
                    out.push('%');
                    out.push(specifier);
                }
            }
        }
        Ok((out, unresolved))
    }

    fn specifier(&self, specifier: char) -> Option<String> {
        let instance = self.instance().unwrap_or("");
        let last = || self.prefix().rsplit('-').next().unwrap_or_default();
        Some(match specifier {
            '%' => "%".to_owned(),
            'n' => self.full.clone(),
            'N' => self.before_suffix().to_owned(),
            'p' => self.prefix().to_owned(),
            'P' => unescape_name(self.prefix()),
            'i' => instance.to_owned(),
            'I' => unescape_name(instance),
            'j' => last().to_owned(),
            'J' => unescape_name(last()),
            'f' => {
                let path = unescape_name(self.instance().unwrap_or(self.prefix()));
                format!("/{}", path.trim_start_matches('/'))
            }
            'u' | 'g' => "root".to_owned(),
            'U' | 'G' => "0".to_owned(),
            'h' => "/root".to_owned(),
            't' => "/run".to_owned(),
            'S' => "/var/lib".to_owned(),
            'C' => "/var/cache".to_owned(),
            'L' => "/var/log".to_owned(),
            'E' => "/etc".to_owned(),
            'T' => "/tmp".to_owned(),
            'V' => "/var/tmp".to_owned(),
            'd' => format!("/run/credentials/{}", self.full),
            _ => return None,
        })
    }
}

/// `-` stands for `/`, `\x2d` for a byte.
fn unescape_name(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        at += 1;
        match b {
            b'-' => out.push(b'/'),
            b'\\' if bytes.get(at) == Some(&b'x') => match unescape(&bytes[at..]) {
                Some((value, used)) => {
                    out.extend_from_slice(&value);
                    at += used;
                }
                None => out.push(b),
            },
            _ => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("botserver", Some("botserver.service"))]
    #[case("botserver.service", Some("botserver.service"))]
    #[case("network-online.target", Some("network-online.target"))]
    #[case("getty@tty1", Some("getty@tty1.service"))]
    #[case("a@b@c.service", Some("a@b@c.service"))]
    #[case(r"dev-disk\x2dx.device", Some(r"dev-disk\x2dx.device"))]
    #[case("org.example.App", Some("org.example.App.service"))]
    #[case("getty@.service", None)]
    #[case("", None)]
    #[case(".service", None)]
    #[case("a b", None)]
    #[case("../x", None)]
    #[case("a;reboot", None)]
    #[case("@x.service", None)]
    fn names_keep_to_the_alphabet_of_systemd(#[case] name: &str, #[case] full: Option<&str>) {
        let unit = UnitName::new(name).ok();
        assert_eq!(unit.as_ref().map(UnitName::as_str), full);
    }

    #[rstest]
    #[case(
        "getty@a-b.service",
        "%n %N %p %i %I %f",
        "getty@a-b.service getty@a-b getty a-b a/b /a/b"
    )]
    #[case("x.service", "100%% %i| %u %h %t %/ %", "100% | root /root /run %/ %")]
    fn specifiers(#[case] name: &str, #[case] text: &str, #[case] resolved: &str) {
        let unit = UnitName::new(name).unwrap();
        assert_eq!(unit.resolve(text).unwrap().0, resolved);
    }

    #[test]
    fn what_only_the_node_knows_is_listed() {
        let unit = UnitName::new("x").unwrap();
        assert_eq!(
            unit.resolve("%H %m %H"),
            Ok(("%H %m %H".to_owned(), vec!['H', 'm']))
        );
        assert_eq!(unit.resolve("%z"), Err('z'));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(name in ".{0,60}", text in ".{0,60}") {
            if let Ok(unit) = UnitName::new(&name) {
                let _ = (unit.instance(), unit.resolve(&text));
            }
        }
    }
}
