//! Command lines: `ExecStart=` and its like.

use super::name::UnitName;
use super::words::{Style, Words};
use super::{Entry, Problem, UnitFile, refuse, resolve, simplify, warn};

/// A command of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecCommand {
    /// The program: an absolute path, or a name that is looked up when it is started.
    pub path: String,
    /// Its arguments, the zeroth first; variables are not substituted.
    pub argv: Vec<String>,
    /// `-`: a failure counts as success.
    pub ignore_failure: bool,
    /// `:`: variables are not substituted.
    pub no_substitution: bool,
    /// `+`: started with full privileges.
    pub privileged: bool,
    /// `!` or `!!`: started without change of user, or with ambient capabilities.
    pub elevated: bool,
    /// Whether every specifier in it is resolved; else some stand as they are.
    pub whole: bool,
}

impl UnitFile {
    /// The commands of a key such as `ExecStart`.
    pub fn commands(
        &self,
        key: &str,
        unit: &UnitName,
        problems: &mut Vec<Problem>,
    ) -> Vec<ExecCommand> {
        let mut commands = Vec::new();
        // What an empty assignment takes back was read all the same, and may have been refused.
        for entry in self.all("Service", key) {
            if entry.value.is_empty() {
                commands.clear();
                continue;
            }
            match one_line(entry, unit, &mut commands, problems) {
                Ok(()) => {}
                Err(Wrong::Refused(why)) => refuse(problems, entry, format!("{key}=: {why}")),
                Err(Wrong::Ignored(why)) => {
                    warn(problems, entry, format!("{key}=: {why}, so it is ignored"));
                }
            }
        }
        commands
    }
}

/// What systemd does about a command that makes no sense.
enum Wrong {
    /// It refuses the unit.
    Refused(String),
    /// It goes on without the command: its failure would not count either.
    Ignored(String),
}

impl Wrong {
    fn new(ignored: bool, why: impl Into<String>) -> Self {
        if ignored {
            Self::Ignored(why.into())
        } else {
            Self::Refused(why.into())
        }
    }
}

/// The commands of one assignment; several are parted by a lone `;`.
fn one_line(
    entry: &Entry,
    unit: &UnitName,
    commands: &mut Vec<ExecCommand>,
    problems: &mut Vec<Problem>,
) -> Result<(), Wrong> {
    let mut words = Words::new(&entry.value, Style::Relaxed);
    // A program whose own word cannot be read is no program; its arguments are another matter.
    while let Some(first) = words
        .try_next()
        .map_err(|error| Wrong::Ignored(error.to_string()))?
    {
        // A lone `;` here is a separator too many, not a program.
        if first == ";" {
            continue;
        }
        let (mut command, own_argv0, path) = prefixes(&first);
        let ignored = command.ignore_failure;
        let wrong = |why: &str| Wrong::new(ignored, why);
        let (path, whole) = resolve(unit, path, entry, problems).map_err(|why| wrong(&why))?;
        command.whole = whole;
        check(&path).map_err(wrong)?;
        command.path = simplify(&path);
        if !own_argv0 {
            command.argv.push(path);
        }
        let more = arguments(&mut words, &mut command, |word| {
            resolve(unit, word, entry, problems)
        })
        .map_err(|why| wrong(&why))?;
        if command.argv.is_empty() {
            return Err(wrong("the command has no arguments, not even its own name"));
        }
        commands.push(command);
        if !more {
            break;
        }
    }
    if words.relaxed {
        warn(problems, entry, "unknown escape sequences are kept");
    }
    Ok(())
}

/// Takes the prefixes off a program: what they say, whether the zeroth argument is written
/// out, and the rest.
fn prefixes(first: &str) -> (ExecCommand, bool, &str) {
    let mut command = ExecCommand::default();
    let mut own_argv0 = false;
    let mut bangs = 0;
    let mut path = first;
    while let Some(c) = path.chars().next() {
        let taken = match c {
            '-' => !std::mem::replace(&mut command.ignore_failure, true),
            '@' => !std::mem::replace(&mut own_argv0, true),
            ':' => !std::mem::replace(&mut command.no_substitution, true),
            '+' if bangs == 0 => !std::mem::replace(&mut command.privileged, true),
            '!' if !command.privileged && bangs < 2 => {
                bangs += 1;
                true
            }
            _ => false,
        };
        if !taken {
            break;
        }
        path = &path[c.len_utf8()..];
    }
    command.elevated = bangs > 0;
    (command, own_argv0, path)
}

/// Says what is wrong with the path of a program.
fn check(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("the command is empty");
    }
    if path.starts_with('|') {
        return Err("only the newest systemd has the prefix `|`");
    }
    if path
        .chars()
        .any(|c| c.is_ascii_control() || "\"'\\".contains(c))
    {
        return Err("the program's name holds a quote, a backslash or a control character");
    }
    if path.ends_with('/') {
        return Err("the program is a directory");
    }
    if path.contains('/') && !path.starts_with('/') {
        return Err("the program is neither a name nor an absolute path");
    }
    Ok(())
}

/// Takes the arguments of one command; true when another command follows.
fn arguments(
    words: &mut Words<'_>,
    command: &mut ExecCommand,
    mut resolve: impl FnMut(&str) -> Result<(String, bool), String>,
) -> Result<bool, String> {
    loop {
        let rest = words.rest().as_bytes();
        let ends = |at: usize| rest.get(at).is_none_or(|b| b.is_ascii_whitespace());
        if rest.is_empty() {
            return Ok(false);
        }
        if rest[0] == b';' && ends(1) {
            words.advance(1);
            return Ok(true);
        }
        if rest.starts_with(b"\\;") && ends(2) {
            words.advance(2);
            command.argv.push(";".to_owned());
            continue;
        }
        let word = words.try_next().map_err(|error| error.to_string())?;
        let Some(word) = word else {
            return Ok(false);
        };
        let (word, whole) = resolve(&word)?;
        command.whole &= whole;
        command.argv.push(word);
    }
}
