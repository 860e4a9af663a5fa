//! What a token allows: a JSON Web Token, signed with HS256 under the secret of the key that issued it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

/// The `video` claim of a token that holds.
pub struct Grant(Value);

impl Grant {
    /// Checks signature, issuer and time.
    pub fn read(token: &str, keys: &BTreeMap<String, String>) -> Result<Self, String> {
        let invalid = || "invalid authorization token".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
        let (header, claims) = signed.split_once('.').ok_or_else(invalid)?;
        let part = |text: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
        };
        let header = part(header).ok_or_else(invalid)?;
        let claims = part(claims).ok_or_else(invalid)?;
        // The algorithm is ours to choose, not the token's.
        if header["alg"] != "HS256" {
            return Err(invalid());
        }
        let issuer = claims["iss"].as_str().unwrap_or_default();
        let secret = keys
            .get(issuer)
            .ok_or_else(|| format!("invalid API key: {issuer}"))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
        hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| invalid())?;
        let now = jiff::Timestamp::now().as_second();
        let time = |name: &str| claims[name].as_i64();
        if time("exp").is_none_or(|end| end <= now) || time("nbf").is_some_and(|start| start > now)
        {
            return Err("invalid token: token is expired or not valid yet".to_owned());
        }
        Ok(Self(claims["video"].clone()))
    }

    /// Whether it allows something by name.
    pub fn allows(&self, what: &str) -> bool {
        self.0[what] == Value::Bool(true)
    }
}
