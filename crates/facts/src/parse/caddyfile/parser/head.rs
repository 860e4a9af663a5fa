//! The words before a block, and what they make of it.

use std::rc::Rc;

use runproof_model::Reason;

use super::super::{Quote, Token};
use super::{Parser, env_hole};

/// The directives of a stock build: they cannot be the address of a site.
pub(in super::super) const DIRECTIVES: &[&str] = &[
    "abort",
    "acme_server",
    "basic_auth",
    "basicauth",
    "bind",
    "encode",
    "error",
    "file_server",
    "forward_auth",
    "fs",
    "handle",
    "handle_errors",
    "handle_path",
    "header",
    "intercept",
    "invoke",
    "log",
    "log_append",
    "log_name",
    "log_skip",
    "map",
    "method",
    "metrics",
    "php_fastcgi",
    "push",
    "redir",
    "request_body",
    "request_header",
    "respond",
    "reverse_proxy",
    "rewrite",
    "root",
    "route",
    "skip_log",
    "templates",
    "tls",
    "tracing",
    "try_files",
    "uri",
    "vars",
];

/// What the words before a block say that it is.
pub(super) enum Head {
    Nothing,
    Global,
    Snippet(Token, Rc<str>),
    Route(Token, Rc<str>),
    Site(Vec<Token>),
    Wrong,
}

impl Parser<'_> {
    /// The words before a block. Afterwards the current word is the `{`, or the
    /// first directive of a site without braces, or there is none.
    pub(super) fn head(&mut self) -> Result<Head, Reason> {
        let mut keys: Vec<Token> = Vec::new();
        let mut expecting = false;
        let mut wrong = false;
        while let Some(token) = self.cur.clone() {
            if let Some(hole) = &token.hole {
                self.out.holes.push((**hole).clone());
                if keys.is_empty() {
                    return Ok(Head::Nothing);
                }
                if !self.next() {
                    self.cur = None;
                }
                continue;
            }
            if &*token.text == "import" && self.is_new_line() {
                self.import(0)?;
                continue;
            }
            if token.opens() {
                if expecting {
                    self.problem(&token, "another address should follow the comma");
                }
                break;
            }
            if keys.is_empty() && self.is_bare_env(&token) {
                self.out.holes.push(env_hole(&token));
                return Ok(Head::Nothing);
            }
            wrong |= self.key(&token, &mut keys, &mut expecting);
            if !self.next() {
                if expecting {
                    self.problem(&token, "another address should follow the comma");
                }
                self.cur = None;
                break;
            }
            if !expecting && self.is_new_line() && (wrong || !keys.is_empty()) {
                break;
            }
        }
        Ok(self.sort_out(keys, wrong))
    }

    /// What the keys make of the block.
    fn sort_out(&mut self, keys: Vec<Token>, wrong: bool) -> Head {
        let inner = |prefix: &str, text: &str| -> Option<Rc<str>> {
            Some(text.strip_prefix(prefix)?.strip_suffix(')')?.into())
        };
        match keys.as_slice() {
            _ if wrong => Head::Wrong,
            [] if self.cur.as_ref().is_some_and(Token::opens) => Head::Global,
            [] => Head::Nothing,
            [key] => {
                if let Some(name) = inner("&(", &key.text) {
                    return Head::Route(key.clone(), name);
                }
                if let Some(name) = inner("(", &key.text) {
                    return Head::Snippet(key.clone(), name);
                }
                Head::Site(keys)
            }
            _ => Head::Site(keys),
        }
    }

    /// Takes one word of a block's head; says whether it cannot be one.
    fn key(&mut self, token: &Token, keys: &mut Vec<Token>, expecting: &mut bool) -> bool {
        let text = Rc::clone(&token.text);
        let add = |text: &str, keys: &mut Vec<Token>| {
            if !text.is_empty() {
                keys.push(Token {
                    text: text.into(),
                    ..token.clone()
                });
            }
        };
        if text.starts_with('@') && keys.is_empty() {
            self.problem(
                token,
                format!("matcher {text} stands outside of a site; matchers belong into one"),
            );
            return true;
        }
        // After a comma, too: a list of addresses that was not finished takes the next line in.
        let first = keys.is_empty() || *expecting;
        if first && self.is_new_line() && DIRECTIVES.contains(&&*text) {
            self.problem(
                token,
                format!("directive {text} stands outside of a site; put it into a site's block"),
            );
            add(&text, keys);
            return true;
        }
        if token.closes() {
            self.problem(token, "'}' without a '{' before it");
            return false;
        }
        if token.quote == Quote::None && text.ends_with('{') && !token.env {
            self.problem(
                token,
                format!("put a space between the address and the brace in {text}"),
            );
            add(text.trim_end_matches('{'), keys);
            // Go on as if the brace stood alone.
            self.queue.push_front(Token {
                text: "{".into(),
                ..token.clone()
            });
            *expecting = false;
            return false;
        }
        if text.is_empty() {
            return false;
        }
        let value = match text.strip_suffix(',') {
            Some(value) => {
                *expecting = true;
                value
            }
            None => {
                *expecting = false;
                &text
            }
        };
        if value.contains(',') && !token.env {
            self.problem(
                token,
                format!("put a space after the comma to separate addresses in {text}"),
            );
            for part in value.split(',') {
                add(part, keys);
            }
        } else {
            add(value, keys);
        }
        false
    }

    /// Whether an environment placeholder stands alone on a line between the sites and
    /// is more likely a piece of the file than the address of a site without braces.
    fn is_bare_env(&self, token: &Token) -> bool {
        if !token.is_env_only() || !self.is_new_line() || self.next_is_on_line() {
            return false;
        }
        let Some(next) = self.queue.front() else {
            return true;
        };
        // A default such as `{$SITE:localhost}` is an address, and so is what stands
        // before a directive.
        let directive = DIRECTIVES.contains(&&*next.text)
            || &*next.text == "import"
            || next.text.starts_with('@');
        !next.opens() && !directive && self.blocks_follow(next)
    }

    /// Whether the line that begins with `first` ends with `{`.
    fn blocks_follow(&self, first: &Token) -> bool {
        let mut last = first;
        for token in &self.queue {
            if last.breaks_before(token) {
                break;
            }
            last = token;
        }
        last.opens() || first.is_env_only()
    }
}
