//! What the blocks mean: sites, upstreams, headers, global options.
//!
//! Lists are unknown where text that we do not have could add to them; a value that
//! holds an environment placeholder is unknown where the value itself is asked for,
//! and stands as written where the text is.

mod global;
mod proxy;
mod shape;

use std::collections::{BTreeSet, HashMap};

use runproof_model::{Observed, Reason, ReasonKind};

use super::address::SiteAddress;
use super::parser::{self, Parsed, Statement};
use super::{Hole, Limits, Problem, Token, cap};
use crate::parse::mask;
use crate::scrub;
pub use global::{Global, GlobalOption, Storage};
pub use shape::{
    Adapted, Directive, HeaderUp, Import, Site, SiteUpstream, Snippet, Upstream, Variable,
};

/// Says what a parsed file means. A limit that is reached is an error.
pub fn adapt(parsed: &Parsed, limits: &Limits) -> Result<Adapted, Reason> {
    let mut work = Work {
        routes: parsed
            .routes
            .iter()
            .map(|route| (&*route.name.name, route.statements.as_slice()))
            .collect(),
        errors: parsed.problems.clone(),
        upstreams: 0,
        steps: 0,
        limits: *limits,
    };
    let mut names = BTreeSet::new();
    for route in &parsed.routes {
        if !names.insert(&route.name.name) {
            let at = &route.name;
            work.errors.push(Problem::new(
                &at.file,
                at.line,
                format!("named route {} is declared twice", at.name),
            ));
        }
    }
    let top = parsed.holes.first();
    let global = global::read(parsed, &mut work);
    let mut sites = Vec::with_capacity(parsed.sites.len());
    for site in &parsed.sites {
        sites.push(work.site(site)?);
    }
    let hosts = gather(top, &sites, |site| {
        site.hosts.as_ref().map(|hosts| hosts.to_vec())
    })
    .map(|hosts| {
        let hosts: BTreeSet<String> = hosts.into_iter().collect();
        hosts.into_iter().collect()
    });
    let upstreams = gather(top, &sites, |site| {
        let name = site.addresses.first().cloned().unwrap_or_default();
        site.upstreams.as_ref().map(|upstreams| {
            let with_site = |upstream: &Upstream| SiteUpstream {
                site: name.clone(),
                address: upstream.address.clone(),
                scheme: upstream.scheme.clone(),
                host: upstream.host.clone(),
                port: upstream.port.clone(),
                line: upstream.line,
            };
            upstreams.iter().map(with_site).collect()
        })
    });
    let duplicate_hosts = match &hosts {
        Observed::Known(_) => duplicates(parsed, &global, &mut work),
        Observed::Absent => Observed::Absent,
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    };
    work.errors
        .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(Adapted {
        errors: work.errors,
        unread: unread(parsed),
        global,
        snippets: whole(
            top,
            parsed
                .snippets
                .iter()
                .map(|snippet| Snippet {
                    name: snippet.name.to_string(),
                    file: snippet.file.to_string(),
                    line: u64::from(snippet.line),
                })
                .collect(),
        ),
        imports: parsed.imports.iter().map(import).collect(),
        environment: parsed.env.iter().map(variable).collect(),
        sites: whole(top, sites),
        upstreams,
        hosts,
        duplicate_hosts,
    })
}

/// Why the server may find mistakes that we do not: text that is missing anywhere.
fn unread(parsed: &Parsed) -> Option<Reason> {
    fn within(statements: &[Statement]) -> Option<&Hole> {
        statements.iter().find_map(|statement| {
            let block = statement.block.as_deref().unwrap_or_default();
            statement.hole.as_ref().or_else(|| within(block))
        })
    }
    let global = parsed.global.iter().map(|block| &block.statements);
    let routes = parsed.routes.iter().map(|route| &route.statements);
    let sites = parsed.sites.iter().map(|site| &site.statements);
    let mut blocks = global.chain(routes).chain(sites);
    let hole = parsed.holes.first();
    hole.or_else(|| blocks.find_map(|block| within(block)))
        .map(|hole| hole.reason.clone())
}

