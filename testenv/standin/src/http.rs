//! Just enough HTTP/1.1: one request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// An answer: status and body.
pub type Answer = (u16, String);

/// Listens on every address and answers each request by its path, for ever.
pub fn serve(
    port: u16,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Result<(), String> {
    let listener = TcpListener::bind(("0.0.0.0", port))
        .map_err(|e| format!("cannot listen on {port}: {e}"))?;
    let answer = std::sync::Arc::new(answer);
    for stream in listener.incoming().flatten() {
        let answer = std::sync::Arc::clone(&answer);
        std::thread::spawn(move || {
            let _ = one(stream, answer.as_ref());
        });
    }
    Ok(())
}

fn one(mut stream: TcpStream, answer: &(impl Fn(&str) -> Answer + ?Sized)) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(16 << 10));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or("/").to_owned();
    while reader.read_line(&mut line)? > 0 && !line.ends_with("\r\n\r\n") {}
    let (status, body) = answer(&path);
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The status of a GET, as `http://host:port/path`.
pub fn get(url: &str) -> Result<u16, String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// is spoken here")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).map_err(|e| e.to_string())?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .map_err(|e| e.to_string())?;
    let mut status = String::new();
    BufReader::new(stream)
        .read_line(&mut status)
        .map_err(|e| e.to_string())?;
    status
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| "no status".to_owned())
}
