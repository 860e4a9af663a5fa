//! A site that was entered and proved to be the right one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runproof_facts::content::ContentPolicy;
use runproof_facts::fact::Context;
use runproof_facts::registry::Wanted;
use runproof_facts::script::Guard;
use runproof_model::{Reason, ReasonKind, Site};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Listed, Reached, Target};
use crate::dial::Place;
use crate::door::Door;
use crate::exec::Limits;
use crate::gather::{Gathered, Progress, gather};
use crate::identity;
use crate::plan::{Planned, planned};

/// How long entering may take, every check included.
const OPEN_TIME: Duration = Duration::from_secs(60);

/// How a session looks.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the script of one node and stage may take.
    pub probe_timeout: Duration,
    /// How many nodes are looked at at once; at least one.
    pub jobs: usize,
    /// How much one script may say, in bytes.
    pub output_cap: u64,
    /// What the kinds may know: the fingerprints' key.
    pub context: Context,
    /// When gathering ends, whatever is still missing.
    pub deadline: Option<Instant>,
    /// The ssh client's configuration file, instead of its own.
    pub ssh_config: Option<PathBuf>,
}

impl Options {
    /// The usual bounds: 30 s and 64 MiB a script, 16 nodes at once, no deadline.
    pub fn new(context: Context) -> Self {
        Self {
            probe_timeout: Duration::from_secs(30),
            jobs: 16,
            output_cap: 64 << 20,
            context,
            deadline: None,
            ssh_config: None,
        }
    }
}

/// Why a site was not entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is another environment than the site file means; nothing was looked at.
    #[error("refused, this is another site: its {what} is {found}, the site file says {expected}")]
    WrongSite {
        /// What differs.
        what: &'static str,
        /// What the site file says.
        expected: String,
        /// What was found; cleaned.
        found: String,
    },
    /// The engine, or the machine on which it runs, could not be reached.
    #[error("the site cannot be entered: {0}")]
    Unreachable(Reason),
    /// The site file cannot be followed.
    #[error("the site file cannot be used: {0}")]
    BadSite(String),
}

/// An instance that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Its name.
    pub name: String,
    /// `running`, `stopped`, `frozen`, or the engine's own word.
    pub state: String,
    /// What it was made from, in the engine's words.
    pub image: Option<String>,
    /// `incus`, `lxd` or `docker`.
    pub engine: &'static str,
}

/// A site that was entered.
pub struct Session {
    pub(crate) site: Site,
    pub(crate) options: Options,
    pub(crate) policy: ContentPolicy,
    pub(crate) door: Door,
    pub(crate) engine: Option<Arc<dyn Backend>>,
    /// How many streams into the site may be open at once.
    pub(crate) gate: Arc<Semaphore>,
    /// What each instance was made from, once somebody asked.
    images: OnceCell<BTreeMap<String, String>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.site.site)
    }
}

impl Session {
    /// Enters a site: chooses the door, checks the identity, learns the images.
    ///
    /// # Errors
    /// When the site file cannot be followed, the engine cannot be reached, or it is another site.
    pub async fn open(site: &Site, options: Options) -> Result<Self, OpenError> {
        tokio::time::timeout(OPEN_TIME, Self::enter(site, options))
            .await
            .unwrap_or_else(|_| {
                Err(OpenError::Unreachable(Reason::new(
                    ReasonKind::Timeout,
                    "the engine does not answer",
                )))
            })
    }

