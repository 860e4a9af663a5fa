//! Which files' content may be read on a protected site.
//!
//! A suite may come from a pull request; it must not be able to read a private
//! key out of PROD by naming its path. So content is read from an allow-list
//! only, and some names never.

use serde::{Deserialize, Serialize};

use crate::ask::Ask;

/// The allow-list of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentPolicy {
    /// Patterns: an absolute path; `*` stands for anything within one component, `**` for any components.
    pub allow: Vec<String>,
}

/// What the probes and the documents name; a site file may replace it.
const DOCUMENTED: &[&str] = &[
    "/etc/*-release",
    "/etc/debian_version",
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/run/systemd/resolve/*.conf",
    "/run/resolvconf/**",
    "/run/NetworkManager/*resolv.conf",
    "/etc/gai.conf",
    "/etc/nsswitch.conf",
    "/etc/fstab",
    "/etc/network/**",
    "/etc/netplan/*",
    "/etc/systemd/**",
    "/run/systemd/**",
    "/usr/lib/systemd/**",
    "/lib/systemd/**",
    "/etc/sysctl.conf",
    "/etc/sysctl.d/*",
    "/etc/default/*",
    "/etc/iptables.rules",
    "/etc/iptables/*",
    "/etc/ufw/*",
    "/etc/fail2ban/**",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d/*",
    "/etc/ld.so.cache",
    "/lib/**",
    "/lib64/**",
    "/usr/lib/**",
    "/usr/lib64/**",
    "/usr/local/lib/**",
    "/proc/*/mountinfo",
    "/proc/*/net/**",
    "/proc/net/**",
    "/proc/sys/net/**",
    "/proc/sys/kernel/*",
    "/proc/sys/vm/*",
    "/proc/*",
    "/proc/net/*",
    "/proc/pressure/*",
    "/proc/self/mountinfo",
    "/proc/sys/**",
    "/sys/class/**",
    "/sys/fs/cgroup/**",
    "/opt/gbo/bin/**",
    "/opt/gbo/conf/**",
    "/opt/gbo/logs/**",
    "/opt/gbo/data/**",
    "/opt/gbo/work/**",
];

/// Never read as content, whatever a site file says.
const NEVER: &[&str] = &[
    "/etc/shadow*",
    "/etc/gshadow*",
    "/**/init.json",
    "/**/*.key",
    "/**/*.pem.key",
    "/**/id_*",
    "/**/*_key",
    "/**/*.p12",
    "/**/*.pfx",
    "/**/privkey*",
    "/**/.ssh/**",
    "/**/.netrc",
    "/**/.pgpass",
    "/**/.git-credentials",
    "/etc/ssl/private/**",
    "/etc/sudoers*",
    "/etc/sudoers.d/**",
    // What a process knows, and other ways to any file: `/proc/1/root/etc/shadow`.
    "/proc/*/environ",
    // The environment of a process holds secrets; its other doors lead to any file.
    "/proc/*/cmdline",
    "/proc/*/mem",
    "/proc/*/root/**",
    "/proc/*/cwd/**",
    "/proc/*/fd/**",
    "/proc/*/map_files/**",
    "/proc/*/task/**",
    // Reading these takes something away from others, waits for ever, or has no end.
    "/proc/kmsg",
    "/proc/kcore",
    "/sys/kernel/**",
    // Endless, or changed by reading.
    "/sys/kernel/debug/**",
    "/sys/kernel/tracing/**",
    "/dev/**",
];

impl Default for ContentPolicy {
    fn default() -> Self {
        Self {
            allow: DOCUMENTED.iter().map(|&p| p.to_owned()).collect(),
        }
    }
}

impl ContentPolicy {
    /// Whether the content of `path` may be read. `path` may be a pattern of the
    /// shell; it is allowed where every name is that its wildcards may stand for.
    pub fn allows(&self, path: &str) -> bool {
        let clean = path.starts_with('/')
            && !path.contains('\0')
            && !path.contains('\n')
            && !path.split('/').any(|part| part == ".." || part == ".");
        clean
            && !NEVER
                .iter()
                .any(|pattern| matches(pattern, path, component))
            && self
                .allow
                .iter()
                .any(|pattern| matches(pattern, path, covers))
    }
}

