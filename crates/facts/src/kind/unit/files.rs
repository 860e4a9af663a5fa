//! The files of a unit: where systemd looks for them.

use std::collections::BTreeMap;

use runproof_model::{Observed, Reason, ReasonKind};

use super::merged::Merged;
use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::environ;
use crate::parse::systemd::UnitFile;
use crate::parse::systemd::name::UnitName;

/// More drop-ins than this are not merged.
const MAX_DROP_INS: usize = 64;

/// Lists the files of a unit as systemd would find them: `$1` is the unit, `$2` its type.
///
/// A file that is a link to another unit's file makes its name an alias: the other name
/// counts, and drop-ins of all names apply. Every record ends in a NUL: `n` and the name
/// that counts; `u` for the unit file or `d` for a drop-in, then `f` a readable file, `m`
/// masked, `p` closed to us, `x` neither, then the path.
const LIST: &str = r#"q=$1 k=$2
D='/etc/systemd/system.control /run/systemd/system.control /run/systemd/transient /run/systemd/generator.early /etc/systemd/system /etc/systemd/system.attached /run/systemd/system /run/systemd/system.attached /run/systemd/generator /usr/local/lib/systemd/system'
[ -L /lib ] || D="$D /lib/systemd/system"
D="$D /usr/lib/systemd/system /run/systemd/generator.late"
s() { if [ -c "$2" ]; then printf '%sm%s\0' "$1" "$2"; elif [ -f "$2" ]; then if [ -r "$2" ]; then printf '%sf%s\0' "$1" "$2"; else printf '%sp%s\0' "$1" "$2"; fi; elif [ -e "$2" ] || [ -L "$2" ]; then printf '%sx%s\0' "$1" "$2"; fi; }
c() { [ ! -d "$1" ] || { [ -r "$1" ] && [ -x "$1" ]; } || printf 'dp%s\0' "$1"; }
for d in /etc /etc/systemd /run /run/systemd /usr/local/lib/systemd /usr/lib/systemd $D; do c "$d"; done
parts() { T= I=; case $1 in *@?*) I=${1#*@}; I=${I%."$k"} T=${1%%@*}@.$k ;; esac; }
name() { b=$1; case $b in *[!a-zA-Z0-9:_.@\\-]* | .* | @*) return 1 ;; *."$k") ;; *) return 1 ;; esac
  case $b in *@."$k") [ "$I" ] || return 1; b=${b%%@*}@$I.$k ;; esac; }
find_it() { for m in "$n" ${T:+"$T"}; do for d in $D; do
  f=$d/$m
  if [ -L "$f" ] && [ ! -c "$f" ]; then
    l=$(readlink -- "$f"); case $l in /*) ;; *) l=$d/$l ;; esac
    for x in $D; do
      if [ "${l%/*}" -ef "$x" ] && name "${l##*/}"; then
        [ "$b" != "$n" ] || continue 2
        [ ! -e "$f" ] || { N="$N $n" n=$b; return 1; }
      fi
    done
    return 0
  elif [ -e "$f" ] && [ ! -d "$f" ]; then return 0; fi
done; done; f=; }
n=$q N= h=0
parts "$n"
until find_it; do parts "$n"; h=$((h + 1)); [ $h -lt 9 ] || { f=; break; }; done
printf 'n%s\0' "$n"
if [ "$f" ]; then s u "$f"; fi
if [ -f "$f" ]; then for d in $D; do for g in "$d"/*."$k"; do
  if [ -L "$g" ] && [ "$g" -ef "$f" ] && name "${g##*/}"; then
    case " $n$N " in *" $b "*) continue ;; esac
    case $b in *@*) [ "${b#*@}" = "$I.$k" ] || continue ;; *) [ ! "$I" ] || continue ;; esac
    N="$N $b"
  fi
