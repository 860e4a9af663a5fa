//! One zone: read from a master file, asked for a name and a type.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::txt::Parser;

/// How many aliases are followed.
const ALIASES: usize = 8;

/// What a zone holds.
#[derive(Debug)]
pub struct Zone {
    origin: Name,
    soa: Record,
    serial: u32,
    ns: Vec<Record>,
    names: BTreeMap<Name, Vec<Record>>,
}

/// What it says to a question.
#[derive(Debug)]
pub struct Answer {
    /// The code.
    pub code: ResponseCode,
    /// Whether the zone itself decides; not for what it delegated.
    pub authoritative: bool,
    /// The records asked for.
    pub answers: Vec<Record>,
    /// Who else to ask, or the start of authority when there is nothing.
    pub authorities: Vec<Record>,
    /// Addresses of the names in the answer.
    pub additionals: Vec<Record>,
    /// An alias that leads out of the zone.
    pub outside: Option<Name>,
}

impl Zone {
    /// Reads a master file.
    pub fn load(file: &Path, origin: &Name) -> Result<Self, String> {
        let text = std::fs::read_to_string(file)
            .map_err(|e| format!("open {}: {}", file.display(), crate::server::reason(&e)))?;
        Self::parse(&text, file, origin)
    }

    fn parse(text: &str, file: &Path, origin: &Name) -> Result<Self, String> {
        let (_, sets) = Parser::new(text, Some(file.to_owned()), Some(origin.clone()))
            .parse()
            .map_err(|e| format!("parsing zone file {}: {e}", file.display()))?;
        let mut soa = None;
        let mut ns = Vec::new();
        let mut names: BTreeMap<Name, Vec<Record>> = BTreeMap::new();
        for record in sets.values().flat_map(|set| set.records_without_rrsigs()) {
            if !origin.zone_of(&record.name) {
                continue;
            }
            let apex = record.name == *origin;
            if let (true, RData::SOA(start)) = (apex, &record.data) {
                soa = Some((record.clone(), start.serial));
            } else if apex && record.record_type() == RecordType::NS {
                ns.push(record.clone());
            }
            names
                .entry(record.name.to_lowercase())
                .or_default()
                .push(record.clone());
        }
        let (soa, serial) = soa.ok_or_else(|| {
            format!(
                "file {:?} has no SOA record for origin {origin}",
                file.display()
            )
        })?;
        Ok(Self {
            origin: origin.clone(),
            soa,
            serial,
            ns,
            names,
        })
    }

    /// The serial of its start of authority.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Answers a question about a name in it.
    pub fn ask(&self, name: &Name, kind: RecordType) -> Answer {
        let name = name.to_lowercase();
        if let Some(answer) = self.delegation(&name) {
            return answer;
        }
        let Some((at, records)) = self.find(&name) else {
            return self.nothing(if self.below(&name) {
                ResponseCode::NoError
            } else {
                ResponseCode::NXDomain
            });
        };
        let mut answers = of(&records, RecordType::CNAME);
        let mut outside = None;
        if !answers.is_empty() && kind != RecordType::CNAME {
            outside = self.follow(&mut answers, kind);
        } else {
            answers = of(&records, kind);
        }
        if answers.is_empty() {
            return self.nothing(ResponseCode::NoError);
        }
        let at_apex = at == self.origin && kind == RecordType::NS;
        Answer {
            code: ResponseCode::NoError,
            authoritative: true,
            additionals: self.addresses(&answers),
            answers,
            authorities: if at_apex { Vec::new() } else { self.ns.clone() },
            outside,
        }
    }

    /// The records of a name, or of the wildcard that stands for it, under its own name.
    fn find(&self, name: &Name) -> Option<(Name, Vec<Record>)> {
        if let Some(records) = self.names.get(name) {
            return Some((name.clone(), records.clone()));
        }
        if self.below(name) {
            return None;
        }
        let mut at = name.base_name();
        while self.origin.zone_of(&at) {
            let wildcard = Name::from_ascii("*").ok()?.append_domain(&at).ok()?;
            if let Some(records) = self.names.get(&wildcard) {
                let mut records = records.clone();
                for record in &mut records {
                    record.name = name.clone();
                }
                return Some((name.clone(), records));
            }
            // A name that exists stops the wildcards above it.
            if at == self.origin || self.names.contains_key(&at) || self.below(&at) {
                return None;
            }
            at = at.base_name();
        }
        None
    }

    /// Whether longer names exist.
    fn below(&self, name: &Name) -> bool {
        self.names
            .keys()
            .any(|other| other != name && name.zone_of(other))
    }

    /// A cut between the apex and the name.
    fn delegation(&self, name: &Name) -> Option<Answer> {
        let depth = usize::from(self.origin.num_labels());
        for labels in depth + 1..=usize::from(name.num_labels()) {
            let cut = name.trim_to(labels);
            let ns = self
                .names
                .get(&cut)
                .map(|records| of(records, RecordType::NS))
                .unwrap_or_default();
            if !ns.is_empty() {
                return Some(Answer {
                    code: ResponseCode::NoError,
                    authoritative: false,
                    answers: Vec::new(),
                    additionals: self.addresses(&ns),
                    authorities: ns,
                    outside: None,
                });
            }
        }
        None
    }

    /// Follows aliases inside the zone; returns the name at which they leave it.
    fn follow(&self, answers: &mut Vec<Record>, kind: RecordType) -> Option<Name> {
        let mut seen = HashSet::new();
        for _ in 0..ALIASES {
            let Some(RData::CNAME(target)) = answers.last().map(|record| record.data.clone())
            else {
                return None;
            };
            let target = target.0.to_lowercase();
            if !self.origin.zone_of(&target) {
                return Some(target);
            }
            if !seen.insert(target.clone()) {
                return None;
            }
            let (_, records) = self.find(&target)?;
            let aliases = of(&records, RecordType::CNAME);
            if aliases.is_empty() {
                answers.extend(of(&records, kind));
                return None;
            }
            answers.extend(aliases);
        }
        None
    }

