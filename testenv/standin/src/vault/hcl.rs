//! The part of HCL that Vault's own files use: attributes, labelled blocks, strings, numbers, lists, objects.

use serde_json::{Map, Value};

/// What stands between two braces, or in a whole file.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Body {
    /// `name = value`.
    pub attributes: Map<String, Value>,
    /// `kind "label" { … }`, in order.
    pub blocks: Vec<Block>,
}

/// A block with at most one label, which is as deep as Vault's files go.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The word before the label.
    pub kind: String,
    /// The label, empty when there is none.
    pub label: String,
    /// What stands in it.
    pub body: Body,
}

/// How deep values and blocks may nest: the files are written by hand, the parser recurses.
const DEPTH: usize = 16;

/// Reads HCL, or JSON when the text opens with a brace.
pub fn parse(text: &str) -> Result<Body, String> {
    if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let object = value.as_object().ok_or("the file holds no object")?;
        return Ok(from_json(object));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
    };
    let body = parser.body(0)?;
    match parser.peek() {
        None => Ok(body),
        Some(token) => Err(format!("unexpected {token:?}")),
    }
}

/// In JSON a block is an object of labels, or a list of those.
fn from_json(object: &Map<String, Value>) -> Body {
    let mut body = Body::default();
    for (name, value) in object {
        let items: Vec<&Value> = match value.as_array() {
            Some(list) if list.iter().all(Value::is_object) && !list.is_empty() => {
                list.iter().collect()
            }
            _ => vec![value],
        };
        for item in items {
            match item.as_object() {
                Some(labels) if !labels.is_empty() && labels.values().all(Value::is_object) => {
                    for (label, inner) in labels {
                        let inner = inner.as_object().cloned().unwrap_or_default();
                        body.blocks.push(Block {
                            kind: name.clone(),
                            label: label.clone(),
                            body: Body {
                                attributes: inner,
                                blocks: Vec::new(),
                            },
                        });
                    }
                }
                _ => {
                    body.attributes.insert(name.clone(), item.clone());
                }
            }
        }
    }
    body
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => skip_line(&mut chars),
            '/' if chars.peek() == Some(&'/') => skip_line(&mut chars),
            '/' if chars.peek() == Some(&'*') => {
                chars.next();
                let mut last = ' ';
                loop {
                    match chars.next() {
                        Some('/') if last == '*' => break,
                        Some(c) => last = c,
                        None => return Err("a comment is not closed".to_owned()),
                    }
                }
            }
            '"' => tokens.push(Token::Text(quoted(&mut chars)?)),
            '{' | '}' | '[' | ']' | '=' | ',' | ':' => tokens.push(Token::Sign(c)),
            '<' if chars.peek() == Some(&'<') => {
                chars.next();
                tokens.push(Token::Text(heredoc(&mut chars)?));
            }
            c if c.is_ascii_alphanumeric() || c == '_' || c == '-' => {
                let mut word = String::from(c);
                while let Some(c) = chars
                    .peek()
                    .copied()
                    .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
                {
                    word.push(c);
                    chars.next();
                }
                tokens.push(match word.parse() {
                    Ok(number) => Token::Number(number),
                    Err(_) => Token::Word(word),
                });
            }
            c => return Err(format!("illegal character {c:?}")),
        }
    }
    Ok(tokens)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_line(chars: &mut Chars<'_>) {
    for c in chars.by_ref() {
        if c == '\n' {
            return;
        }
    }
}

fn quoted(chars: &mut Chars<'_>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(text),
            '\n' => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c) => text.push(c),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err("literal not terminated".to_owned())
}

