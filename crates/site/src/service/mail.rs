//! A server of mail, as far as it shows itself to strangers: what it offers before TLS and under it.

use runproof_facts::kind::tls::{Before, Tls, TlsQuery};
use runproof_facts::service::{MailWay, Service, Vantage};
use runproof_model::{Observed, Reason};
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::Lines;
use super::{Desk, dial, endpoint, not_asked, tls};
use crate::dial::{NoStream, Place, Stream};

/// How a protocol says what all of them say.
pub(super) trait Words {
    /// The last word.
    const BYE: &'static str;

    /// What the server says first.
    async fn greeting<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<String, Reason>;

    /// What it offers, in upper case.
    async fn offers<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<Vec<String>, Reason>;

    /// Asks for TLS.
    async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<(), Reason>;
}

/// What a server showed.
pub(super) struct Seen {
    pub trouble: Observed<String>,
    pub greeting: Observed<String>,
    pub offers: Observed<Vec<String>>,
    pub starttls: Observed<bool>,
    pub handshake: Observed<Tls>,
    pub offers_under_tls: Observed<Vec<String>>,
}

/// What became of a look.
pub(super) enum Found {
    /// The port is not open.
    Closed(NoStream),
    /// It is, and before a greeting it may be any service.
    Broken(Reason),
    /// It greeted; what was learnt before any trouble stands.
    Seen(Box<Seen>),
}

/// Looks at a server.
pub(super) async fn look<W: Words>(
    desk: &Desk<'_>,
    place: &Place,
    way: &MailWay<'_>,
) -> Result<Found, Reason> {
    let to = endpoint(way.at)?;
    let stream = match dial(place, way.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return Ok(Found::Closed(why)),
    };
    let reason = not_asked();
    let mut seen = Seen {
        trouble: Observed::Absent,
        greeting: Observed::Unknown(reason.clone()),
        offers: Observed::Unknown(reason.clone()),
        starttls: Observed::Unknown(reason.clone()),
        handshake: Observed::Unknown(reason.clone()),
        offers_under_tls: Observed::Unknown(reason),
    };
    let name = way.name.unwrap_or(&to.host);
    if let Err(reason) = speak::<W>(desk, place, way, name, stream, &mut seen).await {
        if seen.greeting.known().is_none() {
            return Ok(Found::Broken(reason));
        }
        seen.trouble = Observed::Known(reason.to_string());
    }
    Ok(Found::Seen(Box::new(seen)))
}

async fn speak<W: Words>(
    desk: &Desk<'_>,
    place: &Place,
    way: &MailWay<'_>,
    name: &str,
    stream: Stream,
    seen: &mut Seen,
) -> Result<(), Reason> {
    let stream = if way.implicit {
        seen.starttls = Observed::Absent;
        stream
    } else {
        let mut lines = Lines::new(stream);
        seen.greeting = Observed::Known(W::greeting(&mut lines).await?);
        let offers = W::offers(&mut lines).await?;
        let starttls = offers.iter().any(|name| name == "STARTTLS");
        seen.offers = Observed::Known(offers);
        seen.starttls = Observed::Known(starttls);
        if !starttls {
            seen.handshake = Observed::Absent;
            seen.offers_under_tls = Observed::Absent;
            return lines.say(W::BYE).await;
        }
        W::start_tls(&mut lines).await?;
        lines.into_stream()?
    };
    let (stream, notes, roots) = tls::handshake(desk, place, stream, name, way.ca)
        .await
        .map_err(tls::NoHandshake::reason)?;
    let mut shown = Tls::blank(&query(way.at), &not_asked());
    tls::fill(&mut shown, &stream, &notes, &roots);
    seen.handshake = Observed::Known(shown);
    let mut lines = Lines::new(stream);
    if way.implicit {
        seen.greeting = Observed::Known(W::greeting(&mut lines).await?);
    }
    let offers = W::offers(&mut lines).await?;
    if way.implicit {
        seen.offers = Observed::Known(offers.clone());
    }
    seen.offers_under_tls = Observed::Known(offers);
    lines.say(W::BYE).await
}

/// A blank handshake needs a query to be blank of.
fn query(at: &str) -> TlsQuery {
    TlsQuery {
        tls: at.to_owned(),
        name: None,
        ca: None,
        starttls: Before::Nothing,
        from: Vantage::Node,
    }
}