impl ContentPolicy {
    /// Whether a look may open `path`: its own, or where a link on the way leads.
    /// A digest reveals nothing, but it reads to the end, and the files of the kernel
    /// have none, or change by being read.
    pub fn permits(&self, ask: &Ask, path: &str) -> bool {
        if ask.content_path().is_some() {
            self.allows(path)
        } else {
            !["proc", "sys", "dev"]
                .iter()
                .any(|&kernel| path.split('/').find(|part| !part.is_empty()) == Some(kernel))
        }
    }
}

/// How a component of a path is held against one of a pattern.
type Fits = fn(&[u8], &[u8]) -> bool;

/// Whether a path fits a pattern, component by component.
fn matches(pattern: &str, path: &str, fits: Fits) -> bool {
    let pattern: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty()).collect();
    let path: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    components(&pattern, &path, fits)
}

fn components(pattern: &[&str], path: &[&str], fits: Fits) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|n| components(rest, &path[n..], fits)),
        Some((first, rest)) => path.split_first().is_some_and(|(name, tail)| {
            fits(first.as_bytes(), name.as_bytes()) && components(rest, tail, fits)
        }),
    }
}

/// Like [`component`]; but a component with a wildcard of its own fits only where any name does.
fn covers(pattern: &[u8], name: &[u8]) -> bool {
    if name.iter().any(|b| b"*?[".contains(b)) {
        !pattern.is_empty() && pattern.iter().all(|&b| b == b'*')
    } else {
        component(pattern, name)
    }
}

fn component(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|n| component(rest, &name[n..])),
        Some((c, rest)) => name
            .split_first()
            .is_some_and(|(n, tail)| n == c && component(rest, tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("/opt/gbo/bin/.env", true)]
    #[case("/etc/os-release", true)]
    #[case("/etc/shadow", false)]
    #[case("/root/.ssh/id_ed25519", false)]
    #[case("/opt/gbo/bin/botserver-stack/conf/vault/vault-conf/init.json", false)]
    #[case("/opt/gbo/conf/../../../etc/shadow", false)]
    #[case("opt/gbo/bin/.env", false)]
    #[case("/opt/gbo/conf/tls/server.key", false)]
    #[case("/home/user/notes", false)]
    #[case("/proc/1/root/etc/shadow", false)]
    #[case("/proc/1/environ", false)]
    #[case("/proc/self/cwd/x", false)]
    #[case("/proc/kmsg", false)]
    #[case("/sys/kernel/debug/tracing/trace_pipe", false)]
    #[case("/proc/self/mountinfo", true)]
    #[case("/etc/./shadow", false)]
    #[case("/proc/self/environ", false)]
    #[case("/proc/meminfo", true)]
    #[case("/opt/gbo/conf/sites/*.conf", true)]
    #[case("/opt/gbo/*/sites", false)]
    #[case("/etc/*", false)]
    #[case("/etc/sysctl.d/[a-z]*", true)]
    #[case("/run/systemd/resolve/*.conf", true)]
    #[case("/run/systemd/resolve/*", true)]
    #[case("/etc/default/../*", false)]
    fn content_comes_from_documented_paths_only(#[case] path: &str, #[case] allowed: bool) {
        assert_eq!(ContentPolicy::default().allows(path), allowed);
    }

    #[test]
    fn a_site_file_cannot_allow_what_is_never_read() {
        let policy = ContentPolicy {
            allow: vec!["/**".into()],
        };
        assert!(policy.allows("/srv/x") && !policy.allows("/etc/shadow"));
        assert!(!policy.allows("/etc/./shadow") && !policy.allows("//etc//shadow"));
        assert!(!policy.allows("/proc/1/root/etc/shadow") && !policy.allows("/root/.ssh/config"));
    }

    #[test]
    fn the_kernels_own_files_are_not_digested() {
        let policy = ContentPolicy::default();
        let permits = |path: &str| policy.permits(&Ask::Digest { path: path.into() }, path);
        assert!(permits("/srv/procedures") && permits("/etc/shadow"));
        assert!(!permits("/proc/kmsg") && !permits("//sys/kernel/x") && !permits("/dev/shm/x"));
    }

    #[test]
    fn a_pattern_is_allowed_only_where_every_name_is() {
        let policy = ContentPolicy {
            allow: vec!["/srv/*.conf".into(), "/opt/x/*".into()],
        };
        assert!(policy.allows("/srv/a.conf") && !policy.allows("/srv/*.conf"));
        assert!(policy.allows("/opt/x/a*") && !policy.allows("/opt/*/a"));
        assert!(!policy.allows("/opt/x/*/a"));
    }
}
