//! PostgreSQL by tokio-postgres, over a stream, in a session that cannot write.

use std::time::Duration;

use runproof_facts::kind::postgres::{Part, Postgres, PostgresQuery};
use runproof_facts::reads::unread;
use runproof_facts::service::{NO_CREDENTIAL, Service};
use runproof_facts::{OpenMap, Secret, scrub};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::rows::{self, Rows};
use super::trust::{Notes, config};
use super::{Desk, broken, closed, dial, endpoint, not_asked};
use crate::dial::{Place, Stream};

/// How long logging in may take, and one statement.
const TIME: Duration = Duration::from_secs(8);
/// What the session is: it cannot write, waits for nobody's lock, and ends a statement that is long.
const SESSION: &str = "-c default_transaction_read_only=on -c statement_timeout=5000 \
     -c lock_timeout=1000 -c idle_in_transaction_session_timeout=5000 -c TimeZone=UTC \
     -c extra_float_digits=0";

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &PostgresQuery,
    parts: &[Part],
) -> Result<Postgres, Reason> {
    let to = endpoint(&query.postgres)?;
    let from = runproof_facts::service::Vantage::Node;
    let stream = match dial(place, from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    let login = if query.credential == NO_CREDENTIAL {
        Err(Reason::new(
            ReasonKind::NotAllowed,
            "asked without a credential",
        ))
    } else {
        desk.login_at(&query.credential, from, &to).await
    };
    let login = match login {
        Ok(login) => login,
        Err(reason) => {
            let mut fact = Postgres::blank(query, &reason);
            fact.reachable = Observed::Known(true);
            return Ok(fact);
        }
    };
    let mut settings = Config::new();
    let database = query.database.as_deref().or(login.database.as_deref());
    settings
        .user(login.user.as_str())
        .password(login.secret.as_str())
        .dbname(database.unwrap_or("postgres"))
        .options(SESSION)
        .application_name("runproof")
        .ssl_mode(SslMode::Prefer);
    let client = match tokio::time::timeout(TIME, connect(&settings, stream, &to.host)).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Ok(not_in(query, &error)),
        Err(_) => {
            let reason = Reason::new(ReasonKind::Timeout, "the server does not let anybody in");
            return Ok(broken(query, &reason));
        }
    };
    let mut fact = Postgres::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.auth_ok = Observed::Known(true);
    fact.account = Observed::Known(one_line(&login.user, 100));
    fill(desk, query, parts, &client, &mut fact).await;
    Ok(fact)
}

async fn connect(settings: &Config, stream: Stream, host: &str) -> Result<Client, Error> {
    // Whatever the certificate: it is better than none, and the password is not said in it.
    let roots = Ok(std::sync::Arc::new(rustls::RootCertStore::empty()));
    let tls = config(&roots, &Notes::default(), false);
    let (client, connection) = match tls {
        Ok(tls) => {
            let mut make = MakeRustlsConnect::new(tls);
            match MakeTlsConnect::<Stream>::make_tls_connect(&mut make, host) {
                Ok(connector) => {
                    let (client, connection) = settings.connect_raw(stream, connector).await?;
                    (client, tokio::spawn(async move { drop(connection.await) }))
                }
                Err(_) => plain(settings, stream).await?,
            }
        }
        Err(_) => plain(settings, stream).await?,
    };
    // It ends with the client.
    drop(connection);
    Ok(client)
}

async fn plain(
    settings: &Config,
    stream: Stream,
) -> Result<(Client, tokio::task::JoinHandle<()>), Error> {
    let (client, connection) = settings.connect_raw(stream, tokio_postgres::NoTls).await?;
    Ok((client, tokio::spawn(async move { drop(connection.await) })))
}

/// The fact about a server that let nobody in.
fn not_in(query: &PostgresQuery, error: &Error) -> Postgres {
    let reason = meaning(error);
    let mut fact = broken::<Postgres>(query, &reason);
    if let Some(code) = error.code() {
        let refused = [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        ];
        // These come after the password was believed.
        let inside = [
            SqlState::INVALID_CATALOG_NAME,
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::TOO_MANY_CONNECTIONS,
        ];
        if refused.contains(code) {
            fact.auth_ok = Observed::Known(false);
        } else if inside[..2].contains(code) {
            fact.auth_ok = Observed::Known(true);
        }
    }
    fact
}

