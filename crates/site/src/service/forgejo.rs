//! The forge.

use reqwest::Method;
use runproof_facts::kind::forgejo::{Forgejo, ForgejoQuery};
use runproof_facts::service::Service;
use runproof_model::{Observed, Reason, ReasonKind};

use super::api::Api;
use super::web::{NoReply, Reply};
use super::{Desk, not_asked};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ForgejoQuery,
) -> Result<Forgejo, Reason> {
    let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
    let api = Api::open(desk, place, &query.forgejo, host, ca).await?;
    let health = match api.get("/api/healthz").await {
        Ok(health) => health,
        Err(why) => return why.fact(query),
    };
    let mut fact = Forgejo::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.healthz = Observed::Known(health.status);
    fact.healthy = match health.json() {
        Ok(json) => match json.get("status").and_then(|status| status.as_str()) {
            Some(status) => Observed::Known(status == "pass"),
            None => Observed::unknown(ReasonKind::Garbled, "the health has no status"),
        },
        Err(reason) => Observed::Unknown(reason),
    };
    fact.version = api.version("/api/v1/version").await;
    match searched(&api, &query.credential).await {
        Err(reason) => {
            fact.token_alive = Observed::Unknown(reason.clone());
            fact.repositories = Observed::Unknown(reason);
        }
        Ok(reply) => {
            let failed = || Reason::new(ReasonKind::Failed, format!("status {}", reply.status));
            fact.token_alive = match reply.status {
                200 => Observed::Known(true),
                401 => Observed::Known(false),
                _ => Observed::Unknown(failed()),
            };
            let total = reply.header("x-total-count").and_then(|n| n.parse().ok());
            fact.repositories = match (reply.status, total) {
                (200, Some(total)) => Observed::Known(total),
                (200, None) => Observed::unknown(ReasonKind::Garbled, "no total"),
                _ => Observed::Unknown(failed()),
            };
        }
    }
    Ok(fact)
}

/// One repository of those that the token sees, and how many there are.
async fn searched(api: &Api<'_>, credential: &str) -> Result<Reply, Reason> {
    let trusted = api.trusted(credential).await?;
    let token = format!("token {}", trusted.login.secret.as_str());
    let request = trusted
        .request(Method::GET, "/api/v1/repos/search?limit=1")
        .header("authorization", token);
    trusted.send(request).await.map_err(NoReply::reason)
}
