//! From words to blocks: global options, snippets, named routes and sites.

mod expand;
mod head;
mod tree;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use runproof_model::{Reason, ReasonKind};

use super::import::{Chains, Source, Target};
use super::{Hole, Limits, Problem, Quote, Token, cap, lexer};
pub(super) use head::DIRECTIVES;
use head::Head;
pub use tree::Statement;

/// A file as blocks.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The block of global options, if there is one.
    pub global: Option<Block>,
    /// The snippets, in order.
    pub snippets: Vec<Named>,
    /// The named routes.
    pub routes: Vec<Route>,
    /// The sites, in order.
    pub sites: Vec<Site>,
    /// The imports, in order; one that is met several times is listed once.
    pub imports: Vec<ImportLine>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Text between the sites that we do not have.
    pub holes: Vec<Hole>,
    /// The environment placeholders: text between `{$` and `}`, file, line.
    pub env: Vec<(String, String, u32)>,
    /// Imported files that nobody looked at yet.
    pub wanted: BTreeSet<Target>,
}

/// The statements of a block.
#[derive(Debug, Default)]
pub struct Block {
    /// The line of its first word.
    pub line: u32,
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// A name with its place.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name.
    pub name: Rc<str>,
    /// The file.
    pub file: Rc<str>,
    /// The line.
    pub line: u32,
}

/// A named route: `&(name) { … }`.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: Named,
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// A site.
#[derive(Debug)]
pub struct Site {
    /// Its addresses.
    pub addresses: Vec<Token>,
    /// Its statements, imports replaced by what they bring.
    pub statements: Vec<Statement>,
    /// The names that it imports, directly or not.
    pub imports: Vec<String>,
}

/// An `import`.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// What it names.
    pub pattern: String,
    /// Whether that is a snippet; else it is a file or a pattern of files.
    pub snippet: bool,
    /// Whether its text was found.
    pub resolved: bool,
    /// The file it stands in.
    pub file: String,
    /// The line.
    pub line: u32,
}

/// Parses `text`, which stands in the file of that absolute path.
/// A limit that is reached is an error: of such a file nothing is known.
pub fn parse(
    file: &str,
    text: &str,
    source: &dyn Source,
    limits: &Limits,
) -> Result<Parsed, Reason> {
    let mut parser = Parser {
        source,
        limits: *limits,
        queue: VecDeque::new(),
        prev: None,
        cur: None,
        snippets: HashMap::new(),
        chains: Chains::new(),
        tokens: 0,
        imports: 0,
        replaced: 0,
        blocks: 0,
        site_imports: Vec::new(),
        seen_imports: BTreeSet::new(),
        loaded: HashMap::new(),
        out: Parsed::default(),
    };
    if text.is_empty() {
        let problem = Problem::new(file, 1, "the file is empty");
        parser.out.problems.push(problem);
    }
    let tokens = parser.load(&file.into(), text)?;
    parser.queue.extend(tokens.iter().cloned());
    while parser.next() {
        parser.block()?;
    }
    if parser.out.problems.len() > limits.problems {
        parser.out.problems.truncate(limits.problems);
        let rest = Problem::new(file, 0, "more mistakes are not listed");
        parser.out.problems.push(rest);
    }
    Ok(parser.out)
}

/// An imported file as words, lexed once.
type Loaded = HashMap<Rc<str>, Rc<[Token]>>;

struct Parser<'a> {
    source: &'a dyn Source,
    limits: Limits,
    queue: VecDeque<Token>,
    prev: Option<Token>,
    cur: Option<Token>,
    snippets: HashMap<Rc<str>, Rc<[Token]>>,
    chains: Chains,
    tokens: usize,
    imports: usize,
    replaced: usize,
    blocks: usize,
    site_imports: Vec<String>,
    seen_imports: BTreeSet<(Rc<str>, u32, Rc<str>)>,
    loaded: Loaded,
    out: Parsed,
}

