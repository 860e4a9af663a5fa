//! The first look at a binary: the shell finds the ranges, `od` spells them.

use runproof_model::{Observed, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::parse::elf::Ranges;

/// Follows program headers and dynamic section in the node's own byte order.
/// It only decides what to bring: whatever it gets wrong on a hostile file, the
/// parser sees the same bytes and judges. Numbers too long for the shell's
/// arithmetic end the way. Of a file that is not ELF, no content leaves the node.
///
/// Records: `h`, the header in 16-bit words; `w OFFSET LEN`, then 32-bit words;
/// `x OFFSET LEN`, then bytes; `o DIRECTORY`.
const TEXT: &str = r#"f=$1
if [ ! -f "$f" ] || [ ! -r "$f" ]; then
  [ ! -f "$f" ] && [ -e "$f" ] && { echo other; exit 0; }
  head -c 1 -- "$f" >/dev/null; r=$?; [ $r = 0 ] && r=1; exit $r
fi
command -v od >/dev/null || { echo 'od: not found'; exit 127; }
exec 2>/dev/null
set -- $(od -An -v -tu2 -N 64 -- "$f") || exit 3
case "$1 $2" in
'17791 17996') c=$(($3 & 255)) d=$(($3 >> 8)) h=1 ;;
'32581 19526') c=$(($3 >> 8)) d=$(($3 & 255)) h=2 ;;
*) echo other; exit 0 ;;
esac
echo "h $*"
if [ -L "$f" ]; then p=$(readlink -f -- "$f") && echo "o ${p%/*}/"; else p=$(cd -P -- "${f%/*}/" && pwd -P) && echo "o $p/"; fi
[ "$d" = 1 ] && [ $h = 1 ] && [ $# -ge 26 ] || exit 0
case $c in
1) s=32 w=4 e=${22} n=${23} a=$((${15} + (${16} << 16))) ;;
2) [ "${20}" -lt 4096 ] || exit 0
   s=56 w=8 e=${28} n=${29} a=$((${17} + (${18} << 16) + (${19} << 32) + (${20} << 48))) ;;
*) exit 0 ;;
esac
[ "$e" = $s ] && [ "$n" -ge 1 ] && [ "$n" -le 128 ] || exit 0
p=$(od -An -v -tu4 -j $a -N $((n * s)) -- "$f")
echo "w $a $((n * s))"; echo "$p"
x() {
  [ "$1" -ge 0 ] && [ "$2" -gt 0 ] || return 0
  echo "x $1 $2"; od -An -v -tx1 -j "$1" -N "$2" -- "$f"
}
m() {
  a=$1; [ -n "$a" ] && [ ${#a} -le 18 ] || return 1
  set -- $l
  while [ $# -ge 3 ]; do
    if [ $2 -ge 0 ] && [ "$a" -ge $2 ] && [ "$a" -lt $(($2 + $3)) ]; then o=$(($1 + a - $2)) k=$(($2 + $3 - a)); return 0; fi
    shift 3
  done
  return 1
}
l= ia= iz= da= dz=
set -- $p
while [ $# -ge $((s / 4)) ]; do
  if [ $w = 4 ]; then t=$1 o=$2 v=$3 z=$5; shift 8
  else t=$1 o=$(($3 + ($4 << 32))) v=$(($5 + ($6 << 32))) z=$(($9 + (${10} << 32))); shift 14; fi
  case $t in
  1) l="$l $o $v $z" ;;
  2) [ -n "$da" ] || da=$o dz=$z ;;
  3) [ -n "$ia" ] || ia=$o iz=$z ;;
  esac
done
[ -z "$ia" ] || [ "$iz" -gt 4096 ] || x "$ia" "$iz"
[ -n "$da" ] && [ "$da" -ge 0 ] && [ "$dz" -gt 0 ] || exit 0
[ "$dz" -le 16384 ] || dz=16384
x "$da" "$dz"
st= sz= vn=
set -- $(od -An -v -tu$w -j "$da" -N "$dz" -- "$f")
while [ $# -ge 2 ]; do
  case $1 in 0) break ;; 5) st=$2 ;; 10) sz=$2 ;; 1879048190) vn=$2 ;; esac
  shift 2
