//! Proxies: where they send requests, and what they do to headers.

use runproof_model::{Observed, Reason, ReasonKind};

use super::super::address::{self, Dial};
use super::super::parser::Statement;
use super::super::{Token, cap};
use super::{Deep, HeaderUp, Upstream, Work, args, from_env, matcher};
use crate::parse::mask;
use crate::scrub;

impl<'a> Work<'a> {
    /// Notes the upstreams and headers of one proxy.
    pub(super) fn proxy(
        &mut self,
        statement: &'a Statement,
        deep: &mut Deep<'a>,
        depth: usize,
    ) -> Result<(), Reason> {
        let name = &*statement.name.text;
        let (_, words) = matcher(name, &statement.args);
        let over = transport(statement);
        let mut addresses: Vec<&Token> = words.iter().collect();
        for inner in statement.block.iter().flatten() {
            if let Some(hole) = &inner.hole {
                deep.hole.get_or_insert(hole);
                continue;
            }
            match &*inner.name.text {
                "to" => {
                    if inner.args.is_empty() {
                        self.problem(&inner.name, "`to` needs an address");
                    }
                    addresses.extend(&inner.args);
                }
                "dynamic" => {
                    self.count(1)?;
                    deep.upstreams.push(dynamic(name, inner, over));
                }
                "header_up" => match header(inner) {
                    Some(header) => deep.headers_up.push(header),
                    None => self.problem(&inner.name, "header_up needs the name of a header"),
                },
                "handle_response" => {
                    if let Some(block) = &inner.block {
                        self.walk(block, deep, depth + 1)?;
                    }
                }
                _ => {}
            }
        }
        self.check_schemes(&addresses);
        for token in addresses {
            self.upstream(name, token, over, deep)?;
        }
        Ok(())
    }

    /// All upstreams of one proxy speak one protocol; the server refuses anything else.
    fn check_schemes(&mut self, addresses: &[&Token]) {
        let mut common = String::new();
        for token in addresses.iter().filter(|token| !token.env) {
            let Ok(dial) = address::upstream(&token.text) else {
                continue;
            };
            if !common.is_empty() && dial.scheme != common {
                self.problem(
                    token,
                    format!(
                        "all upstreams of a proxy need one scheme; before this one it was {common}"
                    ),
                );
            }
            common = dial.scheme;
        }
    }

    fn count(&mut self, more: usize) -> Result<(), Reason> {
        self.upstreams += more;
        if self.upstreams > self.limits.upstreams {
            return Err(cap("upstreams"));
        }
        Ok(())
    }

    fn upstream(
        &mut self,
        directive: &str,
        token: &Token,
        over: Option<&'static str>,
        deep: &mut Deep<'a>,
    ) -> Result<(), Reason> {
        let mut upstream = Upstream {
            address: scrub::line(&token.text),
            scheme: Observed::Absent,
            network: "tcp".to_owned(),
            host: Observed::Absent,
            port: Observed::Absent,
            directive: directive.to_owned(),
            line: u64::from(token.line),
        };
        self.count(1)?;
        if token.env {
            let reason = from_env(token);
            upstream.scheme = Observed::Unknown(reason.clone());
            upstream.host = Observed::Unknown(reason.clone());
            upstream.port = Observed::Unknown(reason);
            deep.upstreams.push(upstream);
            return Ok(());
        }
        let dial = match address::upstream(&token.text) {
            Ok(dial) => dial,
            Err(message) => {
                self.problem(token, &message);
                let reason = Reason::new(ReasonKind::Garbled, message);
                upstream.scheme = Observed::Unknown(reason.clone());
                upstream.host = Observed::Unknown(reason.clone());
                upstream.port = Observed::Unknown(reason);
                deep.upstreams.push(upstream);
                return Ok(());
            }
        };
        upstream.scheme = Observed::Known(scheme(directive, &dial, over).to_owned());
        if !dial.network.is_empty() {
            upstream.network.clone_from(&dial.network);
        }
        if dial.is_socket() {
            deep.upstreams.push(upstream);
            return Ok(());
        }
        upstream.host = word(&dial.host, token).map(str::to_owned);
        match address::ports(&dial.port) {
            Some(ports) => {
                self.count(ports.len().saturating_sub(1))?;
                for port in ports {
                    upstream.port = Observed::Known(i64::from(port));
                    deep.upstreams.push(upstream.clone());
                }
            }
            None => {
                upstream.port = Observed::Unknown(at_run_time(token));
                deep.upstreams.push(upstream);
            }
        }
        Ok(())
    }
}