impl Parser<'_> {
    fn next(&mut self) -> bool {
        match self.queue.pop_front() {
            Some(token) => {
                self.prev = self.cur.replace(token);
                true
            }
            None => false,
        }
    }

    /// Gives the current word back.
    fn unread(&mut self) {
        if let Some(cur) = self.cur.take() {
            self.queue.push_front(cur);
        }
        self.cur = self.prev.take();
    }

    /// Whether the current word begins a line.
    fn is_new_line(&self) -> bool {
        match (&self.prev, &self.cur) {
            (Some(prev), Some(cur)) => prev.breaks_before(cur),
            _ => true,
        }
    }

    /// Whether the next word stands on the current word's line.
    fn next_is_on_line(&self) -> bool {
        match (&self.cur, self.queue.front()) {
            (Some(cur), Some(next)) => !cur.breaks_before(next),
            _ => false,
        }
    }

    /// Takes the next word when it is an argument: on the same line, and no `{`.
    fn next_arg(&mut self) -> Option<Token> {
        let is_arg = self.next_is_on_line() && self.queue.front().is_some_and(|t| !t.opens());
        (is_arg && self.next()).then(|| self.cur.clone()).flatten()
    }

    fn problem(&mut self, at: &Token, message: impl AsRef<str>) {
        // One more than are kept, so that the end can say that there were more.
        if self.out.problems.len() <= self.limits.problems {
            let problem = Problem::new(&at.file, at.line, message);
            if !self.out.problems.contains(&problem) {
                self.out.problems.push(problem);
            }
        }
    }

    /// The words of a file; its mistakes are noted.
    fn load(&mut self, file: &Rc<str>, text: &str) -> Result<Rc<[Token]>, Reason> {
        if let Some(tokens) = self.loaded.get(file) {
            return Ok(Rc::clone(tokens));
        }
        let lexed = lexer::lex(file, text);
        self.count_tokens(lexed.tokens.len())?;
        self.out.problems.extend(lexed.problems);
        for (name, line) in lexed.env {
            self.out.env.push((name, file.to_string(), line));
        }
        let tokens: Rc<[Token]> = lexed.tokens.into();
        self.loaded.insert(Rc::clone(file), Rc::clone(&tokens));
        Ok(tokens)
    }

    fn count_tokens(&mut self, more: usize) -> Result<(), Reason> {
        self.tokens = self.tokens.saturating_add(more);
        if self.tokens > self.limits.tokens {
            return Err(cap("too many words, imports written out"));
        }
        Ok(())
    }

    /// One block of the file, from its first word.
    fn block(&mut self) -> Result<(), Reason> {
        let head = self.head()?;
        self.site_imports.clear();
        match head {
            Head::Nothing => {}
            Head::Global => {
                let open = self.cur.clone();
                let line = open.as_ref().map_or(0, |open| open.line);
                let statements = self.body(true)?;
                if statements.is_empty() {
                    return Ok(());
                }
                if self.blocks > 0
                    && let Some(open) = open
                {
                    self.problem(
                        &open,
                        "a block without an address holds global options and must come first",
                    );
                }
                self.blocks += 1;
                if self.out.global.is_none() {
                    self.out.global = Some(Block { line, statements });
                }
            }
            Head::Snippet(token, name) => {
                let tokens = self.raw_block(&token)?;
                let named = Named {
                    name: Rc::clone(&name),
                    file: Rc::clone(&token.file),
                    line: token.line,
                };
                // The first one counts, as it does until the server meets the second.
                let mut twice = true;
                self.snippets.entry(Rc::clone(&name)).or_insert_with(|| {
                    twice = false;
                    tokens.into()
                });
                if twice {
                    self.problem(&token, format!("snippet {name} is declared twice"));
                }
                self.out.snippets.push(named);
            }
            Head::Route(token, name) => {
                let has_block = self.cur.as_ref().is_some_and(Token::opens);
                if !has_block {
                    self.problem(&token, "a named route needs a block");
                }
                let statements = self.body(has_block)?;
                self.blocks += 1;
                self.out.routes.push(Route {
                    name: Named {
                        name,
                        file: Rc::clone(&token.file),
                        line: token.line,
                    },
                    statements,
                });
            }
            Head::Site(addresses) => {
                let braces = self.cur.as_ref().is_some_and(Token::opens);
                let statements = self.body(braces)?;
                self.check_statements(&statements, braces);
                self.blocks += 1;
                self.out.sites.push(Site {
                    addresses,
                    statements,
                    imports: std::mem::take(&mut self.site_imports),
                });
            }
            Head::Wrong => {
                if self.cur.as_ref().is_some_and(Token::opens) {
                    self.body(true)?;
                } else {
                    self.unread();
                }
                self.blocks += 1;
            }
        }
        Ok(())
    }

    /// An address among the directives is the next site: a brace is missing before it,
    /// or the site has no braces and takes all that follows.
    fn check_statements(&mut self, statements: &[Statement], braces: bool) {
        for name in statements
            .iter()
            .filter(|statement| statement.is_like_address())
            .map(|statement| &statement.name)
        {
            let why = if braces {
                "sites do not stand in each other; close the block of the site before it"
            } else {
                "a second site needs braces around each site"
            };
            self.problem(
                name,
                format!("{} stands where a directive should; {why}", name.text),
            );
        }
    }

    /// The words of a block, imports untouched. The current word is its `{`.
    fn raw_block(&mut self, name: &Token) -> Result<Vec<Token>, Reason> {
        let Some(open) = self.cur.clone().filter(Token::opens) else {
            self.problem(name, format!("{} needs a block in braces", name.text));
            self.unread();
            return Ok(Vec::new());
        };
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

    /// The statements of a block. With braces the current word is its `{`, and will be its `}`.
    fn body(&mut self, braces: bool) -> Result<Vec<Statement>, Reason> {
        let open = self.cur.clone();
        let mut statements = Vec::new();
        let mut more = if braces {
            self.next()
        } else {
            self.cur.is_some()
        };
        while more {
            let Some(token) = self.cur.clone() else {
                break;
            };
            if token.closes() {
                if !braces {
                    self.problem(&token, "'}' without a '{' before it");
                    more = self.next();
                    continue;
                }
                return Ok(statements);
            }
            if &*token.text == "import" && token.hole.is_none() {
                self.import(1)?;
                more = self.cur.is_some();
                continue;
            }
            let (words, closed) = self.segment(token)?;
            statements.extend(tree::build(words, &self.limits)?);
            if closed && braces {
                return Ok(statements);
            }
            more = self.next();
        }
        if braces && let Some(open) = open {
            self.problem(&open, "the block that opens here is never closed");
        }
        Ok(statements)
    }

    /// The words of one directive with its blocks. Afterwards the current word is its
    /// last; or, when `true` is returned, the `}` of the block that the directive stands in.
    fn segment(&mut self, first: Token) -> Result<(Vec<Token>, bool), Reason> {
        let mut words = vec![first];
        let mut nesting: Vec<Token> = Vec::new();
        if let Some(first) = words.first().filter(|t| t.opens()).cloned() {
            self.problem(&first, "'{' without a directive before it");
            nesting.push(first);
        }
        loop {
            if nesting.is_empty()
                && let (Some(cur), Some(next)) = (&self.cur, self.queue.front())
                && cur.breaks_before(next)
            {
                // A brace on a line of its own was meant to open this directive's block.
                if !next.opens() {
                    return Ok((words, false));
                }
            }
            if !self.next() {
                break;
            }
            let Some(token) = self.cur.clone() else {
                break;
            };
            if token.opens() {
                if self.is_new_line() {
                    self.problem(
                        &token,
                        "'{' on a line of its own; put it at the end of the line before",
                    );
                } else if self.next_is_on_line() {
                    self.problem(&token, "after '{' a new line must begin");
                }
                nesting.push(token.clone());
                if nesting.len() > self.limits.nesting {
                    return Err(cap("blocks within blocks"));
                }
            } else if &*token.text == "{}" && token.quote == Quote::None {
                if !self.next_is_on_line() {
                    self.problem(&token, "'{}' at the end of a line opens no block");
                }
            } else if token.closes() {
                if nesting.pop().is_none() {
                    self.problem(
                        &token,
                        "'}' on the line of a directive; it needs its own line",
                    );
                    return Ok((words, true));
                }
            } else if &*token.text == "import" && self.is_new_line() {
                self.import(1)?;
                // The first imported word comes again with the next turn.
                if let Some(cur) = self.cur.take() {
                    self.queue.push_front(cur);
                }
                self.cur = words.last().cloned();
                continue;
            }
            words.push(token);
        }
        if let Some(open) = nesting.first() {
            let open = open.clone();
            self.problem(&open, "the block that opens here is never closed");
        }
        Ok((words, false))
    }
}

/// The hole that an environment placeholder leaves where statements stand.
fn env_hole(token: &Token) -> Hole {
    Hole {
        reason: Reason::new(
            ReasonKind::Unsupported,
            format!(
                "line {}: the text of {} comes from the environment",
                token.line, token.text
            ),
        ),
    }
}
