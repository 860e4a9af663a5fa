//! The forge.

use reqwest::Method;
use runproof_facts::kind::forgejo::{Forgejo, ForgejoQuery};
use runproof_facts::service::{NO_CREDENTIAL, Service, Url, Vantage};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};

use super::web::Way;
use super::{Desk, not_asked};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ForgejoQuery,
) -> Result<Forgejo, Reason> {
    let url = Url::parse(query.forgejo.trim_end_matches('/'))
        .map_err(|why| Reason::new(ReasonKind::Defect, why))?;
    let way = |strict| Way {
        url: &url,
        connect: None,
        ca: query.ca.as_deref(),
        from: Vantage::Node,
        strict,
    };
    let web = desk.line(place, way(false)).await?;
    let ask = async |path: &str| {
        let mut request = web.request(Method::GET, path);
        if let Some(host) = &query.host_header {
            request = request.header("host", host);
        }
        web.send(request).await
    };
    let health = match ask("/api/healthz").await {
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
    fact.version = match ask("/api/v1/version").await {
        Ok(reply) => reply
            .success()
            .and_then(|json| {
                let version = json.get("version").and_then(|version| version.as_str());
                version
                    .map(|version| one_line(version, 100))
                    .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no version"))
            })
            .into(),
        Err(why) => Observed::Unknown(why.reason()),
    };
    let login = if query.credential == NO_CREDENTIAL {
        Err(Reason::new(
            ReasonKind::NotAllowed,
            "asked without a credential",
        ))
    } else {
        desk.login_at(&query.credential, Vantage::Node, &url.endpoint)
            .await
    };
    match login {
        Err(reason) => {
            fact.token_alive = Observed::Unknown(reason.clone());
            fact.repositories = Observed::Unknown(reason);
        }
        Ok(login) => {
            let web = desk.line(place, way(true)).await?;
            let request = web
                .request(Method::GET, "/api/v1/repos/search?limit=1")
                .header("authorization", format!("token {}", login.secret.as_str()));
            match web.send(request).await {
                Err(why) => {
                    let reason = why.reason();
                    fact.token_alive = Observed::Unknown(reason.clone());
                    fact.repositories = Observed::Unknown(reason);
                }
                Ok(reply) => {
                    fact.token_alive = match reply.status {
                        200 => Observed::Known(true),
                        401 => Observed::Known(false),
                        status => Observed::unknown(ReasonKind::Failed, format!("status {status}")),
                    };
                    let total = reply.header("x-total-count").and_then(|n| n.parse().ok());
                    fact.repositories = match (reply.status, total) {
                        (200, Some(total)) => Observed::Known(total),
                        (200, None) => Observed::unknown(ReasonKind::Garbled, "no total"),
                        (status, _) => {
                            Observed::unknown(ReasonKind::Failed, format!("status {status}"))
                        }
                    };
                }
            }
        }
    }
    Ok(fact)
}