/// A word, unless it is decided at run time.
fn word<'t>(text: &'t str, token: &Token) -> Observed<&'t str> {
    if text.contains('{') {
        Observed::Unknown(at_run_time(token))
    } else {
        Observed::Known(text)
    }
}

fn at_run_time(token: &Token) -> Reason {
    Reason::new(
        ReasonKind::Unsupported,
        format!(
            "line {}: {} is decided at run time",
            token.line,
            scrub::line(&token.text)
        ),
    )
}

/// What a proxy's `transport` says of the protocol.
fn transport(statement: &Statement) -> Option<&'static str> {
    let transport = statement
        .block
        .iter()
        .flatten()
        .find(|inner| &*inner.name.text == "transport")?;
    let name = transport.args.first()?;
    if &*name.text == "fastcgi" {
        return Some("fastcgi");
    }
    let inner = || transport.block.iter().flatten();
    if inner().any(|option| option.name.text.starts_with("tls")) {
        return Some("https");
    }
    inner()
        .find(|option| &*option.name.text == "versions")
        .filter(|option| option.args.iter().any(|arg| &*arg.text == "h2c"))
        .map(|_| "h2c")
}

fn scheme<'d>(directive: &str, dial: &'d Dial, over: Option<&'static str>) -> &'d str {
    if directive == "php_fastcgi" {
        return "fastcgi";
    }
    match (dial.scheme.as_str(), over) {
        ("" | "http", Some(over)) => over,
        ("", None) => "http",
        (scheme, _) => scheme,
    }
}

fn dynamic(directive: &str, inner: &Statement, over: Option<&'static str>) -> Upstream {
    let words = args(&inner.name.text, &inner.args);
    let option = |name: &str| {
        inner
            .block
            .iter()
            .flatten()
            .find(|option| &*option.name.text == name)
            .and_then(|option| option.args.first())
    };
    let module = inner.args.first().map(|token| &*token.text);
    let looked_up = || at_run_time(&inner.name);
    let value = |token: Option<&Token>| match token {
        Some(token) if token.env => Observed::Unknown(from_env(token)),
        Some(token) => word(&token.text, token).map(str::to_owned),
        None => Observed::Unknown(looked_up()),
    };
    let named = |name: &str, index: usize| value(option(name).or_else(|| inner.args.get(index)));
    let (host, port) = match module {
        Some("a") => {
            let port = option("port").or_else(|| inner.args.get(2));
            let port = match port {
                None => Observed::Known(80),
                some => value(some).and_then(|text| match text.parse() {
                    Ok(port) => Observed::Known(port),
                    Err(_) => Observed::Unknown(looked_up()),
                }),
            };
            (named("name", 1), port)
        }
        Some("srv") => (named("name", 1), Observed::Unknown(looked_up())),
        _ => (
            Observed::Unknown(looked_up()),
            Observed::Unknown(looked_up()),
        ),
    };
    Upstream {
        address: words.join(" "),
        scheme: Observed::Known(over.unwrap_or("http").to_owned()),
        network: "dynamic".to_owned(),
        host,
        port,
        directive: directive.to_owned(),
        line: u64::from(inner.name.line),
    }
}

fn header(inner: &Statement) -> Option<HeaderUp> {
    let name = &inner.args.first()?.text;
    let secret = mask::is_secret_name(name);
    let text = |index: usize| -> Observed<String> {
        inner
            .args
            .get(index)
            .map(|token| {
                // A placeholder says where the value comes from and not what it is.
                if secret && !(token.text.starts_with('{') && token.text.ends_with('}')) {
                    scrub::MASK.to_owned()
                } else {
                    scrub::line(&token.text)
                }
            })
            .into()
    };
    Some(HeaderUp {
        name: name.strip_suffix(':').unwrap_or(name).to_owned(),
        value: text(1),
        replacement: text(2),
        line: u64::from(inner.name.line),
    })
}
