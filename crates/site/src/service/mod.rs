//! Asking services: one collector a kind, each with its own deadline.
//!
//! A collector begins with a fact of which nothing is known and fills in what it
//! learns, so whatever goes wrong on the way leaves an unknown and no absence. What a
//! service says is bounded by the stream it comes through.

use std::collections::HashMap;
use std::sync::Arc;

use runproof_facts::answer::Answer;
use runproof_facts::service::{Endpoint, Service, ServiceAsk, Vantage};
use runproof_model::{Observed, Reason, ReasonKind};
use serde::Serialize;
use tokio::sync::{Mutex, OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::backend::Target;
use crate::dial::{NoStream, Place, Stream, TOO_MUCH};
use crate::session::Session;

mod api;
mod cache;
mod dns;
mod file;
mod forgejo;
mod http;
mod imap;
mod kv;
mod line;
mod livekit;
mod llm;
mod mail;
mod objects;
mod postgres;
mod purse;
mod qdrant;
mod shared;
mod smtp;
mod ssh;
mod tls;
mod trust;
mod vault;
mod web;
mod websocket;
mod zitadel;

use purse::Purse;
use shared::Shared;
use trust::Roots;

/// How many sessions of databases stay open until all was asked; behind ssh a site has six streams.
const SESSIONS: usize = 2;

/// The files of nodes that were read, by their place.
type Files = Mutex<HashMap<(Target, String), Arc<OnceCell<file::Content>>>>;

/// What all questions of one gathering share: each credential and each file is fetched once.
pub(crate) struct Desk<'a> {
    session: &'a Session,
    purse: Purse,
    roots: OnceCell<Arc<Roots>>,
    files: Files,
    sessions: Shared<postgres::entry::Key, postgres::entry::Entry>,
    lines: Shared<web::Address, Result<Arc<web::Web>, Reason>>,
    /// Who may ask: a question's time begins when it has its turn, for behind ssh
    /// the streams of many questions at once would wait longer for each other than any may take.
    turns: Semaphore,
}

impl<'a> Desk<'a> {
    /// A desk with nothing on it.
    pub fn new(session: &'a Session) -> Self {
        Self {
            session,
            purse: Purse::default(),
            roots: OnceCell::new(),
            files: Mutex::new(HashMap::new()),
            sessions: Shared::new(SESSIONS),
            lines: Shared::new(0),
            turns: Semaphore::new(Place::turns(&session.door.host)),
        }
    }

    /// Asks, and gives the fact in its recorded form.
    pub async fn answer(
        &self,
        target: &Target,
        ask: &ServiceAsk,
        stop: &CancellationToken,
    ) -> Answer {
        let place = self.session.place(target);
        let time = self.session.options.probe_timeout;
        tokio::select! {
            biased;
            () = stop.cancelled() => Answer::Missing(Reason::new(ReasonKind::Interrupted, "the run was stopped")),
            answer = async {
                let _turn = self.turns.acquire().await;
                tokio::time::timeout(time, self.collect(&place, ask)).await
            } => answer.unwrap_or_else(|_| {
                let detail = format!("no end after {} s", time.as_secs_f64());
                Answer::Missing(Reason::new(ReasonKind::Timeout, detail))
            }),
        }
    }

