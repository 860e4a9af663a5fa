//! One request to an HTTP service.

use reqwest::Method;
use runproof_facts::OpenMap;
use runproof_facts::kind::http::{self, Http, HttpQuery};
use runproof_facts::service::{Endpoint, Service, Url};
use runproof_model::text::{hex, one_line};
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::web::{NoReply, Reply, Way, Web};
use super::{Desk, not_asked};
use crate::dial::Place;

/// Texts out of an answer are cut at so many characters.
const MAX_TEXT: usize = 2000;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &HttpQuery,
) -> Result<Http, Reason> {
    let defect = |why: String| Reason::new(ReasonKind::Defect, why);
    let url = Url::parse(&query.http).map_err(defect)?;
    let connect = match &query.connect {
        Some(text) => Some(Endpoint::parse(text).map_err(defect)?),
        None => None,
    };
    let way = Way {
        url: &url,
        connect,
        ca: query.ca.as_deref(),
        from: query.from,
        strict: false,
    };
    let web = Web::open(desk, place, way).await?;
    let method = match query.method {
        http::Method::Get => Method::GET,
        http::Method::Head => Method::HEAD,
    };
    let mut request = web.request(method, &url.path);
    if let Some(host) = &query.host_header {
        request = request.header("host", host);
    }
    let reply = match web.send(request).await {
        Ok(reply) => reply,
        Err(NoReply::Denied(words)) => return Ok(denied(query, words)),
        Err(why) => {
            let mut fact: Http = why.fact(query)?;
            if fact.reachable == Observed::Known(true) {
                (fact.verified, fact.why_not) = web.verified();
            }
            return Ok(fact);
        }
    };
    let mut fact = Http::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    (fact.verified, fact.why_not) = web.verified();
    fill(&mut fact, query, &reply);
    Ok(fact)
}

/// A server that has nothing under the name, by its own word, has no answer.
fn denied(query: &HttpQuery, words: String) -> Http {
    Http {
        reachable: Observed::Known(true),
        trouble: Observed::Known(words),
        status: Observed::Absent,
        headers: OpenMap::declared(&query.headers, |_| Observed::Absent),
        json: OpenMap::declared(&query.json, |_| Observed::Absent),
        location: Observed::Absent,
        title: Observed::Absent,
        bytes: Observed::Absent,
        digest: Observed::Absent,
        elapsed_ms: Observed::Absent,
        verified: Observed::Absent,
        why_not: Observed::Absent,
    }
}

fn fill(fact: &mut Http, query: &HttpQuery, reply: &Reply) {
    fact.status = Observed::Known(reply.status);
    fact.elapsed_ms = Observed::Known(u64::try_from(reply.elapsed.as_millis()).unwrap_or(u64::MAX));
    let header = |name: &str| reply.header(name).map(|text| one_line(text, MAX_TEXT));
    fact.headers = OpenMap::declared(&query.headers, |name| header(name).into());
    fact.location = header("location").into();
    if query.method == http::Method::Head {
        let reason = Reason::new(ReasonKind::Unsupported, "HEAD brings no body");
        fact.json = OpenMap::declared(&query.json, |_| Observed::Unknown(reason.clone()));
        fact.title = Observed::Unknown(reason.clone());
        fact.bytes = Observed::Unknown(reason.clone());
        fact.digest = Observed::Unknown(reason);
        return;
    }
    fact.bytes = Observed::Known(reply.body.len() as u64);
    fact.digest = Observed::Known(hex(&Sha256::digest(reply.body.as_slice())));
    fact.title = title(&String::from_utf8_lossy(&reply.body)).into();
    let json = reply.json();
    fact.json = OpenMap::declared(&query.json, |pointer| match &json {
        Err(reason) => Observed::Unknown(reason.clone()),
        Ok(json) => json.pointer(pointer).map(bounded).into(),
    });
}

/// A value out of an answer: scalars as they are, long texts cut, the rest by its size.
fn bounded(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(one_line(text, MAX_TEXT)),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .take(100)
                .map(|item| match item {
                    Value::Null | Value::Bool(_) | Value::Number(_) => item.clone(),
                    Value::String(text) => Value::String(one_line(text, 200)),
                    Value::Array(_) | Value::Object(_) => Value::String("…".to_owned()),
                })
                .collect(),
        ),
        // Keys of an answer could forge the marks of a recording.
        Value::Object(map) => Value::Array(
            map.keys()
                .take(100)
                .map(|key| Value::String(one_line(key, 200)))
                .collect(),
        ),
    }
}

/// The title of an HTML page.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    Some(one_line(page.get(start..end)?.trim(), 200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("<html><head><TITLE lang=en> A b </title>", Some("A b"))]
    #[case("<title>x", None)]
    #[case("{}", None)]
    fn the_title_of_a_page_is_found(#[case] page: &str, #[case] expected: Option<&str>) {
        assert_eq!(title(page).as_deref(), expected);
    }

    #[test]
    fn an_answer_cannot_forge_an_absence() {
        assert_eq!(bounded(&json!({"$absent": true})), json!(["$absent"]));
        assert_eq!(bounded(&json!([{"$absent": true}])), json!(["…"]));
    }

    proptest! {
        #[test]
        fn no_page_panics(page in "(<title>?|</title>|\\PC){0,20}") {
            let _ = title(&page);
        }
    }
}
