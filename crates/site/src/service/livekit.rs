//! The video server.

use reqwest::Method;
use runproof_facts::kind::livekit::{Livekit, LivekitQuery};
use runproof_facts::service::{Service, Url, Vantage};
use runproof_model::{Observed, Reason, ReasonKind};

use super::web::Way;
use super::{Desk, not_asked};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &LivekitQuery,
) -> Result<Livekit, Reason> {
    let url = Url::parse(query.livekit.trim_end_matches('/'))
        .map_err(|why| Reason::new(ReasonKind::Defect, why))?;
    let way = Way {
        url: &url,
        connect: None,
        ca: query.ca.as_deref(),
        from: Vantage::Node,
        strict: false,
    };
    let web = desk.line(place, way).await?;
    let ask = async |path: &str| {
        let mut request = web.request(Method::GET, path);
        if let Some(host) = &query.host_header {
            request = request.header("host", host);
        }
        web.send(request).await
    };
    let root = match ask("/").await {
        Ok(root) => root,
        Err(why) => return why.fact(query),
    };
    let mut fact = Livekit::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.status = Observed::Known(root.status);
    fact.ok = Observed::Known(root.status == 200 && root.body.as_slice().trim_ascii() == b"OK");
    fact.refuses_strangers = match ask("/rtc/validate").await {
        Ok(reply) => Observed::Known(matches!(reply.status, 401 | 403)),
        Err(why) => Observed::Unknown(why.reason()),
    };
    Ok(fact)
}