    async fn collect(&self, place: &Place, ask: &ServiceAsk) -> Answer {
        match ask {
            ServiceAsk::Cache(query) => told(cache::collect(self, place, query).await),
            ServiceAsk::Dns(query) => told(dns::collect(place, query).await),
            ServiceAsk::Forgejo(query) => told(forgejo::collect(self, place, query).await),
            ServiceAsk::Http(query) => told(http::collect(self, place, query).await),
            ServiceAsk::Imap(query) => told(imap::collect(self, place, query).await),
            ServiceAsk::Kv(query) => told(kv::collect(self, query).await),
            ServiceAsk::Livekit(query) => told(livekit::collect(self, place, query).await),
            ServiceAsk::Llm(query) => told(llm::collect(self, place, query).await),
            ServiceAsk::Objects(query) => told(objects::collect(self, place, query).await),
            ServiceAsk::Postgres(query, parts) => {
                told(postgres::collect(self, place, query, parts).await)
            }
            ServiceAsk::Qdrant(query) => told(qdrant::collect(self, place, query).await),
            ServiceAsk::Smtp(query) => told(smtp::collect(self, place, query).await),
            ServiceAsk::Ssh(query) => told(ssh::collect(place, query).await),
            ServiceAsk::Tls(query) => told(tls::collect(self, place, query).await),
            ServiceAsk::Vault(query) => told(vault::collect(self, place, query).await),
            ServiceAsk::Websocket(query) => told(websocket::collect(self, place, query).await),
            ServiceAsk::Zitadel(query) => told(zitadel::collect(self, place, query).await),
        }
    }
}

fn told<F: Serialize>(found: Result<F, Reason>) -> Answer {
    let observed: Observed<F> = found.into();
    match serde_json::to_vec(&observed) {
        Ok(out) => Answer::Done {
            code: 0,
            out: Arc::new(Zeroizing::new(out)),
            truncated: false,
        },
        Err(error) => Answer::Missing(Reason::new(ReasonKind::Defect, error.to_string())),
    }
}

/// A reason for what nobody came to ask.
fn not_asked() -> Reason {
    Reason::new(ReasonKind::Unreachable, "nobody came so far as to ask")
}

/// The fields that every fact about a port has.
trait Reachable: Service {
    /// Says whether the port is open, and what is wrong when something is.
    fn reached(&mut self, reachable: Observed<bool>, trouble: Observed<String>);
}

macro_rules! reachable {
    ($($kind:ident::$fact:ident),* $(,)?) => { $(
        impl Reachable for runproof_facts::kind::$kind::$fact {
            fn reached(&mut self, reachable: Observed<bool>, trouble: Observed<String>) {
                self.reachable = reachable;
                self.trouble = trouble;
            }
        }
    )* };
}

reachable!(
    cache::Cache,
    dns::Dns,
    forgejo::Forgejo,
    http::Http,
    imap::Imap,
    livekit::Livekit,
    llm::Llm,
    objects::Objects,
    postgres::Postgres,
    qdrant::Qdrant,
    smtp::Smtp,
    ssh::Ssh,
    tls::Tls,
    vault::Vault,
    websocket::Websocket,
    zitadel::Zitadel,
);

/// The fact about a port that is not open; everything else about it is unknown.
fn closed<F: Reachable>(query: &F::Query, why: NoStream) -> Result<F, Reason> {
    match why {
        NoStream::Untried(reason) => Err(reason),
        NoStream::Closed(text) => {
            let reason = Reason::new(ReasonKind::Unreachable, &text);
            let mut fact = F::blank(query, &reason);
            fact.reached(Observed::Known(false), Observed::Known(reason.detail));
            Ok(fact)
        }
    }
}

/// The fact about a port that is open, of which something is wrong.
fn broken<F: Reachable>(query: &F::Query, reason: &Reason) -> F {
    let mut fact = F::blank(query, reason);
    fact.reached(Observed::Known(true), Observed::Known(reason.to_string()));
    fact
}

/// An address that was checked when the suite was bound.
fn endpoint(text: &str) -> Result<Endpoint, Reason> {
    Endpoint::parse(text).map_err(|why| Reason::new(ReasonKind::Defect, why))
}

/// Opens a port.
async fn dial(place: &Place, from: Vantage, to: &Endpoint) -> Result<Stream, NoStream> {
    place.dial(from, to).await
}

/// What an error on an open stream means.
fn lost(error: &std::io::Error) -> Reason {
    let text = error.to_string();
    let kind = if text.contains(TOO_MUCH) {
        ReasonKind::CapReached
    } else if error.kind() == std::io::ErrorKind::TimedOut {
        ReasonKind::Timeout
    } else {
        ReasonKind::Garbled
    };
    Reason::new(kind, text)
}
