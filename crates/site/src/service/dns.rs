//! One question to a name server.

use std::str::FromStr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use runproof_facts::kind::dns::{Dns, DnsQuery, Record, Transport};
use runproof_facts::service::{Endpoint, Service};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::{broken, closed, dial, endpoint, lost, not_asked};
use crate::dial::{NoStream, Place};

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(5);
/// How often a datagram is sent.
const TRIES: usize = 2;
/// How many records of an answer are told.
const RECORDS: usize = 500;

pub(super) async fn collect(place: &Place, query: &DnsQuery) -> Result<Dns, Reason> {
    let to = endpoint(&query.at)?;
    let (question, id) = question(query)?;
    let came = match query.over {
        Transport::Udp => by_datagram(&to, &question, id).await,
        Transport::Tcp => match dial(place, query.from, &to).await {
            Ok(stream) => by_stream(stream, &question)
                .await
                .map_err(NoStream::Untried),
            Err(why) => return closed(query, why),
        },
    };
    let came = match came {
        Ok(came) => came,
        Err(NoStream::Untried(reason)) => return Ok(broken(query, &reason)),
        Err(why @ NoStream::Closed(_)) => return closed(query, why),
    };
    match Message::from_vec(&came) {
        Ok(message) if fits(&message, id, query) => {
            let mut fact = Dns::blank(query, &not_asked());
            fact.reachable = Observed::Known(true);
            fact.trouble = Observed::Absent;
            fill(&mut fact, query, &message);
            Ok(fact)
        }
        Ok(_) => Ok(broken(
            query,
            &Reason::new(ReasonKind::Garbled, "the answer is to another question"),
        )),
        Err(_) => Ok(broken(
            query,
            &Reason::new(ReasonKind::Garbled, "the answer is no message of DNS"),
        )),
    }
}

fn question(query: &DnsQuery) -> Result<(Vec<u8>, u16), Reason> {
    let defect = |what: &str| Reason::new(ReasonKind::Unsupported, what);
    let name = Name::from_str(&query.dns).map_err(|_| defect("the name cannot be asked for"))?;
    let kind = RecordType::from_str(&query.r#type)
        .map_err(|_| defect("records of this type cannot be asked for"))?;
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| defect(&error.to_string()))?;
    let id = u16::from_be_bytes(id);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = query.recurse;
    let mut name = name;
    name.set_fqdn(true);
    message.add_query(Query::query(name, kind));
    let bytes = message
        .to_vec()
        .map_err(|_| defect("the question cannot be written"))?;
    Ok((bytes, id))
}

async fn by_stream(mut stream: crate::dial::Stream, question: &[u8]) -> Result<Vec<u8>, Reason> {
    let asked = async {
        let length = u16::try_from(question.len()).unwrap_or_default();
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(question);
        stream.write_all(&framed).await?;
        stream.flush().await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(TIME, asked).await {
        Ok(answer) => answer.map_err(|error| lost(&error)),
        Err(_) => Err(Reason::new(ReasonKind::Timeout, "the server says nothing")),
    }
}

async fn by_datagram(to: &Endpoint, question: &[u8], id: u16) -> Result<Vec<u8>, NoStream> {
    let failed = |error: std::io::Error| NoStream::Closed(error.to_string());
    let local = if to.host.contains(':') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(local).await.map_err(failed)?;
    socket
        .connect((to.host.as_str(), to.port))
        .await
        .map_err(failed)?;
    let mut buffer = vec![0; 65_536];
    for _ in 0..TRIES {
        socket.send(question).await.map_err(failed)?;
        let deadline = tokio::time::Instant::now() + TIME / 2;
        while let Ok(came) = tokio::time::timeout_at(deadline, socket.recv(&mut buffer)).await {
            let count = came.map_err(failed)?;
            // Whoever does not know the number of the question did not hear it.
            if buffer.get(..2) == Some(&id.to_be_bytes()) {
                return Ok(buffer[..count].to_vec());
            }
        }
    }
    Err(NoStream::Closed("no answer came".to_owned()))
}

fn fits(message: &Message, id: u16, query: &DnsQuery) -> bool {
    let same = |asked: &Query| {
        asked
            .name()
            .to_ascii()
            .trim_end_matches('.')
            .eq_ignore_ascii_case(query.dns.trim_end_matches('.'))
            && asked.query_type().to_string() == query.r#type
    };
    message.metadata.id == id
        && message.metadata.message_type == MessageType::Response
        // Some refuse without repeating the question.
        && message.queries.first().is_none_or(same)
}

fn fill(fact: &mut Dns, query: &DnsQuery, message: &Message) {
    fact.rcode = Observed::Known(rcode(message.metadata.response_code));
    fact.authoritative = Observed::Known(message.metadata.authoritative);
    fact.recursion = Observed::Known(message.metadata.recursion_available);
    let whole = !message.metadata.truncation && message.answers.len() <= RECORDS;
    if !whole {
        let reason = Reason::new(ReasonKind::CapReached, "the answer is cut");
        fact.answers = Observed::Unknown(reason.clone());
        fact.data = Observed::Unknown(reason.clone());
        fact.serial = Observed::Unknown(reason);
        return;
    }
    let mut answers = Vec::new();
    let mut data = Vec::new();
    let mut serial = None;
    for record in &message.answers {
        let kind = record.record_type().to_string();
        let text = one_line(&record.data.to_string(), 500);
        if let RData::SOA(soa) = &record.data {
            serial = Some(soa.serial);
        }
        if kind == query.r#type {
            data.push(text.clone());
        }
        answers.push(Record {
            name: one_line(&record.name.to_ascii(), 253),
            r#type: kind,
            ttl: record.ttl,
            data: text,
        });
    }
    data.sort();
    fact.answers = Observed::Known(answers);
    fact.data = Observed::Known(data);
    fact.serial = serial.into();
}

/// The code by the name that operators know.
fn rcode(code: ResponseCode) -> String {
    match u16::from(code) {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        9 => "NOTAUTH".to_owned(),
        other => format!("RCODE{other}"),
    }
}
