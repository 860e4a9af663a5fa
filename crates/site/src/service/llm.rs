//! The server of language models.

use reqwest::Method;
use runproof_facts::kind::llm::{Llm, LlmQuery};
use runproof_facts::service::{NO_CREDENTIAL, Service, Url, Vantage};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::Value;

use super::web::{Reply, Way};
use super::{Desk, not_asked};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &LlmQuery,
) -> Result<Llm, Reason> {
    let url = Url::parse(query.llm.trim_end_matches('/'))
        .map_err(|why| Reason::new(ReasonKind::Defect, why))?;
    let with_key = query.credential != NO_CREDENTIAL;
    let way = Way {
        url: &url,
        connect: None,
        ca: query.ca.as_deref(),
        from: Vantage::Node,
        strict: with_key,
    };
    let web = desk.line(place, way).await?;
    let health = match web.get("/health").await {
        Ok(health) => health,
        Err(why) => return why.fact(query),
    };
    let mut fact = Llm::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.health = Observed::Known(health.status);
    fact.ready = match (health.status, health.json()) {
        (200, Ok(json)) => match json.get("status").and_then(Value::as_str) {
            Some(status) => Observed::Known(status == "ok"),
            None => Observed::unknown(ReasonKind::Garbled, "the health has no status"),
        },
        // It loads.
        (503, _) => Observed::Known(false),
        (200, Err(reason)) => Observed::Unknown(reason),
        (status, _) => Observed::unknown(ReasonKind::Failed, format!("status {status}")),
    };
    let mut request = web.request(Method::GET, "/v1/models");
    if let Some(host) = &query.host_header {
        request = request.header("host", host);
    }
    if with_key {
        match desk
            .login_at(&query.credential, Vantage::Node, &url.endpoint)
            .await
        {
            Ok(login) => request = request.bearer_auth(login.secret.as_str()),
            Err(reason) => {
                fact.models = Observed::Unknown(reason);
                return Ok(fact);
            }
        }
    }
    fact.models = match web.send(request).await {
        Ok(reply) => models(&reply).into(),
        Err(why) => Observed::Unknown(why.reason()),
    };
    Ok(fact)
}

fn models(reply: &Reply) -> Result<Vec<String>, Reason> {
    let json = reply.success()?;
    let list = json
        .get("data")
        .and_then(Value::as_array)
        .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no models in the answer"))?;
    let mut names: Vec<String> = list
        .iter()
        .filter_map(|one| one.get("id").and_then(Value::as_str))
        .map(|name| one_line(name, 200))
        .collect();
    names.sort();
    Ok(names)
}