done
if m "$st" && [ -n "$sz" ] && [ ${#sz} -le 18 ]; then
  if [ "$sz" -le 262144 ]; then x $o "$sz"; else x $o 131072; x $((o + sz - 131072)) 131072; fi
fi
if m "$vn"; then [ $k -le 16384 ] || k=16384; x $o $k; fi
exit 0"#;

/// What the first look brought.
#[derive(Debug)]
pub enum First {
    /// Something is there, but it does not begin as ELF does.
    Other,
    /// The beginning of an ELF file.
    Elf {
        /// The first bytes of the file, 64 at the most.
        start: Vec<u8>,
        /// The directory in which the file lies, links resolved.
        origin: Option<String>,
        /// What was brought of the file.
        ranges: Ranges,
    },
}

/// The first look.
pub fn ask(path: &str) -> Ask {
    Ask::Run(
        Command::new("elf", TEXT)
            .args([path])
            .content(path)
            .batch(Batch::Each),
    )
}

/// A further range; a look brings 8 MiB at the most, which is more than any parser's cap.
pub fn slice(path: &str, offset: u64, len: u64) -> Ask {
    Ask::Slice {
        path: path.to_owned(),
        offset,
        len: u32::try_from(len.min(8 << 20)).unwrap_or(8 << 20),
    }
}

/// Reads the first look.
pub fn read(answers: &Answers, path: &str) -> Observed<First> {
    answers.text(&ask(path)).and_then(|text| {
        parse(&text).map_or_else(
            || Observed::unknown(ReasonKind::Garbled, "the look at the ELF file"),
            Observed::Known,
        )
    })
}

fn parse(text: &str) -> Option<First> {
    let mut lines = text.lines().peekable();
    let first = lines.next()?;
    if first == "other" {
        return Some(First::Other);
    }
    let words = first.strip_prefix("h ")?.split_whitespace();
    let words: Vec<u16> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let bytes = |of: fn(u16) -> [u8; 2]| words.iter().copied().flat_map(of).collect::<Vec<u8>>();
    // Whichever order makes the magic number is the node's.
    let start = [bytes(u16::to_le_bytes), bytes(u16::to_be_bytes)]
        .into_iter()
        .find(|start| crate::parse::elf::is_elf(start))?;
    let mut ranges = Ranges::default();
    let mut origin = None;
    while let Some(line) = lines.next() {
        if let Some(directory) = line.strip_prefix("o ") {
            // The root itself becomes empty, so that `$ORIGIN/lib` is `/lib`.
            origin = directory
                .starts_with('/')
                .then(|| directory.trim_end_matches('/').to_owned());
            continue;
        }
        let mut head = line.split(' ');
        let sort = head.next()?;
        let offset = head.next()?.parse().ok()?;
        let wanted = head.next()?.parse().ok()?;
        let mut bytes = Vec::new();
        while let Some(line) = lines.next_if(|line| line.is_empty() || line.starts_with(' ')) {
            for word in line.split_whitespace() {
                match sort {
                    "w" => bytes.extend(word.parse::<u32>().ok()?.to_le_bytes()),
                    "x" if word.len() == 2 => bytes.push(u8::from_str_radix(word, 16).ok()?),
                    _ => return None,
                }
            }
        }
        if bytes.len() as u64 > wanted {
            return None;
        }
        ranges.add(offset, wanted, bytes);
    }
    Some(First::Elf {
        start,
        origin,
        ranges,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_come_back_from_what_od_prints() {
        let text = "h 17791 17996 258 1\no /opt/x/\nw 64 8\n          1         256\nx 100 4\n 61 62\n 63\n";
        let Some(First::Elf {
            start,
            origin,
            ranges,
        }) = parse(text)
        else {
            panic!()
        };
        assert_eq!(start, b"\x7fELF\x02\x01\x01\x00");
        assert_eq!(origin.as_deref(), Some("/opt/x"));
        assert_eq!(ranges.some(64, 8), [1, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(ranges.some(100, 9), b"abc");
        assert!(ranges.ends_at(100, 3));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(other\n|h 17791 17996|w 1 8\n|x 99999999999999999999 1\n|x 1 2\n| ff|o /|[ 0-9a-f\n])*") {
            let _ = parse(&text);
        }
    }
}
