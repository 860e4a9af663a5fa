//! Looking: one script a node and stage, all nodes at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use runproof_facts::answer::{Answer, Answers};
use runproof_facts::ask::Ask;
use runproof_facts::content::ContentPolicy;
use runproof_facts::link;
use runproof_facts::registry::{Wanted, joined};
use runproof_facts::script::{Guard, Output, compose, last_words, take_apart};
use runproof_facts::service::ServiceAsk;
use runproof_model::site::{Engine, NodeRef};
use runproof_model::{FactRecord, NodeRecord, Observed, Reason, ReasonKind, Role, Site};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::backend::{Reached, Target, is_running};
use crate::exec::{self, Ended};
use crate::random;
use crate::service::Desk;
use crate::session::Session;
use crate::trouble::Trouble;

/// How long the engine may take to say whether a node still runs.
const STATE_TIME: Duration = Duration::from_secs(8);

/// How often it is asked after a script was killed, and the pause between.
const STATE_TRIES: usize = 10;
const STATE_PAUSE: Duration = Duration::from_millis(400);

/// How many services of one node are asked at once.
const SERVICES: usize = 8;

/// Which of the two looks at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What is known to be needed.
    First,
    /// What the first answers made possible.
    Second,
}

/// Who wants to hear how the gathering goes.
pub trait Progress: Send + Sync {
    /// A node's first look begins.
    fn node_started(&self, role: &Role);
    /// Looks are sent to a node.
    fn stage(&self, role: &Role, stage: Stage, looks: usize);
    /// A node is done; `trouble` says why nothing could be seen there, when nothing could.
    fn node_done(&self, role: &Role, trouble: Option<&str>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn node_started(&self, _role: &Role) {}
    fn stage(&self, _role: &Role, _stage: Stage, _looks: usize) {}
    fn node_done(&self, _role: &Role, _trouble: Option<&str>) {}
}

/// What was gathered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// Every node of the wanted facts, sorted by role.
    pub nodes: Vec<NodeRecord>,
    /// A record for every wanted fact, in the order in which they were wanted.
    pub facts: Vec<FactRecord>,
}

/// One place, the roles it plays, and what is wanted of it.
pub(crate) struct Group<'a> {
    pub target: Target,
    pub roles: Vec<Role>,
    pub wanted: Vec<&'a Wanted>,
}

/// What is wanted, by place; and for each role that is no place, why.
pub(crate) fn by_target<'a>(
    site: &Site,
    wanted: &'a [Wanted],
) -> (Vec<Group<'a>>, BTreeMap<Role, Reason>) {
    let mut groups: BTreeMap<Target, Group<'a>> = BTreeMap::new();
    let mut nowhere = BTreeMap::new();
    for one in wanted {
        let node = site.nodes.get(&one.role);
        let target = match (node.and_then(|node| target_of(site, node)), node) {
            (Some(target), _) => target,
            (None, Some(NodeRef::Absent(absent))) => {
                let detail = format!("the site has none: {}", absent.absent);
                nowhere
                    .entry(one.role.clone())
                    .or_insert_with(|| Reason::new(ReasonKind::NoSuchNode, detail));
                continue;
            }
            (None, _) => {
                let detail = format!("the site file does not say what plays {}", one.role);
                nowhere
                    .entry(one.role.clone())
                    .or_insert_with(|| Reason::new(ReasonKind::NoSuchNode, detail));
                continue;
            }
        };
        let group = groups.entry(target.clone()).or_insert_with(|| Group {
            target,
            roles: Vec::new(),
            wanted: Vec::new(),
        });
        if !group.roles.contains(&one.role) {
            group.roles.push(one.role.clone());
        }
        group.wanted.push(one);
    }
    (groups.into_values().collect(), nowhere)
}

/// The place of a node; none when the site has no such node.
pub(crate) fn target_of(site: &Site, node: &NodeRef) -> Option<Target> {
    match node {
        NodeRef::Absent(_) => None,
        NodeRef::Instance(_) | NodeRef::Hypervisor(_) if site.reach.engine == Engine::Local => {
            Some(Target::Machine)
        }
        NodeRef::Instance(name) => Some(Target::Instance(name.clone())),
        NodeRef::Hypervisor(_) => Some(Target::Machine),
    }
}

/// Why the site file refuses a look, when it does.
pub(crate) fn refused(policy: &ContentPolicy, ask: &Ask) -> Option<Reason> {
    let (path, what) = match ask {
        Ask::Read { path, .. } | Ask::Slice { path, .. } => (path, "is not on the allow-list"),
        Ask::Digest { path } => (path, "is the kernel's and has no digest"),
        Ask::Stat { .. } | Ask::List { .. } | Ask::Run(_) | Ask::Instance | Ask::Service(_) => {
            return None;
        }
    };
    (!policy.permits(ask, path)).then(|| {
        Reason::new(
            ReasonKind::NotAllowed,
            format!("the content of {path} {what}"),
        )
    })
}

