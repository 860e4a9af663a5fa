//! Valkey loses its keys, has another value or another password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use serde::Deserialize;

use super::network::True;
use crate::act::Act;
use crate::error::FaultError;

/// What becomes of the cache; one of its fields. Keys are those of the database 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cache {
    /// All keys are gone.
    Flush(True),
    /// A key has this text.
    Set(Set),
    /// A key has another name.
    Rename(Rename),
    /// The running server wants another password; its file still has the old one.
    Password(String),
}

/// A key and its text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// The key.
    pub key: String,
    /// Its text.
    pub value: String,
}

/// A key and its other name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The key.
    pub key: String,
    /// Its name then, which no key has yet.
    pub to: String,
}

/// A client with the password of the server's file or the one in `$other`, whichever the server takes.
/// A password comes by the environment, which nobody but root can read.
const CLIENT: &str = r#"cli() { REDISCLI_AUTH=$auth timeout 30 valkey-cli --no-auth-warning "$@" 2>/dev/null; }
for auth in "$(sed -n 's/^requirepass  *//p' /etc/valkey/valkey.conf | tail -n 1 | tr -d '"')" "$other" ''; do [ "$(cli ping)" != PONG ] || break; done
up() { [ "$(cli ping)" = PONG ]; }
"#;

/// Type and digest of what each key has, whatever order the server has it in.
const CONTENT: &str = r"local o = {}
for _, k in ipairs(KEYS) do
  local t, v = redis.call('TYPE', k).ok, {}
  if t == 'string' then v = { redis.call('GET', k) }
  elseif t == 'set' then v = redis.call('SMEMBERS', k) table.sort(v)
  elseif t == 'hash' then
    local h = redis.call('HGETALL', k)
    for i = 1, #h, 2 do v[#v + 1] = #h[i] .. ':' .. h[i] .. h[i + 1] end
    table.sort(v)
  elseif t == 'list' then v = redis.call('LRANGE', k, 0, -1)
  elseif t == 'zset' then v = redis.call('ZRANGE', k, 0, -1, 'WITHSCORES')
  elseif t ~= 'none' then v = { redis.call('DUMP', k) } end
  local s = ''
  for _, x in ipairs(v) do s = s .. #x .. ':' .. x end
  o[#o + 1] = t .. ' ' .. redis.sha1hex(s)
end
return o";

/// Name and type of each key that does not go by itself.
const NAMES: &str = r"local o = {}
for _, k in ipairs(redis.call('KEYS', '*')) do
  if redis.call('PTTL', k) == -1 then o[#o + 1] = k .. ' ' .. redis.call('TYPE', k).ok end
end
table.sort(o)
return o";

/// The commands that bring keys back, byte for byte, as the protocol has them.
const DUMP: &str = r"local names, o = KEYS, {}
if #names == 0 then names = redis.call('KEYS', '*') end
for _, k in ipairs(names) do
  local d, t = redis.call('DUMP', k), redis.call('PTTL', k)
  if d then
    if t < 0 then t = 0 end
    o[#o + 1] = '*5\r\n'
    for _, w in ipairs({ 'RESTORE', k, tostring(t), d, 'REPLACE' }) do o[#o + 1] = '$' .. #w .. '\r\n' .. w .. '\r\n' end
  end
end
return table.concat(o)";

impl Cache {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        match self {
            Self::Flush(_) => Ok(flush()),
            Self::Set(Set { key, value }) => {
                let key = word(key)?;
                Ok(keys(
                    format!("sets {key} in the cache"),
                    &[&key],
                    ":",
                    &format!("[ \"$(cli set {key} {})\" = OK ]", word(value)?),
                ))
            }
            Self::Rename(Rename { key, to }) => {
                let (key, to) = (word(key)?, word(to)?);
                Ok(keys(
                    format!("renames {key} in the cache"),
                    &[&key, &to],
                    &format!(
                        "[ \"$(cli exists {key})\" = 1 ] && [ \"$(cli exists {to})\" = 0 ] || {{ echo {key} 'is no key, or' {to} 'is one' >&2; exit 1; }}"
                    ),
                    &format!("[ \"$(cli rename {key} {to})\" = OK ]"),
                ))
            }
            Self::Password(to) => password(to),
        }
    }
}

/// A text as a word of sh; the server takes any but an empty one as a key.
fn word(text: &str) -> Result<String, FaultError> {
    if text.is_empty() || text.contains('\0') {
        return Err(FaultError::Unreadable(
            "a key or value of the cache is empty, or has a byte of 0".to_owned(),
        ));
    }
    Ok(sh(text))
}

/// What every act on the cache has: the client, and a server that answers.
fn act(words: String, other: &str, more: [&str; 6]) -> Act {
    let [needs, state, keep, inject, effect, restore] = more;
    let client = format!(
        "other=$(printf %s {} | base64 -d)\n{CLIENT}",
        sh(&STANDARD.encode(other))
    );
    Act {
        words,
        on: None,
        engine: None,
        needs: format!(
            "{client}up || {{ echo 'the cache does not answer' >&2; exit 1; }}\n{needs}"
        ),
        state: format!("{client}if up; then {state}\nelse echo 'no answer'; fi"),
        keep: format!("umask 077\n{client}up && {keep}"),
        inject: format!("{client}{inject}"),
        effect: format!("{client}{effect}"),
        restore: format!("{client}up && {restore}"),
    }
}

/// An act on keys that are named.
fn keys(words: String, names: &[&str], needs: &str, inject: &str) -> Act {
    let all = names.join(" ");
    let count = names.len();
    let state = format!("cli eval {} {count} {all}", sh(CONTENT));
    act(
        words,
        "",
        [
            needs,
            &state,
            &format!("{} && {state} >\"$KEPT/before\"", dump(count, &all)),
            inject,
            &format!("! {state} | cmp -s - \"$KEPT/before\""),
            &format!("cli del {all} >/dev/null && {LOAD}"),
        ],
    )
}

/// Puts what was kept back; the client fails when one of the keys does not come.
const LOAD: &str = "{ [ ! -s \"$KEPT/keys\" ] || cli --pipe <\"$KEPT/keys\" >/dev/null; }";

/// Keeps keys, or all of them. The client ends what it prints with a line's end of its own.
fn dump(count: usize, names: &str) -> String {
    format!(
        "cli --raw eval {} {count} {names} >\"$KEPT/raw\" && head -c -1 \"$KEPT/raw\" >\"$KEPT/keys\"",
        sh(DUMP)
    )
}

fn flush() -> Act {
    let names = format!("cli eval {} 0", sh(NAMES));
    act(
        "empties the cache".to_owned(),
        "",
        [
            "[ \"$(cli dbsize)\" -gt 0 ] || { echo 'the cache is empty already' >&2; exit 1; }",
            &names,
            &format!("{} && {names} >\"$KEPT/before\"", dump(0, "")),
            "[ \"$(cli flushdb)\" = OK ] && cli dbsize >\"$KEPT/after\"",
            "[ \"$(cat \"$KEPT/after\")\" = 0 ]",
            &format!("[ \"$(cli flushdb)\" = OK ] && {LOAD}"),
        ],
    )
}

fn password(to: &str) -> Result<Act, FaultError> {
    word(to)?;
    // Quoted byte by byte, as the client reads it on standard input.
    let quoted: String = to.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    let get = "cli --raw config get requirepass | sed -n 2p";
    Ok(act(
        "changes the password of the cache".to_owned(),
        to,
        [
            ":",
            &format!("{get} | sha256sum"),
            &format!("{get} >\"$KEPT/password\""),
            &format!(
                "printf '%s\\n' {} | cli >/dev/null",
                sh(&format!("CONFIG SET requirepass \"{quoted}\""))
            ),
            &format!("! {get} | cmp -s - \"$KEPT/password\""),
            "old=$(tr -d '\\n' <\"$KEPT/password\" | od -An -v -tx1 | tr -d '\\n' | sed 's/ /\\\\x/g') && printf 'CONFIG SET requirepass \"%s\"\\n' \"$old\" | cli >/dev/null",
        ],
    ))
}
