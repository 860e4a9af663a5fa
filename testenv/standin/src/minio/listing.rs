//! One page of a listing.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::object::Object;

/// What of a bucket is asked for.
pub struct Listing {
    pub prefix: String,
    /// Keys that hold it beyond the prefix are folded into one common prefix.
    pub delimiter: Option<String>,
    /// Names up to this one were told before.
    pub after: String,
    pub max: usize,
}

/// The answer, in the order of the names' bytes.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    pub objects: Vec<(String, Object)>,
    pub prefixes: Vec<String>,
    /// The last name told, when there are more.
    pub next: Option<String>,
}

impl Listing {
    /// A page of these objects.
    pub fn of(&self, objects: &BTreeMap<String, Object>) -> Page {
        let mut page = Page::default();
        let mut last = None;
        let from = Bound::Included(self.prefix.as_str());
        for (key, object) in objects.range::<str, _>((from, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(&self.prefix) else {
                break;
            };
            let folded = self.folded(rest);
            let name = folded.as_deref().unwrap_or(key);
            if name <= self.after.as_str() || page.prefixes.last().is_some_and(|p| p == name) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == self.max {
                page.next = last;
                break;
            }
            last = Some(name.to_owned());
            match folded {
                Some(prefix) => page.prefixes.push(prefix),
                None => page.objects.push((key.clone(), object.clone())),
            }
        }
        page
    }

    fn folded(&self, rest: &str) -> Option<String> {
        let delimiter = self.delimiter.as_deref()?;
        let (head, _) = rest.split_once(delimiter)?;
        Some(format!("{}{head}{delimiter}", self.prefix))
    }
}

/// A name in the encoding `url`, for names that XML cannot carry.
pub fn encode(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minio::object::About;

    fn names(prefix: &str, delimiter: Option<&str>, after: &str, max: usize) -> String {
        let object = Object {
            etag: String::new(),
            size: 0,
            modified: 0,
            data: String::new(),
            about: About::default(),
        };
        let objects = ["a", "b/1", "b/2", "b/c/3", "b0", "d/4"]
            .map(|key| (key.to_owned(), object.clone()))
            .into();
        let page = Listing {
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(str::to_owned),
            after: after.to_owned(),
            max,
        }
        .of(&objects);
        let keys: Vec<_> = page.objects.iter().map(|(key, _)| key.as_str()).collect();
        format!(
            "{} | {} | {}",
            keys.join(" "),
            page.prefixes.join(" "),
            page.next.unwrap_or_default()
        )
    }

    #[test]
    fn keys_come_in_the_order_of_their_bytes() {
        assert_eq!(names("", None, "", 9), "a b/1 b/2 b/c/3 b0 d/4 |  | ");
    }

    #[test]
    fn a_delimiter_folds_what_lies_deeper() {
        assert_eq!(names("", Some("/"), "", 9), "a b0 | b/ d/ | ");
        assert_eq!(names("b/", Some("/"), "", 9), "b/1 b/2 | b/c/ | ");
    }

    #[test]
    fn pages_join_without_a_gap_and_without_an_overlap() {
        assert_eq!(names("", Some("/"), "", 2), "a | b/ | b/");
        assert_eq!(names("", Some("/"), "b/", 2), "b0 | d/ | ");
        assert_eq!(names("", None, "b/2", 1), "b/c/3 |  | b/c/3");
    }

    #[test]
    fn a_page_of_nothing_is_empty_and_says_nothing_of_more() {
        assert_eq!(names("", None, "", 0), " |  | ");
    }

    #[test]
    fn a_name_that_xml_cannot_carry_is_encoded() {
        assert_eq!(encode("a/b c\u{1}ü"), "a/b%20c%01%C3%BC");
    }
}
