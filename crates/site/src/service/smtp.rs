//! A mail server.

use runproof_facts::kind::smtp::{Smtp, SmtpQuery};
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::{Lines, smtp_reply};
use super::mail::{self, Found};
use super::{Desk, broken, closed};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &SmtpQuery,
) -> Result<Smtp, Reason> {
    match mail::look::<Words>(desk, place, &query.way()).await? {
        Found::Closed(why) => closed(query, why),
        Found::Broken(reason) => Ok(broken(query, &reason)),
        Found::Seen(seen) => Ok(Smtp {
            reachable: Observed::Known(true),
            trouble: seen.trouble,
            greeting: seen.greeting,
            extensions: seen.offers,
            starttls: seen.starttls,
            handshake: seen.handshake,
            extensions_under_tls: seen.offers_under_tls,
        }),
    }
}

struct Words;

impl mail::Words for Words {
    const BYE: &'static str = "QUIT";

    async fn greeting<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<String, Reason> {
        Ok(expect(lines, 220, "it greets with").await?.join(" "))
    }

    async fn offers<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<Vec<String>, Reason> {
        lines.say("EHLO runproof").await?;
        let text = expect(lines, 250, "it answers EHLO with").await?;
        let offers = text.iter().skip(1).map(|line| line.to_ascii_uppercase());
        let mut offers: Vec<String> = offers.collect();
        offers.sort();
        Ok(offers)
    }

    async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(
        lines: &mut Lines<S>,
    ) -> Result<(), Reason> {
        lines.say("STARTTLS").await?;
        expect(lines, 220, "it answers STARTTLS with").await?;
        Ok(())
    }
}

async fn expect<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
    expected: u16,
    otherwise: &str,
) -> Result<Vec<String>, Reason> {
    let (code, text) = smtp_reply(lines).await?;
    if code == expected {
        Ok(text)
    } else {
        Err(Reason::new(
            ReasonKind::Failed,
            format!("{otherwise} {code}"),
        ))
    }
}
