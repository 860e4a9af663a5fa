//! Tokens: who made them, what they may do, and when they die.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A token as stored; its identifier is known to its holder only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// A name for it that gives no access.
    pub accessor: String,
    /// The storage key of the token that made it, when that one's end is its end too.
    pub parent: Option<String>,
    /// Names of policies, sorted.
    pub policies: Vec<String>,
    /// What its maker called it.
    pub display_name: String,
    /// What its maker noted.
    pub meta: Option<BTreeMap<String, String>>,
    /// The request that made it.
    pub path: String,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Seconds it was given; zero: for ever.
    pub creation_ttl: u64,
    /// Seconds after which nothing keeps it alive; zero: the server's limit.
    pub explicit_max_ttl: u64,
    /// Seconds each renewal gives, without end; zero: not periodic.
    pub period: u64,
    /// Milliseconds since 1970; `None`: for ever.
    pub expires: Option<i64>,
    /// When it was renewed last.
    pub renewed: Option<i64>,
    /// Whether it may be renewed.
    pub renewable: bool,
    /// Uses left; zero: without limit.
    pub num_uses: u64,
}

impl Token {
    /// Whether its time is over.
    pub fn dead(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whole seconds left; zero when it lives for ever.
    pub fn ttl(&self, now: i64) -> u64 {
        self.expires.map_or(0, |expires| {
            u64::try_from(expires - now).unwrap_or(0) / 1000
        })
    }

    /// Moves its end. A periodic token gets its period; any other what it asks for,
    /// up to its own limit or the server's, both counted from its birth. Returns whether it was cut.
    pub fn renew(&mut self, increment: u64, now: i64, server_max: u64) -> bool {
        let limit = |seconds: u64| self.created.saturating_add(millis(seconds));
        let (wanted, mut end) = if self.period > 0 {
            (self.period, i64::MAX)
        } else {
            let wanted = if increment > 0 {
                increment
            } else {
                self.creation_ttl
            };
            (wanted, limit(server_max))
        };
        if self.explicit_max_ttl > 0 {
            end = end.min(limit(self.explicit_max_ttl));
        }
        let asked = now.saturating_add(millis(wanted));
        self.expires = Some(asked.min(end));
        self.renewed = Some(now);
        asked > end
    }

    /// As `lookup` shows it.
    pub fn show(&self, id: &str, now: i64) -> Value {
        let mut data = json!({
            "accessor": self.accessor,
            "creation_time": self.created / 1000,
            "creation_ttl": self.creation_ttl,
            "display_name": self.display_name,
            "entity_id": "",
            "expire_time": self.expires.map(rfc3339),
            "explicit_max_ttl": self.explicit_max_ttl,
            "id": id,
            "meta": self.meta,
            "num_uses": self.num_uses,
            "orphan": self.parent.is_none(),
            "path": self.path,
            "policies": self.policies,
            "ttl": self.ttl(now),
            "type": "service",
        });
        if self.expires.is_some() {
            data["issue_time"] = rfc3339(self.created).into();
            data["renewable"] = self.renewable.into();
        }
        if self.period > 0 {
            data["period"] = self.period.into();
        }
        if let Some(renewed) = self.renewed {
            data["last_renewal"] = rfc3339(renewed).into();
            data["last_renewal_time"] = (renewed / 1000).into();
        }
        data
    }

    /// As `auth` of a reply shows it to who made or renewed it.
    pub fn auth(&self, id: &str, now: i64) -> Value {
        json!({
            "client_token": id,
            "accessor": self.accessor,
            "policies": self.policies,
            "token_policies": self.policies,
            "metadata": self.meta,
            "lease_duration": self.ttl(now.saturating_sub(999)),
            "renewable": self.renewable,
            "entity_id": "",
            "token_type": "service",
            "orphan": self.parent.is_none(),
            "mfa_requirement": null,
            "num_uses": self.num_uses,
        })
    }
}

/// Now, in milliseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Seconds as milliseconds, without overflow.
pub fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000)
}

/// A moment as Vault writes it.
pub fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token {
            accessor: "a".to_owned(),
            parent: None,
            policies: vec!["default".to_owned()],
            display_name: "token".to_owned(),
            meta: None,
            path: "auth/token/create".to_owned(),
            created: 1_000_000,
            creation_ttl: 10,
            explicit_max_ttl: 0,
            period: 0,
            expires: Some(1_010_000),
            renewed: None,
            renewable: true,
            num_uses: 0,
        }
    }

    #[test]
    fn a_token_dies_at_its_second_and_shows_what_is_left_of_it() {
        assert!(!token().dead(1_009_999));
        assert!(token().dead(1_010_000));
        assert_eq!(token().ttl(1_004_500), 5);
        assert_eq!(token().ttl(2_000_000), 0);
    }

    #[test]
    fn a_renewal_counts_from_now_but_never_past_the_limit_counted_from_birth() {
        let mut token = token();
        assert!(!token.renew(0, 1_005_000, 60));
        assert_eq!(token.expires, Some(1_015_000));
        assert!(token.renew(100, 1_005_000, 60));
        assert_eq!(token.expires, Some(1_060_000));
        token.explicit_max_ttl = 20;
        assert!(token.renew(100, 1_005_000, 60));
        assert_eq!(token.expires, Some(1_020_000));
    }

    #[test]
    fn a_periodic_token_outlives_the_servers_limit_one_period_at_a_time() {
        let mut token = token();
        token.period = 30;
        assert!(!token.renew(5, 90_000_000, 60));
        assert_eq!(token.expires, Some(90_030_000));
    }
}
