//! Vault is sealed, loses a secret or a policy, or botserver's token is a bad one.
//!
//! All of it goes by the API, with the root token that the lab keeps with its unseal keys. Tokens and
//! values come to curl on standard input or from a file of `$KEPT`: an argument is no place for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use serde::Deserialize;
use serde_json::json;

use super::network::True;
use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// What becomes of Vault; one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vault {
    /// It is sealed.
    Seal(True),
    /// The newest version of this secret is deleted: `gbo/tables`.
    Delete(String),
    /// One value of a secret is another.
    Patch(Patch),
    /// A secret lacks a key.
    RemoveKey(RemoveKey),
    /// The token in botserver's .env is one that was revoked.
    RevokeToken(True),
    /// A policy is no more.
    DropPolicy(String),
    /// The token in botserver's .env lives only so many seconds.
    ShortToken(u32),
}

/// A value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The secret, below the mount `secret`.
    pub path: String,
    /// The key.
    pub key: String,
    /// Its value then.
    pub value: String,
}

/// A key of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveKey {
    /// The secret, below the mount `secret`.
    pub path: String,
    /// The key.
    pub key: String,
}

/// What the texts of both nodes share. `field NAME` reads a string of init.json, `api METHOD PATH` asks
/// as root and takes a body's file as the third word. `$init`, `$at` and `$ca` are set before.
const COMMON: &str = r#"field() { tr -d '\n' <"$init" | sed "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/"; }
keys() { tr -d '\n' <"$init" | sed 's/.*"unseal_keys_b64": *\[\([^]]*\)\].*/\1/' | grep -o '"[^"]*"' | tr -d '"'; }
api() { printf 'header = "X-Vault-Token: %s"\n' "$(field root_token)" | curl -sf -m 20 -K - --cacert "$ca" -X "$1" ${3:+-H 'Content-Type: '"${4:-application/json}" --data-binary @"$3"} "$at/v1/$2"; }
status() { curl -s -m 10 --cacert "$ca" "$at/v1/sys/seal-status" | tr -d ' \n' | sed -n 's/.*"sealed":\([a-z]*\).*/\1/p'; }
"#;

/// Vault's own node.
const VAULT: &str = "init=/opt/gbo/bin/botserver-stack/conf/vault/vault-conf/init.json; at=https://127.0.0.1:8200; ca=/opt/gbo/conf/vault/ca.crt\n";

/// The node of botserver, which knows where Vault is. `mine` looks at the token in its .env.
const SYSTEM: &str = r#"env=/opt/gbo/bin/.env; of() { sed -n "s/^$1=//p" "$env" | tail -n 1; }
init=/opt/gbo/bin/botserver-stack/conf/vault/vault-conf/init.json; at=$(of VAULT_ADDR); ca=$(of VAULT_CACERT)
mine() { printf 'header = "X-Vault-Token: %s"\n' "$(of VAULT_TOKEN)" | curl -sf -m 20 -K - --cacert "$ca" "$at/v1/auth/token/lookup-self"; }
"#;

/// The file with botserver's token.
const ENV: &str = "/opt/gbo/bin/.env";

/// Unseals it with the keys that the lab keeps, when it is sealed. A share is a secret too.
const UNSEAL: &str = r#"for i in 1 2 3 4 5 6 7 8 9 10; do [ -z "$(status)" ] || break; sleep 0.5; done
[ "$(status)" != true ] || keys | while read -r key; do
[ "$(status)" = true ] || break
printf '{"key":"%s"}' "$key" | curl -sf -m 20 --cacert "$ca" -X PUT --data-binary @- "$at/v1/sys/unseal" >/dev/null || exit
done
[ "$(status)" = false ]"#;

/// The object with the values of a secret as the API prints it on one line; nothing when there is none.
const DATA: &str = r#"perl -0777 -ne 'my $o; $o = qr/\{(?:[^{}"]|"(?:[^"\\]|\\.)*"|(??{$o}))*\}/s; /"data"\s*:\s*\{\s*"data"\s*:\s*($o)/ and print $1'"#;

/// The text of a policy as the API prints it: a string of JSON.
const POLICY: &str =
    r#"perl -0777 -ne '/"policy"\s*:\s*("(?:[^"\\]|\\.)*")/s and print "{\"policy\":$1}"'"#;

