//! What the API says when it will not: a code of gRPC, a text, and the identifier of the place.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: u8,
    message: String,
    id: Option<&'static str>,
}

impl Refusal {
    /// 400, the request itself is wrong.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 3, message, None)
    }

    /// 400, the state does not allow it.
    pub fn condition(message: &str, id: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 9, message, Some(id))
    }

    /// 401.
    pub fn token(message: &str, id: Option<&'static str>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 16, message, id)
    }

    /// 404.
    pub fn missing(message: impl Into<String>, id: Option<&'static str>) -> Self {
        Self::new(StatusCode::NOT_FOUND, 5, message, id)
    }

    /// 409.
    pub fn exists(message: &str, id: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, 6, message, Some(id))
    }

    /// 500.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 13, message, None)
    }

    fn new(
        status: StatusCode,
        code: u8,
        message: impl Into<String>,
        id: Option<&'static str>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            id,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = match self.id {
            Some(id) => json!({
                "code": self.code,
                "message": format!("{} ({id})", self.message),
                "details": [{ "id": id, "message": self.message }],
            }),
            None => json!({ "code": self.code, "message": self.message, "details": [] }),
        };
        (self.status, Json(body)).into_response()
    }
}
