//! What an `import` brings in: where its text comes from, and its arguments.

use std::collections::HashMap;
use std::rc::Rc;

use runproof_model::Reason;

use super::{Limits, Token, cap};

/// What an `import` names that is no snippet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One file, by its absolute path.
    File(String),
    /// Files, by an absolute pattern with one `*` or `?` of each.
    Glob(String),
}

/// What a look at a [`Target`] gave.
#[derive(Clone, Debug)]
pub enum Found {
    /// The files with their text, sorted; none when a pattern fits none.
    Files(Vec<(String, Result<String, Reason>)>),
    /// The file is not there.
    Missing,
    /// Could not look.
    Unknown(Reason),
    /// Nobody looked yet.
    NotYet,
}

/// Who knows the text of imported files.
pub trait Source {
    /// What is known of `target`.
    fn find(&self, target: &Target) -> Found;
}

/// A source without any file.
impl Source for () {
    fn find(&self, _: &Target) -> Found {
        Found::Missing
    }
}

/// For tests, and for callers who have all texts: path → text.
impl Source for HashMap<String, String> {
    fn find(&self, target: &Target) -> Found {
        match target {
            Target::File(path) => match self.get(path) {
                Some(text) => Found::Files(vec![(path.clone(), Ok(text.clone()))]),
                None => Found::Missing,
            },
            Target::Glob(pattern) => {
                let mut files: Vec<_> = self
                    .iter()
                    .filter(|(path, _)| fits(pattern, path))
                    .map(|(path, text)| (path.clone(), Ok(text.clone())))
                    .collect();
                sort_files(&mut files);
                Found::Files(files)
            }
        }
    }
}

/// Sorts files as the format takes them in: component by component.
pub fn sort_files<T>(files: &mut [(String, T)]) {
    files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
}

/// Whether a path fits a pattern with `*` and `?`, neither of which stands for `/`.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if fits_name(pattern, name) => {}
            _ => return false,
        }
    }
}

fn fits_name(pattern: &str, name: &str) -> bool {
    // One `*` at the most: what stands before it, and what stands after it.
    let same = |pattern: &str, name: &str| {
        pattern.chars().count() == name.chars().count()
            && pattern
                .chars()
                .zip(name.chars())
                .all(|(p, n)| p == '?' || p == n)
    };
    let Some((head, tail)) = pattern.split_once('*') else {
        return same(pattern, name);
    };
    let chars: Vec<char> = name.chars().collect();
    let (before, after) = (head.chars().count(), tail.chars().count());
    chars.len() >= before + after
        && same(head, &chars[..before].iter().collect::<String>())
        && same(
            tail,
            &chars[chars.len() - after..].iter().collect::<String>(),
        )
}

/// The target that `pattern` names when it stands in `file`; or why it names none.
pub fn target(file: &str, pattern: &str) -> Result<Target, String> {
    let path = if pattern.starts_with('/') {
        clean(pattern)
    } else {
        let folder = file.rfind('/').map_or("", |at| &file[..at]);
        clean(&format!("{folder}/{pattern}"))
    };
    let count = |c| path.matches(c).count();
    if count('*') > 1 || count('?') > 1 || (path.contains('[') && path.contains(']')) {
        return Err(format!(
            "the pattern {pattern} has more than one wildcard; only one `*` is allowed"
        ));
    }
    if path.contains('[') {
        return Err(format!("the pattern {pattern} has a `[` without a `]`"));
    }
    Ok(if path.contains(['*', '?']) {
        Target::Glob(path)
    } else {
        Target::File(path)
    })
}

/// A path without `.`, `..` and empty components.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// By which imports words came to where they stand; number 0 is by none.
#[derive(Debug)]
pub(super) struct Chains(Vec<Link>);

#[derive(Debug)]
struct Link {
    parent: u32,
    depth: usize,
    target: Rc<str>,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self(vec![Link {
            parent: 0,
            depth: 0,
            target: "".into(),
        }])
    }

    /// The chain that begins with `parent` and then imports `target`.
    pub(super) fn extend(
        &mut self,
        parent: u32,
        target: &Rc<str>,
        limits: &Limits,
    ) -> Result<u32, Reason> {
        let depth = self.depth(parent) + 1;
        if depth > limits.import_depth {
            return Err(cap("imports within imports"));
        }
        let number = u32::try_from(self.0.len()).map_err(|_| cap("imports"))?;
        self.0.push(Link {
            parent,
            depth,
            target: Rc::clone(target),
        });
        Ok(number)
    }

    fn depth(&self, chain: u32) -> usize {
        self.link(chain).map_or(0, |link| link.depth)
    }

    fn link(&self, chain: u32) -> Option<&Link> {
        self.0.get(usize::try_from(chain).ok()?)
    }

    /// Whether words of `chain` came by an import of `target`.
    pub(super) fn holds(&self, mut chain: u32, target: &str) -> bool {
        while chain != 0 {
            let Some(link) = self.link(chain) else {
                return false;
            };
            if &*link.target == target {
                return true;
            }
            chain = link.parent;
        }
        false
    }
}

/// The arguments and the block of one `import`.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) words: Vec<Token>,
    pub(super) block: Vec<Token>,
    /// `{blocks.NAME}` → its words.
    pub(super) blocks: HashMap<Rc<str>, Vec<Token>>,
}

