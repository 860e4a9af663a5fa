//! The block of global options.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::parser::{DIRECTIVES, Parsed, Statement};
use super::{Work, args, from_env, whole};

/// The global options. An option that is not set is absent; one that is set twice has
/// its last value. Where the text of the block is not all known, options are unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// Whether the file has such a block that is not empty.
    pub present: Observed<bool>,
    /// Where certificates are kept.
    pub storage: Observed<Storage>,
    /// The admin endpoint: `off`, or where it listens.
    pub admin: Observed<String>,
    /// The address for certificate notices.
    pub email: Observed<String>,
    /// What `auto_https` is set to; several words are joined by a blank.
    pub auto_https: Observed<String>,
    /// The port for HTTP.
    pub http_port: Observed<i64>,
    /// The port for HTTPS.
    pub https_port: Observed<i64>,
    /// The URL of the certificate authority.
    pub acme_ca: Observed<String>,
    /// Whether `debug` is set.
    pub debug: Observed<bool>,
    /// All options, in order; what looks like a secret is masked.
    pub options: Observed<Vec<GlobalOption>>,
}

/// One global option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalOption {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The line it stands in.
    pub line: u64,
}

/// The `storage` option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The module, such as `file_system`; empty when none is named.
    pub module: String,
    /// The folder of `file_system`; absent for other modules.
    pub root: Observed<String>,
    /// The line it stands in.
    pub line: u64,
}

/// Reads the global options of a file.
pub(super) fn read(parsed: &Parsed, work: &mut Work<'_>) -> Global {
    let statements: &[Statement] = parsed
        .global
        .as_ref()
        .map_or(&[], |block| block.statements.as_slice());
    // Text before the first site may be the block itself.
    let hole = statements
        .iter()
        .find_map(|statement| statement.hole.as_ref())
        .or_else(|| match parsed.global {
            Some(_) => None,
            None => parsed.holes.first(),
        });
    let missing = hole.map(|hole| hole.reason.clone());
    let reader = Reader {
        statements,
        missing: missing.as_ref(),
    };
    check(statements, work);
    Global {
        present: match (&parsed.global, parsed.holes.first()) {
            (Some(_), _) => Observed::Known(true),
            (None, Some(hole)) => Observed::Unknown(hole.reason.clone()),
            (None, None) => Observed::Known(false),
        },
        storage: reader.find("storage").map(storage),
        admin: reader.find("admin").and_then(|statement| {
            match statement.args.first() {
                Some(token) if token.env => Observed::Unknown(from_env(token)),
                Some(token) => Observed::Known(token.text.to_string()),
                // The option without an address keeps the default one.
                None => Observed::Known("localhost:2019".to_owned()),
            }
        }),
        email: reader.words("email"),
        auto_https: reader.words("auto_https"),
        http_port: reader.port("http_port"),
        https_port: reader.port("https_port"),
        acme_ca: reader.words("acme_ca"),
        debug: match reader.find("debug") {
            Observed::Known(_) => Observed::Known(true),
            Observed::Absent => Observed::Known(false),
            Observed::Unknown(reason) => Observed::Unknown(reason),
        },
        options: whole(
            hole,
            statements
                .iter()
                .filter(|statement| statement.hole.is_none())
                .map(|statement| GlobalOption {
                    name: statement.name.text.to_string(),
                    args: args(&statement.name.text, &statement.args),
                    line: u64::from(statement.name.line),
                })
                .collect(),
        ),
    }
}

struct Reader<'a> {
    statements: &'a [Statement],
    missing: Option<&'a Reason>,
}

impl<'a> Reader<'a> {
    /// The last statement of that name: a later one replaces an earlier one.
    fn find(&self, name: &str) -> Observed<&'a Statement> {
        if let Some(reason) = self.missing {
            return Observed::Unknown(reason.clone());
        }
        self.statements
            .iter()
            .rev()
            .find(|statement| &*statement.name.text == name)
            .into()
    }

    fn words(&self, name: &str) -> Observed<String> {
        self.find(name).and_then(|statement| {
            if let Some(token) = statement.args.iter().find(|token| token.env) {
                return Observed::Unknown(from_env(token));
            }
            let words: Vec<&str> = statement.args.iter().map(|token| &*token.text).collect();
            Observed::Known(crate::scrub::line(&words.join(" ")))
        })
    }

    fn port(&self, name: &str) -> Observed<i64> {
        self.words(name).and_then(|word| match word.parse() {
            Ok(port) => Observed::Known(port),
            Err(_) => Observed::unknown(
                runproof_model::ReasonKind::Garbled,
                format!("{name} {word} is not a number"),
            ),
        })
    }
}

fn storage(statement: &Statement) -> Storage {
    let module = statement.args.first();
    let is_files = module.is_some_and(|module| &*module.text == "file_system");
    let root = if is_files {
        let in_block = statement
            .block
            .iter()
            .flatten()
            .find(|inner| &*inner.name.text == "root")
            .and_then(|inner| inner.args.first());
        let in_hole = statement
            .block
            .iter()
            .flatten()
            .find_map(|inner| inner.hole.as_ref());
        match (statement.args.get(1).or(in_block), in_hole) {
            (Some(token), _) if token.env => Observed::Unknown(from_env(token)),
            (Some(token), _) => Observed::Known(token.text.to_string()),
            (None, Some(hole)) => Observed::Unknown(hole.reason.clone()),
            (None, None) => Observed::Absent,
        }
    } else {
        match module.filter(|module| module.env) {
            Some(token) => Observed::Unknown(from_env(token)),
            None => Observed::Absent,
        }
    };
    Storage {
        module: module.map_or_else(String::new, |token| token.text.to_string()),
        root,
        line: u64::from(statement.name.line),
    }
}

/// What the server would refuse.
fn check(statements: &[Statement], work: &mut Work<'_>) {
    // Directives whose names are those of options, too.
    const BOTH: [&str; 3] = ["log", "metrics", "tracing"];
    for statement in statements {
        let name = &statement.name;
        let of_site = DIRECTIVES.contains(&&*name.text) && !BOTH.contains(&&*name.text);
        if of_site || statement.is_like_address() || name.text.starts_with('@') {
            work.problem(
                name,
                format!(
                    "{} stands among the global options; it belongs into a site, which needs an address before its block",
                    name.text
                ),
            );
        }
        match &*name.text {
            "auto_https" => {
                if statement.args.is_empty() {
                    work.problem(name, "auto_https needs a value");
                }
                for token in &statement.args {
                    let valid = [
                        "off",
                        "disable_redirects",
                        "disable_certs",
                        "ignore_loaded_certs",
                        "prefer_wildcard",
                    ];
                    if !token.env && !valid.contains(&&*token.text) {
                        work.problem(
                            token,
                            format!("auto_https cannot be {}; automatic HTTPS is on when the option is left out", token.text),
                        );
                    }
                }
            }
            "http_port" | "https_port" => match statement.args.as_slice() {
                [token] if token.env || token.text.parse::<i64>().is_ok() => {}
                _ => work.problem(name, format!("{} needs one number", name.text)),
            },
            "storage" => {
                let found = storage(statement);
                if found.module.is_empty() {
                    work.problem(name, "storage needs the name of a module");
                } else if found.module == "file_system" && found.root == Observed::Absent {
                    work.problem(name, "storage file_system needs a root");
                }
            }
            "email" | "acme_ca" if statement.args.len() != 1 => {
                work.problem(name, format!("{} needs one value", name.text));
            }
            _ => {}
        }
    }
}