/// A list, unknown when a hole could add to it.
fn whole<T>(hole: Option<&Hole>, list: Vec<T>) -> Observed<Vec<T>> {
    match hole {
        Some(hole) => Observed::Unknown(hole.reason.clone()),
        None => Observed::Known(list),
    }
}

/// The lists of all sites in one; unknown as soon as one of them is.
fn gather<T>(
    hole: Option<&Hole>,
    sites: &[Site],
    of: impl Fn(&Site) -> Observed<Vec<T>>,
) -> Observed<Vec<T>> {
    if let Some(hole) = hole {
        return Observed::Unknown(hole.reason.clone());
    }
    let mut all = Vec::new();
    for site in sites {
        match of(site) {
            Observed::Known(mut list) => all.append(&mut list),
            Observed::Absent => {}
            Observed::Unknown(reason) => return Observed::Unknown(reason),
        }
    }
    Observed::Known(all)
}

fn import(line: &parser::ImportLine) -> Import {
    Import {
        pattern: scrub::line(&line.pattern),
        kind: if line.snippet { "snippet" } else { "file" }.to_owned(),
        resolved: line.resolved,
        file: line.file.clone(),
        line: u64::from(line.line),
    }
}

fn variable((text, file, line): &(String, String, u32)) -> Variable {
    let (name, default) = match text.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (text.as_str(), None),
    };
    Variable {
        name: runproof_model::text::one_line(name, 100),
        has_default: default.is_some(),
        file: file.clone(),
        line: u64::from(*line),
    }
}

/// Host names that two sites serve on one port and path. The server refuses the file when
/// the two addresses are written alike; else one of the sites is never reached.
fn duplicates(parsed: &Parsed, global: &Global, work: &mut Work<'_>) -> Observed<Vec<String>> {
    let port = |port: &Observed<i64>, default: &str| match port {
        Observed::Known(port) => Ok(port.to_string()),
        Observed::Absent => Ok(default.to_owned()),
        Observed::Unknown(reason) => Err(reason.clone()),
    };
    let ports =
        port(&global.http_port, "80").and_then(|http| Ok((http, port(&global.https_port, "443")?)));
    let (http, https) = match ports {
        Ok(ports) => ports,
        Err(reason) => return Observed::Unknown(reason),
    };
    // Sites that are bound to different addresses of the machine do not collide.
    let mut seen = BTreeSet::new();
    let mut texts = BTreeSet::new();
    let mut doubles = BTreeSet::new();
    for site in &parsed.sites {
        let bind: Vec<&str> = site
            .statements
            .iter()
            .filter(|statement| &*statement.name.text == "bind")
            .flat_map(|statement| &statement.args)
            .map(|token| &*token.text)
            .collect();
        let (mut own, mut own_texts) = (BTreeSet::new(), BTreeSet::new());
        for token in &site.addresses {
            let Ok(address) = SiteAddress::parse(&token.text) else {
                continue;
            };
            // What a placeholder brings may be all of this.
            let against = match address.scheme.as_str() {
                "http" => &https,
                "https" => &http,
                _ => "",
            };
            if !token.env && !address.port.is_empty() && address.port == against {
                work.problem(
                    token,
                    format!("{}: the scheme does not fit the port", token.text),
                );
            }
            let text = (&*token.text, bind.clone());
            if texts.contains(&text) {
                work.problem(token, format!("{} is the address of two sites", token.text));
            }
            own_texts.insert(text);
            let key = (address.key(&http, &https), bind.clone());
            if seen.contains(&key) && !address.host.is_empty() {
                doubles.insert(address.host);
            }
            own.insert(key);
        }
        seen.append(&mut own);
        texts.append(&mut own_texts);
    }
    Observed::Known(doubles.into_iter().collect())
}

