//! Objects and buckets of the object storage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use serde::Deserialize;

use crate::act::Act;
use crate::error::FaultError;

/// What becomes of the object storage; one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objects {
    /// An object is no more: `demo.gbai/demo.gbot/config.csv`.
    Delete(String),
    /// An object has this content; it is made when it is missing.
    Put(Put),
    /// A bucket is no more, with all that is in it.
    RemoveBucket(String),
}

/// An object and its content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The bucket, a slash, and the key.
    pub key: String,
    /// The content.
    pub content: String,
}

/// Requests signed by curl with the keys of the unit, where the guides have them; they come to it on
/// standard input. `tell KEY` describes an object, `hold NAME KEY` keeps it, `give NAME KEY` puts it back.
const COMMON: &str = r#"at=http://127.0.0.1:9100
of() { sed -n "s/^Environment=$1=//p" /etc/systemd/system/drive.service | tail -n 1; }
s3() { printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:us-east-1:s3"\n' "$(of MINIO_ROOT_USER)" "$(of MINIO_ROOT_PASSWORD)" | curl -sf -m 60 -K - -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"; }
code() { s3 -I -o /dev/null -w '%{http_code}' "$at/$1"; :; }
header() { s3 -I "$at/$2" | tr -d '\r' | sed -n "s/^$1: *//Ip"; }
tell() { case $(code "$1") in 200) echo "etag $(header etag "$1")"; s3 "$at/$1" | sha256sum ;; 404) echo absent ;; *) echo 'no answer' ;; esac; }
hold() { case $(code "$2") in 404) : >"$KEPT/$1.absent" ;; 200) s3 -o "$KEPT/$1" "$at/$2" && header content-type "$2" >"$KEPT/$1.type" ;; *) false ;; esac; }
give() { if [ -e "$KEPT/$1.absent" ]; then case $(code "$2") in 404) ;; *) s3 -X DELETE "$at/$2" ;; esac
  else s3 -o /dev/null -X PUT -H "Content-Type: $(cat "$KEPT/$1.type")" --data-binary @"$KEPT/$1" "$at/$2"; fi; }
keys() { { s3 "$at/$1?list-type=2" | tr -d '\n'; echo; } | sed 's/<Contents>/\n<Contents>/g' | sed -n 's/.*<Key>\([^<]*\)<.*/\1/p'; }
"#;

impl Objects {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        match self {
            Self::Delete(key) => {
                check_key(key)?;
                Ok(object(
                    format!("deletes the object {key}"),
                    key,
                    &format!(
                        "[ \"$(code {key})\" = 200 ] || {{ echo 'there is no object {key}' >&2; exit 1; }}"
                    ),
                    &format!("s3 -X DELETE \"$at/{key}\""),
                ))
            }
            Self::Put(Put { key, content }) => {
                check_key(key)?;
                let bucket = key.split('/').next().unwrap_or_default();
                Ok(object(
                    format!("puts the object {key}"),
                    key,
                    &format!(
                        "[ \"$(code {bucket})\" = 200 ] || {{ echo 'there is no bucket {bucket}' >&2; exit 1; }}"
                    ),
                    &format!(
                        "printf %s {} | base64 -d >\"$KEPT/new\" && s3 -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary @\"$KEPT/new\" \"$at/{key}\"",
                        sh(&STANDARD.encode(content))
                    ),
                ))
            }
            Self::RemoveBucket(bucket) => {
                if bucket.contains('/') {
                    return Err(FaultError::Unreadable(format!("{bucket:?} is no bucket")));
                }
                check_key(&format!("{bucket}/any"))?;
                Ok(remove_bucket(bucket))
            }
        }
    }
}

/// A bucket and key that may stand in an address as they are.
fn check_key(key: &str) -> Result<(), FaultError> {
    let plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && key.contains('/')
        && !key.starts_with('-')
        && key.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if plain {
        Ok(())
    } else {
        Err(FaultError::Unreadable(format!(
            "{key:?} is no bucket and key such as `demo.gbai/demo.gbot/config.csv`"
        )))
    }
}

fn act(words: String, more: [&str; 6]) -> Act {
    let [needs, state, keep, inject, effect, restore] = more;
    let text = |text: &str| format!("{COMMON}{text}");
    Act {
        words,
        on: Some("drive".to_owned()),
        engine: None,
        needs: text(needs),
        state: text(state),
        keep: text(keep),
        inject: text(inject),
        effect: text(effect),
        restore: text(restore),
    }
}

fn object(words: String, key: &str, needs: &str, inject: &str) -> Act {
    let state = format!("tell {key}");
    act(
        words,
        [
            needs,
            &state,
            &format!("hold object {key} && {state} >\"$KEPT/before\""),
            inject,
            &format!("! {state} | cmp -s - \"$KEPT/before\""),
            &format!("give object {key}"),
        ],
    )
}

/// An object that is only kept, or that there is none.
pub(super) fn keep_object(key: &str) -> Result<Act, FaultError> {
    check_key(key)?;
    let mut act = object(format!("keeps the object {key}"), key, ":", ":");
    act.effect = ":".to_owned();
    // What nobody changed keeps its time too.
    act.restore = format!("{COMMON}tell {key} | cmp -s - \"$KEPT/before\" || give object {key}");
    Ok(act)
}

fn remove_bucket(bucket: &str) -> Act {
    act(
        format!("removes the bucket {bucket}"),
        [
            // What cannot stand in an address as it is, and what does not fit on one page, is not kept.
            &format!(
                "[ \"$(code {bucket})\" = 200 ] || {{ echo 'there is no bucket {bucket}' >&2; exit 1; }}\n\
                 if keys {bucket} | grep -q '[^A-Za-z0-9._/-]' || [ \"$(keys {bucket} | wc -l)\" -ge 1000 ]; then echo 'the bucket {bucket} has a key that cannot be kept, or too many' >&2; exit 1; fi"
            ),
            &format!(
                "case $(code {bucket}) in 200) keys {bucket} | sort | while read -r key; do echo \"$key\"; tell \"{bucket}/$key\"; done ;; 404) echo absent ;; *) echo 'no answer' ;; esac"
            ),
            &format!(
                "keys {bucket} >\"$KEPT/keys\" && n=0 && while read -r key; do n=$((n + 1)); hold \"$n\" \"{bucket}/$key\" || exit; done <\"$KEPT/keys\""
            ),
            &format!(
                "keys {bucket} | while read -r key; do s3 -X DELETE \"$at/{bucket}/$key\" || exit; done && s3 -X DELETE \"$at/{bucket}\""
            ),
            &format!("[ \"$(code {bucket})\" = 404 ]"),
            &format!(
                "[ \"$(code {bucket})\" = 200 ] || s3 -X PUT \"$at/{bucket}\" || exit\n\
                 keys {bucket} | while read -r key; do grep -qxF -e \"$key\" \"$KEPT/keys\" || s3 -X DELETE \"$at/{bucket}/$key\" || exit; done\n\
                 n=0; while read -r key; do n=$((n + 1)); give \"$n\" \"{bucket}/$key\" || exit; done <\"$KEPT/keys\""
            ),
        ],
    )
}