impl Arguments {
    /// The words that stand in the place of `token`, when it is a placeholder for several.
    pub(super) fn several(&self, token: &Token) -> Option<Vec<Token>> {
        let text = &*token.text;
        if text == "{block}" {
            return Some(self.block.clone());
        }
        if let Some(name) = text
            .strip_prefix("{blocks.")
            .and_then(|t| t.strip_suffix('}'))
        {
            return Some(self.blocks.get(name).cloned().unwrap_or_default());
        }
        let range = text.strip_prefix("{args[")?.strip_suffix("]}")?;
        let (start, end) = range.split_once(':')?;
        let index = |text: &str, default: usize| {
            if text.is_empty() {
                Some(default)
            } else {
                text.parse::<usize>().ok()
            }
        };
        let start = index(start, 0)?;
        let end = index(end, self.words.len())?;
        let words = self.words.get(start..end)?;
        Some(
            words
                .iter()
                .map(|word| Token {
                    text: Rc::clone(&word.text),
                    env: word.env,
                    ..token.clone()
                })
                .collect(),
        )
    }

    /// `token` with the arguments put in the place of `{args[N]}` and `{args.N}`.
    pub(super) fn replace(&self, token: &mut Token) {
        /// No placeholder of an argument is longer.
        const LONGEST: usize = 32;
        let text = Rc::clone(&token.text);
        if !text.contains(['{', '}']) {
            return;
        }
        let bytes = text.as_bytes();
        let mut out = String::with_capacity(text.len());
        let (mut written, mut at) = (0, 0);
        while at < bytes.len() {
            let brace = matches!(bytes[at], b'{' | b'}');
            if brace && at > written && bytes[at - 1] == b'\\' {
                out.push_str(&text[written..at - 1]);
                written = at;
                at += 1;
                continue;
            }
            if bytes[at] != b'{' {
                at += 1;
                continue;
            }
            let window = &bytes[at..bytes.len().min(at + LONGEST)];
            let word = window
                .iter()
                .position(|&b| b == b'}')
                .and_then(|end| Some((end, self.argument(text.get(at + 1..at + end)?)?)));
            match word {
                Some((end, word)) => {
                    out.push_str(&text[written..at]);
                    out.push_str(&word.text);
                    token.env |= word.env;
                    at += end + 1;
                    written = at;
                }
                None => at += 1,
            }
        }
        out.push_str(&text[written..]);
        token.text = out.into();
    }

    fn argument(&self, key: &str) -> Option<&Token> {
        let index = match key.strip_prefix("args[") {
            Some(rest) => rest.strip_suffix(']')?,
            None => key.strip_prefix("args.")?,
        };
        self.words.get(index.parse::<usize>().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn arguments(words: &[&str]) -> Arguments {
        Arguments {
            words: words
                .iter()
                .flat_map(|word| super::super::lexer::lex("f", word).tokens)
                .collect(),
            ..Arguments::default()
        }
    }

    #[rstest]
    #[case("{args[0]}", "x")]
    #[case("{args.1}", "y")]
    #[case("a{args[0]}-{args[1]}b", "ax-yb")]
    #[case("{args[2]}", "{args[2]}")]
    #[case("{host}/{args[0]}", "{host}/x")]
    #[case("{{args[0]}}", "{x}")]
    #[case("\\{args[0]\\}", "{args[0]}")]
    #[case("{args[0:1]}z", "{args[0:1]}z")]
    #[case("{", "{")]
    fn arguments_take_the_place_of_their_placeholders(#[case] text: &str, #[case] expected: &str) {
        let mut token = super::super::lexer::lex("f", text).tokens.remove(0);
        arguments(&["x", "y"]).replace(&mut token);
        assert_eq!(&*token.text, expected);
    }

    #[rstest]
    #[case("{args[:]}", Some(vec!["x", "y", "z"]))]
    #[case("{args[1:]}", Some(vec!["y", "z"]))]
    #[case("{args[:2]}", Some(vec!["x", "y"]))]
    #[case("{args[3:]}", Some(vec![]))]
    #[case("{args[4:]}", None)]
    #[case("{args[2:1]}", None)]
    #[case("{args[0]}", None)]
    #[case("{args[0]}:{args[1]}", None)]
    #[case("{block}", Some(vec![]))]
    fn a_range_becomes_several_words(#[case] text: &str, #[case] expected: Option<Vec<&str>>) {
        let token = super::super::lexer::lex("f", text).tokens.remove(0);
        let words = arguments(&["x", "y", "z"]).several(&token);
        let words: Option<Vec<String>> =
            words.map(|words| words.iter().map(|w| w.text.to_string()).collect());
        assert_eq!(
            words,
            expected.map(|words| words.into_iter().map(str::to_owned).collect())
        );
    }

    #[rstest]
    #[case("/opt/c/config", "sites/*", Ok(Target::Glob("/opt/c/sites/*".into())))]
    #[case("/opt/c/config", "../x.conf", Ok(Target::File("/opt/x.conf".into())))]
    #[case("/c", "/a//b/./c", Ok(Target::File("/a/b/c".into())))]
    fn a_relative_import_starts_at_its_file(
        #[case] file: &str,
        #[case] pattern: &str,
        #[case] expected: Result<Target, String>,
    ) {
        assert_eq!(target(file, pattern), expected);
    }

    #[rstest]
    #[case("*/*")]
    #[case("[ab]")]
    #[case("[a")]
    fn a_pattern_with_several_wildcards_is_refused(#[case] pattern: &str) {
        assert!(target("/f", pattern).is_err());
    }

    #[rstest]
    #[case("/a/*.conf", "/a/x.conf", true)]
    #[case("/a/*", "/a/.x", true)]
    #[case("/a/*", "/a/b/c", false)]
    #[case("/a/x?", "/a/xy", true)]
    #[case("/*/c", "/a/c", true)]
    fn patterns_fit_names(#[case] pattern: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(fits(pattern, path), expected);
    }
}
