//! What to do next when a node or an engine could not be looked at.

use runproof_model::NodeRecord;

use crate::message;

/// Words of the trouble, in lower case, and what helps.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["a password is required", "sudo: a terminal is required"],
        "sudo asks for a password: allow the account the engine's command with NOPASSWD, or take `sudo: true` out of the site file",
    ),
    (
        &[
            "permission denied (publickey",
            "permission denied (password",
            "permission denied (keyboard",
        ],
        "ssh must log in without a question: try `ssh -o BatchMode=yes` to the destination of the site file, then mend key or agent",
    ),
    (
        &["host key verification failed"],
        "log in once by hand to accept the key of the machine; a key that changed is to be asked about first",
    ),
    (
        &[
            "could not resolve hostname",
            "connection timed out",
            "no route to host",
            "port 22: connection refused",
        ],
        "the machine of `reach.ssh` does not answer: is its name right, is it up, does it need a VPN or a jump host?",
    ),
    (
        &[
            "cannot connect to the docker daemon",
            "unix.socket",
            "docker.sock",
        ],
        "the engine is not running, or not at this socket: start it, or name it by `reach.socket`",
    ),
    (
        &["needed permissions", "not authorized"],
        "the account may not speak to the engine: add it to the engine's group, or write `sudo: true` under `reach`",
    ),
    (
        &[
            "tool missing: incus",
            "tool missing: lxc",
            "tool missing: docker",
        ],
        "the engine's command is not there: is `reach.engine` right, and should `reach.ssh` name another machine?",
    ),
    (
        &["no such node"],
        "the engine has no such instance: `runproof init` shows what it has, `nodes` of the site file says what plays which role",
    ),
    (
        &["another site"],
        "`identity` of the site file names another environment than the one that was met: nothing was looked at",
    ),
];

/// The advice for a trouble, if there is any.
fn of(trouble: &str) -> Option<&'static str> {
    let trouble = trouble.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| trouble.contains(word));
    ADVICE
        .iter()
        .find_map(|(words, advice)| says(words).then_some(*advice))
}

/// Says on stderr what helps with the troubles of some nodes, each advice once.
pub fn say(nodes: &[NodeRecord]) {
    let mut said = Vec::new();
    for trouble in nodes.iter().filter_map(|node| node.trouble.as_deref()) {
        if let Some(advice) = of(trouble).filter(|advice| !said.contains(advice)) {
            message::help(advice);
            said.push(advice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("no permission: sudo: a password is required", Some("sudo asks"))]
    #[case(
        "cannot be reached: ops@10.0.0.1: Permission denied (publickey).",
        Some("ssh must")
    )]
    #[case(
        "cannot be reached: ssh: connect to host 10.0.0.1 port 22: Connection refused",
        Some("the machine of")
    )]
    #[case(
        "tool missing: incus: No such file or directory",
        Some("the engine's command")
    )]
    #[case("timed out", None)]
    fn a_trouble_is_answered_with_what_to_do(#[case] trouble: &str, #[case] begins: Option<&str>) {
        match (of(trouble), begins) {
            (Some(advice), Some(begins)) => assert!(advice.starts_with(begins), "{advice}"),
            (advice, begins) => assert_eq!(advice, begins),
        }
    }
}
