//! The way into a database: TLS, the login, and one session for all who come in the same way.

use std::time::Duration;

use runproof_facts::kind::postgres::{PostgresQuery, SslMode};
use runproof_facts::service::{Endpoint, Vantage};
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::sync::OnceCell;
use tokio_postgres::config::{SslMode as Wire, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::meaning;
use super::rows::About;
use crate::backend::Target;
use crate::dial::{NoStream, Place, Stream};
use crate::service::purse::Login;
use crate::service::trust::{Demand, Notes, Roots, config};
use crate::service::{Desk, dial, endpoint, tls};

/// How long logging in may take.
const TIME: Duration = Duration::from_secs(8);
/// What the session is: it cannot write, waits for nobody's lock, and ends a statement that is long.
const SESSION: &str = "-c default_transaction_read_only=on -c statement_timeout=5000 \
     -c lock_timeout=1000 -c idle_in_transaction_session_timeout=5000 -c TimeZone=UTC \
     -c extra_float_digits=0";
/// What a certificate is verified against when no file is named.
const OWN: &str = "this machine";

/// What tells one session from another.
#[derive(PartialEq, Eq, Hash)]
pub(in crate::service) struct Key {
    target: Target,
    at: String,
    database: Option<String>,
    credential: String,
    sslmode: SslMode,
    ca: Option<String>,
    name: Option<String>,
}

impl Key {
    pub fn new(place: &Place, query: &PostgresQuery) -> Self {
        Self {
            target: place.target.clone(),
            at: query.postgres.clone(),
            database: query.database.clone(),
            credential: query.credential.clone(),
            sslmode: query.sslmode,
            ca: query.ca.clone(),
            name: query.name.clone(),
        }
    }
}

/// What TLS came to.
#[derive(Clone, Debug)]
pub(in crate::service) struct Under {
    pub tls: Observed<bool>,
    pub verified: Observed<bool>,
    pub why_not: Observed<String>,
    pub against: Observed<String>,
}

impl Under {
    fn unknown(reason: &Reason) -> Self {
        Self {
            tls: Observed::Unknown(reason.clone()),
            verified: Observed::Unknown(reason.clone()),
            why_not: Observed::Unknown(reason.clone()),
            against: Observed::Unknown(reason.clone()),
        }
    }

    /// What is said is said in the open.
    fn nothing() -> Self {
        Self {
            tls: Observed::Known(false),
            verified: Observed::Absent,
            why_not: Observed::Absent,
            against: Observed::Absent,
        }
    }

    /// What a handshake showed; one that showed no certificate proves nothing.
    fn shown(notes: &Notes, roots: &Roots, ca: Option<&str>, otherwise: &Reason) -> Self {
        if notes.shown().verified.is_none() {
            return Self::unknown(otherwise);
        }
        let (verified, why_not) = notes.verdict(roots);
        Self {
            tls: Observed::Known(true),
            verified,
            why_not,
            against: Observed::Known(ca.unwrap_or(OWN).to_owned()),
        }
    }
}

/// What became of an attempt to get in.
pub(in crate::service) enum Entry {
    /// Nobody could try.
    Untried(Reason),
    /// The port is not open.
    Closed(NoStream),
    /// It is, and there is no credential to show.
    NoLogin(Reason),
    /// Nobody is let in, or we do not go in.
    Shut {
        why: Reason,
        auth_ok: Observed<bool>,
        under: Under,
    },
    /// We are in.
    Open(Box<Inside>),
}

/// A session.
pub(in crate::service) struct Inside {
    pub client: Client,
    pub account: String,
    pub under: Under,
    /// What the server says of itself, asked for once.
    pub about: OnceCell<Result<About, Reason>>,
}

/// Goes in, as far as it goes.
pub(super) async fn open(desk: &Desk<'_>, place: &Place, query: &PostgresQuery) -> Entry {
    let to = match endpoint(&query.postgres) {
        Ok(to) => to,
        Err(reason) => return Entry::Untried(reason),
    };
    let from = Vantage::Node;
    // Before the port is opened: fetching it takes a stream too, and nobody holds one while waiting.
    let login = desk.login_at(&query.credential, from, &to).await;
    let stream = match dial(place, from, &to).await {
        Ok(stream) => stream,
        Err(why) => return Entry::Closed(why),
    };
    match login {
        Err(reason) => Entry::NoLogin(reason),
        Ok(login) => log_in(desk, place, query, &to, stream, login).await,
    }
}

async fn log_in(
    desk: &Desk<'_>,
    place: &Place,
    query: &PostgresQuery,
    to: &Endpoint,
    mut stream: Stream,
    login: Login,
) -> Entry {
    let late = || Reason::new(ReasonKind::Timeout, "the server does not let anybody in");
    let shut = |why: Reason, under: Under| Entry::Shut {
        auth_ok: Observed::Unknown(why.clone()),
        why,
        under,
    };
    let offered = if query.sslmode == SslMode::Disable {
        Ok(false)
    } else {
        tokio::time::timeout(TIME, tls::ssl_request(&mut stream))
            .await
            .unwrap_or_else(|_| Err(late()))
    };
    let offered = match offered {
        Ok(offered) => offered,
        Err(reason) => return shut(reason.clone(), Under::unknown(&reason)),
    };
    let demand = match (query.sslmode, &query.ca) {
        (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => Demand::Nothing,
        (SslMode::Require, Some(_)) | (SslMode::VerifyCa, _) => Demand::Chain,
        (SslMode::VerifyFull, _) => Demand::Whole,
    };
    let optional = matches!(query.sslmode, SslMode::Disable | SslMode::Prefer);
    if !offered && !optional {
        let why = Reason::new(
            ReasonKind::Failed,
            format!(
                "the server has no TLS; sslmode is {}",
                query.sslmode.as_str()
            ),
        );
        return shut(why, Under::nothing());
    }
    let mut settings = Config::new();
    let database = query.database.as_deref().or(login.database.as_deref());
    settings
        .user(login.user.as_str())
        .password(login.secret.as_str())
        .dbname(database.unwrap_or("postgres"))
        .options(SESSION)
        .application_name("runproof");
    let (entered, under) = if offered {
        let ca = query.ca.as_deref();
        let roots = desk.roots(place, ca).await;
        let notes = Notes::default();
        let secure = match config(&roots, &notes, demand) {
            Ok(secure) => secure,
            Err(reason) => return shut(reason.clone(), Under::unknown(&reason)),
        };
        let name = query.name.as_deref().unwrap_or(&to.host);
        let entered = tokio::time::timeout(TIME, under_tls(&mut settings, secure, name, stream));
        let entered = entered.await;
        let otherwise = match &entered {
            Ok(Err(error)) => meaning(error),
            Ok(Ok(_)) => Reason::new(ReasonKind::Garbled, "no certificate was shown"),
            Err(_) => late(),
        };
        let under = Under::shown(&notes, &roots, ca, &otherwise);
        if let (true, Some(Err(why))) = (notes.shown().refused, notes.shown().verified) {
            let why = Reason::new(
                ReasonKind::Failed,
                format!("the server's certificate: {why}"),
            );
            return shut(why, under);
        }
        (entered, under)
    } else {
        settings.ssl_mode(Wire::Disable);
        let entered = tokio::time::timeout(TIME, in_the_open(&settings, stream)).await;
        (entered, Under::nothing())
    };
    match entered {
        Err(_) => shut(late(), under),
        Ok(Err(error)) => Entry::Shut {
            auth_ok: told_of_login(&error),
            why: meaning(&error),
            under,
        },
        Ok(Ok(client)) => Entry::Open(Box::new(Inside {
            client,
            account: login.user.to_string(),
            under,
            about: OnceCell::new(),
        })),
    }
}

async fn under_tls(
    settings: &mut Config,
    secure: rustls::ClientConfig,
    name: &str,
    stream: Stream,
) -> Result<Client, Error> {
    // The server has been asked, and has said yes.
    settings.ssl_mode(Wire::Require);
    settings.ssl_negotiation(SslNegotiation::Direct);
    let mut make = MakeRustlsConnect::new(secure);
    let Ok(connector) = MakeTlsConnect::<Stream>::make_tls_connect(&mut make, name);
    let (client, connection) = settings.connect_raw(stream, connector).await?;
    // It ends with the client.
    drop(tokio::spawn(async move { drop(connection.await) }));
    Ok(client)
}

async fn in_the_open(settings: &Config, stream: Stream) -> Result<Client, Error> {
    let (client, connection) = settings.connect_raw(stream, NoTls).await?;
    drop(tokio::spawn(async move { drop(connection.await) }));
    Ok(client)
}

/// What an error says about the credential.
fn told_of_login(error: &Error) -> Observed<bool> {
    let refused = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ];
    // These come after the password was believed.
    let inside = [
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    match error.code() {
        Some(code) if refused.contains(code) => Observed::Known(false),
        Some(code) if inside.contains(code) => Observed::Known(true),
        Some(_) | None => Observed::Unknown(meaning(error)),
    }
}