/// `<<END` or `<<-END`, up to a line that is END.
fn heredoc(chars: &mut Chars<'_>) -> Result<String, String> {
    let opening: String = chars.by_ref().take_while(|c| *c != '\n').collect();
    let end = opening.trim().trim_start_matches('-').to_owned();
    let mut text = String::new();
    loop {
        let line: String = chars.by_ref().take_while(|c| *c != '\n').collect();
        if line.trim() == end {
            return Ok(text);
        }
        if chars.peek().is_none() {
            return Err("heredoc not terminated".to_owned());
        }
        text.push_str(&line);
        text.push('\n');
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn sign(&mut self, sign: char) -> bool {
        let here = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(here);
        here
    }

    fn body(&mut self, depth: usize) -> Result<Body, String> {
        if depth > DEPTH {
            return Err("nested too deep".to_owned());
        }
        let mut body = Body::default();
        while let Some(Token::Word(name) | Token::Text(name)) = self.peek().cloned() {
            self.at += 1;
            if self.sign('=') || self.sign(':') {
                let value = self.value(depth)?;
                body.attributes.insert(name, value);
                self.sign(',');
                continue;
            }
            let label = match self.peek().cloned() {
                Some(Token::Text(label) | Token::Word(label)) => {
                    self.at += 1;
                    label
                }
                Some(Token::Sign(_) | Token::Number(_)) | None => String::new(),
            };
            if !self.sign('{') {
                return Err(format!("expected '=' or a block after {name:?}"));
            }
            let inner = self.body(depth + 1)?;
            if !self.sign('}') {
                return Err(format!("object expected closing RBRACE in {name:?}"));
            }
            body.blocks.push(Block {
                kind: name,
                label,
                body: inner,
            });
        }
        Ok(body)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH {
            return Err("nested too deep".to_owned());
        }
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Number(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
                // Checked above: whole, and small enough to be exact.
                #[allow(clippy::cast_possible_truncation)]
                let whole = number as i64;
                Ok(Value::from(whole))
            }
            Some(Token::Number(number)) => Ok(Value::from(number)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                other => Err(format!("unexpected word {other:?}")),
            },
            Some(Token::Sign('[')) => {
                let mut list = Vec::new();
                while !self.sign(']') {
                    list.push(self.value(depth + 1)?);
                    if !self.sign(',') && self.peek() != Some(&Token::Sign(']')) {
                        return Err("error parsing list, expected comma or list end".to_owned());
                    }
                }
                Ok(Value::Array(list))
            }
            Some(Token::Sign('{')) => {
                let inner = self.body(depth + 1)?;
                if !self.sign('}') {
                    return Err("object expected closing RBRACE".to_owned());
                }
                Ok(Value::Object(inner.attributes))
            }
            Some(Token::Sign(sign)) => Err(format!("unexpected {sign:?}")),
            None => Err("the file ends where a value is expected".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HCL: &str = r#"
# where it listens
listener "tcp" {
  address     = "0.0.0.0:8200" // every address
  tls_disable = false
}
/* on disk */
storage "file" { path = "/opt/gbo/data/vault" }
ui = true
default_lease_ttl = "768h"
"#;

    #[test]
    fn blocks_attributes_and_three_kinds_of_comment_are_read() {
        let body = parse(HCL).unwrap();
        assert_eq!(body.attributes["ui"], json!(true));
        assert_eq!(body.blocks[0].kind, "listener");
        assert_eq!(body.blocks[0].label, "tcp");
        assert_eq!(
            body.blocks[0].body.attributes["address"],
            json!("0.0.0.0:8200")
        );
        assert_eq!(
            body.blocks[1].body.attributes["path"],
            json!("/opt/gbo/data/vault")
        );
    }

    #[test]
    fn json_says_the_same_with_objects_and_with_lists_of_them() {
        for text in [
            r#"{"listener": {"tcp": {"address": ":1"}}, "ui": true}"#,
            r#"{"listener": [{"tcp": {"address": ":1"}}], "ui": true}"#,
        ] {
            let body = parse(text).unwrap();
            assert_eq!(body.blocks.len(), 1, "{text}");
            assert_eq!(body.blocks[0].label, "tcp");
            assert_eq!(body.attributes["ui"], json!(true));
        }
    }

    #[test]
    fn a_list_may_end_with_a_comma_and_a_policy_label_may_hold_globs() {
        let body = parse("path \"secret/*\" {\n capabilities = [\"read\", \"list\",]\n}").unwrap();
        assert_eq!(body.blocks[0].label, "secret/*");
        assert_eq!(
            body.blocks[0].body.attributes["capabilities"],
            json!(["read", "list"])
        );
    }

    #[test]
    fn what_is_cut_off_or_nested_without_end_is_refused_and_does_not_panic() {
        for text in [
            "listener \"tcp\" {",
            "a = ",
            "a = [1 2]",
            "a = \"x",
            "/* ",
            "a b c",
            "<<X\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"a = [".repeat(10_000)).is_err());
        assert!(parse(&"a {".repeat(10_000)).is_err());
    }
}
