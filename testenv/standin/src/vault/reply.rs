//! Replies, in the envelope that every client of Vault expects.

use serde_json::{Map, Value, json};

/// A status and what to say.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub code: u16,
    /// `None`: nothing at all.
    pub body: Option<Body>,
    warnings: Vec<String>,
}

/// What a reply carries.
#[derive(Debug)]
pub enum Body {
    /// `data` of the envelope.
    Data(Value),
    /// `data` of the envelope, and its members beside it, as the oldest requests of `sys` have it.
    Both(Value),
    /// `auth` of the envelope.
    Auth(Value),
    /// As it is.
    Raw(Value),
}

impl Reply {
    /// 200 with data.
    pub fn data(data: Value) -> Self {
        Self::with(200, Some(Body::Data(data)))
    }

    /// 200 with data, inside and beside.
    pub fn both(data: Value) -> Self {
        Self::with(200, Some(Body::Both(data)))
    }

    /// 200 with a token.
    pub fn auth(auth: Value) -> Self {
        Self::with(200, Some(Body::Auth(auth)))
    }

    /// Outside of the envelope.
    pub fn raw(code: u16, body: Value) -> Self {
        Self::with(code, Some(Body::Raw(body)))
    }

    /// 204.
    pub fn none() -> Self {
        Self::with(204, None)
    }

    /// An error in the words of the original.
    pub fn error(code: u16, message: &str) -> Self {
        Self::raw(code, json!({ "errors": [message] }))
    }

    /// 404 without words: there is a place for it, and nothing there.
    pub fn missing() -> Self {
        Self::raw(404, json!({ "errors": [] }))
    }

    /// 403.
    pub fn denied() -> Self {
        Self::error(403, "1 error occurred:\n\t* permission denied\n\n")
    }

    /// 405.
    pub fn unsupported() -> Self {
        Self::error(405, "1 error occurred:\n\t* unsupported operation\n\n")
    }

    /// Another status for the same.
    pub fn status(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// With a warning.
    pub fn warn(mut self, warning: &str) -> Self {
        self.warnings.push(warning.to_owned());
        self
    }

    fn with(code: u16, body: Option<Body>) -> Self {
        Self {
            code,
            body,
            warnings: Vec::new(),
        }
    }

    /// The body as it goes over the wire.
    pub fn wire(self, request_id: &str) -> Option<Value> {
        let mut envelope = json!({
            "request_id": request_id,
            "lease_id": "",
            "renewable": false,
            "lease_duration": 0,
            "data": null,
            "wrap_info": null,
            "warnings": if self.warnings.is_empty() { Value::Null } else { json!(self.warnings) },
            "auth": null,
        });
        match self.body? {
            Body::Raw(mut body) => {
                if let (Some(object), false) = (body.as_object_mut(), self.warnings.is_empty()) {
                    object.insert("warnings".to_owned(), json!(self.warnings));
                }
                return Some(body);
            }
            Body::Data(data) => envelope["data"] = data,
            Body::Auth(auth) => envelope["auth"] = auth,
            Body::Both(data) => {
                let beside: Map<String, Value> = data.as_object().cloned().unwrap_or_default();
                envelope["data"] = data;
                if let Some(object) = envelope.as_object_mut() {
                    object.extend(beside);
                }
            }
        }
        Some(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_has_every_member_that_clients_demand() {
        let wire = Reply::both(json!({ "keys": ["a"] })).wire("id").unwrap();
        for member in [
            "request_id",
            "lease_id",
            "renewable",
            "lease_duration",
            "wrap_info",
            "warnings",
            "auth",
        ] {
            assert!(wire.get(member).is_some(), "{member}");
        }
        assert_eq!(wire["keys"], wire["data"]["keys"]);
        assert_eq!(
            Reply::missing().wire("id").unwrap(),
            json!({ "errors": [] })
        );
        assert!(Reply::none().wire("id").is_none());
    }
}
