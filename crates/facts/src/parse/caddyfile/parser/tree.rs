//! From the words of a directive to statements within statements.

use runproof_model::Reason;

use super::super::{Hole, Limits, Token, cap};
use super::env_hole;

/// One line with the block that it opens.
#[derive(Debug)]
pub struct Statement {
    /// Its first word.
    pub name: Token,
    /// The other words of the line.
    pub args: Vec<Token>,
    /// The statements of its block, if it has one.
    pub block: Option<Vec<Statement>>,
    /// Set when it stands for text that we do not have.
    pub hole: Option<Hole>,
}

impl Statement {
    fn new(name: Token) -> Self {
        let hole = match &name.hole {
            Some(hole) => Some((**hole).clone()),
            None if name.is_env_only() => Some(env_hole(&name)),
            None => None,
        };
        Self {
            name,
            args: Vec::new(),
            block: None,
            hole,
        }
    }

    /// Whether its first word is an address and can be no directive or option.
    pub(in super::super) fn is_like_address(&self) -> bool {
        let name = &self.name;
        self.hole.is_none()
            && !name.env
            && !name.text.starts_with('@')
            && name.text.contains(['.', ':'])
    }
}

/// The statements that `words` form; braces that do not match were noted before.
pub(super) fn build(words: Vec<Token>, limits: &Limits) -> Result<Vec<Statement>, Reason> {
    // The open blocks: each the statements that it has so far.
    let mut stack: Vec<Vec<Statement>> = vec![Vec::new()];
    let mut last: Option<Token> = None;
    for token in words {
        let new_line = last
            .as_ref()
            .is_none_or(|last| last.breaks_before(&token) || last.opens() || last.closes());
        if token.opens() {
            if stack.len() > limits.nesting {
                return Err(cap("blocks within blocks"));
            }
            stack.push(Vec::new());
        } else if token.closes() {
            close(&mut stack);
        } else if let Some(block) = stack.last_mut() {
            match block.last_mut() {
                Some(statement) if !new_line => statement.args.push(token.clone()),
                _ => block.push(Statement::new(token.clone())),
            }
        }
        last = Some(token);
    }
    while stack.len() > 1 {
        close(&mut stack);
    }
    Ok(stack.pop().unwrap_or_default())
}

/// Gives the innermost block to the statement that opened it.
fn close(stack: &mut Vec<Vec<Statement>>) {
    if stack.len() < 2 {
        return;
    }
    let Some(block) = stack.pop() else {
        return;
    };
    let Some(outer) = stack.last_mut() else {
        return;
    };
    match outer.last_mut() {
        Some(statement) => statement.block.get_or_insert_default().extend(block),
        // A block without a directive: its statements are all that is left of it.
        None => outer.extend(block),
    }
}
