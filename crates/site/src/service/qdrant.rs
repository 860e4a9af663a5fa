//! The vector database.

use reqwest::Method;
use runproof_facts::kind::qdrant::{Qdrant, QdrantQuery};
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
    query: &QdrantQuery,
) -> Result<Qdrant, Reason> {
    let url = Url::parse(query.qdrant.trim_end_matches('/'))
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
    let health = match ask("/healthz").await {
        Ok(health) => health,
        Err(why) => return why.fact(query),
    };
    let mut fact = Qdrant::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.healthz = Observed::Known(health.status);
    fact.readyz = match ask("/readyz").await {
        Ok(reply) => Observed::Known(reply.status),
        Err(why) => Observed::Unknown(why.reason()),
    };
    fact.version = match ask("/").await {
        Ok(reply) => reply
            .success()
            .and_then(|json| {
                let version = json.get("version").and_then(Value::as_str);
                version
                    .map(|version| one_line(version, 100))
                    .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no version"))
            })
            .into(),
        Err(why) => Observed::Unknown(why.reason()),
    };
    match ask("/collections").await {
        Err(why) => {
            let reason = why.reason();
            fact.auth_required = Observed::Unknown(reason.clone());
            fact.collections = Observed::Unknown(reason);
        }
        Ok(reply) => {
            let refused = matches!(reply.status, 401 | 403);
            fact.auth_required = Observed::Known(refused);
            fact.collections = if refused && query.credential != NO_CREDENTIAL {
                with_key(desk, place, query, &url, way(true)).await.into()
            } else {
                collections(&reply).into()
            };
        }
    }
    Ok(fact)
}

async fn with_key(
    desk: &Desk<'_>,
    place: &Place,
    query: &QdrantQuery,
    url: &Url,
    way: Way<'_>,
) -> Result<Vec<String>, Reason> {
    let login = desk
        .login_at(&query.credential, Vantage::Node, &url.endpoint)
        .await?;
    let web = desk.line(place, way).await?;
    let request = web
        .request(Method::GET, "/collections")
        .header("api-key", login.secret.as_str());
    let reply = web.send(request).await.map_err(|why| why.reason())?;
    collections(&reply)
}

fn collections(reply: &Reply) -> Result<Vec<String>, Reason> {
    let json = reply.success()?;
    let list = json
        .pointer("/result/collections")
        .and_then(Value::as_array)
        .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no collections in the answer"))?;
    let mut names: Vec<String> = list
        .iter()
        .filter_map(|one| one.get("name").and_then(Value::as_str))
        .map(|name| one_line(name, 200))
        .collect();
    names.sort();
    Ok(names)
}
