//! `/etc/ld.so.cache`: where glibc's loader expects each library.

/// The old format's mark; the new one follows it in files of glibc before 2.32.
const OLD: &[u8] = b"ld.so-1.7.0\0";
const NEW: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const HEADER: usize = 48;
const ENTRY: usize = 24;
const MAX_ENTRIES: usize = 200_000;

/// One entry of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which sort of library: what `ldconfig -p` prints in parentheses.
    pub flags: u32,
    /// The name that programs ask for, such as `libc.so.6`.
    pub name: &'a [u8],
    /// The path where it lies.
    pub path: &'a [u8],
}

/// The entries in the order of the file; `None` when it makes no sense or is
/// of a byte order or format that we do not read.
pub fn parse(bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let start = if bytes.starts_with(OLD) {
        let count = usize::try_from(number(bytes, 12)?).ok()?;
        let end = count.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
        end.checked_next_multiple_of(8)?
    } else {
        0
    };
    let cache = bytes.get(start..)?;
    // Byte order: 2 is little, 3 is big, 0 was not written before glibc 2.33.
    if !cache.starts_with(NEW) || !matches!(cache.get(28)? & 3, 0 | 2) {
        return None;
    }
    let count = usize::try_from(number(cache, 20)?).ok()?;
    if count > MAX_ENTRIES {
        return None;
    }
    (0..count)
        .map(|index| {
            let at = HEADER + index * ENTRY;
            Some(Entry {
                flags: number(cache, at)?,
                name: string(cache, number(cache, at + 4)?)?,
                path: string(cache, number(cache, at + 8)?)?,
            })
        })
        .collect()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(word))
}

fn string(bytes: &[u8], at: u32) -> Option<&[u8]> {
    // No name is longer than PATH_MAX, so a file without NULs costs no time.
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let rest = &rest[..rest.len().min(4096)];
    let end = rest.iter().position(|&b| b == 0)?;
    Some(&rest[..end])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A cache with these entries: flags, name, path.
    pub(crate) fn cache(entries: &[(u32, &str, &str)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let base = HEADER + entries.len() * ENTRY;
        let mut table = Vec::new();
        for (flags, name, path) in entries {
            let mut put = |text: &str| {
                let at = u32::try_from(base + strings.len()).unwrap();
                strings.extend_from_slice(text.as_bytes());
                strings.push(0);
                at
            };
            let (name, path) = (put(name), put(path));
            for word in [*flags, name, path, 0, 0, 0] {
                table.extend_from_slice(&word.to_le_bytes());
            }
        }
        let mut out = NEW.to_vec();
        out.extend_from_slice(&u32::try_from(entries.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&u32::try_from(strings.len()).unwrap().to_le_bytes());
        out.push(2);
        out.resize(HEADER, 0);
        out.extend(table);
        out.extend(strings);
        out
    }

    #[test]
    fn entries_come_back_with_and_without_the_old_format_before_them() {
        let new = cache(&[
            (0x303, "libc.so.6", "/lib/libc.so.6"),
            (3, "libm.so.6", "/lib32/libm.so.6"),
        ]);
        let mut old = OLD.to_vec();
        old.extend_from_slice(&1u32.to_le_bytes());
        old.extend_from_slice(&[0; OLD_ENTRY]);
        old.resize(old.len().next_multiple_of(8), 0);
        old.extend_from_slice(&new);
        for bytes in [new, old] {
            let entries = parse(&bytes).unwrap();
            assert_eq!(entries.len(), 2);
            assert_eq!(entries[0].flags, 0x303);
            assert_eq!(entries[1].path, b"/lib32/libm.so.6");
        }
    }

    #[test]
    fn the_cache_of_this_machine_agrees_with_ldconfig() {
        let (Ok(bytes), Ok(output)) = (
            std::fs::read("/etc/ld.so.cache"),
            std::process::Command::new("/sbin/ldconfig")
                .arg("-p")
                .output(),
        ) else {
            return;
        };
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours: Vec<String> = parse(&bytes)
            .unwrap()
            .iter()
            .map(|entry| String::from_utf8_lossy(entry.path).into_owned())
            .collect();
        let theirs: Vec<&str> = printed
            .lines()
            .filter_map(|line| line.split_once(" => "))
            .map(|(_, path)| path)
            .collect();
        assert_eq!(ours, theirs);
    }

    proptest! {
        #[test]
        fn a_damaged_cache_never_panics(at in 0usize..200, byte: u8, len in 0usize..200) {
            let mut bytes = cache(&[(0x303, "libc.so.6", "/lib/libc.so.6"), (3, "b", "c")]);
            if let Some(b) = bytes.get_mut(at) {
                *b = byte;
            }
            bytes.truncate(len);
            let _ = parse(&bytes);
        }
    }
}
