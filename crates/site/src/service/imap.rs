//! A server of mailboxes, as far as it shows itself to strangers.

use runproof_facts::kind::imap::{Imap, ImapQuery};
use runproof_facts::kind::tls::Tls;
use runproof_facts::service::Service;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::{Lines, imap_reply};
use super::smtp::tls_query;
use super::{Desk, broken, closed, dial, endpoint, not_asked, tls};
use crate::dial::{Place, Stream};

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ImapQuery,
) -> Result<Imap, Reason> {
    let to = endpoint(&query.imap)?;
    let stream = match dial(place, query.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    let name = query.name.as_deref().unwrap_or(&to.host);
    let mut fact = Imap::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    match ask(desk, place, query, name, stream, &mut fact).await {
        Ok(()) => {
            fact.trouble = Observed::Absent;
            Ok(fact)
        }
        Err(reason) if fact.greeting.known().is_none() => Ok(broken(query, &reason)),
        Err(reason) => {
            fact.trouble = Observed::Known(reason.to_string());
            Ok(fact)
        }
    }
}

async fn ask(
    desk: &Desk<'_>,
    place: &Place,
    query: &ImapQuery,
    name: &str,
    stream: Stream,
    fact: &mut Imap,
) -> Result<(), Reason> {
    let stream = if query.implicit {
        fact.starttls = Observed::Absent;
        stream
    } else {
        let mut lines = Lines::new(stream);
        greet(&mut lines, fact).await?;
        let offered = capabilities(&mut lines, "a").await?;
        let starttls = offered.iter().any(|name| name == "STARTTLS");
        fact.capabilities = Observed::Known(offered);
        fact.starttls = Observed::Known(starttls);
        if !starttls {
            fact.handshake = Observed::Absent;
            fact.capabilities_under_tls = Observed::Absent;
            return lines.say("z LOGOUT").await;
        }
        lines.say("b STARTTLS").await?;
        let (_, last) = imap_reply(&mut lines, "b").await?;
        if !last.starts_with("OK") {
            return Err(Reason::new(ReasonKind::Failed, last));
        }
        lines.into_stream()?
    };
    let (stream, notes, roots) =
        tls::handshake(desk, place, stream, name, query.ca.as_deref()).await?;
    let mut shown = Tls::blank(&tls_query(&query.imap), &not_asked());
    tls::fill(&mut shown, &stream, &notes, &roots);
    fact.handshake = Observed::Known(shown);
    let mut lines = Lines::new(stream);
    if query.implicit {
        greet(&mut lines, fact).await?;
    }
    let inside = capabilities(&mut lines, "c").await?;
    if query.implicit {
        fact.capabilities = Observed::Known(inside.clone());
    }
    fact.capabilities_under_tls = Observed::Known(inside);
    lines.say("z LOGOUT").await
}

async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
    fact: &mut Imap,
) -> Result<(), Reason> {
    let line = lines.line().await?;
    if let Some(why) = line.strip_prefix("* BYE ") {
        return Err(Reason::new(ReasonKind::Failed, format!("it says: {why}")));
    }
    let greeting = line
        .strip_prefix("* OK ")
        .ok_or_else(|| Reason::new(ReasonKind::Garbled, "it is no IMAP"))?;
    fact.greeting = Observed::Known(greeting.to_owned());
    Ok(())
}

async fn capabilities<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
    tag: &str,
) -> Result<Vec<String>, Reason> {
    lines.say(&format!("{tag} CAPABILITY")).await?;
    let (said, last) = imap_reply(lines, tag).await?;
    let shown = said
        .iter()
        .find_map(|line| line.strip_prefix("CAPABILITY "));
    let (Some(shown), true) = (shown, last.starts_with("OK")) else {
        return Err(Reason::new(ReasonKind::Failed, last));
    };
    let mut names: Vec<String> = shown
        .split_whitespace()
        .map(str::to_ascii_uppercase)
        .collect();
    names.sort();
    Ok(names)
}