/// The class of an error; a server's words may repeat a value, so its code is told.
pub(super) fn meaning(error: &Error) -> Reason {
    let Some(code) = error.code() else {
        return if error.is_closed() {
            Reason::new(ReasonKind::Garbled, "the server hung up")
        } else {
            Reason::new(
                ReasonKind::Garbled,
                "it is no PostgreSQL, or speaks otherwise",
            )
        };
    };
    let (kind, words) = match code.code() {
        "28P01" | "28000" => (ReasonKind::Permission, "the credential is refused"),
        "42501" => (ReasonKind::Permission, "the account may not read it"),
        "3D000" => (ReasonKind::Failed, "there is no such database"),
        "42703" => (ReasonKind::Unsupported, "a column is missing"),
        "57014" => (ReasonKind::Timeout, "the statement took too long"),
        "55P03" => (ReasonKind::Timeout, "somebody holds a lock"),
        "53300" => (ReasonKind::Failed, "too many connections"),
        "57P03" => (ReasonKind::Failed, "the server is starting or stopping"),
        _ => (ReasonKind::Failed, "the server answers with an error"),
    };
    Reason::new(kind, format!("{words} ({})", code.code()))
}

async fn fill(
    desk: &Desk<'_>,
    query: &PostgresQuery,
    parts: &[Part],
    client: &Client,
    fact: &mut Postgres,
) {
    let rows = Rows(client);
    let has = |part: Part| parts.contains(&part);
    let version = rows.version().await;
    fact.major = version.clone().map(|(number, _)| number / 10_000).into();
    fact.version = version.map(|(_, text)| text).into();
    let bot = query.bot.as_deref();
    fact.databases = if has(Part::Databases) {
        rows.databases().await.into()
    } else {
        unread()
    };
    if has(Part::Settings) {
        let found = rows.settings(&query.settings).await;
        fact.settings = OpenMap::declared(&query.settings, |name| match &found {
            Ok(found) => match found.get(name) {
                Some(value) => scrub::plain(name, value),
                None => Observed::Absent,
            },
            Err(reason) => Observed::Unknown(reason.clone()),
        });
    }
    if has(Part::Tables) {
        let found = rows.columns(&query.tables).await;
        fact.tables = OpenMap::declared(&query.tables, |name| match &found {
            Ok(found) => found.get(name).cloned().unwrap_or_else(|| {
                Observed::unknown(ReasonKind::Defect, "nobody looked for the table")
            }),
            Err(reason) => Observed::Unknown(reason.clone()),
        });
    }
    fact.migrations = part(has(Part::Migrations), rows.migrations()).await;
    fact.bots = part(has(Part::Bots), rows.bots()).await;
    fact.config_sync = part(has(Part::ConfigSync), rows.config_sync(bot)).await;
    fact.drive_files = part(has(Part::DriveFiles), rows.drive_files(bot)).await;
    fact.ci_runs = part(has(Part::CiRuns), rows.ci_runs()).await;
    fact.ci_jobs = part(has(Part::CiJobs), rows.ci_jobs()).await;
    fact.ci_tasks = part(has(Part::CiTasks), rows.ci_tasks()).await;
    fact.runners = part(has(Part::Runners), rows.runners()).await;
    fact.runner_tokens = part(has(Part::RunnerTokens), rows.runner_tokens()).await;
    if let (true, Some(bot)) = (has(Part::Config), bot) {
        let found = rows.configuration(bot).await;
        let found = found.as_ref();
        let of = |name: &str| -> Observed<&str> {
            found
                .clone()
                .and_then(|all| all.get(name).map(|value| value.as_str()).into())
        };
        fact.config_keys = found
            .clone()
            .map(|all| all.keys().map(|key| one_line(key, 200)).collect());
        fact.config = OpenMap::declared(&query.config, |name| {
            of(name).and_then(|value| scrub::plain(name, &one_line(value, 2000)))
        });
        let key = &desk.session.options.context.key;
        fact.secret = OpenMap::declared(&query.secret, |name| {
            of(name).map(|value| Secret::of(value.as_bytes(), key))
        });
    } else if bot.is_none() {
        fact.config_keys = Observed::unknown(ReasonKind::NotRecorded, "the query names no bot");
    }
}

async fn part<T>(wanted: bool, rows: impl Future<Output = rows::Found<T>>) -> Observed<T> {
    if wanted { rows.await } else { unread() }
}
