//! A TLS handshake, and the certificates that it shows.

use std::sync::Arc;
use std::time::Duration;

use runproof_facts::kind::tls::{Before, Certificate, Tls, TlsQuery};
use runproof_facts::service::Service;
use runproof_model::text::{hex, one_line};
use runproof_model::{Observed, Reason, ReasonKind};
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::line::{self, Lines};
use super::trust::{Demand, Notes, Roots, config, denial};
use super::{Desk, closed, dial, endpoint, lost, not_asked};
use crate::dial::{Place, Stream};

/// How long a handshake may take.
const TIME: Duration = Duration::from_secs(10);

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &TlsQuery,
) -> Result<Tls, Reason> {
    let to = endpoint(&query.tls)?;
    let name = query.name.as_deref().unwrap_or(&to.host);
    let stream = match dial(place, query.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    let mut fact = Tls::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    let stream = match tokio::time::timeout(TIME, before(stream, query.starttls)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(reason)) => {
            fact.trouble = Observed::Known(reason.to_string());
            return Ok(fact);
        }
        Err(_) => {
            fact.trouble = Observed::Known("no answer to the request for TLS".to_owned());
            return Ok(fact);
        }
    };
    match handshake(desk, place, stream, name, query.ca.as_deref()).await {
        Ok((stream, notes, roots)) => fill(&mut fact, &stream, &notes, &roots),
        Err(NoHandshake::Denied(words)) => return Ok(denied(words)),
        Err(NoHandshake::Broken(reason)) => {
            // Something answered, and it was no TLS; or nothing did.
            fact.spoken = if reason.kind == ReasonKind::Garbled {
                Observed::Known(false)
            } else {
                Observed::Unknown(reason.clone())
            };
            fact.trouble = Observed::Known(reason.to_string());
        }
    }
    Ok(fact)
}

/// A server that ends the handshake by its own word speaks TLS, and has no certificate for the name.
fn denied(words: String) -> Tls {
    Tls {
        reachable: Observed::Known(true),
        trouble: Observed::Known(words),
        spoken: Observed::Known(true),
        protocol: Observed::Absent,
        chain: Observed::Absent,
        verified: Observed::Absent,
        why_not: Observed::Absent,
        names: Observed::Absent,
        issuer: Observed::Absent,
        not_before: Observed::Absent,
        not_after: Observed::Absent,
    }
}

/// Why there is no handshake.
pub(super) enum NoHandshake {
    /// The server has nothing under this name.
    Denied(String),
    /// Anything else.
    Broken(Reason),
}

impl NoHandshake {
    /// The reason by itself.
    pub fn reason(self) -> Reason {
        match self {
            Self::Denied(words) => Reason::new(ReasonKind::Failed, words),
            Self::Broken(reason) => reason,
        }
    }
}

/// The words before the handshake.
async fn before(stream: Stream, before: Before) -> Result<Stream, Reason> {
    let refused = |text: &str| Reason::new(ReasonKind::Failed, one_line(text, 200));
    match before {
        Before::Nothing => Ok(stream),
        Before::Postgres => {
            let mut stream = stream;
            if ssl_request(&mut stream).await? {
                Ok(stream)
            } else {
                Err(refused("the server has no TLS"))
            }
        }
        Before::Smtp => {
            let mut lines = Lines::new(stream);
            line::smtp_reply(&mut lines).await?;
            lines.say("EHLO runproof").await?;
            line::smtp_reply(&mut lines).await?;
            lines.say("STARTTLS").await?;
            match line::smtp_reply(&mut lines).await? {
                (220, _) => lines.into_stream(),
                (code, text) => Err(refused(&format!("{code} {}", text.join(" ")))),
            }
        }
        Before::Imap => {
            let mut lines = Lines::new(stream);
            lines.line().await?;
            lines.say("a STARTTLS").await?;
            let (_, last) = line::imap_reply(&mut lines, "a").await?;
            if last.starts_with("OK") {
                lines.into_stream()
            } else {
                Err(refused(&last))
            }
        }
    }
}

