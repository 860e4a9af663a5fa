//! HTTP by reqwest, over a private socket that leads into the node.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use runproof_facts::service::{Endpoint, Url, Vantage};
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

use super::shared::Cell;
use super::trust::{Demand, Notes, Roots, config, denial};
use super::{Desk, Reachable, broken, closed};
use crate::backend::Target;
use crate::dial::forward::Forward;
use crate::dial::{NoStream, Place};

/// How much of a body is taken.
const BODY_CAP: usize = 8 << 20;
/// How long one request may take, the opening of the port included.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// How a service is to be addressed.
pub(super) struct Way<'a> {
    pub url: &'a Url,
    /// Another port than the address's own.
    pub connect: Option<Endpoint>,
    pub ca: Option<&'a str>,
    pub from: Vantage,
    /// Whether something secret will be said: then a certificate has to verify.
    pub strict: bool,
}

/// A client of one service.
pub(super) struct Web {
    /// reqwest's own, for other libraries that are built on it.
    pub client: Client,
    /// What became of its certificate.
    pub notes: Notes,
    /// Who is trusted.
    pub roots: Roots,
    url: Url,
    forward: Forward,
    turn: Semaphore,
}

/// What tells one client from another.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Address {
    target: Target,
    url: String,
    connect: Option<Endpoint>,
    ca: Option<String>,
    from: Vantage,
    strict: bool,
}

/// A client that others may use at the same time.
#[derive(Clone)]
pub(super) struct Line {
    web: Arc<Web>,
    /// As long as somebody has it, whoever asks the same is given this one.
    _cell: Cell<Result<Arc<Web>, Reason>>,
}

impl Deref for Line {
    type Target = Web;

    fn deref(&self) -> &Web {
        &self.web
    }
}

impl Desk<'_> {
    /// The client of a service, shared by all who ask it now.
    pub(super) async fn line(&self, place: &Place, way: Way<'_>) -> Result<Line, Reason> {
        let address = Address {
            target: place.target.clone(),
            url: way.url.at(""),
            connect: way.connect.clone(),
            ca: way.ca.map(str::to_owned),
            from: way.from,
            // Without TLS there is no certificate to be strict about.
            strict: way.strict && way.url.secure,
        };
        let cell = self.lines.cell(address);
        let open = || async { Web::open(self, place, way).await.map(Arc::new) };
        let web = cell.get_or_init(open).await.clone()?;
        Ok(Line { web, _cell: cell })
    }
}

/// An answer.
pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Zeroizing<Vec<u8>>,
    pub elapsed: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) enum NoReply {
    /// The port could not be opened.
    NoStream(NoStream),
    /// It could, and the server says in the handshake that it has nothing under this name.
    Denied(String),
    /// It could, and what came is no answer.
    Broken(Reason),
}

impl NoReply {
    /// The fact that says so.
    pub fn fact<F: Reachable>(self, query: &F::Query) -> Result<F, Reason> {
        match self {
            Self::NoStream(why) => closed(query, why),
            Self::Denied(_) | Self::Broken(_) => Ok(broken(query, &self.reason())),
        }
    }

    /// The reason by itself.
    pub fn reason(self) -> Reason {
        match self {
            Self::NoStream(NoStream::Closed(why)) => Reason::new(ReasonKind::Unreachable, why),
            Self::NoStream(NoStream::Untried(reason)) | Self::Broken(reason) => reason,
            Self::Denied(words) => Reason::new(ReasonKind::Failed, words),
        }
    }
}

impl Web {
    /// A client; nothing is said yet.
    pub async fn open(desk: &Desk<'_>, place: &Place, way: Way<'_>) -> Result<Self, Reason> {
        let roots = if way.url.secure {
            desk.roots(place, way.ca).await
        } else {
            Ok(Arc::new(rustls::RootCertStore::empty()))
        };
        let notes = Notes::default();
        let demand = if way.strict {
            Demand::Whole
        } else {
            Demand::Nothing
        };
        let tls = config(&roots, &notes, demand)?;
        let to = way.connect.unwrap_or_else(|| way.url.endpoint.clone());
        let forward =
            Forward::open(place.clone(), way.from, to).map_err(|trouble| trouble.reason)?;
        let client = Client::builder()
            .unix_socket(forward.socket())
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIME)
            .user_agent("runproof")
            .build()
            .map_err(|error| Reason::new(ReasonKind::Defect, error.to_string()))?;
        Ok(Self {
            client,
            notes,
            roots,
            url: way.url.clone(),
            forward,
            turn: Semaphore::new(1),
        })
    }

    /// The right to ask. Questions that share a client ask one after the other, over one
    /// connection; and who waited while the port was found closed hears that it is.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, NoReply> {
        let closed = |_| Reason::new(ReasonKind::Defect, "nobody may ask any more");
        let turn = self.turn.acquire().await.map_err(closed);
        let turn = turn.map_err(NoReply::Broken)?;
        match self.forward.why() {
            Some(why) => Err(NoReply::NoStream(why)),
            None => Ok(turn),
        }
    }

    /// Whether a handshake was ended because of the certificate.
    pub fn refused(&self) -> bool {
        self.notes.shown().refused
    }

    /// A request for a path of the service.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url.at(path))
    }

    /// `GET` without anything else.
    pub async fn get(&self, path: &str) -> Result<Reply, NoReply> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a request and takes the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, NoReply> {
        let _turn = self.turn().await?;
        let started = Instant::now();
        let mut response = request.send().await.map_err(|error| self.why(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(|error| self.why(&error))? {
            if body.len() + piece.len() > BODY_CAP {
                return Err(NoReply::Broken(Reason::new(
                    ReasonKind::CapReached,
                    format!("the body has more than {BODY_CAP} bytes"),
                )));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply {
            status,
            headers,
            body,
            elapsed: started.elapsed(),
        })
    }

    /// What an error of a client that is built on this one means.
    pub fn why(&self, error: &reqwest::Error) -> NoReply {
        if let Some(why) = self.forward.why() {
            return NoReply::NoStream(why);
        }
        match denial(error) {
            Some(words) => NoReply::Denied(words),
            None => NoReply::Broken(reason(error)),
        }
    }

    /// Why the port was not opened, when it was not.
    pub fn closed(&self) -> Option<NoStream> {
        self.forward.why()
    }

    /// Whether the certificate verifies, and why not; absent without TLS.
    pub fn verified(&self) -> (Observed<bool>, Observed<String>) {
        if self.url.secure {
            self.notes.verdict(&self.roots)
        } else {
            (Observed::Absent, Observed::Absent)
        }
    }
}

/// What reqwest says, without the address, which may be long: the innermost cause.
fn reason(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        let detail = format!("no answer within {} s", REQUEST_TIME.as_secs());
        return Reason::new(ReasonKind::Timeout, detail);
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Reason::new(ReasonKind::Garbled, cause.to_string())
}

impl Reply {
    /// A header, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Reason> {
        serde_json::from_slice(&self.body)
            // serde's words may repeat what it could not read.
            .map_err(|_| Reason::new(ReasonKind::Garbled, "the answer is no JSON"))
    }

    /// The JSON of an answer that is a success.
    pub fn success(&self) -> Result<Value, Reason> {
        match self.status {
            200..=299 => self.json(),
            401 | 403 => Err(Reason::new(
                ReasonKind::Permission,
                format!("status {}", self.status),
            )),
            status => Err(Reason::new(ReasonKind::Failed, format!("status {status}"))),
        }
    }
}
