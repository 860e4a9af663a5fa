//! The identity provider.

use reqwest::Method;
use runproof_facts::kind::zitadel::{Zitadel, ZitadelQuery};
use runproof_facts::service::{NO_CREDENTIAL, Service, Url, Vantage};
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::{Value, json};

use super::web::{NoReply, Reply, Way, Web};
use super::{Desk, not_asked};
use crate::dial::Place;

/// A name under which no server is known.
const STRANGE_HOST: &str = "runproof.invalid";

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ZitadelQuery,
) -> Result<Zitadel, Reason> {
    let url = Url::parse(query.zitadel.trim_end_matches('/'))
        .map_err(|why| Reason::new(ReasonKind::Defect, why))?;
    let way = |strict| Way {
        url: &url,
        connect: None,
        ca: query.ca.as_deref(),
        from: Vantage::Node,
        strict,
    };
    let web = desk.line(place, way(false)).await?;
    let host = query.host_header.as_deref();
    let ask = async |path: &str, host: Option<&str>| {
        let mut request = web.request(Method::GET, path);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        web.send(request).await
    };
    let health = match ask("/debug/healthz", host).await {
        Ok(health) => health,
        Err(why) => return why.fact(query),
    };
    let status = |reply: Result<Reply, NoReply>| match reply {
        Ok(reply) => Observed::Known(reply.status),
        Err(why) => Observed::Unknown(why.reason()),
    };
    let mut fact = Zitadel::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.healthz = Observed::Known(health.status);
    fact.ready = status(ask("/debug/ready", host).await);
    fact.console = status(ask("/ui/console/", host).await);
    let strange = web
        .request(Method::POST, "/v2/users")
        .header("host", STRANGE_HOST)
        .json(&json!({ "query": { "limit": 1 } }));
    fact.without_host = status(web.send(strange).await);
    let token = if query.credential == NO_CREDENTIAL {
        Err(Reason::new(
            ReasonKind::NotAllowed,
            "asked without a credential",
        ))
    } else {
        desk.login_at(&query.credential, Vantage::Node, &url.endpoint)
            .await
    };
    let counted = match token {
        Err(reason) => Err(reason),
        Ok(login) => {
            let web = desk.line(place, way(true)).await?;
            let users = count(&web, host, &login.secret, "/v2/users").await;
            let organizations = count(&web, host, &login.secret, "/v2/organizations/_search").await;
            Ok((users, organizations))
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
async fn count(
    web: &Web,
    host: Option<&str>,
    token: &str,
    path: &str,
) -> Result<u64, (Option<u16>, Reason)> {
    let mut request = web
        .request(Method::POST, path)
        .bearer_auth(token)
        .json(&json!({ "query": { "offset": "0", "limit": 1 } }));
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let reply = web
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
