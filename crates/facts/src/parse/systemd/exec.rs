//! Command lines: `ExecStart=` and its like.

use super::name::UnitName;
use super::words::{Style, WordError, Words};
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
    /// `|`: started through the user's shell.
    pub through_shell: bool,
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
        for entry in self.list("Service", key) {
            if let Err(message) = one_line(entry, unit, &mut commands, problems) {
                refuse(problems, entry, format!("{key}=: {message}"));
            }
        }
        commands
    }
}

/// The commands of one assignment; several are parted by a lone `;`.
fn one_line(
    entry: &Entry,
    unit: &UnitName,
    commands: &mut Vec<ExecCommand>,
    problems: &mut Vec<Problem>,
) -> Result<(), String> {
    let broken = |error: WordError| error.to_string();
    let mut words = Words::new(&entry.value, Style::Relaxed);
    while let Some(first) = words.try_next().map_err(broken)? {
        // A lone `;` here is a separator too many, not a program.
        if first == ";" {
            continue;
        }
        let mut command = ExecCommand::default();
        let mut own_argv0 = false;
        let mut bangs = 0;
        let mut path = first.as_str();
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
                '|' => !std::mem::replace(&mut command.through_shell, true),
                _ => false,
            };
            if !taken {
                break;
            }
            path = &path[c.len_utf8()..];
        }
        command.elevated = bangs > 0;
        let path = resolve(unit, path, entry, problems);
        if path.is_empty() && !command.through_shell {
            return Err("the command is empty".to_owned());
        }
        if path
            .chars()
            .any(|c| c.is_ascii_control() || "\"'\\".contains(c))
        {
            return Err(
                "the program's name holds a quote, a backslash or a control character".to_owned(),
            );
        }
        if path.ends_with('/') {
            return Err("the program is a directory".to_owned());
        }
        if path.contains('/') && !path.starts_with('/') {
            return Err("the program is neither a name nor an absolute path".to_owned());
        }
        command.path = simplify(&path);
        if !own_argv0 {
            command.argv.push(path);
        }
        let mut more = false;
        loop {
            let rest = words.rest().as_bytes();
            let ends = |at: usize| rest.get(at).is_none_or(|b| b.is_ascii_whitespace());
            if rest.is_empty() {
                break;
            }
            if rest[0] == b';' && ends(1) {
                words.advance(1);
                more = true;
                break;
            }
            if rest.starts_with(b"\\;") && ends(2) {
                words.advance(2);
                command.argv.push(";".to_owned());
                continue;
            }
            let Some(word) = words.try_next().map_err(broken)? else {
                break;
            };
            command.argv.push(resolve(unit, &word, entry, problems));
        }
        if command.argv.is_empty() {
            return Err("the command has no arguments, not even its own name".to_owned());
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
