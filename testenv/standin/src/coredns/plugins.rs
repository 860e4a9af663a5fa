//! A server block put to work: its plugins in the original's order, whatever their order in the file.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

use super::acl::{Acl, Action};
use super::cache::Cache;
use super::corefile::{Block, Directive};
use super::forward::Forward;
use super::zone::Zone;
use crate::console;

/// The original looks at its configuration no oftener than this.
const LEAST: Duration = Duration::from_secs(2);

/// A block, ready to answer.
#[derive(Debug)]
pub struct Plugins {
    /// Its zones with their ports.
    pub zones: Vec<(Name, u16)>,
    /// Where it listens; empty: everywhere.
    pub bind: Vec<IpAddr>,
    /// Addresses of `health`.
    pub health: Option<SocketAddr>,
    /// Addresses of `ready`.
    pub ready: Option<SocketAddr>,
    /// How often the configuration itself is looked at.
    pub reload: Option<Duration>,
    /// Master files.
    pub files: Vec<File>,
    log: bool,
    errors: bool,
    acls: Vec<Acl>,
    cache: Option<Mutex<Cache>>,
    forwards: Vec<Forward>,
}

/// One zone of one master file.
#[derive(Debug)]
pub struct File {
    origin: Name,
    path: PathBuf,
    /// How often its serial is looked at; zero: never.
    pub every: Duration,
    zone: RwLock<Option<Zone>>,
}

impl Plugins {
    /// From a block; what it names and nobody knows is an error.
    pub fn new(block: &Block, port: u16) -> Result<Self, String> {
        let zones = block
            .keys
            .iter()
            .map(|key| key_of(key, port))
            .collect::<Result<Vec<_>, _>>()?;
        let names: Vec<Name> = zones.iter().map(|(name, _)| name.clone()).collect();
        let mut plugins = Self {
            zones,
            bind: Vec::new(),
            health: None,
            ready: None,
            reload: None,
            files: Vec::new(),
            log: false,
            errors: false,
            acls: Vec::new(),
            cache: None,
            forwards: Vec::new(),
        };
        for directive in &block.directives {
            plugins
                .add(directive, &names)
                .map_err(|e| format!("Corefile:{} - {e}", directive.line))?;
        }
        Ok(plugins)
    }

    fn add(&mut self, directive: &Directive, names: &[Name]) -> Result<(), String> {
        let first = directive.args.first().map(String::as_str);
        match directive.name.as_str() {
            "acl" => self.acls.push(Acl::new(directive, names)?),
            "bind" => {
                for address in &directive.args {
                    self.bind.push(
                        address.parse().map_err(|_| {
                            format!("plugin/bind: not a valid IP address: {address}")
                        })?,
                    );
                }
            }
            "cache" => {
                let longest = first.and_then(|text| text.parse().ok());
                self.cache = Some(Mutex::new(Cache::new(longest)));
            }
            "errors" => self.errors = true,
            "file" => self.file(directive, names)?,
            "forward" => self.forwards.push(Forward::new(directive)?),
            "health" => self.health = Some(socket(first, 8080, "health")?),
            "ready" => self.ready = Some(socket(first, 8181, "ready")?),
            "log" => self.log = true,
            "reload" => {
                let every = span(first.unwrap_or("30s"))?;
                if every < LEAST {
                    return Err(format!(
                        "plugin/reload: interval value must be greater or equal to {LEAST:?}"
                    ));
                }
                self.reload = Some(every);
            }
            other => return Err(format!("Error during parsing: Unknown directive '{other}'")),
        }
        Ok(())
    }

    fn file(&mut self, directive: &Directive, names: &[Name]) -> Result<(), String> {
        let [path, others @ ..] = directive.args.as_slice() else {
            return Err("plugin/file: Wrong argument count or unexpected line ending".to_owned());
        };
        let mut every = Duration::from_secs(60);
        for line in &directive.lines {
            match line
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .as_slice()
            {
                ["reload", time] => every = span(time)?,
                _ => {
                    return Err(format!(
                        "plugin/file: unknown property '{}'",
                        line.join(" ")
                    ));
                }
            }
        }
        for origin in zones(others, names)? {
            let file = File {
                path: path.into(),
                every,
                zone: RwLock::new(None),
                origin,
            };
            match file.read() {
                Ok(zone) => *file.zone.write().unwrap_or_else(PoisonError::into_inner) = Some(zone),
                // A file that is not there may come; one that is wrong stops the start.
                Err(e) if e.starts_with("open ") && !every.is_zero() => {
                    console::line(&format!(
                        "[WARNING] plugin/file: Failed to open {path:?}: {e}: trying again in 1m0s"
                    ));
                }
                Err(e) => return Err(format!("plugin/file: {e}")),
            }
            self.files.push(file);
        }
        Ok(())
    }

