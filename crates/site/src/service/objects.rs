//! A store of objects by aws-sdk-s3, over the same connection as everything else that is HTTP.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use runproof_facts::kind::objects::{Bucket, Head, Objects, ObjectsQuery, place as split};
use runproof_facts::service::{Service, Url};
use runproof_facts::{OpenMap, scrub};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};

use super::api::{Api, Trusted};
use super::web::Line;
use super::{Desk, not_asked};
use crate::dial::Place;

/// How many keys below one place are told.
const KEYS: usize = 5000;
/// How large an object may be whose lines are told, and how many there may be.
const BODY_CAP: i64 = 256 << 10;
const LINES: usize = 2000;
/// How large an answer may be.
const ANSWER_CAP: usize = 8 << 20;
/// How long one request may take.
const TIME: Duration = Duration::from_secs(8);

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &ObjectsQuery,
) -> Result<Objects, Reason> {
    let api = Api::open(desk, place, &query.objects, None, query.ca.as_ref()).await?;
    let live = match api.get("/minio/health/live").await {
        Ok(live) => live,
        Err(why) => return why.fact(query),
    };
    let mut fact = Objects::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.live = Observed::Known(live.status);
    fact.ready = api.status("/minio/health/ready").await;
    match api.trusted(&query.credential).await {
        Ok(trusted) => signed(query, &client(trusted, &api.url), &mut fact).await,
        Err(reason) => {
            fact = Objects {
                reachable: fact.reachable,
                trouble: fact.trouble,
                live: fact.live,
                ready: fact.ready,
                ..Objects::blank(query, &reason)
            };
        }
    }
    Ok(fact)
}

fn client(trusted: Trusted<'_>, url: &Url) -> Client {
    let (user, secret) = (trusted.login.user.as_str(), trusted.login.secret.as_str());
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url.at(""))
        .force_path_style(true)
        .credentials_provider(Credentials::new(user, secret, None, None, "runproof"))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .http_client(Dialling(trusted.line))
        .build();
    Client::from_conf(config)
}

async fn signed(query: &ObjectsQuery, client: &Client, fact: &mut Objects) {
    match client.list_buckets().send().await {
        Ok(listed) => {
            fact.accepted = Observed::Known(true);
            let buckets = listed.buckets();
            let mut names: Vec<String> = buckets
                .iter()
                .filter_map(|bucket| bucket.name())
                .map(|name| one_line(name, 100))
                .collect();
            names.sort();
            fact.all_buckets = Observed::Known(names);
        }
        Err(error) => {
            let why = meaning(&error);
            let refused = [
                "InvalidAccessKeyId",
                "SignatureDoesNotMatch",
                "InvalidToken",
                "AuthFailure",
            ];
            fact.accepted = match error.code() {
                Some(code) if refused.contains(&code) => Observed::Known(false),
                // Known to the server, and not allowed to list: it is accepted all the same.
                Some("AccessDenied") => Observed::Known(true),
                Some(_) | None => Observed::Unknown(why.clone()),
            };
            fact.all_buckets = Observed::Unknown(why.clone());
            if fact.accepted != Observed::Known(true) {
                let blank = Objects::blank(query, &why);
                fact.buckets = blank.buckets;
                fact.prefixes = blank.prefixes;
                fact.heads = blank.heads;
                fact.lines = blank.lines;
                return;
            }
        }
    }
    fact.buckets = OpenMap::default();
    for name in &query.buckets {
        fact.buckets.insert(name, bucket(client, name).await);
    }
    fact.prefixes = OpenMap::default();
    for place in &query.prefixes {
        fact.prefixes.insert(place, prefix(client, place).await);
    }
    fact.heads = OpenMap::default();
    for place in &query.heads {
        fact.heads.insert(place, head(client, place).await);
    }
    fact.lines = OpenMap::default();
    for place in &query.lines {
        fact.lines.insert(place, lines(client, place).await);
    }
}

/// Absent where the store itself says that there is no such thing.
fn absent_or<T, E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, none: &[&str]) -> Observed<T>
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    match error.code() {
        Some(code) if none.contains(&code) => Observed::Absent,
        Some(_) | None => Observed::Unknown(meaning(error)),
    }
}

async fn bucket(client: &Client, name: &str) -> Observed<Bucket> {
    if let Err(error) = client.head_bucket().bucket(name).send().await {
        return match status(&error) {
            Some(404) => Observed::Absent,
            Some(_) | None => Observed::Unknown(meaning(&error)),
        };
    }
    let versioning = match client.get_bucket_versioning().bucket(name).send().await {
        Ok(found) => found.status().map(|s| s.as_str().to_owned()).into(),
        Err(error) => Observed::Unknown(meaning(&error)),
    };
    let encryption = match client.get_bucket_encryption().bucket(name).send().await {
        Ok(found) => found
            .server_side_encryption_configuration()
            .and_then(|all| all.rules().first())
            .and_then(|rule| rule.apply_server_side_encryption_by_default())
            .map(|by| by.sse_algorithm().as_str().to_owned())
            .into(),
        Err(error) => absent_or(&error, &["ServerSideEncryptionConfigurationNotFoundError"]),
    };
    Observed::Known(Bucket {
        versioning,
        encryption,
    })
}

