//! Whose certificates are trusted, and what became of a certificate.

use std::sync::{Arc, Mutex, PoisonError};

use runproof_model::{Observed, Reason, ReasonKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};

use super::Desk;
use crate::dial::Place;

/// Certificates that are trusted, or why there are none.
pub(super) type Roots = Result<Arc<RootCertStore>, Reason>;

/// What became of a service's certificates.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The certificates as they were sent.
    pub chain: Vec<Vec<u8>>,
    /// Whether they verify; none when no handshake came so far.
    pub verified: Option<Result<(), String>>,
    /// Whether the handshake was ended because of them.
    pub refused: bool,
}

/// What a certificate has to be for a handshake to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Anything: for questions that carry nothing secret.
    Nothing,
    /// It has to lead to one that is trusted; its names do not count.
    Chain,
    /// It has to verify.
    Whole,
}

/// Where a verifier notes what it saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Arc<Mutex<Shown>>);

impl Notes {
    /// What was seen.
    pub fn shown(&self) -> Shown {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the certificate verifies, and why not when it does not.
    pub fn verdict(&self, roots: &Roots) -> (Observed<bool>, Observed<String>) {
        match (roots, self.shown().verified) {
            (Err(reason), _) => (
                Observed::Unknown(reason.clone()),
                Observed::Unknown(reason.clone()),
            ),
            (Ok(_), Some(Ok(()))) => (Observed::Known(true), Observed::Absent),
            (Ok(_), Some(Err(why))) => (Observed::Known(false), Observed::Known(why)),
            (Ok(_), None) => {
                let reason = Reason::new(ReasonKind::Unreachable, "no certificate was shown");
                (Observed::Unknown(reason.clone()), Observed::Unknown(reason))
            }
        }
    }
}

impl Desk<'_> {
    /// The certificates of a file of the node, else those of this machine.
    pub(super) async fn roots(&self, place: &Place, ca: Option<&str>) -> Roots {
        let Some(path) = ca else {
            let own = self.roots.get_or_init(|| async { Arc::new(own()) }).await;
            return own.as_ref().clone();
        };
        match self.file(&place.target, path).await {
            Observed::Known(text) => from_pem(&text, path),
            // Who trusts a file that is not there trusts nobody.
            Observed::Absent => Ok(Arc::new(RootCertStore::empty())),
            Observed::Unknown(reason) => Err(reason),
        }
    }
}

fn own() -> Roots {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(Arc::new(store))
}

fn from_pem(text: &[u8], path: &str) -> Roots {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text).flatten() {
        // One that cannot be read leads nowhere; the others still do.
        let _ = store.add(certificate);
    }
    if store.is_empty() {
        return Err(Reason::new(
            ReasonKind::Garbled,
            format!("{path} holds no certificate"),
        ));
    }
    Ok(Arc::new(store))
}

/// A configuration that notes what it sees.
pub(super) fn config(roots: &Roots, notes: &Notes, demand: Demand) -> Result<ClientConfig, Reason> {
    let provider = Arc::new(ring::default_provider());
    let inner = match roots {
        Ok(roots) if !roots.is_empty() => Some(
            WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| Reason::new(ReasonKind::Failed, error.to_string()))?,
        ),
        Ok(_) => None,
        Err(reason) if demand != Demand::Nothing => return Err(reason.clone()),
        Err(_) => None,
    };
    let watching = Watching {
        inner,
        provider: Arc::clone(&provider),
        notes: notes.clone(),
        demand,
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Reason::new(ReasonKind::Defect, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(watching))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Watching {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    notes: Notes,
    demand: Demand,
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = match &self.inner {
            Some(inner) => {
                inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(rustls::Error::General("nobody is trusted".to_owned())),
        };
        let names_alone = matches!(
            &verdict,
            // What is wrong with a chain is found before the names are looked at.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ))
        );
        let refused = match self.demand {
            Demand::Nothing => false,
            Demand::Chain => verdict.is_err() && !names_alone,
            Demand::Whole => verdict.is_err(),
        };
        let chain = std::iter::once(end_entity).chain(intermediates);
        let shown = Shown {
            chain: chain.take(10).map(|one| one.as_ref().to_vec()).collect(),
            verified: Some(match &verdict {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }),
            refused,
        };
        *self.notes.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        if refused {
            verdict
        } else {
            Ok(ServerCertVerified::assertion())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The words of a server that ended the handshake because it has nothing under the name: the alerts
/// of nginx, Go's servers and OpenSSL for a name without a certificate. They come before any key, so
/// whoever is in between could say them as well; nothing is green by them.
pub(super) fn denial(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        let rustls::Error::AlertReceived(alert) = error else {
            return None;
        };
        let denies = matches!(
            alert,
            AlertDescription::UnrecognisedName
                | AlertDescription::HandshakeFailure
                | AlertDescription::InternalError
        );
        return denies.then(|| format!("the server ended the handshake with the alert {alert:?}"));
    }
    // An I/O error hides what it is made of from `source`.
    let inside = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match inside {
        Some(inside) => denial(inside),
        None => denial(error.source()?),
    }
}