    /// The longest of its zones that a name is in, on a port.
    pub fn zone_of(&self, name: &Name, port: u16) -> Option<u8> {
        self.zones
            .iter()
            .filter(|(zone, on)| *on == port && zone.zone_of(name))
            .map(|(zone, _)| zone.num_labels())
            .max()
    }

    /// Whether everything it serves is loaded.
    pub fn is_ready(&self) -> bool {
        self.files.iter().all(|file| {
            file.zone
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some()
        })
    }

    /// Answers, or stays silent.
    pub async fn answer(
        &self,
        request: &Message,
        query: &Query,
        from: SocketAddr,
    ) -> Option<Message> {
        let reply = self.decide(request, query, from).await?;
        let code = reply.metadata.response_code;
        if self.log {
            console::line(&format!(
                "[INFO] {from} - {} \"{} {} {}\" {} aa={}",
                request.metadata.id,
                query.query_type,
                query.query_class,
                query.name,
                code,
                reply.metadata.authoritative
            ));
        }
        if self.errors && code == ResponseCode::ServFail {
            console::line(&format!(
                "[ERROR] plugin/errors: 2 {} {}: no answer",
                query.name, query.query_type
            ));
        }
        Some(reply)
    }

    async fn decide(&self, request: &Message, query: &Query, from: SocketAddr) -> Option<Message> {
        for acl in &self.acls {
            match acl.decide(&query.name, query.query_type, from.ip()) {
                Action::Allow => {}
                Action::Block => return Some(reply(request, ResponseCode::Refused)),
                Action::Filter => return Some(reply(request, ResponseCode::NoError)),
                Action::Drop => return None,
            }
        }
        if request.metadata.op_code != OpCode::Query {
            return Some(reply(request, ResponseCode::NotImp));
        }
        if query.query_class != DNSClass::IN {
            return Some(reply(request, ResponseCode::Refused));
        }
        let asked = Query::query(query.name.to_lowercase(), query.query_type);
        if let Some(cache) = &self.cache
            && let Some(mut kept) = cache
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&asked)
        {
            kept.metadata.id = request.metadata.id;
            kept.metadata.recursion_desired = request.metadata.recursion_desired;
            kept.queries.clone_from(&request.queries);
            return Some(kept);
        }
        let answered = self.resolve(request, &asked).await;
        if let Some(cache) = &self.cache {
            cache
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .put(&asked, &answered);
        }
        Some(answered)
    }

    async fn resolve(&self, request: &Message, query: &Query) -> Message {
        let file = self
            .files
            .iter()
            .filter(|file| file.origin.zone_of(&query.name))
            .max_by_key(|file| file.origin.num_labels());
        if let Some(file) = file {
            let found = {
                let zone = file.zone.read().unwrap_or_else(PoisonError::into_inner);
                zone.as_ref()
                    .map(|zone| zone.ask(&query.name, query.query_type))
            };
            let Some(found) = found else {
                return reply(request, ResponseCode::ServFail);
            };
            let mut message = reply(request, found.code);
            message.metadata.authoritative = found.authoritative;
            message.add_answers(found.answers);
            if let Some(outside) = found.outside {
                message.add_answers(self.elsewhere(&outside, query.query_type).await);
            }
            message.add_authorities(found.authorities);
            message.add_additionals(found.additionals);
            return message;
        }
        match self.forwarder(&query.name) {
            Some(forward) => match forward.ask(query).await {
                Some(answer) => {
                    let mut message = reply(request, answer.metadata.response_code);
                    message.metadata.recursion_available = answer.metadata.recursion_available;
                    message.add_answers(answer.answers);
                    message.add_authorities(answer.authorities);
                    message.add_additionals(answer.additionals);
                    message
                }
                None => reply(request, ResponseCode::ServFail),
            },
            None => reply(request, ResponseCode::Refused),
        }
    }

    fn forwarder(&self, name: &Name) -> Option<&Forward> {
        self.forwards
            .iter()
            .filter(|forward| forward.from.zone_of(name))
            .max_by_key(|forward| forward.from.num_labels())
    }

    /// Where an alias leads out of the zone: another file of this block, or another server.
    async fn elsewhere(&self, name: &Name, kind: RecordType) -> Vec<hickory_proto::rr::Record> {
        for file in self.files.iter().filter(|file| file.origin.zone_of(name)) {
            let zone = file.zone.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(zone) = zone.as_ref() {
                return zone.ask(name, kind).answers;
            }
        }
        match self.forwarder(name) {
            Some(forward) => forward
                .ask(&Query::query(name.clone(), kind))
                .await
                .map(|answer| answer.answers)
                .unwrap_or_default(),
            None => Vec::new(),
        }
    }
}

