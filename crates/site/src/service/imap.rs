//! A server of mailboxes.

use runproof_facts::kind::imap::{Imap, ImapQuery};
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::{Lines, imap_reply};
use super::mail::{self, Found};
use super::{Desk, broken, closed};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ImapQuery,
) -> Result<Imap, Reason> {
    match mail::look::<Words>(desk, place, &query.way()).await? {
        Found::Closed(why) => closed(query, why),
        Found::Broken(reason) => Ok(broken(query, &reason)),
        Found::Seen(seen) => Ok(Imap {
            reachable: Observed::Known(true),
            trouble: seen.trouble,
            greeting: seen.greeting,
            capabilities: seen.offers,
            starttls: seen.starttls,
            handshake: seen.handshake,
            capabilities_under_tls: seen.offers_under_tls,
        }),
    }
}

struct Words;

impl mail::Words for Words {
    const BYE: &'static str = "z LOGOUT";

    async fn greeting<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<String, Reason> {
        let line = lines.line().await?;
        if let Some(why) = line.strip_prefix("* BYE ") {
            return Err(Reason::new(ReasonKind::Failed, format!("it says: {why}")));
        }
        line.strip_prefix("* OK ")
            .map(str::to_owned)
            .ok_or_else(|| Reason::new(ReasonKind::Garbled, "it is no IMAP"))
    }

    async fn offers<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<Vec<String>, Reason> {
        lines.say("a CAPABILITY").await?;
        let (said, last) = imap_reply(lines, "a").await?;
        let shown = said
            .iter()
            .find_map(|line| line.strip_prefix("CAPABILITY "));
        let (Some(shown), true) = (shown, last.starts_with("OK")) else {
            return Err(Reason::new(ReasonKind::Failed, last));
        };
        let offers = shown.split_whitespace().map(str::to_ascii_uppercase);
        let mut offers: Vec<String> = offers.collect();
        offers.sort();
        Ok(offers)
    }

    async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<(), Reason> {
        lines.say("b STARTTLS").await?;
        let (_, last) = imap_reply(lines, "b").await?;
        if last.starts_with("OK") {
            Ok(())
        } else {
            Err(Reason::new(ReasonKind::Failed, last))
        }
    }
}
