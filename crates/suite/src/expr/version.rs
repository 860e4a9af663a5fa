//! The order of versions: dotted numbers first, then what follows them as Debian orders it.

use std::cmp::Ordering;

/// A version longer than this is none.
const MAX_BYTES: usize = 256;

/// Words after which a version comes before its release.
const BEFORE: [&str; 5] = ["alpha", "beta", "dev", "pre", "rc"];

/// A version taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version<'a> {
    epoch: &'a str,
    numbers: &'a str,
    rest: &'a str,
}

impl<'a> Version<'a> {
    /// `[v][epoch:]number(.number)*rest`; `None` when it does not begin like that.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (epoch, text) = match text.split_once(':') {
            Some((epoch, rest)) if !epoch.is_empty() && is_digits(epoch) => (epoch, rest),
            _ => ("0", text),
        };
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut end = digits(text);
        // A dot belongs to the numbers only when a number follows it.
        while let Some(more) = text.get(end..).and_then(|rest| rest.strip_prefix('.')) {
            match digits(more) {
                0 => break,
                count => end += 1 + count,
            }
        }
        let (numbers, rest) = text.split_at_checked(end)?;
        Some(Self {
            epoch,
            numbers,
            rest,
        })
    }

    /// Older, the same, or newer.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        compare_digits(self.epoch, other.epoch)
            .then_with(|| {
                let (mut a, mut b) = (self.numbers.split('.'), other.numbers.split('.'));
                loop {
                    let order = match (a.next(), b.next()) {
                        (None, None) => return Ordering::Equal,
                        (a, b) => compare_digits(a.unwrap_or("0"), b.unwrap_or("0")),
                    };
                    if order != Ordering::Equal {
                        return order;
                    }
                }
            })
            .then_with(|| is_release(self.rest).cmp(&is_release(other.rest)))
            .then_with(|| compare_rest(self.rest, other.rest))
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Numbers of any length.
fn compare_digits(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Whether what follows the numbers does not mark something before the release.
fn is_release(rest: &str) -> bool {
    let word = rest.trim_start_matches(['-', '.', '_', '~']);
    !BEFORE.iter().any(|before| {
        word.get(..before.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(before))
    })
}

/// Debian's order: `~`, the end, letters, the rest; runs of digits as numbers.
fn compare_rest(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() || !b.is_empty() {
        let (word_a, rest_a) = cut(a, |c| !c.is_ascii_digit());
        let (word_b, rest_b) = cut(b, |c| !c.is_ascii_digit());
        let (mut chars_a, mut chars_b) = (word_a.chars(), word_b.chars());
        loop {
            let (x, y) = (chars_a.next(), chars_b.next());
            if x.is_none() && y.is_none() {
                break;
            }
            let order = weight(x).cmp(&weight(y));
            if order != Ordering::Equal {
                return order;
            }
        }
        let (number_a, next_a) = cut(rest_a, |c| c.is_ascii_digit());
        let (number_b, next_b) = cut(rest_b, |c| c.is_ascii_digit());
        let order = compare_digits(number_a, number_b);
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

fn cut(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn weight(c: Option<char>) -> u32 {
    match c {
        Some('~') => 0,
        None => 1,
        Some(c) if c.is_ascii_alphabetic() => 2 + u32::from(c),
        Some(c) => 1000 + u32::from(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("1.10", "1.9", Ordering::Greater)]
    #[case("2.36", "2.36.0", Ordering::Equal)]
    #[case("v1.2.3", "1.2.3", Ordering::Equal)]
    #[case("1:1.0", "2.0", Ordering::Greater)]
    #[case("2.36-9+deb12u7", "2.36-9+deb12u10", Ordering::Less)]
    #[case("2.36-9", "2.36", Ordering::Greater)]
    #[case("1.0~rc1", "1.0", Ordering::Less)]
    #[case("1.0-rc1", "1.0", Ordering::Less)]
    #[case("1.0-rc2", "1.0-rc10", Ordering::Less)]
    #[case("1.0.beta", "1.0", Ordering::Less)]
    #[case("1.0a", "1.0", Ordering::Greater)]
    #[case("16.4 ", "16", Ordering::Greater)]
    #[case("99999999999999999999999", "100000000000000000000000", Ordering::Less)]
    fn versions_are_ordered(#[case] a: &str, #[case] b: &str, #[case] order: Ordering) {
        let (a, b) = (Version::parse(a).unwrap(), Version::parse(b).unwrap());
        assert_eq!(a.compare(&b), order);
        assert_eq!(b.compare(&a), order.reverse());
    }

    #[rstest]
    #[case("")]
    #[case("latest")]
    #[case("v")]
    #[case("1 2")]
    #[case("x:1")]
    fn what_does_not_begin_with_a_digit_is_no_version(#[case] text: &str) {
        assert!(Version::parse(text).is_none());
    }

    proptest! {
        #[test]
        fn comparing_is_a_total_order_and_never_panics(a in "v?[0-9.:~a-z+é-]{0,12}", b in "[0-9.:~a-z+-]{0,12}", c in "[0-9.~rc-]{0,9}") {
            if let (Some(a), Some(b), Some(c)) = (Version::parse(&a), Version::parse(&b), Version::parse(&c)) {
                prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
                prop_assert_eq!(a.compare(&a), Ordering::Equal);
                if a.compare(&b) != Ordering::Greater && b.compare(&c) != Ordering::Greater {
                    prop_assert_ne!(a.compare(&c), Ordering::Greater);
                }
            }
        }
    }
}