impl File {
    fn read(&self) -> Result<Zone, String> {
        Zone::load(&self.path, &self.origin)
    }

    /// Reads the file again and takes it when its serial is another.
    pub fn refresh(&self) {
        let loaded = match self.read() {
            Ok(loaded) => loaded,
            Err(e) => {
                console::line(&format!(
                    "[ERROR] plugin/file: Failed to reload zone {:?}: {e}",
                    self.origin.to_ascii()
                ));
                return;
            }
        };
        let mut zone = self.zone.write().unwrap_or_else(PoisonError::into_inner);
        if zone.as_ref().map(Zone::serial) == Some(loaded.serial()) {
            return;
        }
        console::line(&format!(
            "[INFO] plugin/file: Successfully reloaded zone {:?} in {:?} with {} SOA serial",
            self.origin.to_ascii(),
            self.path.display(),
            loaded.serial()
        ));
        *zone = Some(loaded);
    }
}

/// An empty answer to a request.
pub fn reply(request: &Message, code: ResponseCode) -> Message {
    let mut message = Message::response(request.metadata.id, request.metadata.op_code);
    message.metadata.recursion_desired = request.metadata.recursion_desired;
    message.metadata.response_code = code;
    message.add_queries(request.queries.iter().cloned());
    message
}

/// A name as a Corefile has it, with or without its last dot.
pub fn name(text: &str) -> Result<Name, String> {
    let mut name =
        Name::from_ascii(text).map_err(|_| format!("{text:?} is not a valid domain name"))?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

/// The zones that a plugin names, or those of its block.
pub fn zones(args: &[String], block: &[Name]) -> Result<Vec<Name>, String> {
    if args.is_empty() {
        return Ok(block.to_vec());
    }
    args.iter().map(|text| name(text)).collect()
}

/// `zone`, `zone:port`, `dns://zone:port`.
fn key_of(key: &str, port: u16) -> Result<(Name, u16), String> {
    let key = key.strip_prefix("dns://").unwrap_or(key);
    if key.contains("://") {
        return Err(format!("this stand-in speaks plain DNS only, not {key:?}"));
    }
    match key.rsplit_once(':') {
        Some((zone, port)) => {
            let port = port.parse().map_err(|_| format!("{key:?} has no port"))?;
            Ok((name(if zone.is_empty() { "." } else { zone })?, port))
        }
        None => Ok((name(key)?, port)),
    }
}

fn socket(text: Option<&str>, port: u16, plugin: &str) -> Result<SocketAddr, String> {
    let text = text.map_or_else(|| format!(":{port}"), str::to_owned);
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text
    };
    full.parse()
        .map_err(|_| format!("plugin/{plugin}: {full:?} is no address"))
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("time: invalid duration {text:?}");
    if let Some(millis) = text.strip_suffix("ms") {
        return millis
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| wrong());
    }
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, &text[digits.len()..]),
        None if text == "0" => ("0", "s"),
        None => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "h" => 3600,
        "m" => 60,
        _ => 1,
    };
    Ok(Duration::from_secs(count.saturating_mul(seconds)))
}