async fn prefix(client: &Client, place: &str) -> Observed<Vec<String>> {
    let Ok((bucket, prefix)) = split(place) else {
        return Observed::unknown(ReasonKind::Defect, place);
    };
    let mut keys = Vec::new();
    let mut next = None;
    loop {
        let page = client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_continuation_token(next.take())
            .send()
            .await;
        let page = match page {
            Ok(page) => page,
            Err(error) => return absent_or(&error, &["NoSuchBucket"]),
        };
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|object| object.key())
                .map(|key| one_line(key, 500)),
        );
        if keys.len() > KEYS {
            return Observed::unknown(
                ReasonKind::CapReached,
                format!("more than {KEYS} objects below {place}"),
            );
        }
        next = page.next_continuation_token().map(str::to_owned);
        if page.is_truncated() != Some(true) || next.is_none() {
            break;
        }
    }
    keys.sort();
    Observed::Known(keys)
}

async fn head(client: &Client, place: &str) -> Observed<Head> {
    let Ok((bucket, key)) = split(place) else {
        return Observed::unknown(ReasonKind::Defect, place);
    };
    match client.head_object().bucket(bucket).key(key).send().await {
        Ok(found) => Observed::Known(Head {
            etag: found
                .e_tag()
                .map(|etag| one_line(etag.trim_matches('"'), 100))
                .into(),
            size: match found
                .content_length()
                .and_then(|size| u64::try_from(size).ok())
            {
                Some(size) => Observed::Known(size),
                None => Observed::unknown(ReasonKind::Garbled, "no length"),
            },
            modified: match found.last_modified() {
                Some(time) => Observed::Known(time.secs()),
                None => Observed::unknown(ReasonKind::Garbled, "no time"),
            },
        }),
        // HEAD has no body that could name a code; 404 says that it, or its bucket, is not there.
        Err(error) => match status(&error) {
            Some(404) => Observed::Absent,
            Some(_) | None => Observed::Unknown(meaning(&error)),
        },
    }
}

async fn lines(client: &Client, place: &str) -> Observed<Vec<String>> {
    let Ok((bucket, key)) = split(place) else {
        return Observed::unknown(ReasonKind::Defect, place);
    };
    let found = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .range(format!("bytes=0-{BODY_CAP}"))
        .send()
        .await;
    let found = match found {
        Ok(found) => found,
        // An empty object has no first byte.
        Err(error) if error.code() == Some("InvalidRange") => return Observed::Known(Vec::new()),
        Err(error) => return absent_or(&error, &["NoSuchKey", "NoSuchBucket"]),
    };
    if found.content_length().is_none_or(|size| size > BODY_CAP) {
        return Observed::unknown(ReasonKind::CapReached, format!("{place} is not small"));
    }
    let body = match found.body.collect().await {
        Ok(body) => zeroize::Zeroizing::new(body.to_vec()),
        Err(_) => return Observed::unknown(ReasonKind::Garbled, "the body broke off"),
    };
    let text = String::from_utf8_lossy(&body);
    let all: Vec<String> = text
        .lines()
        // What looks like a secret is masked, whatever the suite calls it.
        .map(|line| scrub::line_of(place, &one_line(line, 1000)))
        .collect();
    if all.len() > LINES {
        return Observed::unknown(ReasonKind::CapReached, format!("more than {LINES} lines"));
    }
    Observed::Known(all)
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// The class of an error; its message may repeat the request.
fn meaning<E, R>(error: &SdkError<E, R>) -> Reason
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    match error.code() {
        Some(code @ ("AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch")) => {
            Reason::new(ReasonKind::Permission, format!("the store answers {code}"))
        }
        Some(code @ ("NotImplemented" | "MethodNotAllowed")) => {
            Reason::new(ReasonKind::Unsupported, format!("the store answers {code}"))
        }
        Some(code) => Reason::new(
            ReasonKind::Failed,
            format!("the store answers {}", one_line(code, 100)),
        ),
        None => Reason::new(ReasonKind::Garbled, "the store's answer cannot be read"),
    }
}

/// aws-sdk-s3's way to us.
#[derive(Clone)]
struct Dialling(Line);

impl std::fmt::Debug for Dialling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dialling")
    }
}

impl HttpClient for Dialling {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Dialling {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let web = self.0.clone();
        HttpConnectorFuture::new(async move {
            let user = |error: &str| ConnectorError::user(error.to_owned().into());
            let request = request
                .try_into_http1x()
                .map_err(|_| user("a request that cannot be sent"))?;
            let (parts, body) = request.into_parts();
            let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
            let request = web
                .client
                .request(parts.method, parts.uri.to_string())
                .headers(parts.headers)
                .body(body)
                .timeout(TIME);
            let _turn = web
                .turn()
                .await
                .map_err(|_| ConnectorError::io("the port is closed".to_owned().into()))?;
            let mut reply = request
                .send()
                .await
                .map_err(|_| ConnectorError::io("no answer".to_owned().into()))?;
            let mut answer = Vec::new();
            let (status, headers) = (reply.status(), reply.headers().clone());
            while let Some(piece) = reply
                .chunk()
                .await
                .map_err(|_| ConnectorError::io("half an answer".to_owned().into()))?
            {
                if answer.len() + piece.len() > ANSWER_CAP {
                    return Err(user("too much"));
                }
                answer.extend_from_slice(&piece);
            }
            let code = status
                .as_u16()
                .try_into()
                .map_err(|_| user("no status of HTTP"))?;
            let mut response = HttpResponse::new(code, SdkBody::from(answer));
            for (name, value) in &headers {
                if let Ok(value) = value.to_str() {
                    response
                        .headers_mut()
                        .append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}
