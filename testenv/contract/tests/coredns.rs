//! CoreDNS, by the documentation of its plugins, asked over the wire by hickory-proto and dig.
//!
//! Against an original: `RUNPROOF_CONTRACT_COREDNS_PROGRAM` names its program. It is the
//! configuration that is tested here, so an address would not do.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use runproof_contract::{Folder, Running, http, installed, port, ran, until, until_async};

const ZONE: &str = r#"$ORIGIN example.com.
$TTL 300
@ IN SOA ns hostmaster ( SERIAL ; changed by the tests
    3600 600 86400 300 )
@     NS    ns
@     MX    10 mail
@     TXT   "v=spf1 mx -all"
@     CAA   0 issue "letsencrypt.org"
ns    A     10.0.2.53
mail  A     10.0.2.25
mail  AAAA  2001:db8::25
www   CNAME web
web   A     ADDRESS
_sip._tcp SRV 1 2 5060 mail
big   TXT   "BIG"
"#;

/// A server with its files.
struct Dns {
    folder: Folder,
    port: u16,
    health: u16,
    ready: u16,
    running: Option<Running>,
}

impl Dns {
    /// `plugins` are further lines of the block.
    fn start(plugins: &str) -> Self {
        let mut dns = Self::prepared(plugins);
        dns.running = Some(dns.serve());
        dns
    }

    fn prepared(plugins: &str) -> Self {
        let dns = Self {
            folder: Folder::new(),
            port: port(),
            health: port(),
            ready: port(),
            running: None,
        };
        dns.zone("2026010101", "10.0.2.80");
        dns.corefile(plugins);
        dns
    }

    fn corefile(&self, plugins: &str) {
        self.folder.write(
            "Corefile",
            &format!(
                "example.com:{} {{\n    bind 127.0.0.1\n    health 127.0.0.1:{}\n    ready 127.0.0.1:{}\n{}\n}}\n",
                self.port,
                self.health,
                self.ready,
                plugins.replace("ZONE", &self.folder.text("example.com.zone"))
            ),
        );
    }

    fn zone(&self, serial: &str, address: &str) {
        let text = ZONE
            .replace("SERIAL", serial)
            .replace("ADDRESS", address)
            .replace("BIG", &"x".repeat(250));
        let big: String = (0..4)
            .map(|_| format!("big TXT \"{}\"\n", "y".repeat(240)))
            .enumerate()
            .map(|(at, line)| line.replacen('y', &at.to_string(), 1))
            .collect();
        self.folder.write("example.com.zone", &(text + &big));
    }

    fn serve(&self) -> Running {
        let conf = self.folder.text("Corefile");
        // The protocol of the tests is the port in the file; the flag must not override it.
        Running::listening(
            "coredns",
            &["-conf", &conf, "-dns.port", "1"],
            &[],
            self.port,
        )
    }

    fn output(&self) -> String {
        self.running
            .as_ref()
            .map(Running::output)
            .unwrap_or_default()
    }

    fn ask(&self, name: &str, kind: RecordType) -> Message {
        self.ask_with(name, kind, None)
    }

    fn ask_with(&self, name: &str, kind: RecordType, payload: Option<u16>) -> Message {
        let question = question(name, kind, payload);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        socket
            .send_to(&question.to_vec().unwrap(), ("127.0.0.1", self.port))
            .unwrap();
        let mut buffer = vec![0; 65_535];
        let length = socket.recv(&mut buffer).unwrap();
        let answer = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!(answer.metadata.id, question.metadata.id);
        assert_eq!(answer.queries, question.queries);
        answer
    }

    fn ask_tcp(&self, name: &str, kind: RecordType) -> Message {
        let bytes = question(name, kind, None).to_vec().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes())
            .unwrap();
        stream.write_all(&bytes).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut buffer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut buffer).unwrap();
        Message::from_vec(&buffer).unwrap()
    }

    fn address(&self, name: &str) -> String {
        self.ask(name, RecordType::A)
            .answers
            .iter()
            .find_map(|record| match &record.data {
                RData::A(address) => Some(address.to_string()),
                _ => None,
            })
            .unwrap_or_default()
    }
}

