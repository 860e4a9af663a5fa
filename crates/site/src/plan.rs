//! Exactly what would run, where, and as whom.

use runproof_facts::ask::{Ask, End};
use runproof_facts::content::ContentPolicy;
use runproof_facts::quote::sh;
use runproof_facts::registry::{Wanted, joined};
use runproof_facts::script::{Guard, compose};
use runproof_model::{Role, Site};

use crate::door::Door;
use crate::exec;
use crate::gather::{by_target, refused};
use crate::session::{OpenError, Options, policy};

/// What stands for the random words of a real run.
const BOUNDARY: &str = "BOUNDARY";
const MARK: &str = "MARK";

/// What the first stage would run on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The node.
    pub role: Role,
    /// The engine's name for it; empty for a machine.
    pub instance: String,
    /// The command line or API call.
    pub how: String,
    /// The account under which it runs.
    pub as_whom: String,
    /// The script on standard input, with `BOUNDARY` where the random word stands;
    /// empty when only the engine is asked.
    pub script: String,
    /// Each look in words, those that the site file refuses included.
    pub looks: Vec<String>,
}

/// The plan of a site that is not entered: nothing is said to the engine or to any node.
///
/// # Errors
/// When the site file cannot be followed.
pub fn plan(site: &Site, options: &Options, wanted: &[Wanted]) -> Result<Vec<Planned>, OpenError> {
    let door = Door::choose(site, options)?;
    Ok(planned(site, &policy(site), &door, options, wanted))
}

pub(crate) fn planned(
    site: &Site,
    policy: &ContentPolicy,
    door: &Door,
    options: &Options,
    wanted: &[Wanted],
) -> Vec<Planned> {
    let (groups, _) = by_target(site, wanted);
    let words = exec::command(options.probe_timeout, MARK);
    let mut plans: Vec<Planned> = Vec::new();
    for group in &groups {
        let asks = joined(group.wanted.iter().flat_map(|wanted| wanted.asks()));
        let allowed: Vec<Ask> = asks
            .iter()
            .filter(|ask| refused(policy, ask).is_none())
            .cloned()
            .collect();
        let looks: Vec<String> = asks
            .iter()
            .map(|ask| match refused(policy, ask) {
                None => in_words(site, ask),
                Some(reason) => format!("{}: {reason}", in_words(site, ask)),
            })
            .collect();
        let runs = allowed
            .iter()
            .any(|ask| !matches!(ask, Ask::Instance | Ask::Service(_)));
        let script = if runs {
            exec::script(&compose(&allowed, BOUNDARY, Guard::Whole)).to_string()
        } else {
            String::new()
        };
        for role in &group.roles {
            plans.push(Planned {
                role: role.clone(),
                instance: group.target.name().to_owned(),
                how: door.how(&group.target, &words),
                as_whom: door.whom(&group.target),
                script: script.clone(),
                looks: looks.clone(),
            });
        }
    }
    plans.sort_by(|a, b| a.role.cmp(&b.role));
    plans
}

/// A look as an operator would say it.
fn in_words(site: &Site, ask: &Ask) -> String {
    match ask {
        Ask::Stat { path } => format!("stat {}", sh(path)),
        Ask::Read { path, cap, end } => {
            let end = match end {
                End::Head => "first",
                End::Tail => "last",
            };
            format!("read {}, the {end} {cap} bytes", sh(path))
        }
        Ask::Slice { path, offset, len } => {
            format!("read {}, {len} bytes from {offset}", sh(path))
        }
        Ask::List { path } => format!("list {}", sh(path)),
        Ask::Digest { path } => format!("digest {}", sh(path)),
        Ask::Run(command) => {
            let mut text = format!("run {}", command.name);
            for argument in &command.args {
                text.push(' ');
                text.push_str(&sh(argument));
            }
            text
        }
        Ask::Instance => "ask the engine about the instance".to_owned(),
        Ask::Service(service) => {
            let steps = service.steps();
            match &steps.credential {
                Some(name) => format!("{steps} (`{name}`: {})", site.credentials.origin(name)),
                None => steps.to_string(),
            }
        }
    }
}