    /// Addresses of what the records point to, when it lies in the zone.
    fn addresses(&self, records: &[Record]) -> Vec<Record> {
        let mut addresses = Vec::new();
        for record in records {
            let target = if let RData::MX(mx) = &record.data {
                &mx.exchange
            } else if let RData::SRV(srv) = &record.data {
                &srv.target
            } else if let RData::NS(ns) = &record.data {
                &ns.0
            } else {
                continue;
            };
            if let Some(found) = self.names.get(&target.to_lowercase()) {
                addresses.extend(of(found, RecordType::A));
                addresses.extend(of(found, RecordType::AAAA));
            }
        }
        addresses
    }

    fn nothing(&self, code: ResponseCode) -> Answer {
        Answer {
            code,
            authoritative: true,
            answers: Vec::new(),
            authorities: vec![self.soa.clone()],
            additionals: Vec::new(),
            outside: None,
        }
    }
}

/// The records of a type. No record is of type ANY, so a question for it finds nothing: like the original.
fn of(records: &[Record], kind: RecordType) -> Vec<Record> {
    records
        .iter()
        .filter(|record| record.record_type() == kind)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"$ORIGIN example.com.
$TTL 300
; the start
@ IN SOA ns hostmaster (
    2026010101 ; serial
    3600 600 86400 300 )
@   NS  ns
@   MX  10 mail
@   TXT "v=spf1 mx -all"
@   CAA 0 issue "letsencrypt.org"
ns  A   10.0.2.53
mail 600 IN A 10.0.2.25
mail AAAA 2001:db8::25
www CNAME web
web CNAME ns
far CNAME www.example.org.
loop CNAME loop2
loop2 CNAME loop
a.b.empty A 10.0.2.1
*.wild A 10.0.2.2
sub NS ns.sub
ns.sub A 10.0.2.3
_sip._tcp SRV 1 2 5060 mail
"#;

    fn zone() -> Zone {
        Zone::parse(TEXT, Path::new("x.zone"), &name("example.com.")).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn ask(text: &str, kind: RecordType) -> Answer {
        zone().ask(&name(text), kind)
    }

    #[test]
    fn a_master_file_with_parentheses_comments_and_relative_names_is_read() {
        assert_eq!(zone().serial(), 2_026_010_101);
        for (at, kind) in [
            ("example.com.", RecordType::SOA),
            ("example.com.", RecordType::NS),
            ("example.com.", RecordType::MX),
            ("example.com.", RecordType::TXT),
            ("example.com.", RecordType::CAA),
            ("MAIL.example.com.", RecordType::AAAA),
            ("_sip._tcp.example.com.", RecordType::SRV),
        ] {
            let answer = ask(at, kind);
            assert_eq!(answer.answers.len(), 1, "{at} {kind}");
            assert!(answer.authoritative);
        }
        assert_eq!(ask("mail.example.com.", RecordType::A).answers[0].ttl, 600);
    }

    #[test]
    fn nothing_there_is_nxdomain_and_nothing_of_that_type_is_not_each_with_the_start_of_authority()
    {
        for (at, kind, code) in [
            ("nope.example.com.", RecordType::A, ResponseCode::NXDomain),
            ("ns.example.com.", RecordType::AAAA, ResponseCode::NoError),
            ("b.empty.example.com.", RecordType::A, ResponseCode::NoError),
            ("example.com.", RecordType::ANY, ResponseCode::NoError),
        ] {
            let answer = ask(at, kind);
            assert_eq!(answer.code, code, "{at}");
            assert!(answer.answers.is_empty());
            assert_eq!(answer.authorities[0].record_type(), RecordType::SOA);
        }
    }

    #[test]
    fn aliases_are_followed_in_the_zone_out_of_it_and_never_in_circles() {
        let types: Vec<RecordType> = ask("www.example.com.", RecordType::A)
            .answers
            .iter()
            .map(Record::record_type)
            .collect();
        assert_eq!(types, [RecordType::CNAME, RecordType::CNAME, RecordType::A]);
        let far = ask("far.example.com.", RecordType::A);
        assert_eq!(
            (far.answers.len(), far.outside),
            (1, Some(name("www.example.org.")))
        );
        assert!(ask("loop.example.com.", RecordType::A).answers.len() <= ALIASES + 1);
        assert_eq!(ask("www.example.com.", RecordType::CNAME).answers.len(), 1);
    }

    #[test]
    fn a_wildcard_answers_under_the_name_that_was_asked() {
        let answer = ask("x.y.wild.example.com.", RecordType::A);
        assert_eq!(answer.answers[0].name, name("x.y.wild.example.com."));
    }

    #[test]
    fn a_delegation_is_referred_with_its_glue() {
        let answer = ask("x.sub.example.com.", RecordType::A);
        assert!(!answer.authoritative && answer.answers.is_empty());
        assert_eq!(answer.authorities[0].record_type(), RecordType::NS);
        assert_eq!(answer.additionals.len(), 1);
    }

    #[test]
    fn a_file_without_a_start_of_authority_or_with_nonsense_is_refused() {
        for text in ["$TTL 1\nwww A 10.0.2.1\n", "@ IN NOSUCH x\n", "@ A (\n"] {
            assert!(
                Zone::parse(text, Path::new("x"), &name("example.com.")).is_err(),
                "{text}"
            );
        }
    }
}