fn question(name: &str, kind: RecordType, payload: Option<u16>) -> Message {
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    if let Some(payload) = payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        question.set_edns(edns);
    }
    question
}

fn code(message: &Message) -> ResponseCode {
    message.metadata.response_code
}

#[test]
fn every_type_of_the_zone_is_answered_with_authority_over_udp_and_tcp() {
    let dns = Dns::start("    file ZONE");
    for (name, kind, count) in [
        ("example.com.", RecordType::SOA, 1),
        ("example.com.", RecordType::NS, 1),
        ("example.com.", RecordType::MX, 1),
        ("example.com.", RecordType::TXT, 1),
        ("example.com.", RecordType::CAA, 1),
        ("mail.example.com.", RecordType::A, 1),
        ("mail.example.com.", RecordType::AAAA, 1),
        ("_sip._tcp.example.com.", RecordType::SRV, 1),
        ("www.example.com.", RecordType::A, 2),
        ("WwW.eXample.com.", RecordType::CNAME, 1),
    ] {
        for answer in [dns.ask(name, kind), dns.ask_tcp(name, kind)] {
            assert_eq!(
                (code(&answer), answer.answers.len()),
                (ResponseCode::NoError, count),
                "{name} {kind}"
            );
            assert!(answer.metadata.authoritative, "{name} {kind}");
        }
    }
    assert_eq!(dns.address("www.example.com."), "10.0.2.80");
    assert_eq!(
        dns.ask("example.com.", RecordType::MX).additionals.len(),
        2,
        "addresses of the exchange"
    );
}

#[test]
fn what_is_not_there_is_nxdomain_and_what_has_no_such_type_is_empty_both_with_the_soa() {
    let dns = Dns::start("    file ZONE");
    for (name, kind, wanted) in [
        ("nope.example.com.", RecordType::A, ResponseCode::NXDomain),
        ("web.example.com.", RecordType::AAAA, ResponseCode::NoError),
        ("_tcp.example.com.", RecordType::A, ResponseCode::NoError),
        // The file plugin stores no record of type ANY and says so.
        ("example.com.", RecordType::ANY, ResponseCode::NoError),
    ] {
        let answer = dns.ask(name, kind);
        assert_eq!((code(&answer), answer.answers.len()), (wanted, 0), "{name}");
        assert_eq!(
            answer.authorities[0].record_type(),
            RecordType::SOA,
            "{name}"
        );
    }
    assert_eq!(
        code(&dns.ask("example.org.", RecordType::A)),
        ResponseCode::Refused,
        "no zone of this server"
    );
}

#[test]
fn a_large_answer_is_cut_over_udp_unless_the_client_takes_more_and_whole_over_tcp() {
    let dns = Dns::start("    file ZONE");
    let small = dns.ask("big.example.com.", RecordType::TXT);
    assert!(small.metadata.truncation);
    let large = dns.ask_with("big.example.com.", RecordType::TXT, Some(4096));
    assert!(!large.metadata.truncation && large.answers.len() == 5);
    assert!(large.edns.is_some(), "EDNS is answered by EDNS");
    assert_eq!(
        dns.ask_tcp("big.example.com.", RecordType::TXT)
            .answers
            .len(),
        5
    );
}

#[test]
fn the_access_list_of_the_runbook_refuses_what_it_does_not_name() {
    let dns = Dns::start(
        "    acl {\n        allow type ANY net 10.0.0.0/8\n        allow type A net 0.0.0.0/0\n        allow type MX net 0.0.0.0/0\n        block\n    }\n    file ZONE",
    );
    assert_eq!(
        code(&dns.ask("web.example.com.", RecordType::A)),
        ResponseCode::NoError
    );
    assert_eq!(
        code(&dns.ask("example.com.", RecordType::MX)),
        ResponseCode::NoError
    );
    for kind in [
        RecordType::ANY,
        RecordType::TXT,
        RecordType::CAA,
        RecordType::NS,
    ] {
        let answer = dns.ask("example.com.", kind);
        assert_eq!(
            (code(&answer), answer.answers.len()),
            (ResponseCode::Refused, 0),
            "{kind}"
        );
    }
}