/// A new token as botserver's own, but for what the body says of it.
const TOKEN: &str = r#"sed -n 's/.*"client_token": *"\([^"]*\)".*/\1/p'"#;

impl Vault {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        match self {
            Self::Seal(_) => Ok(seal()),
            Self::Delete(path) => secret(path, format!("deletes the secret {path}"), &delete(path)),
            Self::Patch(Patch { path, key, value }) => secret(
                path,
                format!("changes {key} of the secret {path}"),
                &patch(path, &json!({ "data": { key: value } })),
            ),
            Self::RemoveKey(RemoveKey { path, key }) => {
                let mut act = secret(
                    path,
                    format!("removes {key} of the secret {path}"),
                    &patch(path, &json!({ "data": { key: null } })),
                )?;
                let has = sh(&format!("\"{key}\""));
                act.needs += &format!(
                    "\napi GET secret/data/{path} | grep -qF -e {has} || {{ echo {has} 'is no key of it' >&2; exit 1; }}"
                );
                Ok(act)
            }
            Self::DropPolicy(name) => drop_policy(name),
            Self::RevokeToken(_) => Ok(token(
                "has a revoked token in botserver's .env",
                "{\"policies\":[\"botserver\"],\"ttl\":\"8760h\"}",
                "printf '{\"token\":\"%s\"}' \"$new\" >\"$KEPT/revoke\" && api POST auth/token/revoke \"$KEPT/revoke\" >/dev/null",
                "! mine >/dev/null",
            )),
            Self::ShortToken(0) => Err(FaultError::Unreadable(
                "a token of 0 seconds is one that lives on".to_owned(),
            )),
            Self::ShortToken(seconds) => Ok(token(
                "has a token of a short life in botserver's .env",
                &format!(
                    "{{\"policies\":[\"botserver\"],\"ttl\":\"{seconds}s\",\"explicit_max_ttl\":\"{seconds}s\"}}"
                ),
                ":",
                &format!(
                    "[ \"$(mine | tr -d ' \\n' | sed -n 's/.*\"ttl\":\\([0-9]*\\).*/\\1/p')\" -le {seconds} ]"
                ),
            )),
        }
    }
}

/// A path or name of Vault that may stand in an address.
fn check(name: &str) -> Result<(), FaultError> {
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if plain {
        Ok(())
    } else {
        Err(FaultError::Unreadable(format!(
            "{name:?} is no name of Vault such as `gbo/tables`"
        )))
    }
}

/// What the acts on Vault itself have in common: it has to answer unsealed, and is unsealed again.
fn on_vault(words: String, more: [&str; 5]) -> Act {
    let [needs, state, keep, inject, effect] = more;
    let all = format!("{VAULT}{COMMON}");
    Act {
        words,
        on: Some("vault".to_owned()),
        engine: None,
        needs: format!(
            "{all}[ -s \"$init\" ] || {{ echo 'the keys of Vault are not there' >&2; exit 1; }}\n\
             [ \"$(status)\" = false ] || {{ echo 'Vault does not answer unsealed' >&2; exit 1; }}\n{needs}"
        ),
        state: format!("{all}echo \"sealed $(status)\"\n{state}"),
        keep: format!("umask 077\n{all}{keep}"),
        inject: format!("{all}{inject}"),
        effect: format!("{all}{effect}"),
        restore: format!("{all}systemctl start vault.service\n{UNSEAL}"),
    }
}

/// Nothing is done to it; when something else seals it, it is unsealed again.
pub(super) fn keep_unsealed() -> Act {
    on_vault("keeps Vault unsealed".to_owned(), [":"; 5])
}

fn seal() -> Act {
    on_vault(
        "seals Vault".to_owned(),
        [
            ":",
            ":",
            ":",
            "api PUT sys/seal",
            "[ \"$(status)\" = true ]",
        ],
    )
}

