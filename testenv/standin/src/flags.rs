//! Command lines as the originals take them: `-flag`, `--flag`, `--flag=value`, `--flag value`.

use std::collections::BTreeMap;

/// A command line, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flags {
    values: BTreeMap<String, Vec<String>>,
    /// What is no flag, in order.
    pub words: Vec<String>,
}

impl Flags {
    /// Takes a line apart; the flags named in `switches` take no value.
    pub fn parse(args: &[String], switches: &[&str]) -> Result<Self, String> {
        let mut flags = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let Some(flag) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                flags.words.push(arg.clone());
                continue;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            if flag.is_empty() {
                flags.words.extend(args.cloned());
                break;
            }
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None if switches.contains(&flag) => (flag, "true".to_owned()),
                None => match args.next() {
                    Some(value) => (flag, value.clone()),
                    None => return Err(format!("flag needs an argument: -{flag}")),
                },
            };
            flags.values.entry(name.to_owned()).or_default().push(value);
        }
        Ok(flags)
    }

    /// The last value given under any of these names.
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.values.get(*name)?.last())
            .map(String::as_str)
    }

    /// Every value given under a name.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub fn on(&self, names: &[&str]) -> bool {
        self.get(names)
            .is_some_and(|value| matches!(value, "true" | "1"))
    }

    /// The first flag that is not among the known ones: a typo must not pass in silence.
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.values
            .keys()
            .map(String::as_str)
            .find(|name| !known.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Flags {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Flags::parse(&args, &["force"]).unwrap()
    }

    #[test]
    fn one_dash_two_dashes_equals_and_space_mean_the_same() {
        for line in ["-port 1 x", "--port 1 x", "-port=1 x", "x --port=1"] {
            let flags = parse(line);
            assert_eq!(flags.get(&["port"]), Some("1"), "{line}");
            assert_eq!(flags.words, ["x"], "{line}");
        }
    }

    #[test]
    fn a_switch_takes_no_value_and_two_dashes_end_the_flags() {
        let flags = parse("-force x -- -y");
        assert!(flags.on(&["force"]));
        assert_eq!(flags.words, ["x", "-y"]);
    }

    #[test]
    fn a_flag_without_its_value_and_a_flag_nobody_knows_are_noticed() {
        assert!(Flags::parse(&["-port".to_owned()], &[]).is_err());
        assert_eq!(parse("--prot 1").unknown(&["port"]), Some("prot"));
    }
}
