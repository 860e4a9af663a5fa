//! The identity provider.

use reqwest::Method;
use runproof_facts::kind::zitadel::{Zitadel, ZitadelQuery};
use runproof_facts::service::Service;
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::{Value, json};

use super::api::{Api, Trusted};
use super::{Desk, not_asked};
use crate::dial::Place;

/// A name under which no server is known.
const STRANGE_HOST: &str = "runproof.invalid";

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ZitadelQuery,
) -> Result<Zitadel, Reason> {
    let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
    let api = Api::open(desk, place, &query.zitadel, host, ca).await?;
    let health = match api.get("/debug/healthz").await {
        Ok(health) => health,
        Err(why) => return why.fact(query),
    };
    let mut fact = Zitadel::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.healthz = Observed::Known(health.status);
    fact.ready = api.status("/debug/ready").await;
    fact.console = api.status("/ui/console/").await;
    let strange = api
        .line
        .request(Method::POST, "/v2/users")
        .header("host", STRANGE_HOST)
        .json(&json!({ "query": { "limit": 1 } }));
    fact.without_host = match api.line.send(strange).await {
        Ok(reply) => Observed::Known(reply.status),
        Err(why) => Observed::Unknown(why.reason()),
    };
    let counted = match api.trusted(&query.credential).await {
        Err(reason) => Err(reason),
        Ok(trusted) => {
            let users = count(&trusted, "/v2/users").await;
            Ok((users, count(&trusted, "/v2/organizations/_search").await))
        }
    };
    match counted {
        Err(reason) => {
            fact.token_alive = Observed::Unknown(reason.clone());
            fact.users = Observed::Unknown(reason.clone());
            fact.organizations = Observed::Unknown(reason);
        }
        Ok((users, organizations)) => {
            fact.token_alive = match &users {
                Ok(_) => Observed::Known(true),
                // Its own word about the token.
                Err((Some(401), _)) => Observed::Known(false),
                Err((_, reason)) => Observed::Unknown(reason.clone()),
            };
            fact.users = users.map_err(|(_, reason)| reason).into();
            fact.organizations = organizations.map_err(|(_, reason)| reason).into();
        }
    }
    Ok(fact)
}

/// How many there are, by a search for one of them.
async fn count(trusted: &Trusted<'_>, path: &str) -> Result<u64, (Option<u16>, Reason)> {
    let request = trusted
        .request(Method::POST, path)
        .bearer_auth(trusted.login.secret.as_str())
        .json(&json!({ "query": { "offset": "0", "limit": 1 } }));
    let reply = trusted
        .send(request)
        .await
        .map_err(|why| (None, why.reason()))?;
    let status = reply.status;
    let json = reply.success().map_err(|reason| (Some(status), reason))?;
    let total = json.pointer("/details/totalResult");
    // 64-bit numbers are texts in its JSON.
    let total = match total {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        // It leaves a nought out.
        None if json.get("details").is_some() => Some(0),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    total.ok_or_else(|| {
        let reason = Reason::new(ReasonKind::Garbled, "the answer has no total");
        (Some(status), reason)
    })
}
