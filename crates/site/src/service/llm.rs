//! The server of language models.

use reqwest::Method;
use runproof_facts::kind::llm::{Llm, LlmQuery};
use runproof_facts::service::{NO_CREDENTIAL, Service};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::Value;

use super::api::Api;
use super::web::{NoReply, Reply};
use super::{Desk, not_asked};
use crate::dial::Place;

/// Where the models are listed.
const MODELS: &str = "/v1/models";

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &LlmQuery,
) -> Result<Llm, Reason> {
    let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
    let api = Api::open(desk, place, &query.llm, host, ca).await?;
    let health = match api.get("/health").await {
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
    let reply = if query.credential == NO_CREDENTIAL {
        api.get(MODELS).await.map_err(NoReply::reason)
    } else {
        with_key(&api, &query.credential).await
    };
    fact.models = reply.and_then(|reply| models(&reply)).into();
    Ok(fact)
}

async fn with_key(api: &Api<'_>, credential: &str) -> Result<Reply, Reason> {
    let trusted = api.trusted(credential).await?;
    let request = trusted
        .request(Method::GET, MODELS)
        .bearer_auth(trusted.login.secret.as_str());
    trusted.send(request).await.map_err(NoReply::reason)
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
