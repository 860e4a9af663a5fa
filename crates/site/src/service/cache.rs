//! Valkey by the redis client, over a stream.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, Value};
use runproof_facts::kind::cache::{Cache, CacheQuery, Keys, is_of_bots};
use runproof_facts::service::{NO_CREDENTIAL, Service};
use runproof_facts::{OpenMap, scrub};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};

use super::purse::Login;
use super::{Desk, broken, closed, dial, endpoint, not_asked};
use crate::dial::Place;

/// How long one command may take.
const TIME: Duration = Duration::from_secs(5);
/// How many keys a step of SCAN looks at, how many steps there are, and how many keys are looked into.
const STEP: usize = 1000;
const STEPS: usize = 300;
const KEYS: usize = 5000;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &CacheQuery,
) -> Result<Cache, Reason> {
    let to = endpoint(&query.cache)?;
    // Before the port is opened: fetching it takes a stream too, and nobody holds one while waiting.
    let login = desk.login_at(&query.credential, query.from, &to).await;
    let stream = match dial(place, query.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    // Nothing is said by itself: no name of a library, no choice of a database.
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIME));
    let connected = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (mut connection, driver) = match connected {
        Ok(connected) => connected,
        Err(error) => return Ok(broken(query, &meaning(&error))),
    };
    let driver = tokio::spawn(driver);
    let fact = ask(query, login, &mut connection).await;
    driver.abort();
    Ok(fact)
}

async fn ask(
    query: &CacheQuery,
    login: Result<Login, Reason>,
    connection: &mut MultiplexedConnection,
) -> Cache {
    let mut fact = Cache::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    match ping(connection).await {
        Ok(pong) => {
            fact.auth_required = Observed::Known(false);
            fact.ping = Observed::Known(pong);
        }
        Err(error) if is_refusal(&error) => fact.auth_required = Observed::Known(true),
        Err(error) => return broken(query, &meaning(&error)),
    }
    let mut inside = fact.ping.known().is_some();
    let mut closed_by = Reason::new(ReasonKind::Permission, "nobody logged in");
    if query.credential != NO_CREDENTIAL {
        let logged_in = match login {
            Err(reason) => Err(reason),
            Ok(login) => Ok(log_in(connection, &login.user, &login.secret).await),
        };
        match logged_in {
            Err(reason) => {
                fact.auth_ok = Observed::Unknown(reason.clone());
                closed_by = reason;
            }
            Ok(Ok(())) => {
                fact.auth_ok = Observed::Known(true);
                inside = true;
            }
            Ok(Err(error)) if takes_no_password(&error) => fact.auth_ok = Observed::Absent,
            Ok(Err(error)) if is_refusal(&error) => {
                fact.auth_ok = Observed::Known(false);
                closed_by = Reason::new(ReasonKind::Permission, "the credential is refused");
            }
            Ok(Err(error)) => {
                closed_by = meaning(&error);
                fact.auth_ok = Observed::Unknown(closed_by.clone());
            }
        }
        if inside && fact.ping.known().is_none() {
            fact.ping = ping(connection)
                .await
                .map_err(|error| meaning(&error))
                .into();
        }
    }
    if inside {
        inner(query, connection, &mut fact).await;
    } else {
        let blank = Cache::blank(query, &closed_by);
        fact = Cache {
            reachable: fact.reachable,
            trouble: fact.trouble,
            auth_required: fact.auth_required,
            auth_ok: match query.credential.as_str() {
                NO_CREDENTIAL => blank.auth_ok,
                _ => fact.auth_ok,
            },
            ..blank
        };
    }
    fact
}

async fn inner(query: &CacheQuery, connection: &mut MultiplexedConnection, fact: &mut Cache) {
    let info: Result<String, RedisError> = redis::cmd("INFO").query_async(connection).await;
    let info = info.map_err(|error| meaning(&error)).map(|text| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key.to_owned(), one_line(value, 500)))
            .collect::<BTreeMap<_, _>>()
    });
    let of = |key: &str| -> Observed<String> {
        match &info {
            Ok(info) => info.get(key).cloned().into(),
            Err(reason) => Observed::Unknown(reason.clone()),
        }
    };
    let valkey = of("valkey_version");
    fact.server = match &valkey {
        Observed::Known(_) => Observed::Known("valkey".to_owned()),
        Observed::Absent => of("redis_version").map(|_| "redis".to_owned()),
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    };
    fact.version = match valkey {
        Observed::Absent => of("redis_version"),
        known @ (Observed::Known(_) | Observed::Unknown(_)) => known,
    };
    fact.info = OpenMap::declared(&query.info, |name| {
        of(name).and_then(|value| scrub::plain(name, &value))
    });
    let bind: Result<Vec<String>, RedisError> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("bind")
        .query_async(connection)
        .await;
    fact.bind = match bind {
        Ok(pair) => match pair.get(1) {
            Some(addresses) => Observed::Known(
                addresses
                    .split_whitespace()
                    .map(|a| one_line(a, 100))
                    .collect(),
            ),
            None => Observed::unknown(ReasonKind::Garbled, "CONFIG GET bind"),
        },
        Err(error) => Observed::Unknown(meaning(&error)),
    };
    let mut patterns = OpenMap::default();
    for pattern in &query.patterns {
        let keys = keys(connection, pattern).await;
        patterns.insert(pattern, keys.into());
    }
    fact.patterns = patterns;
}

