//! The files of a unit: where systemd looks for them, and what they come to.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::environ;
use crate::parse::systemd::exec::ExecCommand;
use crate::parse::systemd::name::UnitName;
use crate::parse::systemd::{EnvironmentFile, Problem, UnitFile, is_variable, refuse, resolve};

/// More drop-ins than this are not merged.
const MAX_DROP_INS: usize = 64;

/// Lists the files of a unit in the order in which systemd looks: `$1` is the
/// unit, `$2` its template or nothing, `$3` its type, the rest are the names
/// whose `.d` folders count. Every record ends in a NUL: `u` fragment, `d`
/// drop-in; then `f` a readable file, `m` masked, `p` closed to us, `x`
/// neither; then the path. `L` and a target follow a fragment that is a link.
const LIST: &str = r#"u=$1 t=$2 k=$3 a=; shift 3
D='/etc/systemd/system.control /run/systemd/system.control /run/systemd/transient /run/systemd/generator.early /etc/systemd/system /etc/systemd/system.attached /run/systemd/system /run/systemd/system.attached /run/systemd/generator /usr/local/lib/systemd/system'
[ -L /lib ] || D="$D /lib/systemd/system"
D="$D /usr/lib/systemd/system /run/systemd/generator.late"
s() { if [ -d "$2" ]; then :; elif [ -c "$2" ]; then printf '%sm%s\0' "$1" "$2"; elif [ -f "$2" ]; then if [ -r "$2" ]; then printf '%sf%s\0' "$1" "$2"; else printf '%sp%s\0' "$1" "$2"; fi; elif [ -e "$2" ] || [ -L "$2" ]; then printf '%sx%s\0' "$1" "$2"; fi; }
c() { [ ! -d "$1" ] || { [ -r "$1" ] && [ -x "$1" ]; } || printf 'dp%s\0' "$1"; }
for d in /etc /etc/systemd /run /run/systemd /usr/local/lib/systemd /usr/lib/systemd $D; do c "$d"; done
for d in $D; do for n in "$u" ${t:+"$t"}; do
  s u "$d/$n"
  if [ -L "$d/$n" ]; then l=$(readlink -- "$d/$n"); printf 'L%s\0' "$l"; [ "${l##*/}" = "$n" ] || [ -c "$d/$n" ] || a=${l##*/}; fi
done; done
g() { c "$1"; for f in "$1"/*.conf; do s d "$f"; done; }
for d in $D; do for n; do g "$d/$n.d"; done; done
[ -z "$a" ] || for d in $D; do g "$d/$a.d"; done
for d in $D; do g "$d/$k.d"; done
printf 'end\0'"#;

/// The look for the files of a unit.
pub fn ask(unit: &UnitName) -> Ask {
    let mut args = vec![
        unit.as_str().to_owned(),
        unit.template().unwrap_or_default(),
        unit.kind().to_owned(),
    ];
    args.extend(unit.drop_in_names());
    Ask::Run(
        Command::new("unit-files", LIST)
            .args(args)
            .batch(Batch::Each),
    )
}

/// Which files make up a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The unit file; absent when only drop-ins are there.
    pub fragment: Option<String>,
    /// The unit file leads to `/dev/null`.
    pub masked: bool,
    /// The drop-ins in the order in which they apply.
    pub drop_ins: Vec<String>,
}

/// The files that count, of those that were listed.
pub fn listed(answers: &Answers, unit: &UnitName) -> Result<Files, Reason> {
    let ran = answers.run(&ask(unit))?;
    parse(&ran.out)
}

fn parse(out: &str) -> Result<Files, Reason> {
    let garbled = || Reason::new(ReasonKind::Garbled, "list of unit files");
    let out = out.strip_suffix("end\0").ok_or_else(garbled)?;
    let mut files = Files::default();
    let mut found = false;
    let mut drop_ins: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for record in out.split('\0').filter(|record| !record.is_empty()) {
        if record.starts_with('L') {
            continue;
        }
        let path = record
            .get(2..)
            .filter(|path| path.starts_with('/'))
            .ok_or_else(garbled)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        match record.get(..2) {
            Some("up" | "dp") => return Err(Reason::new(ReasonKind::Permission, path)),
            Some("ux" | "dx") => {}
            // The first folder that has the file wins.
            Some("uf") if !found => {
                files.fragment = Some(path.to_owned());
                found = true;
            }
            Some("um") if !found => {
                files.fragment = Some(path.to_owned());
                files.masked = true;
                found = true;
            }
            Some("uf" | "um") => {}
            Some("df") => {
                drop_ins.entry(name).or_insert(Some(path));
            }
            // A drop-in that leads to /dev/null hides those of its name behind it.
            Some("dm") => {
                drop_ins.entry(name).or_insert(None);
            }
            _ => return Err(garbled()),
        }
    }
    files.drop_ins = drop_ins
        .into_values()
        .flatten()
        .map(str::to_owned)
        .collect();
    if files.drop_ins.len() > MAX_DROP_INS {
        return Err(environ::too_many("drop-ins", MAX_DROP_INS));
    }
    Ok(files)
}

impl Files {
    /// The looks at their contents.
    pub fn asks(&self) -> Vec<Ask> {
        let fragment = self.fragment.iter().filter(|_| !self.masked);
        fragment.chain(&self.drop_ins).map(Ask::read).collect()
    }

    /// The contents merged as systemd merges them; absent when there is no unit file.
    pub fn merged(&self, answers: &Answers, unit: &UnitName) -> Observed<Merged> {
        let Some(fragment) = &self.fragment else {
            return Observed::Absent;
        };
        let mut parts = Vec::new();
        let mut masked = self.masked;
        let paths = self.drop_ins.iter();
        for path in std::iter::once(fragment)
            .filter(|_| !self.masked)
            .chain(paths)
        {
            match answers.bytes(&Ask::read(path)) {
                Observed::Known(content) => {
                    // An empty unit file masks like a link to /dev/null.
                    masked |= path == fragment && content.is_empty();
                    parts.push(UnitFile::parse_bytes(path, content));
                }
                Observed::Absent => {
                    return Observed::unknown(
                        ReasonKind::Failed,
                        format!("{path} went away while we looked"),
                    );
                }
                Observed::Unknown(reason) => {
                    return Observed::Unknown(Reason::new(
                        reason.kind,
                        format!("{path}: {}", reason.detail),
                    ));
                }
            }
        }
        Observed::Known(Merged::of(&UnitFile::merge(parts), unit, masked, fragment))
    }
}

/// What the files of a unit come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// `User=`.
    pub user: Option<String>,
    /// `Group=`.
    pub group: Option<String>,
    /// `Restart=`.
    pub restart: Option<String>,
    /// `ExecStart=`.
    pub exec_start: Vec<ExecCommand>,
    /// `Environment=`.
    pub environment: BTreeMap<String, String>,
    /// `EnvironmentFile=`.
    pub environment_files: Vec<EnvironmentFile>,
    /// `StandardOutput=`.
    pub standard_output: Option<String>,
    /// `StandardError=`.
    pub standard_error: Option<String>,
    /// What systemd ignores or refuses.
    pub problems: Vec<Problem>,
}

impl Merged {
    fn of(file: &UnitFile, unit: &UnitName, masked: bool, fragment: &str) -> Self {
        let mut problems = file.problems.clone();
        let restart = file.last_valid(
            "Service",
            "Restart",
            |value| {
                const POLICIES: [&str; 7] = [
                    "no",
                    "always",
                    "on-success",
                    "on-failure",
                    "on-abnormal",
                    "on-abort",
                    "on-watchdog",
                ];
                POLICIES.contains(&value).then(|| value.to_owned())
            },
            &mut problems,
        );
        let mut account = |key: &str| {
            let last = file.all("Service", key).next_back()?;
            if last.value.is_empty() {
                return None;
            }
            let name = resolve(unit, &last.value, last, &mut problems);
            let valid = is_variable(&name.replace(['-', '.', '$'], "_"))
                || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()));
            if valid {
                Some(name)
            } else {
                refuse(
                    &mut problems,
                    last,
                    format!("{key}= is no name and no number"),
                );
                None
            }
        };
        let (user, group) = (account("User"), account("Group"));
        let mut stream = |key: &str| {
            file.last_valid(
                "Service",
                key,
                |value| output(&unit.resolve(value).0),
                &mut problems,
            )
        };
        let (standard_output, standard_error) = (stream("StandardOutput"), stream("StandardError"));
        let exec_start = file.commands("ExecStart", unit, &mut problems);
        let kind = file.scalar("Service", "Type");
        let whole = |message: &str| Problem {
            path: fragment.to_owned(),
            line: 0,
            message: message.to_owned(),
            fatal: true,
        };
        if masked {
            problems.push(whole("the unit is masked"));
        } else if unit.kind() == "service" {
            let stops = !file.list("Service", "ExecStop").is_empty()
                || file
                    .scalar("Unit", "SuccessAction")
                    .is_some_and(|action| action != "none");
            let oneshot = kind == Some("oneshot") || (kind.is_none() && exec_start.is_empty());
            if exec_start.is_empty() && !(oneshot && stops) {
                problems.push(whole("nothing to start (ExecStart=)"));
            } else if exec_start.len() > 1 && !oneshot {
                problems.push(whole("more than one ExecStart= without Type=oneshot"));
            }
        }
        let environment = file.environment(unit, &mut problems);
        let environment_files = file.environment_files(unit, &mut problems);
        let mut seen = BTreeSet::new();
        problems.retain(|problem| {
            seen.insert((problem.path.clone(), problem.line, problem.message.clone()))
        });
        Self {
            user,
            group,
            restart,
            exec_start,
            environment,
            environment_files,
            standard_output,
            standard_error,
            problems,
        }
    }
}

/// Where a stream may go, in systemd's present words.
fn output(value: &str) -> Option<String> {
    const PLAIN: [&str; 8] = [
        "inherit",
        "null",
        "tty",
        "journal",
        "kmsg",
        "journal+console",
        "kmsg+console",
        "socket",
    ];
    match value {
        "syslog" => Some("journal".to_owned()),
        "syslog+console" => Some("journal+console".to_owned()),
        _ if PLAIN.contains(&value) => Some(value.to_owned()),
        _ => {
            let (mode, target) = value.split_once(':')?;
            let valid = match mode {
                "file" | "append" | "truncate" => target.starts_with('/'),
                "fd" => !target.is_empty(),
                _ => false,
            };
            valid.then(|| value.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_folder_wins_and_a_mask_hides_what_is_behind_it() {
        let files = parse(
            "uf/etc/systemd/system/a.service\0L/opt/a.service\0uf/usr/lib/systemd/system/a.service\0\
             df/etc/systemd/system/a.service.d/20.conf\0dm/etc/systemd/system/a.service.d/30.conf\0\
             df/run/systemd/system/a.service.d/10.conf\0df/usr/lib/systemd/system/a.service.d/20.conf\0\
             df/usr/lib/systemd/system/a.service.d/30.conf\0df/etc/systemd/system/service.d/15.conf\0end\0",
        )
        .unwrap();
        assert_eq!(
            files.fragment.as_deref(),
            Some("/etc/systemd/system/a.service")
        );
        assert_eq!(
            files.drop_ins,
            [
                "/run/systemd/system/a.service.d/10.conf",
                "/etc/systemd/system/service.d/15.conf",
                "/etc/systemd/system/a.service.d/20.conf"
            ]
        );
    }

    #[test]
    fn a_closed_folder_is_unknown_not_empty() {
        let reason = parse("dp/etc/systemd/system/a.service.d\0end\0").unwrap_err();
        assert_eq!(reason.kind, ReasonKind::Permission);
        assert_eq!(parse("uf/etc/a\0").unwrap_err().kind, ReasonKind::Garbled);
    }

    #[test]
    fn the_real_shell_lists_without_complaint() {
        let Ask::Run(command) = ask(&UnitName::new("no-such-unit@x.service").unwrap()) else {
            panic!()
        };
        let out = std::process::Command::new("sh")
            .args(["-c", command.text, command.name])
            .args(&command.args)
            .output()
            .unwrap();
        assert!(
            out.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        assert_eq!(
            parse(&String::from_utf8_lossy(&out.stdout))
                .unwrap()
                .fragment,
            None
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "([udL][fmpx]?|/a|\0|é){0,30}(end\0)?") {
            let _ = parse(&text);
        }
    }
}