/// An act on one secret. Its values come back as they were, as a version of their own where the
/// newest is another; how many versions there are is history, and no state.
fn secret(path: &str, words: String, inject: &str) -> Result<Act, FaultError> {
    check(path)?;
    let now = format!("api GET secret/data/{path} | {DATA}");
    let mut act = on_vault(
        words,
        [
            &format!(
                "api GET secret/data/{path} >/dev/null || {{ echo 'there is no secret {path}' >&2; exit 1; }}"
            ),
            &format!("{now} | sha256sum"),
            &format!(
                "{now} >\"$KEPT/data\" && [ -s \"$KEPT/data\" ] && {{ printf '{{\"data\":'; cat \"$KEPT/data\"; printf '}}'; }} >\"$KEPT/body\" && \
                 api GET secret/data/{path} | tr -d ' \\n' | sed -n 's/.*\"version\":\\([0-9]*\\).*/{{\"versions\":[\\1]}}/p' >\"$KEPT/versions\""
            ),
            inject,
            &format!("! {now} | cmp -s - \"$KEPT/data\""),
        ],
    );
    act.restore += &format!(
        " && if ! {now} | cmp -s - \"$KEPT/data\"; then\n\
         api POST secret/undelete/{path} \"$KEPT/versions\" >/dev/null\n\
         {now} | cmp -s - \"$KEPT/data\" || api POST secret/data/{path} \"$KEPT/body\" >/dev/null\nfi"
    );
    Ok(act)
}

/// A secret that is only kept.
pub(super) fn keep_secret(path: &str) -> Result<Act, FaultError> {
    let mut act = secret(path, format!("keeps the secret {path}"), ":")?;
    act.effect = ":".to_owned();
    Ok(act)
}

fn delete(path: &str) -> String {
    format!("api DELETE secret/data/{path}")
}

/// A patch as RFC 7396 has it.
fn patch(path: &str, body: &serde_json::Value) -> String {
    format!(
        "umask 077; printf %s {} | base64 -d >\"$KEPT/patch\" && api PATCH secret/data/{path} \"$KEPT/patch\" application/merge-patch+json >/dev/null",
        sh(&STANDARD.encode(body.to_string()))
    )
}

fn drop_policy(name: &str) -> Result<Act, FaultError> {
    check(name)?;
    let at = format!("sys/policies/acl/{name}");
    let mut act = on_vault(
        format!("drops the policy {name}"),
        [
            &format!(
                "api GET {at} >/dev/null || {{ echo 'there is no policy {name}' >&2; exit 1; }}"
            ),
            &format!("api GET {at} | {POLICY} | sha256sum"),
            &format!("api GET {at} | {POLICY} >\"$KEPT/policy\" && [ -s \"$KEPT/policy\" ]"),
            &format!("api DELETE {at}"),
            &format!("! api GET {at} >/dev/null"),
        ],
    );
    act.restore += &format!(" && api PUT {at} \"$KEPT/policy\"");
    Ok(act)
}

/// Another token in botserver's .env. The one that is there lives on, and comes back.
fn token(words: &str, body: &str, then: &str, effect: &str) -> Act {
    let all = format!("{SYSTEM}{COMMON}");
    let body = sh(&STANDARD.encode(body));
    Act {
        words: words.to_owned(),
        on: Some("system".to_owned()),
        engine: None,
        needs: format!(
            "{all}[ -s \"$env\" ] && [ -n \"$(of VAULT_TOKEN)\" ] || {{ echo \"$env has no token\" >&2; exit 1; }}\n\
             api GET auth/token/lookup-self >/dev/null || {{ echo 'Vault does not take the token of root' >&2; exit 1; }}"
        ),
        state: state_of_path(ENV),
        keep: keep_path(ENV, "env"),
        inject: format!(
            "umask 077\n{all}printf %s {body} | base64 -d >\"$KEPT/body\"\n\
             new=$(api POST auth/token/create \"$KEPT/body\" | tr -d '\\n' | {TOKEN}); [ -n \"$new\" ] || exit\n\
             {then} || exit\n\
             printf '%s\\n' \"$new\" >\"$KEPT/token\"\n\
             cp -a -- \"$env\" \"$env.runproof-new\" && awk 'NR == FNR {{ token = $0; next }} /^VAULT_TOKEN=/ {{ $0 = \"VAULT_TOKEN=\" token }} {{ print }}' \"$KEPT/token\" \"$env\" >\"$env.runproof-new\" && mv -f -- \"$env.runproof-new\" \"$env\""
        ),
        effect: format!("{all}[ \"$(of VAULT_TOKEN)\" = \"$(cat \"$KEPT/token\")\" ] && {effect}"),
        restore: restore_path(ENV, "env"),
    }
}
