//! Whether a WebSocket comes about.

use std::time::Duration;

use runproof_facts::kind::websocket::{Websocket, WebsocketQuery};
use runproof_facts::service::{Endpoint, Service, Url};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Error;

use super::{Desk, broken, closed, dial, not_asked, tls};
use crate::dial::Place;

/// How long the answer may take.
const TIME: Duration = Duration::from_secs(10);

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &WebsocketQuery,
) -> Result<Websocket, Reason> {
    let defect = |why: String| Reason::new(ReasonKind::Defect, why);
    let url = Url::parse(&query.websocket).map_err(defect)?;
    let to = match &query.connect {
        Some(text) => Endpoint::parse(text).map_err(defect)?,
        None => url.endpoint.clone(),
    };
    let stream = match dial(place, query.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    let mut fact = Websocket::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    if url.secure {
        let name = &url.endpoint.host;
        match tls::handshake(desk, place, stream, name, query.ca.as_deref()).await {
            Ok((stream, notes, roots)) => {
                fact.verified = notes.verdict(&roots).0;
                upgrade(&mut fact, &url, stream).await;
            }
            Err(tls::NoHandshake::Denied(words)) => {
                fact.trouble = Observed::Known(words);
                fact.verified = Observed::Absent;
                fact.status = Observed::Absent;
                fact.accepted = Observed::Known(false);
                fact.location = Observed::Absent;
            }
            Err(tls::NoHandshake::Broken(reason)) => return Ok(broken(query, &reason)),
        }
    } else {
        fact.verified = Observed::Absent;
        upgrade(&mut fact, &url, stream).await;
    }
    Ok(fact)
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(fact: &mut Websocket, url: &Url, stream: S) {
    let scheme = if url.secure { "wss" } else { "ws" };
    let address = format!("{scheme}://{}{}", url.authority(), url.path);
    let shaken = tokio::time::timeout(TIME, tokio_tungstenite::client_async(address, stream)).await;
    match shaken {
        Ok(Ok((mut channel, response))) => {
            fact.trouble = Observed::Absent;
            fact.status = Observed::Known(response.status().as_u16());
            fact.accepted = Observed::Known(true);
            fact.location = Observed::Absent;
            let _ = tokio::time::timeout(Duration::from_secs(1), channel.close(None)).await;
        }
        Ok(Err(Error::Http(response))) => {
            fact.trouble = Observed::Absent;
            fact.status = Observed::Known(response.status().as_u16());
            fact.accepted = Observed::Known(false);
            let location = response.headers().get("location");
            fact.location = location
                .and_then(|text| text.to_str().ok())
                .map(|text| one_line(text, 2000))
                .into();
        }
        Ok(Err(error)) => lost(fact, &Reason::new(ReasonKind::Garbled, error.to_string())),
        Err(_) => lost(
            fact,
            &Reason::new(ReasonKind::Timeout, "no answer to the upgrade"),
        ),
    }
}

fn lost(fact: &mut Websocket, reason: &Reason) {
    fact.trouble = Observed::Known(reason.to_string());
    fact.status = Observed::Unknown(reason.clone());
    fact.accepted = Observed::Unknown(reason.clone());
    fact.location = Observed::Unknown(reason.clone());
}