/// Whether a PostgreSQL server has TLS, by its own word.
pub(super) async fn ssl_request(stream: &mut Stream) -> Result<bool, Reason> {
    // The length, and the number that asks for TLS.
    let request = [0, 0, 0, 8, 4, 210, 22, 47];
    stream.write_all(&request).await.map_err(|e| lost(&e))?;
    stream.flush().await.map_err(|e| lost(&e))?;
    match stream.read_u8().await.map_err(|e| lost(&e))? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(Reason::new(ReasonKind::Garbled, "it is no PostgreSQL")),
    }
}

/// A handshake over any stream. What fails because something else than TLS is spoken is
/// garbled; any certificate will do, for nothing secret is said.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    desk: &Desk<'_>,
    place: &Place,
    stream: S,
    name: &str,
    ca: Option<&str>,
) -> Result<(TlsStream<S>, Notes, Roots), NoHandshake> {
    let roots = desk.roots(place, ca).await;
    let notes = Notes::default();
    let config = config(&roots, &notes, Demand::Nothing).map_err(NoHandshake::Broken)?;
    let server = ServerName::try_from(name.to_owned()).map_err(|_| {
        NoHandshake::Broken(Reason::new(
            ReasonKind::Unsupported,
            format!("{name} is no name for TLS"),
        ))
    })?;
    let connector = TlsConnector::from(Arc::new(config));
    match tokio::time::timeout(TIME, connector.connect(server, stream)).await {
        Ok(Ok(stream)) => Ok((stream, notes, roots)),
        Ok(Err(error)) => Err(match denial(&error) {
            Some(words) => NoHandshake::Denied(words),
            None => NoHandshake::Broken(lost(&error)),
        }),
        Err(_) => Err(NoHandshake::Broken(Reason::new(
            ReasonKind::Timeout,
            "the handshake does not end",
        ))),
    }
}

/// Fills in what a finished handshake showed.
pub(super) fn fill<S>(fact: &mut Tls, stream: &TlsStream<S>, notes: &Notes, roots: &Roots) {
    let (_, connection) = stream.get_ref();
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.spoken = Observed::Known(true);
    fact.protocol = match connection
        .protocol_version()
        .and_then(|version| version.as_str())
    {
        Some(version) => Observed::Known(version.replace("TLSv1_", "TLSv1.")),
        None => Observed::unknown(ReasonKind::Garbled, "no protocol was agreed on"),
    };
    (fact.verified, fact.why_not) = notes.verdict(roots);
    let chain: Result<Vec<Certificate>, Reason> = notes
        .shown()
        .chain
        .iter()
        .map(|der| certificate(der))
        .collect();
    match chain {
        Ok(chain) => {
            if let Some(own) = chain.first() {
                fact.names = Observed::Known(own.names.clone());
                fact.issuer = Observed::Known(own.issuer.clone());
                fact.not_before = Observed::Known(own.not_before);
                fact.not_after = Observed::Known(own.not_after);
            }
            fact.chain = Observed::Known(chain);
        }
        Err(reason) => fact.chain = Observed::Unknown(reason),
    }
}

fn certificate(der: &[u8]) -> Result<Certificate, Reason> {
    let (_, parsed) = X509Certificate::from_der(der)
        .map_err(|_| Reason::new(ReasonKind::Garbled, "a certificate that cannot be read"))?;
    let mut names: Vec<String> = match parsed.subject_alternative_name() {
        Ok(Some(names)) => names.value.general_names.iter().filter_map(name).collect(),
        Ok(None) | Err(_) => Vec::new(),
    };
    names.sort();
    names.truncate(500);
    Ok(Certificate {
        subject: one_line(&parsed.subject().to_string(), 300),
        issuer: one_line(&parsed.issuer().to_string(), 300),
        names,
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        ca: parsed.is_ca(),
        sha256: hex(&Sha256::digest(der)),
    })
}

/// A DNS name or an address; other names are nobody's who connects.
fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some(one_line(name, 253));
    }
    if let GeneralName::IPAddress(bytes) = name {
        if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
            return Some(std::net::Ipv4Addr::from(four).to_string());
        }
        if let Ok(six) = <[u8; 16]>::try_from(*bytes) {
            return Some(std::net::Ipv6Addr::from(six).to_string());
        }
    }
    None
}
