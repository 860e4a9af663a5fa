//! Another program holds a port.

use std::net::IpAddr;

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::unit::{check_unit, restore_unit, state_of_unit};
use crate::act::Act;
use crate::error::FaultError;

/// Holds a port of TCP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Port {
    /// Its number.
    pub port: u16,
    /// On which address; loopback when nothing is said.
    pub address: Option<IpAddr>,
    /// The unit that has the port, which is stopped first.
    pub instead_of: Option<String>,
}

/// A program that holds a port: a client is let in, and never answered. Every Debian has this Perl.
const HOLDER: &str = r#"use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6); my ($h, $p) = @ARGV; my $six = $h =~ /:/;
socket(my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die "socket: $!"; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, $six ? pack_sockaddr_in6($p, inet_pton(AF_INET6, $h)) : pack_sockaddr_in($p, inet_aton($h))) or die "bind: $!";
listen($s, 64) or die "listen: $!"; sleep"#;

impl Port {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        if self.port == 0 {
            return Err(FaultError::Unreadable("no program holds port 0".to_owned()));
        }
        if let Some(unit) = &self.instead_of {
            check_unit(unit)?;
        }
        let port = self.port;
        let address = self.address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
        let holder = format!("runproof-port-{port}");
        let is_held = format!("systemctl is-active -q {holder}.service");
        let unit = self.instead_of.as_deref();
        let state_of_owner = unit.map(state_of_unit).unwrap_or_else(|| ":".to_owned());
        let needs = match unit {
            Some(name) => {
                let name = sh(name);
                format!(
                    "systemctl is-active -q -- {name} || {{ echo {name} 'does not run' >&2; exit 1; }}"
                )
            }
            None => format!(
                "[ -z \"$(ss -Hltn 'sport = :{port}')\" ] || {{ echo 'port {port} is held already' >&2; exit 1; }}"
            ),
        };
        let stop = unit.map_or_else(
            || ":".to_owned(),
            |name| format!("systemctl stop -- {}", sh(name)),
        );
        let start = unit.map_or_else(|| ":".to_owned(), restore_unit);
        Ok(Act {
            words: format!("holds the port {port} of {address}"),
            on: None,
            engine: None,
            needs: format!("{needs}\ncommand -v systemd-run >/dev/null"),
            // The unit that cannot have its port comes and goes; that is no state.
            state: format!("if {is_held}; then echo held; else echo free\n{state_of_owner}\nfi"),
            keep: format!("({state_of_owner}) >\"$KEPT/unit\""),
            inject: format!(
                "{stop} && systemd-run -q --collect --unit={holder} perl -e {} {address} {port}",
                sh(HOLDER)
            ),
            effect: format!("{is_held} && [ -n \"$(ss -Hltn 'sport = :{port}')\" ]"),
            restore: format!(
                "systemctl stop {holder}.service 2>/dev/null\nsystemctl reset-failed {holder}.service 2>/dev/null\n{start}"
            ),
        })
    }
}