/// What a file is understood with.
struct Work<'a> {
    routes: HashMap<&'a str, &'a [Statement]>,
    errors: Vec<Problem>,
    upstreams: usize,
    steps: usize,
    limits: Limits,
}

/// What is found in a site at whatever depth.
#[derive(Default)]
struct Deep<'a> {
    upstreams: Vec<Upstream>,
    headers_up: Vec<HeaderUp>,
    hole: Option<&'a Hole>,
    invoked: BTreeSet<&'a str>,
}

impl<'a> Work<'a> {
    fn problem(&mut self, at: &Token, message: impl AsRef<str>) {
        let problem = Problem::new(&at.file, at.line, message);
        if self.errors.len() <= self.limits.problems && !self.errors.contains(&problem) {
            self.errors.push(problem);
        }
    }

    fn site(&mut self, site: &'a parser::Site) -> Result<Site, Reason> {
        let mut deep = Deep::default();
        self.walk(&site.statements, &mut deep, 0)?;
        let hole = site.statements.iter().find_map(|s| s.hole.as_ref());
        let tls = site
            .statements
            .iter()
            .find(|statement| &*statement.name.text == "tls");
        let first = site.addresses.first();
        Ok(Site {
            addresses: site
                .addresses
                .iter()
                .map(|token| scrub::line(&token.text))
                .collect(),
            hosts: self.hosts(site),
            line: first.map_or(0, |token| u64::from(token.line)),
            file: first.map_or_else(String::new, |token| token.file.to_string()),
            tls: match (tls, hole) {
                (Some(tls), _) => Observed::Known(args(&tls.name.text, &tls.args)),
                (None, Some(hole)) => Observed::Unknown(hole.reason.clone()),
                (None, None) => Observed::Absent,
            },
            imports: site.imports.clone(),
            upstreams: whole(deep.hole, deep.upstreams),
            headers_up: whole(deep.hole, deep.headers_up),
            directives: whole(hole, site.statements.iter().map(directive).collect()),
        })
    }

    fn hosts(&mut self, site: &parser::Site) -> Observed<Vec<String>> {
        let mut hosts = Vec::new();
        for token in &site.addresses {
            match SiteAddress::parse(&token.text) {
                Err(message) if !token.env => self.problem(token, message),
                Ok(_) | Err(_) if token.env => return Observed::Unknown(from_env(token)),
                Ok(address) if !address.host.is_empty() && !hosts.contains(&address.host) => {
                    hosts.push(address.host);
                }
                Ok(_) | Err(_) => {}
            }
        }
        Observed::Known(hosts)
    }

