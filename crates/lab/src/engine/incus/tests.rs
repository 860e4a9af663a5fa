use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use rstest::rstest;
use runproof_model::site::{Engine as Kind, Reach, Via};

use super::*;
use crate::proof::tests::found as node;

#[rstest]
#[case::it(node(), node(), There::It)]
#[case::another(node(), Found { id: "2".to_owned(), ..node() }, There::NoMore)]
#[case::it_with_another_nonce(node(), Found { nonce: "x".to_owned(), ..node() }, There::NoMore)]
#[case::it_without_the_label(node(), Found { lab: String::new(), ..node() }, There::NoMore)]
#[case::half_removed(node(), unlabelled(""), There::Unsaid)]
#[case::half_made_then(Found { id: String::new(), ..node() }, node(), There::It)]
#[case::half_made_still(Found { id: String::new(), ..node() }, Found { id: String::new(), ..node() }, There::It)]
#[case::another_since_it_was_half_made(Found { id: String::new(), ..node() }, unlabelled("2"), There::NoMore)]
#[case::of_no_lab(unlabelled(""), unlabelled("2"), There::NoMore)]
fn an_instance_is_told_from_another_one_of_its_name(
    #[case] wanted: Found,
    #[case] there: Found,
    #[case] expected: There,
) {
    assert_eq!(There::of(&wanted, &there), expected);
}

fn unlabelled(id: &str) -> Found {
    Found {
        id: id.to_owned(),
        lab: String::new(),
        role: String::new(),
        nonce: String::new(),
        ..node()
    }
}

/// The identifiers of what has the node's name, look after look; none where nothing has.
type Looks = &'static [Option<&'static str>];

/// A daemon that shows another instance at every look, and refuses the first removals.
struct Daemon {
    looks: Looks,
    refusals: usize,
    asked: Vec<String>,
}

impl Daemon {
    fn answer(&mut self, request: &str) -> Value {
        if request == "GET /1.0" {
            return json!({ "metadata": { "environment": { "server_name": "m" } } });
        }
        let before = |verb: &str| {
            let asked = self.asked.iter();
            asked.filter(|one| one.starts_with(verb)).count()
        };
        let refused = |code: u32| json!({ "type": "error", "error_code": code, "error": "no" });
        let answer = if request.starts_with("GET") {
            let look = self.looks.get(before("GET")).copied().flatten();
            look.map_or_else(|| refused(404), described)
        } else if request.starts_with("DELETE") && before("DELETE") < self.refusals {
            refused(400)
        } else {
            json!({})
        };
        self.asked.push(request.to_owned());
        answer
    }
}

/// The node as the daemon describes it, with that identifier.
fn described(id: &str) -> Value {
    let config = json!({
        "volatile.uuid": id, "user.runproof-lab": "lab", "user.runproof-nonce": "n", "user.runproof-role": "dns",
    });
    json!({ "metadata": { "name": "lab-dns", "status": "Running", "config": config } })
}

/// Answers the one request of a connection. Who only looks whether somebody listens has none.
fn serve(stream: &UnixStream, daemon: &Mutex<Daemon>) -> std::io::Result<()> {
    let mut request = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    if request.read_line(&mut first)? == 0 {
        return Ok(());
    }
    loop {
        let mut line = String::new();
        request.read_line(&mut line)?;
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    request.read_exact(&mut vec![0; length])?;
    let words: Vec<&str> = first.split([' ', '?']).collect();
    let answer = daemon.lock().unwrap().answer(&words[..2].join(" "));
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    let mut stream = stream;
    stream.write_all(format!("{head}{answer}").as_bytes())
}

const LOOK: &str = "GET /1.0/instances/lab-dns";
const STOP: &str = "PUT /1.0/instances/lab-dns/state";
const DELETE: &str = "DELETE /1.0/instances/lab-dns";

#[rstest]
#[case::it(&[Some("1"), Some("1")], 0, &[LOOK, STOP, LOOK, DELETE])]
#[case::gone(&[None], 0, &[LOOK])]
#[case::another(&[Some("2")], 0, &[LOOK])]
#[case::another_once_it_was_stopped(&[Some("1"), Some("2")], 0, &[LOOK, STOP, LOOK])]
#[case::another_in_the_next_round(
    &[Some("1"), Some("1"), Some("2")],
    1,
    &[LOOK, STOP, LOOK, DELETE, LOOK]
)]
#[case::it_refuses_once(
    &[Some("1"); 4],
    1,
    &[LOOK, STOP, LOOK, DELETE, LOOK, STOP, LOOK, DELETE]
)]
#[case::somebody_else_removes_it(&[Some(""), None], 0, &[LOOK, LOOK])]
#[tokio::test]
async fn what_has_taken_the_name_of_a_node_is_neither_stopped_nor_removed(
    #[case] looks: Looks,
    #[case] refusals: usize,
    #[case] asked: &[&str],
) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let daemon = Arc::new(Mutex::new(Daemon {
        looks,
        refusals,
        asked: Vec::new(),
    }));
    let listener = UnixListener::bind(&socket).unwrap();
    let served = Arc::clone(&daemon);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(&stream, &served).unwrap();
        }
    });
    let reach = Reach {
        engine: Kind::Incus,
        project: None,
        sudo: false,
        ssh: None,
        socket: Some(socket.display().to_string()),
        via: Via::Socket,
    };
    let engine = Engine::open(&reach).await.unwrap();
    remove(&engine, &node()).await.unwrap();
    assert_eq!(daemon.lock().unwrap().asked, asked);
}
