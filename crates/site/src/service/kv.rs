//! A secret of the Vault that the site's credentials come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use runproof_facts::kind::kv::{Kv, KvQuery};
use runproof_facts::service::Service;
use runproof_facts::{OpenMap, Secret, scrub};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};

use super::Desk;
use super::vault::{Hidden, missing_or};

pub(super) async fn collect(desk: &Desk<'_>, query: &KvQuery) -> Result<Kv, Reason> {
    if query.credential != "vault" {
        return Err(Reason::new(
            ReasonKind::Unsupported,
            "secrets of the Vault are read by the credential `vault`",
        ));
    }
    let values = desk.values(&query.kv).await;
    let mount: Observed<String> = desk
        .access()
        .await
        .map(|access| one_line(&access.mount, 200))
        .into();
    let mut fact = match &values {
        Observed::Known(values) => known(desk, query, values),
        Observed::Absent => {
            let mut fact = Kv::blank(query, &Reason::new(ReasonKind::Defect, "absent"));
            fact.mount = mount;
            fact.exists = Observed::Known(false);
            fact.keys = Observed::Absent;
            fact.plain = OpenMap::declared(&query.plain, |_| Observed::Absent);
            fact.secret = OpenMap::declared(&query.secret, |_| Observed::Absent);
            fact.empty_keys = Observed::Absent;
            fact.version = Observed::Absent;
            fact.created = Observed::Absent;
            return Ok(fact);
        }
        Observed::Unknown(reason) => return Err(reason.clone()),
    };
    fact.mount = mount;
    metadata(desk, query, &mut fact).await;
    Ok(fact)
}

fn known(desk: &Desk<'_>, query: &KvQuery, values: &Arc<BTreeMap<String, Hidden>>) -> Kv {
    let key = &desk.session.options.context.key;
    let names = |wanted: fn(&str) -> bool| {
        values
            .iter()
            .filter(|(_, value)| wanted(&value.text()))
            .map(|(name, _)| one_line(name, 200))
            .collect::<Vec<_>>()
    };
    let mut fact = Kv::blank(query, &super::not_asked());
    fact.exists = Observed::Known(true);
    fact.keys = Observed::Known(names(|_| true));
    fact.empty_keys = Observed::Known(names(str::is_empty));
    fact.plain = OpenMap::declared(&query.plain, |name| match values.get(name) {
        Some(value) => scrub::plain(name, &value.text()),
        None => Observed::Absent,
    });
    fact.secret = OpenMap::declared(&query.secret, |name| {
        values
            .get(name)
            .map(|value| Secret::of(value.text().as_bytes(), key))
            .into()
    });
    fact
}

/// The version; a token that reads values may not read about them.
async fn metadata(desk: &Desk<'_>, query: &KvQuery, fact: &mut Kv) {
    let lost = |reason: Reason, fact: &mut Kv| {
        fact.version = Observed::Unknown(reason.clone());
        fact.created = Observed::Unknown(reason);
    };
    let access = match desk.access().await {
        Ok(access) => access,
        Err(reason) => return lost(reason, fact),
    };
    let (client, web) = match access.client(desk).await {
        Ok(client) => client,
        Err(reason) => return lost(reason, fact),
    };
    let _turn = match web.turn().await {
        Ok(turn) => turn,
        Err(why) => return lost(why.reason(), fact),
    };
    match vaultrs::kv2::read_metadata(&client, &access.mount, &query.kv).await {
        Ok(found) => {
            fact.version = Observed::Known(found.current_version);
            let version = found.versions.get(&found.current_version.to_string());
            let created = version.and_then(|v| v.created_time.parse::<jiff::Timestamp>().ok());
            fact.created = match created {
                Some(time) => Observed::Known(time.as_second()),
                None => Observed::unknown(ReasonKind::Garbled, "the version has no time"),
            };
        }
        Err(error) => {
            if let Observed::Unknown(reason) = missing_or::<()>(&web, &error) {
                lost(reason, fact);
            } else {
                let reason = Reason::new(ReasonKind::Garbled, "values without metadata");
                lost(reason, fact);
            }
        }
    }
}