    /// Looks for proxies in statements and in the blocks that hold directives.
    fn walk(
        &mut self,
        statements: &'a [Statement],
        deep: &mut Deep<'a>,
        depth: usize,
    ) -> Result<(), Reason> {
        self.steps += statements.len();
        if self.steps > self.limits.tokens || depth > self.limits.nesting {
            return Err(cap("statements"));
        }
        for statement in statements {
            if let Some(hole) = &statement.hole {
                deep.hole.get_or_insert(hole);
                continue;
            }
            let name = &statement.name;
            if depth > 0 && matches!(&*name.text, "bind" | "handle_errors" | "log" | "tls") {
                let text = &name.text;
                self.problem(
                    name,
                    format!("{text} is of the whole site; it cannot stand in a block within it"),
                );
            }
            match &*statement.name.text {
                "reverse_proxy" | "php_fastcgi" | "forward_auth" => {
                    self.proxy(statement, deep, depth)?;
                }
                "handle" | "handle_path" | "handle_errors" | "route" | "intercept"
                | "handle_response" => {
                    if let Some(block) = &statement.block {
                        self.walk(block, deep, depth + 1)?;
                    }
                }
                "invoke" => self.invoke(statement, deep, depth)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Goes into the named route that is invoked, once for each site.
    fn invoke(
        &mut self,
        statement: &'a Statement,
        deep: &mut Deep<'a>,
        depth: usize,
    ) -> Result<(), Reason> {
        let (_, rest) = matcher(&statement.name.text, &statement.args);
        let Some(name) = rest.first() else {
            return Ok(());
        };
        match self.routes.get(&*name.text).copied() {
            Some(route) => {
                if deep.invoked.insert(&name.text) {
                    self.walk(route, deep, depth + 1)?;
                }
            }
            None if name.env => {}
            None => self.problem(name, format!("there is no named route {}", name.text)),
        }
        Ok(())
    }
}

fn from_env(token: &Token) -> Reason {
    Reason::new(
        ReasonKind::Unsupported,
        format!(
            "line {}: {} depends on the environment",
            token.line,
            scrub::line(&token.text)
        ),
    )
}

fn directive(statement: &Statement) -> Directive {
    let name = &statement.name.text;
    let (matcher, rest) = matcher(name, &statement.args);
    Directive {
        name: name.to_string(),
        args: args(name, rest),
        matcher: matcher.map_or_else(String::new, |token| token.text.to_string()),
        block: statement.block.is_some(),
        line: u64::from(statement.name.line),
        file: statement.name.file.to_string(),
    }
}

/// Splits the matcher from a directive's arguments.
fn matcher<'a>(name: &str, args: &'a [Token]) -> (Option<&'a Token>, &'a [Token]) {
    let takes_none = matches!(
        name,
        "tls" | "bind" | "log" | "import" | "handle_errors" | "fs"
    ) || name.starts_with('@');
    // With one argument only, these mean the argument and no matcher.
    let needs_more = matches!(name, "root" | "rewrite" | "invoke") && args.len() < 2;
    match args.split_first() {
        Some((first, rest)) if !takes_none && !needs_more => {
            let text = &*first.text;
            if text == "*" || text.starts_with('/') || text.starts_with('@') {
                (Some(first), rest)
            } else {
                (None, args)
            }
        }
        _ => (None, args),
    }
}

/// Arguments as text, with secrets masked.
fn args(name: &str, args: &[Token]) -> Vec<String> {
    // What follows the first argument of these is a credential or leads to one.
    let keep = match name {
        "acme_dns" | "dns" | "acme_eab" | "storage" => 1,
        "basic_auth" | "basicauth" => 2,
        _ => usize::MAX,
    };
    // A query that lets somebody in is told apart by its value, whatever its name is.
    let is_query = name.starts_with('@')
        && args
            .iter()
            .map(|token| &*token.text)
            .find(|&word| word != "not")
            .is_some_and(|word| word == "query");
    let mut mask_next = false;
    args.iter()
        .enumerate()
        .map(|(index, token)| {
            if is_query && let Some((name, value)) = token.text.split_once('=') {
                return match value {
                    "" | "*" => token.text.to_string(),
                    _ => format!("{}={}", scrub::line(name), scrub::MASK),
                };
            }
            let is_path = token.text.starts_with('/');
            let is_placeholder = token.is_env_only();
            let masked = (index >= keep && !is_path && !is_placeholder)
                || (std::mem::take(&mut mask_next) && !is_placeholder);
            if masked {
                scrub::MASK.to_owned()
            } else {
                mask_next = mask::is_secret_name(&token.text) && !token.text.contains(['=', '{']);
                mask_default(&scrub::line(&token.text))
            }
        })
        .collect()
}

/// Takes the default out of environment placeholders whose name announces a secret.
fn mask_default(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{$") {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let end = after.find('}').map_or(after.len(), |end| end + 1);
        let (span, tail) = after.split_at(end);
        match span.split_once(':') {
            Some((name, _)) if mask::is_secret_name(name) => {
                out.push_str(name);
                out.push(':');
                out.push_str(scrub::MASK);
                out.push('}');
            }
            _ => out.push_str(span),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}