#[test]
fn a_filter_answers_with_nothing_and_an_allowed_net_may_ask_any() {
    let dns = Dns::start(
        "    acl {\n        filter type TXT net 127.0.0.0/8\n        allow type ANY net 127.0.0.1\n        block type *\n    }\n    file ZONE",
    );
    let filtered = dns.ask("example.com.", RecordType::TXT);
    assert_eq!(
        (
            code(&filtered),
            filtered.answers.len(),
            filtered.authorities.len()
        ),
        (ResponseCode::NoError, 0, 0)
    );
    assert_eq!(
        code(&dns.ask("example.com.", RecordType::ANY)),
        ResponseCode::NoError
    );
    assert_eq!(
        code(&dns.ask("web.example.com.", RecordType::A)),
        ResponseCode::Refused
    );
}

#[test]
fn a_zone_is_read_again_when_its_serial_changed_and_only_then() {
    let dns = Dns::start("    file ZONE {\n        reload 200ms\n    }");
    dns.zone("2026010101", "10.0.2.81");
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(
        dns.address("web.example.com."),
        "10.0.2.80",
        "the serial did not change"
    );
    dns.zone("2026010102", "10.0.2.81");
    until("the new address is served", || {
        dns.address("web.example.com.") == "10.0.2.81"
    });
    assert!(
        dns.output().contains("Successfully reloaded zone"),
        "{}",
        dns.output()
    );
    dns.folder
        .write("example.com.zone", "@ IN NOSUCH nonsense\n");
    until("the broken file is noticed", || {
        dns.output().contains("Failed to reload zone")
    });
    assert_eq!(
        dns.address("web.example.com."),
        "10.0.2.81",
        "the last good zone is kept"
    );
}

#[test]
fn sighup_changes_nothing_and_sigusr1_reads_everything_again() {
    let mut dns = Dns::start("    file ZONE {\n        reload 0\n    }");
    dns.zone("2026010102", "10.0.2.82");
    dns.running.as_ref().unwrap().signal("HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        dns.address("web.example.com."),
        "10.0.2.80",
        "SIGHUP is ignored"
    );
    dns.running.as_ref().unwrap().signal("USR1");
    until("SIGUSR1 reloads", || {
        dns.output().contains("Reloading complete")
    });
    assert_eq!(dns.address("web.example.com."), "10.0.2.82");
    dns.folder
        .write("Corefile", "example.com {\n    nonsense\n}\n");
    dns.running.as_ref().unwrap().signal("USR1");
    until("a broken configuration is refused", || {
        dns.output().contains("Restart failed")
    });
    assert_eq!(
        dns.address("web.example.com."),
        "10.0.2.82",
        "and the old one goes on"
    );
    assert_eq!(dns.running.take().unwrap().end(), Some(0));
}

#[test]
fn the_reload_plugin_takes_a_changed_corefile_by_itself() {
    let dns = Dns::start("    reload 2s\n    file ZONE");
    assert_eq!(
        code(&dns.ask("example.com.", RecordType::TXT)),
        ResponseCode::NoError
    );
    dns.corefile("    reload 2s\n    acl {\n        block type TXT\n    }\n    file ZONE");
    until("the new list is in force", || {
        dns.output().contains("Reloading complete")
    });
    assert_eq!(
        code(&dns.ask("example.com.", RecordType::TXT)),
        ResponseCode::Refused
    );
}

#[test]
fn a_cached_answer_outlives_a_change_of_the_zone() {
    let dns = Dns::start("    cache\n    file ZONE {\n        reload 200ms\n    }");
    assert_eq!(dns.address("web.example.com."), "10.0.2.80");
    dns.zone("2026010102", "10.0.2.83");
    until("the zone is read again", || {
        dns.output().contains("Successfully reloaded")
    });
    assert_eq!(
        dns.address("web.example.com."),
        "10.0.2.80",
        "for as long as its records live"
    );
    assert_eq!(
        dns.address("www.example.com."),
        "10.0.2.83",
        "what was never asked is new"
    );
}

