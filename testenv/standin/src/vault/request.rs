//! A request as the routes see it: an operation on a path, whoever carried it.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use serde_json::Value;

/// What is asked of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// GET.
    Read,
    /// LIST, or GET with `list=true`.
    List,
    /// POST or PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Operation {
    /// By the method.
    pub fn of(method: &Method, query: &BTreeMap<String, String>) -> Option<Self> {
        match method.as_str() {
            "GET" | "HEAD" if query.get("list").is_some_and(|list| list == "true") => {
                Some(Self::List)
            }
            "GET" | "HEAD" => Some(Self::Read),
            "LIST" => Some(Self::List),
            "POST" | "PUT" => Some(Self::Update),
            "PATCH" => Some(Self::Patch),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// As the audit log and the policies call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// One request.
pub struct Request {
    /// Its identifier in replies and in the audit log.
    pub id: String,
    /// What is asked.
    pub operation: Operation,
    /// After `/v1/`.
    pub path: String,
    /// The parameters after the question mark.
    pub query: BTreeMap<String, String>,
    /// The token it came with.
    pub token: Option<String>,
    /// The body; null when there is none.
    pub body: Value,
    /// Who sent it, for the audit log.
    pub remote: String,
}

impl Request {
    /// A text of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }

    /// A truth of the body.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.body.get(name)?.as_bool()
    }
}

/// The token of either header that clients use.
pub fn token(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    text("x-vault-token")
        .or_else(|| text("authorization")?.strip_prefix("Bearer "))
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
}
