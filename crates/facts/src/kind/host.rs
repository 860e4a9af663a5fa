//! The node as a machine.

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Nothing;
use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::look::node;

/// Nothing to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostQuery {
    /// Written `{}`.
    pub host: Nothing,
}

/// The node as a machine. In a container, uptime and memory are what its
/// `/proc` says: its own under Incus and LXD, the host's under Docker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The node's host name.
    pub hostname: Observed<String>,
    /// Seconds since boot.
    pub uptime_s: Observed<f64>,
    /// Identifier of this boot; another one means that the machine was started anew.
    pub boot_id: Observed<String>,
    /// Processors that a process may use.
    pub cpus: Observed<u64>,
    /// Usable memory in bytes (`MemTotal`).
    pub memory_bytes: Observed<u64>,
    /// Whether systemd is the running init (PID 1).
    pub systemd: Observed<bool>,
    /// The container manager, such as `lxc`, `docker` or `podman`; absent on a machine that is no container.
    pub container: Observed<String>,
}

impl Fact for Host {
    const KIND: &'static str = "host";
    const ABOUT: &'static str =
        "The node as a machine: host name, uptime, processors, memory, init, container manager.";
    type Query = HostQuery;

    fn check(_: &HostQuery) -> Result<(), String> {
        Ok(())
    }

    fn asks(_: &HostQuery) -> Vec<Ask> {
        vec![node::ask()]
    }

    fn read(_: &HostQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        Reading::Done(Observed::from(node::read(answers)).map(|node| Self {
            hostname: node.hostname,
            uptime_s: node.uptime_s,
            boot_id: node.boot_id,
            cpus: node.cpus,
            memory_bytes: node.memory_bytes,
            systemd: node.systemd,
            container: node.container,
        }))
    }

    fn by_hand(_: &HostQuery) -> String {
        "uname -n; cat /proc/uptime /proc/sys/kernel/random/boot_id; nproc; grep MemTotal /proc/meminfo; ls -d /run/systemd/system; cat /run/systemd/container".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;
    use runproof_model::ReasonKind;

    const QUERY: HostQuery = HostQuery { host: Nothing {} };

    fn seen(out: &str) -> Host {
        testing::read(&QUERY, &Answers::new().with(node::ask(), 0, out))
    }

    #[test]
    fn an_incus_container_is_described() {
        let host = seen(
            "uname system 6.1.0 x86_64\ncpus 2\nuptime 12.50 3.00\nboot_id 00000000-0000-4000-8000-000000000000\nmemory MemTotal:         262144 kB\nsystemd true\ncontainer lxc\n",
        );
        assert_eq!(host.hostname, Observed::Known("system".into()));
        assert_eq!(host.uptime_s, Observed::Known(12.5));
        assert_eq!(host.cpus, Observed::Known(2));
        assert_eq!(host.memory_bytes, Observed::Known(268_435_456));
        assert_eq!(host.systemd, Observed::Known(true));
        assert_eq!(host.container, Observed::Known("lxc".into()));
    }

    #[test]
    fn no_container_is_proved_only_by_the_environment_of_the_init() {
        assert_eq!(seen("environ read\n").container, Observed::Absent);
        assert!(matches!(seen("systemd true\n").container,
            Observed::Unknown(r) if r.kind == ReasonKind::Permission));
    }

    #[test]
    fn what_is_missing_on_the_node_is_unknown() {
        let host = seen(
            "uname sh: uname: not found\ncpus sh: 3: nproc: not found\nuptime inf 1\nmemory MemTotal: many\n",
        );
        assert!(matches!(host.hostname, Observed::Unknown(_)));
        assert!(matches!(host.cpus, Observed::Unknown(r) if r.kind == ReasonKind::MissingTool));
        assert!(matches!(host.uptime_s, Observed::Unknown(_)));
        assert!(matches!(host.memory_bytes, Observed::Unknown(_)));
        assert!(matches!(host.boot_id, Observed::Unknown(_)));
    }

    #[test]
    fn this_machine_is_described() {
        let Observed::Known(host) = testing::fact::<Host>(&QUERY) else {
            panic!()
        };
        assert!(host.cpus.known().is_some_and(|&n| n > 0), "{host:?}");
        assert!(host.memory_bytes.known().is_some_and(|&n| n > 1 << 20));
        assert!(host.systemd.known().is_some() && host.boot_id.known().is_some());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(out in "(uname|cpus|uptime|memory MemTotal:|container|[ 0-9.a-z\n])*") {
            let _ = seen(&out);
        }
    }
}
