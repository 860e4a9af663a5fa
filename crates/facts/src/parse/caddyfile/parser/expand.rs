//! Putting the text of an `import` in its place.

use std::collections::HashMap;
use std::rc::Rc;

use runproof_model::{Reason, ReasonKind};

use super::super::import::{Arguments, Found, Target, target};
use super::super::{Hole, Quote, Token, cap};
use super::{ImportLine, Parser};

/// What an import's name led to.
enum Text {
    /// Words, each group with the name under which a cycle would meet it again.
    Words(Vec<(Rc<str>, Rc<[Token]>)>),
    /// We do not have it.
    Hole(Reason),
    /// It is not there; the message says what is not.
    Wrong(String),
}

impl Parser<'_> {
    /// Replaces the `import` that is the current word. Afterwards the current word is the
    /// first one of what was imported, or what follows; `None` at the end of the file.
    pub(super) fn import(&mut self, nesting: usize) -> Result<(), Reason> {
        self.imports += 1;
        if self.imports > self.limits.imports {
            return Err(cap("imports"));
        }
        let before = self.prev.clone();
        let Some(at) = self.cur.clone() else {
            return Ok(());
        };
        let Some(pattern) = self.next_arg() else {
            self.problem(&at, "import needs the name of a snippet or file");
            return self.resume(before, Vec::new());
        };
        let words = std::iter::from_fn(|| self.next_arg()).collect();
        let block = self.import_block()?;
        let blocks = named_blocks(&block);
        let arguments = Arguments {
            words,
            block,
            blocks,
        };
        let snippet = self.snippets.contains_key(&pattern.text);
        let text = self.text_of(&at, &pattern)?;
        self.note(&at, &pattern, snippet, matches!(text, Text::Words(_)));
        let tokens = match text {
            Text::Words(groups) => self.expand(&at, nesting, groups, &arguments)?,
            Text::Hole(reason) => vec![self.hole(&at, reason)],
            Text::Wrong(message) => {
                self.problem(&at, message);
                Vec::new()
            }
        };
        self.resume(before, tokens)
    }

    /// Puts `tokens` before what follows and steps onto the first word.
    fn resume(&mut self, before: Option<Token>, tokens: Vec<Token>) -> Result<(), Reason> {
        for token in tokens.into_iter().rev() {
            self.queue.push_front(token);
        }
        self.cur = before;
        if !self.next() {
            self.prev = self.cur.take();
        }
        Ok(())
    }

    fn note(&mut self, at: &Token, pattern: &Token, snippet: bool, resolved: bool) {
        let key = (Rc::clone(&at.file), at.line, Rc::clone(&pattern.text));
        if self.seen_imports.insert(key) {
            self.out.imports.push(ImportLine {
                pattern: pattern.text.to_string(),
                snippet,
                resolved,
                file: at.file.to_string(),
                line: at.line,
            });
        }
        let name = pattern.text.to_string();
        if !self.site_imports.contains(&name) {
            self.site_imports.push(name);
        }
    }

    /// The words of the block that follows an import, without its braces.
    fn import_block(&mut self) -> Result<Vec<Token>, Reason> {
        let opens = self.next_is_on_line() && self.queue.front().is_some_and(Token::opens);
        if !opens || !self.next() {
            return Ok(Vec::new());
        }
        let Some(open) = self.cur.clone() else {
            return Ok(Vec::new());
        };
        if self.next_is_on_line() && self.queue.front().is_some_and(|t| !t.closes()) {
            self.problem(&open, "after '{' a new line must begin");
        }
        let mut nesting = 1usize;
        let mut tokens = Vec::new();
        while self.next() {
            let Some(token) = self.cur.clone() else {
                break;
            };
            if token.closes() {
                nesting -= 1;
                if nesting == 0 {
                    return Ok(tokens);
                }
            } else if token.opens() {
                nesting += 1;
                if nesting > self.limits.nesting {
                    return Err(cap("blocks within blocks"));
                }
            }
            tokens.push(token);
        }
        self.problem(&open, "the block that opens here is never closed");
        Ok(tokens)
    }

    fn text_of(&mut self, at: &Token, pattern: &Token) -> Result<Text, Reason> {
        if let Some(tokens) = self.snippets.get(&pattern.text) {
            let name: Rc<str> = format!("({})", pattern.text).into();
            return Ok(Text::Words(vec![(name, Rc::clone(tokens))]));
        }
        if pattern.env {
            return Ok(Text::Hole(Reason::new(
                ReasonKind::Unsupported,
                format!(
                    "line {}: what is imported depends on the environment: {}",
                    at.line, pattern.text
                ),
            )));
        }
        if pattern.text.is_empty() {
            return Ok(Text::Wrong("import needs a name that is not empty".into()));
        }
        let target = match target(&pattern.file, &pattern.text) {
            Ok(target) => target,
            Err(message) => return Ok(Text::Wrong(message)),
        };
        Ok(match self.source.find(&target) {
            Found::Unknown(reason) => Text::Hole(reason),
            Found::NotYet => {
                let reason = Reason::new(
                    ReasonKind::CapReached,
                    format!("line {}: import {} was not followed", at.line, pattern.text),
                );
                self.out.wanted.insert(target);
                Text::Hole(reason)
            }
            // A snippet of that name may stand in text that we do not have.
            Found::Missing => match self.out.holes.first() {
                Some(hole) => Text::Hole(hole.reason.clone()),
                None if pattern.text.ends_with(';') => Text::Wrong(format!(
                    "there is no file and no snippet {}; a semicolon does not end a line here",
                    pattern.text
                )),
                None => Text::Wrong(format!("there is no file and no snippet {}", pattern.text)),
            },
            Found::Files(files) => self.files(&target, files)?,
        })
    }

    fn files(
        &mut self,
        target: &Target,
        files: Vec<(String, Result<String, Reason>)>,
    ) -> Result<Text, Reason> {
        let mut groups = Vec::with_capacity(files.len());
        for (path, text) in files {
            let hidden = path
                .rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with('.'));
            let skips_hidden = match target {
                Target::Glob(pattern) => pattern
                    .rsplit('/')
                    .next()
                    .is_some_and(|name| name.starts_with('*')),
                Target::File(_) => false,
            };
            if hidden && skips_hidden {
                let empty = text.as_ref().is_ok_and(|text| text.trim().is_empty());
                if !empty {
                    let why =
                        format!("{path} is hidden: older servers import it, newer ones do not");
                    let reason = Reason::new(ReasonKind::Unsupported, why);
                    let path: Rc<str> = path.into();
                    let hole = hole_token(&path, 1, reason);
                    groups.push((path, [hole].into()));
                }
                continue;
            }
            let path: Rc<str> = path.into();
            match text {
                Ok(text) => {
                    let tokens = self.load(&path, &text)?;
                    groups.push((path, tokens));
                }
                // One file of a pattern that we do not have: the others stand.
                Err(reason) => {
                    let hole = hole_token(&path, 1, reason);
                    groups.push((path, [hole].into()));
                }
            }
        }
        Ok(Text::Words(groups))
    }

    fn hole(&self, at: &Token, reason: Reason) -> Token {
        Token {
            chain: at.chain,
            ..hole_token(&at.file, at.line, reason)
        }
    }

    /// The imported words with the arguments put in.
    fn expand(
        &mut self,
        at: &Token,
        mut nesting: usize,
        groups: Vec<(Rc<str>, Rc<[Token]>)>,
        arguments: &Arguments,
    ) -> Result<Vec<Token>, Reason> {
        let mut out: Vec<Token> = Vec::new();
        // A snippet that is defined in the imported text keeps its own placeholders.
        let (mut in_snippet, mut maybe_snippet, mut index) = (false, false, 0usize);
        for (name, tokens) in groups {
            if self.chains.holds(at.chain, &name) || *name == *at.file && at.chain == 0 {
                self.problem(at, format!("import of {name} goes round in a circle"));
                continue;
            }
            self.count_tokens(tokens.len())?;
            let chain = self.chains.extend(at.chain, &name, &self.limits)?;
            let mut previous: Option<&Token> = None;
            for original in tokens.iter() {
                let mut token = original.clone();
                token.chain = chain;
                if !in_snippet && nesting == 0 {
                    let new_line = previous.is_none_or(|p| p.breaks_before(original));
                    index = if new_line { 0 } else { index + 1 };
                    if index == 0 && token.text.starts_with('(') && token.text.ends_with(')') {
                        maybe_snippet = true;
                    }
                }
                previous = Some(original);
                if token.opens() {
                    nesting += 1;
                    if index == 1 && maybe_snippet && nesting == 1 {
                        in_snippet = true;
                        maybe_snippet = false;
                    }
                } else if token.closes() {
                    nesting = nesting.saturating_sub(1);
                    in_snippet &= nesting > 0;
                }
                if in_snippet || token.hole.is_some() {
                    out.push(token);
                } else if let Some(words) = arguments.several(&token) {
                    self.count_tokens(words.len())?;
                    out.extend(words);
                } else {
                    arguments.replace(&mut token);
                    if token.text.len() > original.text.len() {
                        self.replaced += token.text.len();
                        if self.replaced > self.limits.replaced {
                            return Err(cap("text of import arguments"));
                        }
                    }
                    out.push(token);
                }
            }
        }
        Ok(out)
    }
}