/// Everything seen of one place.
#[derive(Default)]
struct Seen {
    answers: Answers,
    now: Option<f64>,
    skew_s: Option<f64>,
    trouble: Option<Reason>,
}

pub(crate) async fn gather(
    session: &Session,
    wanted: &[Wanted],
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Gathered {
    let (groups, nowhere) = by_target(&session.site, wanted);
    let stop = cancel.child_token();
    let desk = Desk::new(session);
    // Boxed by hand: the compiler cannot see that a closure's future may move to another thread.
    let mut looks: Vec<BoxFuture<'_, (&Group<'_>, Seen)>> = Vec::new();
    for group in &groups {
        let look = look_at(session, &desk, group, progress, &stop);
        looks.push(Box::pin(async move { (group, look.await) }));
    }
    let work = stream::iter(looks)
        .buffer_unordered(session.options.jobs.max(1))
        .collect::<Vec<_>>();
    tokio::pin!(work);
    let deadline = session.options.deadline;
    let passed = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    let looked = async {
        tokio::select! {
            looked = &mut work => looked,
            () = passed => {
                stop.cancel();
                // Everybody ends what they started, and hands in what they have.
                work.await
            }
        }
    };
    let images = async {
        tokio::select! {
            images = session.images() => Some(images),
            () = stop.cancelled() => None,
        }
    };
    let (looked, images) = tokio::join!(looked, images);

    let mut gathered = Gathered::default();
    let mut seen_by_role: BTreeMap<&Role, &Seen> = BTreeMap::new();
    for (group, seen) in &looked {
        for role in &group.roles {
            seen_by_role.insert(role, seen);
            gathered
                .nodes
                .push(record(session, images, group, role, seen));
        }
    }
    gathered.nodes.sort_by(|a, b| a.role.cmp(&b.role));
    for one in wanted {
        let fact = match seen_by_role.get(&one.role) {
            Some(seen) => one.read(&seen.answers, &session.options.context),
            None => unknown(nowhere.get(&one.role).cloned()),
        };
        gathered.facts.push(FactRecord {
            role: one.role.clone(),
            kind: one.kind.to_owned(),
            query: one.query.clone(),
            fact,
        });
    }
    gathered
}

/// The recorded form of an unknown fact.
pub(crate) fn unknown(reason: Option<Reason>) -> Value {
    let reason = reason.unwrap_or_else(|| Reason::new(ReasonKind::Defect, "nobody looked"));
    serde_json::to_value(Observed::<()>::Unknown(reason)).unwrap_or(Value::Null)
}

fn record(
    session: &Session,
    images: Option<&BTreeMap<String, String>>,
    group: &Group<'_>,
    role: &Role,
    seen: &Seen,
) -> NodeRecord {
    let instance = group.target.name();
    NodeRecord {
        role: role.clone(),
        instance: instance.to_owned(),
        image: images.and_then(|images| images.get(instance).cloned()),
        standin: session.site.standins.contains(role),
        now: seen.now,
        skew_s: seen.skew_s,
        trouble: seen.trouble.as_ref().map(Reason::to_string),
    }
}

/// Both stages at one place.
async fn look_at(
    session: &Session,
    desk: &Desk<'_>,
    group: &Group<'_>,
    progress: &dyn Progress,
    stop: &CancellationToken,
) -> Seen {
    for role in &group.roles {
        progress.node_started(role);
    }
    let asks = joined(group.wanted.iter().flat_map(|wanted| wanted.asks()));
    for role in &group.roles {
        progress.stage(role, Stage::First, asks.len());
    }
    let mut seen = stage(session, desk, &group.target, asks, Stage::First, stop).await;

    let context = &session.options.context;
    let more = group
        .wanted
        .iter()
        .flat_map(|wanted| wanted.next(&seen.answers, context));
    let mut more = joined(more);
    more.retain(|ask| !seen.answers.contains(ask));
    if !more.is_empty() {
        for role in &group.roles {
            progress.stage(role, Stage::Second, more.len());
        }
        let second = stage(session, desk, &group.target, more, Stage::Second, stop).await;
        seen.answers.extend(second.answers);
    }
    for role in &group.roles {
        let trouble = seen.trouble.as_ref().map(Reason::to_string);
        progress.node_done(role, trouble.as_deref());
    }
    seen
}

