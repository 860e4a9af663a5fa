//! What every served protocol needs: a runtime, a listener, TLS, and an orderly end on SIGTERM.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client that opens a connection and says nothing must not hold it for ever.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Runs a service on one thread: a lab has dozens of them on few cores.
pub fn run(service: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    // A second call fails, and what it would install is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start a runtime: {e}"))?
        .block_on(service)
}

/// Turns true when the service is told to end.
pub fn ending() -> Result<watch::Receiver<bool>, String> {
    let (tell, told) = watch::channel(false);
    let mut term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = tell.send(true);
        // A request that hangs must not keep the unit in "stopping".
        tokio::time::sleep(Duration::from_secs(3)).await;
        std::process::exit(0);
    });
    Ok(told)
}

/// Resolves at the end that [`ending`] announces.
pub async fn ended(mut told: watch::Receiver<bool>) {
    let _ = told.wait_for(|ended| *ended).await;
}

/// Binds an address as services write it: `host:port`, `:port`, `[::]:port`.
pub async fn bind(address: &str) -> Result<TcpListener, String> {
    let full = match address.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => address.to_owned(),
    };
    TcpListener::bind(&full)
        .await
        .map_err(|e| format!("listen tcp {full}: bind: {}", reason(&e)))
}

/// An error of the system the way these services print it: lower case, without a number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Serves plain HTTP until the end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    told: watch::Receiver<bool>,
) -> Result<(), String> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(ended(told))
        .await
        .map_err(|e| e.to_string())
}

/// Binds, says so, and serves plain HTTP until SIGTERM: all that the smaller services need.
pub fn serve_alone(address: &str, started: &str, router: Router) -> Result<(), String> {
    run(async {
        let told = ending()?;
        let listener = bind(address).await?;
        crate::console::line(started);
        serve(listener, router, told).await
    })
}

/// A certificate and its key, read again on SIGHUP as certificates are renewed.
#[derive(Clone)]
pub struct Tls {
    /// PEM file of the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

impl Tls {
    fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| format!("{}: {e}", self.certificate.display()))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|e| format!("{}: {e}", self.key.display()))?;
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|e| format!("{}: {e}", self.certificate.display()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Serves HTTPS until the end.
pub async fn serve_tls(
    listener: TcpListener,
    tls: Tls,
    router: Router,
    told: watch::Receiver<bool>,
) -> Result<(), String> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    axum::serve(handshakes(listener, tls)?, service)
        .with_graceful_shutdown(ended(told))
        .await
        .map_err(|e| e.to_string())
}

/// The address at the other end of a TLS connection.
#[derive(Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, Handshakes>> for Peer {
    fn connect_info(stream: axum::serve::IncomingStream<'_, Handshakes>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Connections whose handshake is done.
pub struct Handshakes {
    done: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    local: SocketAddr,
}

/// Handshakes run beside each other: one slow client must not make the others wait.
fn handshakes(listener: TcpListener, tls: Tls) -> Result<Handshakes, String> {
    let local = listener.local_addr().map_err(|e| e.to_string())?;
    let mut acceptor = tls.acceptor()?;
    let mut renewed = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    let (deliver, done) = mpsc::channel(64);
    tokio::spawn(async move {
        loop {
            let (stream, from) = tokio::select! {
                _ = renewed.recv() => {
                    match tls.acceptor() {
                        Ok(new) => acceptor = new,
                        Err(e) => crate::console::line(&format!("error reloading certificate: {e}")),
                    }
                    continue;
                }
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(_) => {
                        // Out of descriptors, most likely: wait for some to be given back.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let (acceptor, deliver) = (acceptor.clone(), deliver.clone());
            tokio::spawn(async move {
                match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let _ = deliver.send((stream, from)).await;
                    }
                    Ok(Err(e)) => {
                        crate::console::line(&format!("http: TLS handshake error from {from}: {e}"))
                    }
                    Err(_) => crate::console::line(&format!(
                        "http: TLS handshake error from {from}: i/o timeout"
                    )),
                }
            });
        }
    });
    Ok(Handshakes { done, local })
}

impl axum::serve::Listener for Handshakes {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.done.recv().await {
            Some(accepted) => accepted,
            // The task that fills the channel never ends before the process.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.local)
    }
}