fn hole_token(file: &Rc<str>, line: u32, reason: Reason) -> Token {
    Token {
        text: "".into(),
        file: Rc::clone(file),
        line,
        quote: Quote::None,
        env: false,
        row: 0,
        end_row: 0,
        chain: 0,
        hole: Some(Rc::new(Hole { reason })),
    }
}

/// The blocks within an import's block, by the first word of their line.
fn named_blocks(tokens: &[Token]) -> HashMap<Rc<str>, Vec<Token>> {
    let mut blocks: HashMap<Rc<str>, Vec<Token>> = HashMap::new();
    let mut current: Option<Rc<str>> = None;
    let mut nesting = 0usize;
    let mut previous: Option<&Token> = None;
    for token in tokens {
        let new_line = previous.is_none_or(|p| p.breaks_before(token) || p.closes());
        previous = Some(token);
        if nesting == 0 && new_line && !token.opens() && !token.closes() {
            current = Some(Rc::clone(&token.text));
            blocks.insert(Rc::clone(&token.text), Vec::new());
            continue;
        }
        if token.opens() {
            nesting += 1;
            if nesting == 1 {
                continue;
            }
        } else if token.closes() {
            nesting = nesting.saturating_sub(1);
            if nesting == 0 {
                continue;
            }
        }
        if let Some(block) = current.as_ref().and_then(|name| blocks.get_mut(name)) {
            block.push(token.clone());
        }
    }
    blocks
}