/// One stage at one place.
async fn stage(
    session: &Session,
    desk: &Desk<'_>,
    target: &Target,
    asks: Vec<Ask>,
    stage: Stage,
    stop: &CancellationToken,
) -> Seen {
    let mut answers = Answers::new();
    let mut script = Vec::new();
    let mut services = Vec::new();
    let mut engine = false;
    for ask in asks {
        if let Some(reason) = refused(&session.policy, &ask) {
            answers.insert(ask, Answer::Missing(reason));
        } else if ask == Ask::Instance {
            engine = true;
        } else if let Ask::Service(service) = ask {
            services.push(*service);
        } else {
            script.push(ask);
        }
    }
    // What services tell of times is judged by the node's own clock.
    let clock = stage == Stage::First && !services.is_empty();
    let (described, scripted, served) = tokio::join!(
        async {
            if engine {
                Some(describe(session, target, stop).await)
            } else {
                None
            }
        },
        async {
            if script.is_empty() && !clock {
                None
            } else {
                Some(run(session, target, &script, stop).await)
            }
        },
        // At once with the script: who needs a credential waits for it there.
        ask_services(desk, target, services, stop)
    );
    let mut seen = match scripted {
        Some(seen) => seen,
        None => Seen {
            trouble: match &described {
                Some(Answer::Missing(reason)) => Some(reason.clone()),
                Some(Answer::Done { .. }) | None => None,
            },
            ..Seen::default()
        },
    };
    if let Some(answer) = described {
        answers.insert(Ask::Instance, answer);
    }
    seen.answers.extend(answers);
    seen.answers.extend(served);
    seen
}

/// Every service of a node, so many at once.
async fn ask_services(
    desk: &Desk<'_>,
    target: &Target,
    services: Vec<ServiceAsk>,
    stop: &CancellationToken,
) -> Answers {
    let asked = services.into_iter().map(|service| {
        let asked: BoxFuture<'_, (Ask, Answer)> = Box::pin(async move {
            let answer = desk.answer(target, &service, stop).await;
            (Ask::Service(Box::new(service)), answer)
        });
        asked
    });
    let mut answers = Answers::new();
    let mut asked = stream::iter(asked).buffer_unordered(SERVICES);
    while let Some((ask, answer)) = asked.next().await {
        answers.insert(ask, answer);
    }
    answers
}

async fn describe(session: &Session, target: &Target, stop: &CancellationToken) -> Answer {
    let there = session.reach(target);
    let described = tokio::select! {
        biased;
        () = stop.cancelled() => Err(Trouble::lasting(stopped(session))),
        described = tokio::time::timeout(session.options.probe_timeout, there.describe()) =>
            described.unwrap_or_else(|_| Err(Trouble::new(ReasonKind::Timeout, "the engine does not answer"))),
    };
    match described {
        Err(trouble) => Answer::Missing(trouble.reason),
        Ok(value) => {
            let text = value.to_string().into_bytes();
            if text.len() as u64 > Ask::Instance.cap() {
                return Answer::Missing(Reason::new(
                    ReasonKind::CapReached,
                    "the engine says more than is taken",
                ));
            }
            Answer::Done {
                code: 0,
                out: Arc::new(Zeroizing::new(text)),
                truncated: false,
            }
        }
    }
}

/// All looks in one shell; and what is missing after that, because a look hung, flooded
/// or broke the shell, once more with every look guarded.
async fn run(session: &Session, target: &Target, asks: &[Ask], stop: &CancellationToken) -> Seen {
    let (mut seen, why) = attempt(session, target, asks, Guard::Whole, stop).await;
    let Some(why) = why else { return seen };
    let left: Vec<Ask> = asks
        .iter()
        .filter(|ask| seen.answers.is_missing(ask))
        .cloned()
        .collect();
    let spoilt = [
        ReasonKind::Timeout,
        ReasonKind::CapReached,
        ReasonKind::Garbled,
    ];
    // A node that did not say a word does not say more when it is asked more carefully.
    if left.is_empty() || seen.now.is_none() || !spoilt.contains(&why.kind) || stop.is_cancelled() {
        return seen;
    }
    let (guarded, _) = attempt(session, target, &left, Guard::Each, stop).await;
    seen.answers.extend(guarded.answers);
    seen.now = seen.now.or(guarded.now);
    seen.skew_s = seen.skew_s.or(guarded.skew_s);
    seen.trouble = seen.trouble.and(guarded.trouble);
    seen
}

