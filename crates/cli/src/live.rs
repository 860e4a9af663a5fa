//! Running something against a live site: the runtime, signals and progress.

use std::future::Future;
use std::time::Duration;

use runproof_engine::RunOptions;
use runproof_model::Role;
use runproof_site::{CancellationToken, Progress as Listener, Stage};
use tokio::signal::unix::{SignalKind, signal};

use crate::message;
use crate::options::{GateOptions, LookOptions, Phase};
use crate::progress::Progress;

/// How a run looks, from the options of a command.
pub fn run_options(look: &LookOptions, gate: Option<&GateOptions>) -> RunOptions {
    RunOptions {
        probe_timeout: look.timeout,
        jobs: look.jobs.map_or(64, std::num::NonZeroUsize::get),
        deadline: look.deadline,
        // Before a deploy nothing is on its way that could still come true.
        wait: gate.is_none_or(|gate| gate.phase != Some(Phase::Pre)),
    }
}

/// Runs to the end, or until SIGINT or SIGTERM asks to stop: the run then ends
/// with what it has. A second signal ends the process at once.
pub fn block_on<T, F: Future<Output = T>>(
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<T, String> {
    block_on_saying(
        "stopping: the report will be partial; once more to stop at once",
        work,
    )
}

/// The same, with other words for whoever asks to stop.
pub fn block_on_saying<T, F: Future<Output = T>>(
    stopping: &'static str,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("no runtime: {e}"))?;
    let result = runtime.block_on(async {
        let cancel = CancellationToken::new();
        let watched = cancel.clone();
        tokio::spawn(async move {
            let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) else {
                return;
            };
            for asked in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if asked > 0 {
                    std::process::exit(130);
                }
                message::note(stopping);
                watched.cancel();
            }
        });
        work(cancel).await
    });
    // A look that does not end must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(result)
}

/// Passes what happens on to the display.
#[derive(Debug)]
pub struct Shown<'a>(pub &'a Progress);

impl Listener for Shown<'_> {
    fn node_started(&self, _role: &Role) {}

    fn stage(&self, _role: &Role, _stage: Stage, _looks: usize) {}

    fn node_done(&self, role: &Role, trouble: Option<&str>) {
        self.0.done(role.as_str());
        if let Some(trouble) = trouble {
            self.0.note(&format!("{role}: {trouble}"));
        }
    }
}
