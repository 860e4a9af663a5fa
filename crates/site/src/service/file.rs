//! Small files of a node that a question needs: an env file, a CA, an access token.

use std::sync::Arc;
use std::time::Duration;

use runproof_facts::ask::Ask;
use runproof_facts::link;
use runproof_facts::script::{Guard, compose, last_words, take_apart};
use runproof_model::{Observed, Reason, ReasonKind};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::Desk;
use crate::backend::Target;
use crate::exec::{self, Limits};
use crate::random;

/// The content of a file.
pub(super) type Content = Observed<Arc<Zeroizing<Vec<u8>>>>;

/// How much is taken of a file.
const CAP: u64 = 4 << 20;
/// How long the reading may take.
const TIME: Duration = Duration::from_secs(10);

impl Desk<'_> {
    /// The content of a file of a node, read once.
    pub(super) async fn file(&self, target: &Target, path: &str) -> Content {
        let key = (target.clone(), path.to_owned());
        let cell = Arc::clone(self.files.lock().await.entry(key).or_default());
        cell.get_or_init(|| self.read(target, path)).await.clone()
    }

    async fn read(&self, target: &Target, path: &str) -> Content {
        let ask = Ask::read(path);
        if !self.session.policy.permits(&ask, path) {
            return Observed::unknown(
                ReasonKind::NotAllowed,
                format!("the content of {path} is not on the allow-list"),
            );
        }
        let boundary = match random::word() {
            Ok(word) => word,
            Err(trouble) => return Observed::Unknown(trouble.reason),
        };
        let asks = [ask];
        let script = compose(&asks, &boundary, Guard::Whole);
        let limits = Limits {
            time: TIME,
            silent: TIME,
            bytes: CAP,
        };
        // Stopped with the question that needs it.
        let stop = CancellationToken::new();
        let there = self.session.reach(target);
        let ended = exec::run(&there, &script, &last_words(&boundary), limits, &stop).await;
        let reason = match &ended.how {
            Err(trouble) => trouble.reason.clone(),
            Ok(_) => Reason::new(ReasonKind::Garbled, "the node's answer is not whole"),
        };
        let mut apart = take_apart(&asks, &boundary, &ended.output.out, &reason);
        link::take_back(&self.session.policy, &apart.led, &mut apart.answers);
        let [ask] = &asks;
        apart
            .answers
            .bytes(ask)
            .map(|bytes| Arc::new(Zeroizing::new(bytes.to_vec())))
    }
}