done; done; fi
g() { c "$1"; for f in "$1"/*.conf; do s d "$f"; done; }
for n in $n $N; do
  parts "$n"; p=${n%."$k"}; p=${p%%@*}
  for d in $D; do
    o=$p
    while :; do
      if [ "$I" ]; then g "$d/$o@$I.$k.d"; g "$d/$o@.$k.d"; else g "$d/$o.$k.d"; fi
      o=${o%-}; case $o in *-*) o=${o%-*}- ;; *) break ;; esac
    done
  done
done
for d in $D; do g "$d/$k.d"; done
printf 'end\0'"#;

/// The look for the files of a unit.
pub fn ask(unit: &UnitName) -> Ask {
    Ask::Run(
        Command::new("unit-files", LIST)
            .args([unit.as_str(), unit.kind()])
            .batch(Batch::Each),
    )
}

/// A drop-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIn {
    /// Where it lies.
    pub path: String,
    /// Whether it is a file; what leads to `/dev/null` or nowhere says nothing, and is
    /// listed all the same.
    pub file: bool,
}

/// Which files make up a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The name that counts: another one when the one asked for is an alias.
    pub name: Option<UnitName>,
    /// The unit file; absent when only drop-ins are there.
    pub fragment: Option<String>,
    /// The unit file leads to `/dev/null`.
    pub masked: bool,
    /// The drop-ins in the order in which they apply.
    pub drop_ins: Vec<DropIn>,
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
    let mut drop_ins: BTreeMap<&str, DropIn> = BTreeMap::new();
    for record in out.split('\0').filter(|record| !record.is_empty()) {
        if let Some(name) = record.strip_prefix('n') {
            files.name = Some(UnitName::new(name).map_err(|_| garbled())?);
            continue;
        }
        let path = record
            .get(2..)
            .filter(|path| path.starts_with('/'))
            .ok_or_else(garbled)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        match record.get(..2) {
            Some("up" | "dp") => return Err(Reason::new(ReasonKind::Permission, path)),
            // A link that leads nowhere: to systemd the unit is not there.
            Some("ux") => {}
            Some(kind @ ("uf" | "um")) => {
                files.fragment = Some(path.to_owned());
                files.masked = kind == "um";
            }
            // The first of a name hides those behind it, whatever it is itself.
            Some(kind @ ("df" | "dm" | "dx")) => {
                drop_ins.entry(name).or_insert_with(|| DropIn {
                    path: path.to_owned(),
                    file: kind == "df",
                });
            }
            _ => return Err(garbled()),
        }
    }
    files.drop_ins = drop_ins.into_values().collect();
    if files.drop_ins.len() > MAX_DROP_INS {
        return Err(environ::too_many("drop-ins", MAX_DROP_INS));
    }
    Ok(files)
}

impl Files {
    /// The paths of the drop-ins.
    pub fn drop_in_paths(&self) -> Vec<String> {
        self.drop_ins.iter().map(|it| it.path.clone()).collect()
    }

    /// The files that say something, the unit file first.
    fn readable(&self) -> impl Iterator<Item = &String> {
        let drop_ins = self.drop_ins.iter().filter(|it| it.file);
        let fragment = self.fragment.iter().filter(|_| !self.masked);
        fragment.chain(drop_ins.map(|it| &it.path))
    }

    /// The looks at their contents.
    pub fn asks(&self) -> Vec<Ask> {
        self.readable().map(Ask::read).collect()
    }

    /// The contents merged as systemd merges them; absent when there is no unit file.
    pub fn merged(&self, answers: &Answers, unit: &UnitName) -> Observed<Merged> {
        let Some(fragment) = &self.fragment else {
            return Observed::Absent;
        };
        let mut parts = Vec::new();
        let mut masked = self.masked;
        for path in self.readable() {
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
        let unit = self.name.as_ref().unwrap_or(unit);
        Observed::Known(Merged::of(UnitFile::merge(parts), unit, masked, fragment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_a_name_wins_and_a_mask_is_listed_unread() {
        let files = parse(
            "na.service\0uf/etc/systemd/system/a.service\0\
             df/etc/systemd/system/a.service.d/20.conf\0dm/etc/systemd/system/a.service.d/30.conf\0\
             df/run/systemd/system/a.service.d/10.conf\0df/usr/lib/systemd/system/a.service.d/20.conf\0\
             df/usr/lib/systemd/system/a.service.d/30.conf\0df/etc/systemd/system/service.d/15.conf\0end\0",
        )
        .unwrap();
        assert_eq!(
            files.drop_in_paths(),
            [
                "/run/systemd/system/a.service.d/10.conf",
                "/etc/systemd/system/service.d/15.conf",
                "/etc/systemd/system/a.service.d/20.conf",
                "/etc/systemd/system/a.service.d/30.conf"
            ]
        );
        let read: Vec<&String> = files.readable().collect();
        assert_eq!(read[0], "/etc/systemd/system/a.service");
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn a_closed_folder_is_unknown_not_empty() {
        let reason = parse("dp/etc/systemd/system/a.service.d\0end\0").unwrap_err();
        assert_eq!(reason.kind, ReasonKind::Permission);
        assert_eq!(parse("uf/etc/a\0").unwrap_err().kind, ReasonKind::Garbled);
    }

    #[test]
    fn the_real_shell_lists_without_complaint() {
        let Ask::Run(command) = ask(&UnitName::new("no-such--unit@x-y.service").unwrap()) else {
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
        fn garbage_never_panics(text in "([udn][fmpx]?|/a|\0|é){0,30}(end\0)?") {
            let _ = parse(&text);
        }
    }
}
