//! One request to the server, with address, token and trust from flags and environment.

use std::error::Error;
use std::path::PathBuf;

use reqwest::{Certificate, Method};
use serde_json::Value;

use super::Fail;
use crate::flags::Flags;

/// A server and who speaks to it.
pub struct Client {
    http: reqwest::Client,
    /// Where the server is.
    pub address: String,
    token: Option<String>,
}

/// A status and what was said.
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// The body; null when there is none.
    pub body: Value,
    url: String,
    method: Method,
}

impl Client {
    /// From `VAULT_ADDR`, `VAULT_TOKEN` or the file that `vault login` writes, `VAULT_CACERT`, `VAULT_SKIP_VERIFY`.
    pub fn new(flags: &Flags) -> Result<Self, Fail> {
        // The builder looks for it before the runtime starts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let address = flags.get(&["address"]).map(str::to_owned);
        let address = address
            .or_else(|| variable("VAULT_ADDR"))
            .unwrap_or_else(|| "https://127.0.0.1:8200".to_owned());
        let skip = flags.on(&["tls-skip-verify"])
            || variable("VAULT_SKIP_VERIFY").is_some_and(|value| {
                matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
            });
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(60));
        if address.starts_with("http://") {
            // Nothing to verify: not even the machine's own authorities need be there.
            builder = builder.tls_certs_only(Vec::new());
        } else if skip {
            builder = builder.tls_danger_accept_invalid_certs(true);
        } else if let Some(file) = flags
            .get(&["ca-cert"])
            .map(str::to_owned)
            .or_else(|| variable("VAULT_CACERT"))
        {
            let fail = |e: &dyn std::fmt::Display| {
                Fail::usage(format!("Error loading CA File: {file}: {e}"))
            };
            let pem = std::fs::read(&file).map_err(|e| fail(&crate::server::reason(&e)))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| fail(&e))?;
            if certificates.is_empty() {
                return Err(fail(&"no certificate in it"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        Ok(Self {
            http: builder.build().map_err(|e| Fail::usage(told(&e)))?,
            address: address.trim_end_matches('/').to_owned(),
            token: variable("VAULT_TOKEN").or_else(stored_token),
        })
    }

    /// Uses another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            http: self.http.clone(),
            address: self.address.clone(),
            token: Some(token.to_owned()),
        }
    }

    /// Asks; `doing` opens the message when nobody answers.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Answer, Fail> {
        let url = format!("{}/v1/{path}", self.address);
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|e| Fail::usage(e.to_string()))?;
        let mut request = self
            .http
            .request(method.clone(), &url)
            .header("X-Vault-Request", "true");
        if let Some(token) = &self.token {
            request = request.header("X-Vault-Token", token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let verb = method
            .as_str()
            .chars()
            .take(1)
            .chain(method.as_str().to_lowercase().chars().skip(1))
            .collect::<String>();
        let lost =
            |e: reqwest::Error| Fail::server(format!("{doing}: {verb} {url:?}: {}", told(&e)));
        let response = request.send().await.map_err(lost)?;
        let code = response.status().as_u16();
        let text = response.text().await.map_err(lost)?;
        Ok(Answer {
            code,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            url,
            method,
        })
    }

    /// Asks, and takes nothing but success.
    pub async fn need(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Value, Fail> {
        let answer = self.ask(method, path, body, doing).await?;
        if answer.code >= 400 {
            return Err(answer.fail(doing));
        }
        Ok(answer.body)
    }
}

impl Answer {
    /// As the original words a refusal.
    pub fn fail(&self, doing: &str) -> Fail {
        let errors: String = self
            .body
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|error| format!("* {}\n", error.as_str().unwrap_or_default()))
            .collect();
        Fail::server(format!(
            "{doing}: Error making API request.\n\nURL: {} {}\nCode: {}. Errors:\n\n{errors}",
            self.method, self.url, self.code
        ))
    }
}

/// Where `vault login` keeps the token.
pub fn token_file() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("HOME")?).join(".vault-token"))
}

fn stored_token() -> Option<String> {
    let text = std::fs::read_to_string(token_file()?).ok()?;
    let token = text.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

/// The innermost cause, in the words that operators know from the original.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    let known = [
        ("Connection refused", "connect: connection refused"),
        (
            "UnknownIssuer",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
        (
            "NotValidForName",
            "tls: failed to verify certificate: x509: certificate is not valid for this name",
        ),
        (
            "Expired",
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
        ),
        (
            "InvalidContentType",
            "http: server gave HTTP response to HTTPS client",
        ),
        ("timed out", "context deadline exceeded"),
    ];
    known
        .iter()
        .find(|(sign, _)| text.contains(sign))
        .map_or(text.clone(), |(_, words)| (*words).to_owned())
}
