//! A private socket for clients that want an address and take no stream.
//!
//! reqwest and vaultrs connect by themselves. They are given a unix socket in a folder
//! that only this account can enter, and every connection to it is carried on to a
//! fresh stream; so addresses, `Host` headers and the names of certificates stay true.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use runproof_facts::service::{Endpoint, Vantage};
use runproof_model::ReasonKind;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{NoStream, Place};
use crate::random;
use crate::trouble::Trouble;

/// A socket, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Forward {
    folder: PathBuf,
    socket: PathBuf,
    task: JoinHandle<()>,
    why: Arc<Mutex<Option<NoStream>>>,
}

impl Forward {
    /// Opens a socket that leads to a port.
    pub fn open(place: Place, from: Vantage, to: Endpoint) -> Result<Self, Trouble> {
        let folder = std::env::temp_dir().join(format!(
            "runproof-{}-{}",
            std::process::id(),
            &random::word()?[..16]
        ));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Trouble::io("a folder for sockets", &error))?;
        let socket = folder.join("s");
        let listener = match UnixListener::bind(&socket) {
            Ok(listener) => listener,
            Err(error) => {
                let _ = std::fs::remove_dir_all(&folder);
                // The kernel takes 108 bytes.
                let kind = if socket.as_os_str().len() > 107 {
                    ReasonKind::Unsupported
                } else {
                    ReasonKind::Failed
                };
                return Err(Trouble::new(kind, format!("a socket of ours: {error}")));
            }
        };
        let why = Arc::new(Mutex::new(None));
        let task = tokio::spawn(serve(listener, place, from, to, Arc::clone(&why)));
        Ok(Self {
            folder,
            socket,
            task,
            why,
        })
    }

    /// Where it is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Why the last connection came to nothing, when it did.
    pub fn why(&self) -> Option<NoStream> {
        self.why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
        // Nothing in it but the socket.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn serve(
    listener: UnixListener,
    place: Place,
    from: Vantage,
    to: Endpoint,
    why: Arc<Mutex<Option<NoStream>>>,
) {
    // Dropped with the task, and every connection with it.
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (place, to, why) = (place.clone(), to.clone(), Arc::clone(&why));
        open.spawn(async move {
            let mut client = client;
            let found = carry(&mut client, &place, from, &to).await.err();
            // Before the client hears that it is over.
            *why.lock().unwrap_or_else(PoisonError::into_inner) = found;
        });
        while open.try_join_next().is_some() {}
    }
}

async fn carry(
    client: &mut UnixStream,
    place: &Place,
    from: Vantage,
    to: &Endpoint,
) -> Result<(), NoStream> {
    let mut stream = place.dial(from, to).await?;
    // However it ends, the client sees its own end of it.
    let _ = tokio::io::copy_bidirectional(client, &mut stream).await;
    Ok(())
}
