//! `/proc/self/mountinfo`, see proc_pid_mountinfo(5).

use std::collections::HashMap;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its number.
    pub id: u64,
    /// The number of the mount it stands on.
    pub parent: u64,
    /// Where it stands, relative to the root of the process that looked.
    pub point: String,
    /// Options of this mount.
    pub options: Vec<String>,
    /// Optional fields, such as `shared:5`.
    pub tags: Vec<String>,
    /// Type of file system, with its subtype.
    pub fstype: String,
    /// What is mounted.
    pub source: String,
    /// Options of the file system.
    pub super_options: Vec<String>,
}

impl Mount {
    /// How mount events travel, in the words of findmnt(8): `private`,
    /// `shared`, with `,slave` or `,unbindable` behind it.
    pub fn propagation(&self) -> String {
        let has = |name: &str| {
            self.tags
                .iter()
                .any(|tag| tag.split(':').next() == Some(name))
        };
        let mut words = vec![if has("shared") { "shared" } else { "private" }];
        if has("master") {
            words.push("slave");
        }
        if has("unbindable") {
            words.push("unbindable");
        }
        words.join(",")
    }
}

/// All mounts; `None` when a line makes no sense.
pub fn parse(text: &str) -> Option<Vec<Mount>> {
    text.lines().map(line).collect()
}

fn line(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let id = fields.next()?.parse().ok()?;
    let parent = fields.next()?.parse().ok()?;
    let _device = fields.next()?;
    let _root = fields.next()?;
    let point = unescape(fields.next()?);
    let options = list(fields.next()?);
    let mut tags = Vec::new();
    loop {
        match fields.next()? {
            "-" => break,
            tag => tags.push(tag.to_owned()),
        }
    }
    let fstype = unescape(fields.next()?);
    let source = unescape(fields.next()?);
    let super_options = list(fields.next()?);
    Some(Mount {
        id,
        parent,
        point,
        options,
        tags,
        fstype,
        source,
        super_options,
    })
}

fn list(field: &str) -> Vec<String> {
    field
        .split(',')
        .filter(|option| !option.is_empty())
        .map(unescape)
        .collect()
}

/// Blank, tab, newline, backslash and `#` come as three octal digits.
fn unescape(field: &str) -> String {
    let bytes = field.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 4).filter(|_| byte == b'\\');
        match digits.and_then(octal) {
            Some(value) => {
                out.push(value);
                at += 4;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let mut value: u16 = 0;
    for &digit in digits {
        value = value * 8 + u16::from(digit.checked_sub(b'0').filter(|d| *d < 8)?);
    }
    u8::try_from(value).ok()
}

/// The mount in which a walk to `path` ends, as the kernel walks: at every
/// component the mount on top is crossed, so what a later mount covers is not
/// seen. `path` is canonical.
pub fn holding<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let ids: HashMap<u64, usize> = mounts
        .iter()
        .enumerate()
        .map(|(index, mount)| (mount.id, index))
        .collect();
    // Children by the mount they stand on; `None` stands for what is outside of our root.
    let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (index, mount) in mounts.iter().enumerate() {
        let parent = ids
            .get(&mount.parent)
            .copied()
            .filter(|&parent| parent != index);
        children.entry(parent).or_default().push(index);
    }
    let mut at = None;
    // Every step takes a list of children away, so a loop of parents ends too.
    while let Some(standing) = children.remove(&at) {
        let next = standing
            .into_iter()
            .filter(|&index| covers(&mounts[index].point, path))
            .min_by_key(|&index| mounts[index].point.len());
        match next {
            Some(index) => at = Some(index),
            None => break,
        }
    }
    at.map(|index| &mounts[index])
}

fn covers(point: &str, path: &str) -> bool {
    let point = point.trim_end_matches('/');
    path.strip_prefix(point)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 22 0:25 / /opt rw,nosuid shared:5 master:2 - tmpfs tmpfs rw,size=4096k
31 30 0:26 / /opt/my\\040data ro - nfs4 10.0.0.5:/export rw
32 22 0:27 / /srv rw unbindable - tmpfs first rw
33 32 0:28 / /srv rw - tmpfs second rw
34 22 0:29 / /mnt/a/b rw - tmpfs hidden rw
35 22 0:30 / /mnt/a rw - tmpfs cover rw
";

    #[rstest]
    #[case("/", "/dev/sda1")]
    #[case("/etc", "/dev/sda1")]
    #[case("/opt", "tmpfs")]
    #[case("/opt/my data", "10.0.0.5:/export")]
    #[case("/opt/my data/x", "10.0.0.5:/export")]
    #[case("/optical", "/dev/sda1")]
    #[case::the_last_on_top_wins("/srv", "second")]
    #[case::a_later_mount_above_hides("/mnt/a/b", "cover")]
    fn a_path_is_held_by_the_mount_on_top(#[case] path: &str, #[case] source: &str) {
        let mounts = parse(TABLE).unwrap();
        assert_eq!(holding(&mounts, path).unwrap().source, source);
    }

    #[test]
    fn propagation_is_said_in_the_words_of_findmnt() {
        let mounts = parse(TABLE).unwrap();
        let words: Vec<_> = mounts.iter().take(4).map(Mount::propagation).collect();
        assert_eq!(
            words,
            ["shared", "shared,slave", "private", "private,unbindable"]
        );
    }

    #[test]
    fn the_table_of_this_machine_makes_sense() {
        let mounts = parse(&std::fs::read_to_string("/proc/self/mountinfo").unwrap()).unwrap();
        assert_eq!(holding(&mounts, "/proc/version").unwrap().fstype, "proc");
    }

    #[test]
    fn a_loop_of_parents_ends() {
        let mounts = parse("1 2 0:1 / / rw - t a rw\n2 1 0:1 / / rw - t b rw\n").unwrap();
        assert_eq!(holding(&mounts, "/"), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "([0-9]{1,2} |/|- |rw |\\\\04|a|\n)*", path in "/[a/]{0,6}") {
            if let Some(mounts) = parse(&text) {
                let _ = holding(&mounts, &path);
            }
        }

        #[test]
        fn an_escaped_name_comes_back(name in "[ -~\t\n]{0,20}") {
            let escaped: String = name
                .bytes()
                .map(|b| if b" \t\n\\#".contains(&b) { format!("\\{b:03o}") } else { char::from(b).to_string() })
                .collect();
            prop_assert_eq!(unescape(&escaped), name);
        }
    }
}
