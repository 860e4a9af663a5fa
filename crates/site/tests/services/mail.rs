//! A real mail server: Postfix and Dovecot in a container, with certificates of our own.

use serde_json::json;

use crate::authority::Authority;
use crate::common::{Engine, Node};
use crate::kit::{ask, is_absent, one, unknown};

const POSTFIX: &str = "
[ -e /etc/postfix/main.cf ] || cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf
postconf -e 'myhostname = mail.example.com' 'mydestination = localhost' 'inet_interfaces = all' 'inet_protocols = ipv4' \
  'smtpd_tls_cert_file = /tmp/leaf.crt' 'smtpd_tls_key_file = /tmp/leaf.key' 'smtpd_tls_security_level = may' \
  'compatibility_level = 3.6' 'maillog_file ='
postconf -M 'submissions/inet=submissions inet n - y - - smtpd'
postconf -P 'submissions/inet/smtpd_tls_wrappermode=yes'
postconf -M '2525/inet=2525 inet n - y - - smtpd'
postconf -P '2525/inet/smtpd_tls_security_level=none'
postfix start >/dev/null 2>&1
";

const DOVECOT: &str = "
cat >/tmp/dovecot.conf <<'EOF'
protocols = imap
ssl = yes
ssl_cert = </tmp/leaf.crt
ssl_key = </tmp/leaf.key
log_path = /tmp/dovecot.log
mail_location = maildir:/tmp/mail
passdb {
  driver = static
  args = password=CANARY
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/tmp/mail
}
EOF
dovecot -c /tmp/dovecot.conf
";

fn mail_server(authority: &Authority) -> Node {
    let node = Node::of(Engine::Docker, "runproof-test:email", &["sleep", "100000"]);
    for name in ["ca.crt", "other.crt", "leaf.crt", "leaf.key"] {
        node.sh(&format!(
            "cat >/tmp/{name} <<'EOF'\n{}EOF",
            authority.text(name)
        ));
    }
    node.sh(POSTFIX);
    node.sh(DOVECOT);
    for port in [25, 465, 2525, 143, 993] {
        node.sh(&format!(
            "for i in $(seq 300); do (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit 0; sleep 0.2; done; exit 1"
        ));
    }
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_in_docker_tells_what_it_offers_before_and_under_tls() {
    if !Engine::Docker.ready() {
        return;
    }
    let authority = Authority::new("mail", "DNS:mail.example.com");
    let node = mail_server(&authority);
    let site = one(
        "docker",
        &node.name,
        "socket",
        json!({ "content": ["/tmp/**"] }),
    );
    let (name, ca, other) = ("mail.example.com", "/tmp/ca.crt", "/tmp/other.crt");
    let facts = ask(
        &site,
        &[
            json!({ "smtp": "127.0.0.1:25", "name": name, "ca": ca }),
            json!({ "smtp": "127.0.0.1:465", "name": name, "ca": ca, "implicit": true }),
            json!({ "smtp": "127.0.0.1:25", "name": name, "ca": other }),
            json!({ "smtp": "127.0.0.1:2525" }),
            json!({ "smtp": "127.0.0.1:143" }),
            json!({ "imap": "127.0.0.1:143", "name": name, "ca": ca }),
            json!({ "imap": "127.0.0.1:993", "name": name, "ca": ca, "implicit": true }),
            json!({ "imap": "127.0.0.1:993", "name": "other.example.com", "ca": ca, "implicit": true }),
            json!({ "imap": "127.0.0.1:25" }),
            json!({ "imap": "127.0.0.1:144" }),
        ],
    )
    .await;
    let has = |list: &serde_json::Value, word: &str| {
        list.as_array()
            .unwrap_or_else(|| panic!("{list}"))
            .contains(&json!(word))
    };

    let explicit = &facts[0];
    assert_eq!(explicit["reachable"], true, "{explicit}");
    assert!(is_absent(&explicit["trouble"]));
    assert!(
        explicit["greeting"]
            .as_str()
            .unwrap()
            .starts_with("mail.example.com ESMTP Postfix"),
        "{explicit}"
    );
    assert_eq!(explicit["starttls"], true);
    assert!(has(&explicit["extensions"], "PIPELINING") && has(&explicit["extensions"], "STARTTLS"));
    assert!(
        has(&explicit["extensions_under_tls"], "PIPELINING")
            && !has(&explicit["extensions_under_tls"], "STARTTLS")
    );
    assert_eq!(explicit["handshake"]["verified"], true);
    assert_eq!(explicit["handshake"]["protocol"], "TLSv1.3");
    assert_eq!(explicit["handshake"]["names"], json!(["mail.example.com"]));

    let implicit = &facts[1];
    assert!(is_absent(&implicit["starttls"]), "{implicit}");
    assert_eq!(implicit["greeting"], explicit["greeting"]);
    assert_eq!(implicit["handshake"]["verified"], true);
    assert_eq!(implicit["extensions"], implicit["extensions_under_tls"]);

    // TLS of somebody whom this CA has not signed is told, and is not verified.
    assert_eq!(facts[2]["handshake"]["verified"], false, "{}", facts[2]);
    assert!(facts[2]["handshake"]["why_not"].is_string());

    // The server's own word that it has no TLS.
    let plain = &facts[3];
    assert_eq!(plain["starttls"], false, "{plain}");
    assert!(is_absent(&plain["handshake"]) && is_absent(&plain["extensions_under_tls"]));
    assert!(!has(&plain["extensions"], "STARTTLS"));

    // Another service: reachable, and nothing of it known.
    assert_eq!(facts[4]["reachable"], true, "{}", facts[4]);
    assert!(facts[4]["trouble"].is_string());
    assert_eq!(unknown(&facts[4]["greeting"]), "garbled");
    assert_eq!(unknown(&facts[4]["starttls"]), "garbled");

    let explicit = &facts[5];
    assert!(is_absent(&explicit["trouble"]), "{explicit}");
    assert!(explicit["greeting"].as_str().unwrap().contains("Dovecot"));
    assert_eq!(explicit["starttls"], true);
    assert!(
        has(&explicit["capabilities"], "IMAP4REV1") && has(&explicit["capabilities"], "STARTTLS")
    );
    assert!(!has(&explicit["capabilities_under_tls"], "STARTTLS"));
    assert_eq!(explicit["handshake"]["verified"], true);
    assert_eq!(explicit["handshake"]["issuer"], "CN=Test CA");

    let implicit = &facts[6];
    assert!(is_absent(&implicit["starttls"]), "{implicit}");
    assert_eq!(implicit["handshake"]["verified"], true);
    assert!(has(&implicit["capabilities"], "IMAP4REV1"));
    assert_eq!(facts[7]["handshake"]["verified"], false, "{}", facts[7]);

    assert_eq!(facts[8]["reachable"], true, "{}", facts[8]);
    assert_eq!(unknown(&facts[8]["greeting"]), "garbled");
    assert_eq!(facts[9]["reachable"], false, "{}", facts[9]);
    assert_eq!(unknown(&facts[9]["capabilities"]), "unreachable");
}