async fn ping(connection: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    let said: String = redis::cmd("PING").query_async(connection).await?;
    Ok(said == "PONG")
}

async fn log_in(
    connection: &mut MultiplexedConnection,
    user: &str,
    secret: &str,
) -> Result<(), RedisError> {
    let mut command = redis::cmd("AUTH");
    if !user.is_empty() {
        command.arg(user);
    }
    command.arg(secret).query_async(connection).await
}

/// The keys of a pattern, each once; too many are unknown and not cut.
async fn keys(connection: &mut MultiplexedConnection, pattern: &str) -> Result<Keys, Reason> {
    let mut found: HashSet<Vec<u8>> = HashSet::new();
    let mut cursor: u64 = 0;
    let mut whole = false;
    for _ in 0..STEPS {
        let (next, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(STEP)
            .query_async(connection)
            .await
            .map_err(|error| meaning(&error))?;
        found.extend(keys);
        cursor = next;
        if cursor == 0 {
            whole = true;
            break;
        }
        if found.len() > KEYS {
            break;
        }
    }
    if !whole || found.len() > KEYS {
        return Err(Reason::new(
            ReasonKind::CapReached,
            format!("more keys than are looked through for {pattern}"),
        ));
    }
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    let (mut count, mut without_ttl) = (0, 0);
    let mut bots = BTreeSet::new();
    let found: Vec<Vec<u8>> = found.into_iter().collect();
    for some in found.chunks(200) {
        let mut pipe = redis::pipe();
        for key in some {
            pipe.cmd("TYPE").arg(key).cmd("TTL").arg(key);
        }
        let answers: Vec<Value> = pipe
            .query_async(connection)
            .await
            .map_err(|error| meaning(&error))?;
        for (key, pair) in some.iter().zip(answers.chunks(2)) {
            let kind = match pair.first() {
                Some(Value::SimpleString(kind)) => kind.as_str(),
                _ => return Err(Reason::new(ReasonKind::Garbled, "TYPE")),
            };
            // It ended since.
            if kind == "none" {
                continue;
            }
            count += 1;
            let name = String::from_utf8_lossy(key);
            bots.insert(one_line(name.split(':').nth(1).unwrap_or_default(), 100));
            *types.entry(one_line(kind, 50)).or_default() += 1;
            if pair.get(1) == Some(&Value::Int(-1)) {
                without_ttl += 1;
            }
        }
    }
    Ok(Keys {
        count: Observed::Known(count),
        types: Observed::Known(types),
        without_ttl: Observed::Known(without_ttl),
        bots: if is_of_bots(pattern) {
            Observed::Known(bots.into_iter().collect())
        } else {
            Observed::Absent
        },
    })
}

/// Whether the server refuses who asks: nobody logged in, or with the wrong password.
fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.code(),
        Some("NOAUTH" | "WRONGPASS" | "DENIED" | "NOPERM")
    ) || error.kind() == ErrorKind::AuthenticationFailed
}

fn takes_no_password(error: &RedisError) -> bool {
    error
        .detail()
        .is_some_and(|detail| detail.contains("without any password configured"))
}

/// The class of an error. Its words may repeat what was sent, so they are ours.
fn meaning(error: &RedisError) -> Reason {
    if error.is_timeout() {
        return Reason::new(ReasonKind::Timeout, "the server says nothing");
    }
    match error.code() {
        Some("NOPERM") => Reason::new(ReasonKind::Permission, "the account may not ask this"),
        Some(code) => Reason::new(
            ReasonKind::Failed,
            format!("the server answers {}", one_line(code, 40)),
        ),
        None if error.is_connection_dropped() || error.is_io_error() => {
            Reason::new(ReasonKind::Garbled, "the server hung up")
        }
        None => Reason::new(ReasonKind::Garbled, "it is no Valkey"),
    }
}
