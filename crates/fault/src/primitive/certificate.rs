//! A certificate that nobody should trust, or that is not there.

use runproof_facts::quote::sh;
use runproof_lab::Authority;
use serde::Deserialize;

use super::file::{check_path, decoded};
use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// Puts another certificate in a certificate's place. Its key stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The certificate, as PEM; absolute.
    pub path: String,
    /// Its key; absolute.
    pub key: String,
    /// What becomes of it.
    pub becomes: Becomes,
}

/// What becomes of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// Its time is over; its names and its authority are the same.
    Expired,
    /// Its authority is one that nobody knows.
    OtherAuthority,
    /// Its name is another; its authority is the same.
    OtherName,
    /// It and its key are not there.
    Missing,
}

/// The name that a certificate has when it is to have another.
const NAME: &str = "elsewhere.invalid";

/// What `openssl ca` wants to know. Every openssl of Debian takes a beginning and an end there, and
/// nowhere else.
const CONFIG: &str = "[ca]\ndefault_ca=a\n[a]\ndatabase=$ENV::W/index\nserial=$ENV::W/serial\nnew_certs_dir=$ENV::W\ndefault_md=sha256\npolicy=p\nunique_subject=no\npreserve=yes\ncopy_extensions=copyall\n[p]\ncommonName=optional\norganizationName=optional\norganizationalUnitName=optional\ncountryName=optional\nstateOrProvinceName=optional\nlocalityName=optional\n";

impl Certificate {
    /// `authority` is the lab's. Its key is in the one text that signs, which nobody writes down.
    pub(super) fn act(&self, authority: &Authority) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        check_path(&self.key)?;
        let (path, key) = (sh(&self.path), sh(&self.key));
        let there = format!(
            "[ -f {path} ] && [ -f {key} ] || {{ echo {path} 'or its key is not there' >&2; exit 1; }}"
        );
        let openssl = "command -v openssl >/dev/null || { echo 'openssl is missing' >&2; exit 1; }";
        // A certificate of another authority cannot be signed again; one that signed itself can.
        let signed_here = format!(
            "{there}\n{openssl}\n\
             [ \"$(openssl x509 -in {path} -noout -pubkey)\" = \"$(openssl pkey -in {key} -pubout)\" ] || {{ echo {key} 'is not its key' >&2; exit 1; }}\n\
             self=; issuer=$(openssl x509 -in {path} -noout -issuer); [ \"${{issuer#issuer=}}\" != \"$(openssl x509 -in {path} -noout -subject | sed 's/^subject=//')\" ] || self=1\n\
             [ -n \"$self\" ] || [ \"$issuer\" = \"$(printf %s {} | openssl x509 -noout -issuer)\" ] || {{ echo {path} 'is neither of the authority of the lab nor its own' >&2; exit 1; }}",
            sh(&authority.certificate)
        );
        let lab = format!(
            "if [ \"$(openssl x509 -in {path} -noout -issuer | sed 's/^[a-z]*=//')\" = \"$(openssl x509 -in {path} -noout -subject | sed 's/^[a-z]*=//')\" ]; then cp -- {key} \"$W/ca.key\" && cp -- {path} \"$W/ca.crt\"\n\
             else {} && {}; fi",
            decoded(&authority.certificate, "\"$W/ca.crt\""),
            decoded(&authority.key, "\"$W/ca.key\""),
        );
        let (words, needs, inject, effect) = match self.becomes {
            Becomes::Missing => (
                "takes away",
                there,
                format!("rm -f -- {path} {key}"),
                format!("[ ! -e {path} ] && [ ! -e {key} ]"),
            ),
            Becomes::Expired => (
                "lets expire",
                signed_here,
                self.sign(&lab, "-startdate 20200101000000Z -enddate 20200201000000Z", "")?,
                format!("! openssl x509 -in {path} -noout -checkend 0 >/dev/null"),
            ),
            Becomes::OtherName => (
                "gives another name to",
                signed_here,
                self.sign(
                    &lab,
                    &format!("-days 90 -subj /CN={NAME} -extfile \"$W/ext\""),
                    // The old names would come along by the request.
                    &format!("sed -i s/copyall/none/ \"$W/config\" && printf 'basicConstraints=critical,CA:FALSE\\nextendedKeyUsage=serverAuth,clientAuth\\nsubjectAltName=DNS:{NAME}\\n' >\"$W/ext\""),
                )?,
                format!(
                    "openssl x509 -in {path} -noout -ext subjectAltName | grep -qx ' *DNS:{NAME}'"
                ),
            ),
            Becomes::OtherAuthority => (
                "lets another authority sign",
                format!("{there}\n{openssl}"),
                self.sign(
                    "openssl ecparam -name prime256v1 -genkey -noout -out \"$W/ca.key\" && openssl req -x509 -new -key \"$W/ca.key\" -subj '/CN=an authority that nobody knows' -days 90 -out \"$W/ca.crt\"",
                    "-days 90",
                    "",
                )?,
                format!("openssl x509 -in {path} -noout -issuer | grep -q 'nobody knows'"),
            ),
        };
        Ok(Act {
            words: format!("{words} {}", self.path),
            on: None,
            engine: None,
            needs,
            state: format!(
                "{}\n{}",
                state_of_path(&self.path),
                state_of_path(&self.key)
            ),
            keep: format!(
                "{}\n{}",
                keep_path(&self.path, "certificate"),
                keep_path(&self.key, "key")
            ),
            inject,
            effect,
            restore: format!(
                "{} && {{ {}\n}}",
                restore_path(&self.key, "key"),
                restore_path(&self.path, "certificate")
            ),
        })
    }

    /// Signs anew what the certificate says, with more options; what follows it in its file stays.
    fn sign(&self, authority: &str, options: &str, prepare: &str) -> Result<String, FaultError> {
        let (path, key) = (sh(&self.path), sh(&self.key));
        let prepare = if prepare.is_empty() { ":" } else { prepare };
        // Nothing of the authority's key stays in the node.
        Ok(format!(
            "umask 077; W=$KEPT/ca; export W; mkdir -p \"$W\" && {{\n{authority}\n}} && {} && {prepare} && : >\"$W/index\" && openssl rand -hex 16 >\"$W/serial\" &&\n\
             openssl x509 -in {path} -x509toreq -signkey {key} -copy_extensions copyall -out \"$W/csr\" &&\n\
             openssl ca -batch -notext -config \"$W/config\" -cert \"$W/ca.crt\" -keyfile \"$W/ca.key\" {options} -in \"$W/csr\" -out \"$W/new\" &&\n\
             cp -a -- {path} {path}.runproof-new && {{ openssl x509 -in \"$W/new\" && awk 'past {{ print }} /END CERTIFICATE/ {{ past = 1 }}' {path}; }} >{path}.runproof-new && mv -f -- {path}.runproof-new {path}; made=$?\n\
             rm -rf -- \"$W\"; [ \"$made\" = 0 ]",
            decoded(CONFIG, "\"$W/config\"")
        ))
    }
}
