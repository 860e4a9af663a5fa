//! The Corefile's grammar: blocks of directives, one a line, each with arguments and maybe a block of its own.

/// A server block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What stands before the brace.
    pub keys: Vec<String>,
    /// What stands in it.
    pub directives: Vec<Directive>,
}

/// One plugin's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The plugin.
    pub name: String,
    /// The rest of the line.
    pub args: Vec<String>,
    /// The lines of its own block.
    pub lines: Vec<Vec<String>>,
    /// Where it stands.
    pub line: usize,
}

/// A line's words, with its number.
type Line = (usize, Vec<String>);

/// Reads a Corefile.
pub fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut lines = words(text)?.into_iter().peekable();
    let mut blocks = Vec::new();
    while let Some((number, mut keys)) = lines.next() {
        // Keys may go on over lines as long as a comma ends them.
        while keys.last().is_some_and(|key| key.ends_with(',')) {
            let Some((_, more)) = lines.next() else { break };
            keys.extend(more);
        }
        if keys.pop().as_deref() != Some("{") {
            return Err(format!(
                "Corefile:{number} - Error during parsing: expected an opening brace after the zones"
            ));
        }
        let keys = keys
            .iter()
            .flat_map(|key| key.split(','))
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>();
        if keys.is_empty() {
            return Err(format!(
                "Corefile:{number} - Error during parsing: a block without a zone"
            ));
        }
        let directives = directives(&mut lines, number)?;
        blocks.push(Block { keys, directives });
    }
    Ok(blocks)
}

fn directives(
    lines: &mut impl Iterator<Item = Line>,
    opened: usize,
) -> Result<Vec<Directive>, String> {
    let mut directives: Vec<Directive> = Vec::new();
    while let Some((line, mut words)) = lines.next() {
        if words.len() == 1 && words[0] == "}" {
            return Ok(directives);
        }
        if words.iter().any(|word| word == "}") {
            return Err(format!(
                "Corefile:{line} - Error during parsing: Unexpected '}}'"
            ));
        }
        let block = words.last().is_some_and(|word| word == "{");
        if block {
            words.pop();
        }
        if words.is_empty() {
            return Err(format!(
                "Corefile:{line} - Error during parsing: a brace without a directive"
            ));
        }
        let name = words.remove(0);
        let mut inner = Vec::new();
        if block {
            loop {
                match lines.next() {
                    Some((_, words)) if words.len() == 1 && words[0] == "}" => break,
                    Some((line, words)) if words.iter().any(|word| word == "{" || word == "}") => {
                        return Err(format!(
                            "Corefile:{line} - Error during parsing: Unexpected brace"
                        ));
                    }
                    Some((_, words)) => inner.push(words),
                    None => {
                        return Err(format!(
                            "Corefile:{line} - Error during parsing: Unexpected EOF"
                        ));
                    }
                }
            }
        }
        directives.push(Directive {
            name,
            args: words,
            lines: inner,
            line,
        });
    }
    Err(format!(
        "Corefile:{opened} - Error during parsing: Unexpected EOF, a brace is not closed"
    ))
}

/// Words of each line; quotes hold blanks together, `#` ends a line, `{$NAME}` is the environment's.
fn words(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quoted = false;
        let mut held = false;
        for c in raw.chars() {
            match c {
                '"' => {
                    quoted = !quoted;
                    held = true;
                }
                '#' if !quoted && word.is_empty() && !held => break,
                c if c.is_whitespace() && !quoted => {
                    if !word.is_empty() || held {
                        words.push(std::mem::take(&mut word));
                    }
                    held = false;
                }
                c => word.push(c),
            }
        }
        if quoted {
            return Err(format!(
                "Corefile:{} - Error during parsing: a quote is not closed",
                at + 1
            ));
        }
        if !word.is_empty() || held {
            words.push(word);
        }
        let words: Vec<String> = words.iter().map(|word| environment(word)).collect();
        if !words.is_empty() {
            lines.push((at + 1, words));
        }
    }
    Ok(lines)
}

fn environment(word: &str) -> String {
    let Some((before, rest)) = word.split_once("{$") else {
        return word.to_owned();
    };
    match rest.split_once('}') {
        Some((name, after)) => format!(
            "{before}{}{}",
            std::env::var(name).unwrap_or_default(),
            environment(after)
        ),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the guide prints it.
    const GUIDE: &str = "zone.example.com:53 {
file /opt/gbo/data/zone.example.com.zone
acl {
allow type ANY net 10.0.0.0/8 127.0.0.0/8
allow type A net 0.0.0.0/0 # everyone
block
}
cache
errors
}
";

    #[test]
    fn the_guides_own_example_is_read() {
        let blocks = parse(GUIDE).unwrap();
        assert_eq!(blocks[0].keys, ["zone.example.com:53"]);
        let names: Vec<&str> = blocks[0]
            .directives
            .iter()
            .map(|d| d.name.as_str())
            .collect();
        assert_eq!(names, ["file", "acl", "cache", "errors"]);
        assert_eq!(blocks[0].directives[1].lines.len(), 3);
        assert_eq!(
            blocks[0].directives[1].lines[1],
            ["allow", "type", "A", "net", "0.0.0.0/0"]
        );
    }

    #[test]
    fn several_zones_share_a_block_and_quotes_hold_blanks_together() {
        let blocks = parse("a.example, b.example\t{\n file \"/a b\" \"\"\n}\n. {\n}\n").unwrap();
        assert_eq!(blocks[0].keys, ["a.example", "b.example"]);
        assert_eq!(blocks[0].directives[0].args, ["/a b", ""]);
        assert_eq!(blocks[1].keys, ["."]);
    }

    #[test]
    fn what_is_not_closed_is_an_error_with_its_line() {
        for text in [
            ". {",
            ". {\n acl {\n}",
            ". {\n file \"x\n}",
            "x\n",
            "{\n}\n",
            ". {\n a }\n}",
        ] {
            assert!(parse(text).unwrap_err().contains("Corefile:"), "{text}");
        }
    }
}
