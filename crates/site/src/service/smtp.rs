//! A mail server, as far as it shows itself to strangers.

use runproof_facts::kind::smtp::{Smtp, SmtpQuery};
use runproof_facts::kind::tls::{Tls, TlsQuery};
use runproof_facts::service::Service;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::{Lines, smtp_reply};
use super::{Desk, broken, closed, dial, endpoint, not_asked, tls};
use crate::dial::{Place, Stream};

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &SmtpQuery,
) -> Result<Smtp, Reason> {
    let to = endpoint(&query.smtp)?;
    let stream = match dial(place, query.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    let name = query.name.as_deref().unwrap_or(&to.host);
    let mut fact = Smtp::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    let asked = if query.implicit {
        implicit(desk, place, query, name, stream, &mut fact).await
    } else {
        explicit(desk, place, query, name, stream, &mut fact).await
    };
    match asked {
        Ok(()) => {
            fact.trouble = Observed::Absent;
            Ok(fact)
        }
        // Before the greeting it may be any service; after it, what was learnt stands.
        Err(reason) if fact.greeting.known().is_none() => Ok(broken(query, &reason)),
        Err(reason) => {
            fact.trouble = Observed::Known(reason.to_string());
            Ok(fact)
        }
    }
}

async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
    fact: &mut Smtp,
) -> Result<(), Reason> {
    let (code, text) = smtp_reply(lines).await?;
    if code != 220 {
        return Err(Reason::new(
            ReasonKind::Failed,
            format!("it greets with {code}"),
        ));
    }
    fact.greeting = Observed::Known(text.join(" "));
    Ok(())
}

async fn extensions<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
) -> Result<Vec<String>, Reason> {
    lines.say("EHLO runproof").await?;
    let (code, text) = smtp_reply(lines).await?;
    if code != 250 {
        return Err(Reason::new(
            ReasonKind::Failed,
            format!("it answers EHLO with {code}"),
        ));
    }
    let mut names: Vec<String> = text
        .iter()
        .skip(1)
        .map(|line| line.to_ascii_uppercase())
        .collect();
    names.sort();
    Ok(names)
}

async fn explicit(
    desk: &Desk<'_>,
    place: &Place,
    query: &SmtpQuery,
    name: &str,
    stream: Stream,
    fact: &mut Smtp,
) -> Result<(), Reason> {
    let mut lines = Lines::new(stream);
    greet(&mut lines, fact).await?;
    let offered = extensions(&mut lines).await?;
    let starttls = offered.iter().any(|name| name == "STARTTLS");
    fact.extensions = Observed::Known(offered);
    fact.starttls = Observed::Known(starttls);
    if !starttls {
        fact.handshake = Observed::Absent;
        fact.extensions_under_tls = Observed::Absent;
        return lines.say("QUIT").await;
    }
    lines.say("STARTTLS").await?;
    let (code, _) = smtp_reply(&mut lines).await?;
    if code != 220 {
        return Err(Reason::new(
            ReasonKind::Failed,
            format!("it answers STARTTLS with {code}"),
        ));
    }
    let stream = lines.into_stream()?;
    under_tls(desk, place, query, name, stream, fact, false).await
}

async fn implicit(
    desk: &Desk<'_>,
    place: &Place,
    query: &SmtpQuery,
    name: &str,
    stream: Stream,
    fact: &mut Smtp,
) -> Result<(), Reason> {
    fact.starttls = Observed::Absent;
    under_tls(desk, place, query, name, stream, fact, true).await
}

async fn under_tls(
    desk: &Desk<'_>,
    place: &Place,
    query: &SmtpQuery,
    name: &str,
    stream: Stream,
    fact: &mut Smtp,
    greeted_inside: bool,
) -> Result<(), Reason> {
    let (stream, notes, roots) =
        tls::handshake(desk, place, stream, name, query.ca.as_deref()).await?;
    let mut shown = Tls::blank(&tls_query(&query.smtp), &not_asked());
    tls::fill(&mut shown, &stream, &notes, &roots);
    fact.handshake = Observed::Known(shown);
    let mut lines = Lines::new(stream);
    if greeted_inside {
        greet(&mut lines, fact).await?;
    }
    let inside = extensions(&mut lines).await?;
    if greeted_inside {
        fact.extensions = Observed::Known(inside.clone());
    }
    fact.extensions_under_tls = Observed::Known(inside);
    lines.say("QUIT").await
}

/// A blank handshake needs a query to be blank of.
pub(super) fn tls_query(at: &str) -> TlsQuery {
    TlsQuery {
        tls: at.to_owned(),
        name: None,
        ca: None,
        starttls: runproof_facts::kind::tls::Before::Nothing,
        from: runproof_facts::service::Vantage::Node,
    }
}
