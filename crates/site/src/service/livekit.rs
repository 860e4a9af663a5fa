//! The video server.

use runproof_facts::kind::livekit::{Livekit, LivekitQuery};
use runproof_facts::service::Service;
use runproof_model::{Observed, Reason};

use super::api::Api;
use super::{Desk, not_asked};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &LivekitQuery,
) -> Result<Livekit, Reason> {
    let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
    let api = Api::open(desk, place, &query.livekit, host, ca).await?;
    let root = match api.get("/").await {
        Ok(root) => root,
        Err(why) => return why.fact(query),
    };
    let mut fact = Livekit::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.status = Observed::Known(root.status);
    fact.ok = Observed::Known(root.status == 200 && root.body.as_slice().trim_ascii() == b"OK");
    let validated = api.status("/rtc/validate").await;
    fact.refuses_strangers = validated.map(|status| matches!(status, 401 | 403));
    Ok(fact)
}