/// One script at one place, and why it did not come to its end when it did not.
async fn attempt(
    session: &Session,
    target: &Target,
    asks: &[Ask],
    guard: Guard,
    stop: &CancellationToken,
) -> (Seen, Option<Reason>) {
    let missing = |reason: Reason| {
        let mut answers = Answers::new();
        for ask in asks {
            answers.insert(ask.clone(), Answer::Missing(reason.clone()));
        }
        let seen = Seen {
            answers,
            trouble: Some(reason.clone()),
            ..Seen::default()
        };
        (seen, Some(reason))
    };
    let boundary = match random::word() {
        Ok(word) => word,
        Err(trouble) => return missing(trouble.reason),
    };
    let there = session.reach(target);
    let script = compose(asks, &boundary, guard);
    let last = last_words(&boundary);
    let ended = exec::run(&there, &script, &last, session.limits(guard), stop).await;
    let output = ended.output.out.as_slice();

    // What explains a missing answer; looked into more closely only when one is missing.
    let mut reason = first_reason(&ended);
    if reason.kind == ReasonKind::Interrupted {
        reason = stopped(session);
    }
    let mut apart = take_apart(asks, &boundary, output, &reason);
    if !apart.complete && is_vague(&reason) {
        let closer = closer_reason(&there, &ended, reason.clone());
        reason = tokio::select! {
            () = stop.cancelled() => reason,
            closer = tokio::time::timeout(STATE_TIME, closer) => closer.unwrap_or(reason),
        };
        apart = take_apart(asks, &boundary, output, &reason);
    }
    let Output {
        mut answers,
        now,
        complete,
        led,
    } = apart;
    link::take_back(&session.policy, &led, &mut answers);
    let first_byte = ended.output.first_byte.unwrap_or_else(SystemTime::now);
    let seen = Seen {
        answers,
        now,
        skew_s: now.map(|now| now - midpoint(ended.started, first_byte)),
        // The clock is the first thing that a script says.
        trouble: (now.is_none() && !complete).then(|| reason.clone()),
    };
    (seen, (!complete).then_some(reason))
}

/// Why nobody goes on looking: time ran out, or somebody asked to stop.
fn stopped(session: &Session) -> Reason {
    let late = session
        .options
        .deadline
        .is_some_and(|deadline| Instant::now() >= deadline);
    let why = if late {
        "the deadline passed"
    } else {
        "the run was stopped"
    };
    Reason::new(ReasonKind::Interrupted, why)
}

/// Why an answer would be missing, judged by how the script ended.
fn first_reason(ended: &Ended) -> Reason {
    let text = &ended.output.error;
    match &ended.how {
        Err(trouble) => trouble.reason.clone(),
        Ok(0) => Reason::new(ReasonKind::Garbled, "the node's answer is not whole"),
        Ok(124) => Reason::new(ReasonKind::Timeout, "ended by timeout on the node"),
        Ok(code @ (126 | 127)) if !ended.began => {
            let said = String::from_utf8_lossy(&ended.output.out);
            let kind =
                if *code == 127 || said.contains("not found") || said.contains("no such file") {
                    ReasonKind::MissingTool
                } else {
                    ReasonKind::Permission
                };
            Reason::new(kind, format!("sh: {} {text}", said.trim()))
        }
        Ok(code) => Reason::new(
            ReasonKind::Garbled,
            format!("the script ended early, with exit {code}: {text}"),
        ),
    }
}

/// Whether the state of the node may explain more.
fn is_vague(reason: &Reason) -> bool {
    [
        ReasonKind::Garbled,
        ReasonKind::Failed,
        ReasonKind::Unreachable,
    ]
    .contains(&reason.kind)
}

/// The node's state, when that is the reason; else the reason as it was. A
/// node that is being stopped says so only after its processes are gone.
async fn closer_reason(there: &Reached<'_>, ended: &Ended, reason: Reason) -> Reason {
    if !matches!(there.target, Target::Instance(_)) {
        return reason;
    }
    let killed = ended.how.is_err() || matches!(ended.how, Ok(code) if code > 128);
    let tries = if killed { STATE_TRIES } else { 1 };
    for attempt in 0..tries {
        if attempt > 0 {
            tokio::time::sleep(STATE_PAUSE).await;
        }
        match there.describe().await {
            Ok(instance) if is_running(&instance) == Some(false) => {
                return Reason::new(
                    ReasonKind::Stopped,
                    format!("it stopped: {}", reason.detail),
                );
            }
            Err(trouble) if trouble.reason.kind == ReasonKind::NoSuchNode => {
                return trouble.reason;
            }
            // An engine in the middle of stopping a node may not want to be asked about it.
            Ok(_) | Err(_) => {}
        }
    }
    reason
}

/// Halfway between the start and the first byte, in seconds since 1970: our
/// clock when the node read its own.
fn midpoint(started: SystemTime, first_byte: SystemTime) -> f64 {
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64()
    };
    f64::midpoint(seconds(started), seconds(first_byte))
}