    async fn enter(site: &Site, options: Options) -> Result<Self, OpenError> {
        let door = Door::choose(site, &options)?;
        if let Some(subnet) = &site.identity.subnet {
            identity::parse_subnet(subnet)?;
        }
        let engine = door
            .enter()
            .await
            .map_err(|trouble| OpenError::Unreachable(trouble.reason))?;
        let mut images = OnceCell::new();
        if let Some(engine) = &engine {
            // Both are questions to the engine alone, so they go at once; the host name is judged first.
            // What it lists is needed now only where it tells whether this is the right site: who
            // would wait for it waits some 80 ms behind ssh, and every look says as well
            // that the engine cannot be asked.
            let addresses = site.identity.subnet.is_some();
            let (hostname, listed) = tokio::join!(
                identity::check_hostname(site, &door.host, Some(engine.as_ref())),
                async {
                    if addresses {
                        Some(engine.list(addresses).await)
                    } else {
                        None
                    }
                }
            );
            hostname?;
            if let Some(listed) = listed {
                let listed = listed.map_err(|trouble| OpenError::Unreachable(trouble.reason))?;
                identity::check_subnet(site, &listed)?;
                images = OnceCell::new_with(Some(images_of(listed)));
            }
        } else {
            identity::check_hostname(site, &door.host, None).await?;
            identity::check_machine_subnet(site, &door.host).await?;
        }
        Ok(Self {
            site: site.clone(),
            policy: policy(site),
            options,
            gate: Place::gate(&door.host),
            door,
            engine: engine.map(Arc::from),
            images,
        })
    }

    /// What each instance was made from; nothing where the engine does not say.
    pub(crate) async fn images(&self) -> &BTreeMap<String, String> {
        self.images
            .get_or_init(|| async {
                match &self.engine {
                    Some(engine) => engine.list(false).await.map(images_of).unwrap_or_default(),
                    None => BTreeMap::new(),
                }
            })
            .await
    }

    /// Looks at everything wanted, at every node at once.
    ///
    /// Complete in every case: each wanted fact has its record, unknown with
    /// the reason where nothing came.
    pub async fn gather(
        &self,
        wanted: &[Wanted],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Gathered {
        gather(self, wanted, progress, cancel).await
    }

    /// Exactly what the first stage of [`Session::gather`] would run.
    pub fn plan(&self, wanted: &[Wanted]) -> Vec<Planned> {
        planned(&self.site, &self.policy, &self.door, &self.options, wanted)
    }

    /// Every instance that the engine has, sorted by name; none without an engine.
    ///
    /// # Errors
    /// When the engine does not say.
    pub async fn discover(&self) -> Result<Vec<Discovered>, Reason> {
        let Some(engine) = &self.engine else {
            return Ok(Vec::new());
        };
        let listed = engine.list(false).await.map_err(|trouble| trouble.reason)?;
        let mut found: Vec<Discovered> = listed
            .into_iter()
            .map(|one| Discovered {
                name: one.name,
                state: one.state,
                image: one.image,
                engine: self.site.reach.engine.as_str(),
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Leaves, and ends the ssh connection when there is one.
    pub async fn close(self) {
        self.door.host.close().await;
    }

    /// The bounds of one script. One whose looks are not guarded leaves time and
    /// memory for one whose looks are.
    pub(crate) fn limits(&self, guard: Guard) -> Limits {
        match guard {
            Guard::Whole => Limits {
                time: self.options.probe_timeout / 2,
                silent: self.options.probe_timeout,
                bytes: self.options.output_cap / 4,
            },
            Guard::Each => Limits {
                time: self.options.probe_timeout,
                silent: self.options.probe_timeout,
                bytes: self.options.output_cap,
            },
        }
    }

    /// A place from which ports are opened.
    pub(crate) fn place(&self, target: &Target) -> Place {
        Place {
            host: self.door.host.clone(),
            sudo: self.door.sudo,
            engine: self.engine.clone(),
            target: target.clone(),
            gate: Arc::clone(&self.gate),
        }
    }

    /// The way to a place.
    pub(crate) fn reach<'a>(&'a self, target: &'a Target) -> Reached<'a> {
        Reached {
            host: &self.door.host,
            sudo: self.door.sudo,
            engine: self.engine.as_deref(),
            target,
        }
    }
}

fn images_of(listed: Vec<Listed>) -> BTreeMap<String, String> {
    listed
        .into_iter()
        .filter_map(|one| Some((one.name, one.image?)))
        .collect()
}

/// The site's allow-list, else the documented one.
pub(crate) fn policy(site: &Site) -> ContentPolicy {
    match &site.content {
        Some(allow) => ContentPolicy {
            allow: allow.clone(),
        },
        None => ContentPolicy::default(),
    }
}
