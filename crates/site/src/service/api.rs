//! A service whose interface is HTTP, as its query addresses it.

use reqwest::{Method, RequestBuilder};
use runproof_facts::service::{Url, Vantage};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::Value;

use super::Desk;
use super::purse::Login;
use super::web::{Line, NoReply, Reply, Way};
use crate::dial::Place;

/// A service, its address and the line to it.
pub(super) struct Api<'a> {
    desk: &'a Desk<'a>,
    place: &'a Place,
    pub url: Url,
    host: Option<&'a str>,
    ca: Option<&'a str>,
    /// On it nothing secret may be said.
    pub line: Line,
}

/// A credential, and a line on which it may be said.
pub(super) struct Trusted<'a> {
    host: Option<&'a str>,
    pub line: Line,
    pub login: Login,
}

impl<'a> Api<'a> {
    /// The service at an address; nothing is said yet.
    pub async fn open(
        desk: &'a Desk<'_>,
        place: &'a Place,
        address: &str,
        host: Option<&'a String>,
        ca: Option<&'a String>,
    ) -> Result<Self, Reason> {
        let url = Url::parse(address.trim_end_matches('/'))
            .map_err(|why| Reason::new(ReasonKind::Defect, why))?;
        let (host, ca) = (host.map(String::as_str), ca.map(String::as_str));
        let line = desk.line(place, way(&url, ca, false)).await?;
        Ok(Self {
            desk,
            place,
            url,
            host,
            ca,
            line,
        })
    }

    /// A request for a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        request(&self.line, self.host, method, path)
    }

    /// `GET` without anything else.
    pub async fn get(&self, path: &str) -> Result<Reply, NoReply> {
        self.line.send(self.request(Method::GET, path)).await
    }

    /// The status of a `GET`.
    pub async fn status(&self, path: &str) -> Observed<u16> {
        self.get(path)
            .await
            .map(|reply| reply.status)
            .map_err(NoReply::reason)
            .into()
    }

    /// The member `version` of a JSON answer.
    pub async fn version(&self, path: &str) -> Observed<String> {
        let told = |reply: Reply| {
            let json = reply.success()?;
            json.get("version")
                .and_then(Value::as_str)
                .map(|version| one_line(version, 100))
                .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no version"))
        };
        let reply = self.get(path).await.map_err(NoReply::reason);
        reply.and_then(told).into()
    }

    /// The credential of that name, for this service.
    pub async fn trusted(&self, credential: &str) -> Result<Trusted<'a>, Reason> {
        let at = &self.url.endpoint;
        let login = self.desk.login_at(credential, Vantage::Node, at).await?;
        let way = way(&self.url, self.ca, true);
        let line = self.desk.line(self.place, way).await?;
        Ok(Trusted {
            host: self.host,
            line,
            login,
        })
    }
}

impl Trusted<'_> {
    /// A request for a path, without the credential yet.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        request(&self.line, self.host, method, path)
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, NoReply> {
        self.line.send(request).await
    }
}

fn way<'a>(url: &'a Url, ca: Option<&'a str>, strict: bool) -> Way<'a> {
    Way {
        url,
        connect: None,
        ca,
        from: Vantage::Node,
        strict,
    }
}

fn request(line: &Line, host: Option<&str>, method: Method, path: &str) -> RequestBuilder {
    let request = line.request(method, path);
    match host {
        Some(host) => request.header("host", host),
        None => request,
    }
}
