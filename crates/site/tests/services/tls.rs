//! TLS of a server with certificates of our own, and SSH.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::authority::Authority;
use crate::common::{Folder, run};
use crate::kit::{ask, here, is_absent};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `openssl s_server` with a certificate for `localhost`.
fn serve(authority: &Authority, more: &[&str]) -> (Server, u16) {
    let port = runproof_contract::port();
    let child = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-cert",
            &authority.at("leaf.crt"),
            "-key",
            &authority.at("leaf.key"),
            "-www",
            "-quiet",
        ])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    (server, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_verified_against_the_ca_and_the_name_that_are_asked_for() {
    let authority = Authority::new("tls", "DNS:localhost,IP:127.0.0.1");
    let (_server, port) = serve(&authority, &[]);
    let at = |name: &str| authority.at(name);
    let (address, secure) = (
        format!("127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}/"),
    );
    let facts = ask(
        &here(json!({})),
        &[
            json!({ "tls": address, "name": "localhost", "ca": at("ca.crt") }),
            json!({ "tls": address, "name": "other.example.com", "ca": at("ca.crt") }),
            json!({ "tls": address, "name": "localhost", "ca": at("other.crt") }),
            json!({ "tls": address, "name": "localhost", "ca": at("none.crt") }),
            json!({ "tls": address, "name": "localhost" }),
            json!({ "tls": address, "name": "localhost", "ca": "/etc/shadow" }),
            json!({ "http": secure, "ca": at("ca.crt") }),
            json!({ "http": secure, "ca": at("other.crt") }),
            json!({ "http": format!("http://127.0.0.1:{port}/") }),
        ],
    )
    .await;
    let right = &facts[0];
    assert_eq!(right["verified"], true, "{right}");
    assert!(is_absent(&right["why_not"]) && is_absent(&right["trouble"]));
    assert_eq!(right["names"], json!(["127.0.0.1", "localhost"]));
    assert_eq!(right["issuer"], "CN=Test CA");
    assert!(
        right["not_after"].as_i64().unwrap() > right["not_before"].as_i64().unwrap() + 29 * 86_400
    );
    assert!(right["protocol"].as_str().unwrap().starts_with("TLSv1."));
    assert_eq!(right["chain"][0]["ca"], false);
    for wrong in &facts[1..5] {
        assert_eq!(wrong["spoken"], true, "{wrong}");
        assert_eq!(wrong["verified"], false, "{wrong}");
        assert!(wrong["why_not"].is_string(), "{wrong}");
    }
    // A CA that nobody may read proves nothing.
    assert_eq!(facts[5]["verified"]["$unknown"]["kind"], "not-allowed");
    assert_eq!(facts[5]["spoken"], true);
    assert_eq!(
        (&facts[6]["status"], &facts[6]["verified"]),
        (&json!(200), &json!(true))
    );
    assert_eq!(
        (&facts[7]["status"], &facts[7]["verified"]),
        (&json!(200), &json!(false))
    );
    assert!(facts[8]["status"]["$unknown"].is_object(), "{}", facts[8]);
}

/// A site that was taken out of a proxy is missing; it is not that nobody could look.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_which_the_server_has_no_certificate_is_absent_by_its_own_word() {
    let authority = Authority::new("tls-name", "DNS:localhost,IP:127.0.0.1");
    let (own, key) = (authority.at("leaf.crt"), authority.at("leaf.key"));
    let only = [
        "-servername",
        "localhost",
        "-servername_fatal",
        "-cert2",
        &own,
        "-key2",
        &key,
    ];
    let (_server, port) = serve(&authority, &only);
    let (address, ca) = (format!("127.0.0.1:{port}"), authority.at("ca.crt"));
    let gone = "other.example.com";
    let facts = ask(
        &here(json!({})),
        &[
            json!({ "tls": address, "name": "localhost", "ca": ca }),
            json!({ "tls": address, "name": gone, "ca": ca }),
            json!({ "http": format!("https://{gone}/"), "connect": address, "ca": ca, "json": ["/status"] }),
            json!({ "websocket": format!("wss://{gone}/ws"), "connect": address, "ca": ca }),
        ],
    )
    .await;
    assert_eq!(facts[0]["verified"], true, "{}", facts[0]);
    let (tls, http, socket) = (&facts[1], &facts[2], &facts[3]);
    assert_eq!(
        (&tls["reachable"], &tls["spoken"]),
        (&json!(true), &json!(true))
    );
    for absent in [
        &tls["names"],
        &tls["not_after"],
        &tls["verified"],
        &http["status"],
        &http["json"]["/status"],
        &socket["status"],
    ] {
        assert!(is_absent(absent), "{tls} {http} {socket}");
    }
    assert_eq!(socket["accepted"], false, "{socket}");
    for words in [&tls["trouble"], &http["trouble"], &socket["trouble"]] {
        assert!(
            words.as_str().unwrap().contains("UnrecognisedName"),
            "{words}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_server_names_its_keys_to_strangers() {
    if !std::path::Path::new("/usr/sbin/sshd").exists() {
        println!("skipped: no /usr/sbin/sshd");
        return;
    }
    let folder = Folder::new("ssh");
    let key = folder.0.join("host").to_string_lossy().into_owned();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key]).unwrap();
    let port = runproof_contract::port();
    let config = folder.0.join("config").to_string_lossy().into_owned();
    std::fs::write(
        &config,
        format!("Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\n"),
    )
    .unwrap();
    std::fs::create_dir_all("/run/sshd").unwrap();
    let child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f", &config])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server(child);
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let facts = ask(
        &here(json!({})),
        &[json!({ "ssh": format!("127.0.0.1:{port}") })],
    )
    .await;
    assert!(
        facts[0]["banner"]
            .as_str()
            .unwrap()
            .starts_with("SSH-2.0-OpenSSH"),
        "{}",
        facts[0]
    );
    assert_eq!(facts[0]["host_keys"], json!(["ssh-ed25519"]));
}
