//! PostgreSQL by tokio-postgres, over a stream, in a session that cannot write.

use runproof_facts::kind::postgres::{Part, Postgres, PostgresQuery};
use runproof_facts::reads::unread;
use runproof_facts::service::Service;
use runproof_facts::{OpenMap, Secret, scrub};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio_postgres::Error;

use super::{Desk, broken, closed, not_asked};
use crate::dial::Place;

pub(super) mod entry;
mod rows;

use entry::{Entry, Inside, Key, Under};
use rows::Rows;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &PostgresQuery,
    parts: &[Part],
) -> Result<Postgres, Reason> {
    let session = desk.sessions.cell(Key::new(place, query));
    let open = || entry::open(desk, place, query);
    match session.get_or_init(open).await {
        Entry::Untried(reason) => Err(reason.clone()),
        Entry::Closed(why) => closed(query, why.clone()),
        Entry::NoLogin(reason) => {
            let mut fact = Postgres::blank(query, reason);
            fact.reachable = Observed::Known(true);
            Ok(fact)
        }
        Entry::Shut {
            why,
            auth_ok,
            under,
        } => {
            let mut fact: Postgres = broken(query, why);
            fact.auth_ok = auth_ok.clone();
            tell(&mut fact, under);
            Ok(fact)
        }
        Entry::Open(inside) => {
            let mut fact = Postgres::blank(query, &not_asked());
            fact.reachable = Observed::Known(true);
            fact.trouble = Observed::Absent;
            fact.auth_ok = Observed::Known(true);
            fact.account = Observed::Known(one_line(&inside.account, 100));
            tell(&mut fact, &inside.under);
            fill(desk, query, parts, inside, &mut fact).await;
            Ok(fact)
        }
    }
}

fn tell(fact: &mut Postgres, under: &Under) {
    fact.tls = under.tls.clone();
    fact.verified = under.verified.clone();
    fact.why_not = under.why_not.clone();
    fact.verified_against = under.against.clone();
}

/// The class of an error; a server's words may repeat a value, so its code is told.
fn meaning(error: &Error) -> Reason {
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
    inside: &Inside,
    fact: &mut Postgres,
) {
    let rows = Rows(&inside.client);
    let has = |part: Part| parts.contains(&part);
    let about = inside.about.get_or_init(|| rows.about()).await.clone();
    fact.major = about.clone().map(|about| about.number / 10_000).into();
    fact.now = about.clone().map(|about| about.now).into();
    fact.version = about.map(|about| about.version).into();
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