#[tokio::test]
async fn health_and_ready_have_ports_of_their_own_and_ready_waits_for_the_zone() {
    let mut dns = Dns::prepared("    file ZONE {\n        reload 200ms\n    }");
    std::fs::remove_file(dns.folder.path("example.com.zone")).unwrap();
    dns.running = Some(dns.serve());
    let status = async |port: u16, path: &str| {
        http()
            .get(format!("http://127.0.0.1:{port}{path}"))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status(dns.health, "/health").await, 200);
    assert_eq!(status(dns.ready, "/ready").await, 503);
    assert_eq!(
        code(&dns.ask("example.com.", RecordType::SOA)),
        ResponseCode::ServFail
    );
    dns.zone("1", "10.0.2.80");
    until_async("the zone comes", || async {
        status(dns.ready, "/ready").await == 200
    })
    .await;
    assert_eq!(
        code(&dns.ask("example.com.", RecordType::SOA)),
        ResponseCode::NoError
    );
}

#[test]
fn questions_of_other_zones_are_forwarded_and_a_dead_upstream_is_a_server_failure() {
    let upstream = Dns::start("    file ZONE");
    let dead = port();
    let folder = Folder::new();
    let own = port();
    let conf = folder.write(
        "Corefile",
        &format!(".:{own} {{\n    bind 127.0.0.1\n    forward example.com 127.0.0.1:{}\n    forward . 127.0.0.1:{dead}\n    errors\n    log\n}}\n", upstream.port),
    );
    let running = Running::listening("coredns", &["-conf", &conf], &[], own);
    let dns = Dns {
        folder,
        port: own,
        health: 0,
        ready: 0,
        running: Some(running),
    };
    assert_eq!(dns.address("web.example.com."), "10.0.2.80");
    assert_eq!(
        code(&dns.ask("example.org.", RecordType::A)),
        ResponseCode::ServFail
    );
    assert!(
        dns.output().contains("[INFO] 127.0.0.1") && dns.output().contains("[ERROR] plugin/errors"),
        "{}",
        dns.output()
    );
}

#[test]
fn a_configuration_that_cannot_be_served_stops_the_start_with_its_reason() {
    let folder = Folder::new();
    let broken = folder.write("broken.zone", "www A 10.0.2.1\n");
    for (text, reason) in [
        (
            ". {\n    nonsense\n}\n".to_owned(),
            "Unknown directive 'nonsense'",
        ),
        (". {\n    errors\n".to_owned(), "Unexpected EOF"),
        (
            format!("example.com {{\n    file {broken}\n}}\n"),
            "plugin/file",
        ),
        (
            "example.com {\n    acl {\n        deny\n    }\n}\n".to_owned(),
            "plugin/acl",
        ),
    ] {
        let conf = folder.write("Corefile", &text);
        let mut running = Running::start(
            "coredns",
            &["-conf", &conf, "-dns.port", &port().to_string()],
            &[],
        );
        assert_eq!(running.ended(), Some(1), "{text}");
        assert!(
            running
                .output()
                .replace("\n                         ", "")
                .contains(reason),
            "{}",
            running.output()
        );
    }
}

#[test]
fn dig_agrees() {
    if !installed("dig") {
        eprintln!("dig is not installed: bind9-dnsutils has it");
        return;
    }
    let dns = Dns::start("    acl {\n        block type ANY\n    }\n    file ZONE");
    let dig = |args: &[&str]| {
        let port = dns.port.to_string();
        let (code, out, _) = ran(Command::new("dig")
            .args(["@127.0.0.1", "-p", &port])
            .args(args));
        assert_eq!(code, 0, "{out}");
        out
    };
    assert_eq!(
        dig(&["www.example.com", "A", "+short"]),
        "web.example.com.\n10.0.2.80\n"
    );
    assert_eq!(
        dig(&["example.com", "MX", "+short"]),
        "10 mail.example.com.\n"
    );
    assert_eq!(
        dig(&["example.com", "CAA", "+short"]),
        "0 issue \"letsencrypt.org\"\n"
    );
    assert!(dig(&["example.com", "SOA", "+tcp"]).contains("flags: qr aa rd"));
    assert!(dig(&["example.com", "ANY"]).contains("status: REFUSED"));
    assert!(dig(&["nope.example.com"]).contains("status: NXDOMAIN"));
}
