//! Where the output of an exec goes: bounded, and wiped when dropped.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use runproof_model::ReasonKind;
use zeroize::Zeroizing;

use crate::trouble::Trouble;

/// How much of standard error is kept; it is for messages only.
const ERR_CAP: usize = 4096;

/// The output of one exec. It outlives the exec, so that a timeout keeps what
/// came before it, and it can be read while the exec still writes.
#[derive(Debug)]
pub(crate) struct Sink {
    cap: u64,
    last_words: String,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    out: Zeroizing<Vec<u8>>,
    err: Vec<u8>,
    first_byte: Option<SystemTime>,
}

impl Sink {
    /// A sink that takes at most `cap` bytes of standard output.
    pub fn new(cap: u64) -> Self {
        Self::until(cap, String::new())
    }

    /// The same for a script that says these words when it comes to its end, and ends well then.
    pub fn until(cap: u64, last_words: String) -> Self {
        Self {
            cap,
            last_words,
            taken: Mutex::default(),
        }
    }

    /// Whether the script said its last words: then nobody needs to ask how it ended.
    pub fn ended_well(&self) -> bool {
        !self.last_words.is_empty() && self.taken().out.ends_with(self.last_words.as_bytes())
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes standard output; more than the cap is trouble.
    pub fn out(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut taken = self.taken();
        if taken.first_byte.is_none() && !bytes.is_empty() {
            taken.first_byte = Some(SystemTime::now());
        }
        let cap = usize::try_from(self.cap).unwrap_or(usize::MAX);
        let room = cap.saturating_sub(taken.out.len());
        let fitting = &bytes[..bytes.len().min(room)];
        if taken.out.capacity() - taken.out.len() < fitting.len() {
            // A plain `reserve` would leave an unwiped copy behind.
            let capacity = (taken.out.len() + fitting.len()).max(taken.out.capacity() * 2);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&taken.out);
            taken.out = larger;
        }
        taken.out.extend_from_slice(fitting);
        if fitting.len() < bytes.len() {
            return Err(Trouble::new(
                ReasonKind::CapReached,
                format!("the node said more than {} bytes", self.cap),
            ));
        }
        Ok(())
    }

    /// Takes standard error; what is too much is dropped.
    pub fn err(&self, bytes: &[u8]) {
        let mut taken = self.taken();
        let room = ERR_CAP.saturating_sub(taken.err.len());
        taken.err.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// How many bytes it takes in all.
    pub fn cap(&self) -> u64 {
        self.cap
    }

    /// The first bytes of standard output, at most `most`.
    pub fn head(&self, most: usize) -> Vec<u8> {
        let taken = self.taken();
        taken.out[..taken.out.len().min(most)].to_vec()
    }

    /// Standard output; it is taken away.
    pub fn into_output(self) -> Output {
        let taken = self
            .taken
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Output {
            out: taken.out,
            error: String::from_utf8_lossy(&taken.err).trim().to_owned(),
            first_byte: taken.first_byte,
        }
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.taken().out.is_empty()
    }

    /// Standard error so far, as text.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.taken().err).trim().to_owned()
    }
}

/// What an exec said, when it is over.
#[derive(Debug)]
pub(crate) struct Output {
    /// Standard output.
    pub out: Zeroizing<Vec<u8>>,
    /// The beginning of standard error, as text.
    pub error: String,
    /// When the first byte of standard output came.
    pub first_byte: Option<SystemTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sink_keeps_what_it_has_and_takes_no_more() {
        let sink = Sink::new(5);
        assert!(sink.out(b"abc").is_ok());
        let trouble = sink.out(b"defg").unwrap_err();
        assert_eq!(trouble.reason.kind, ReasonKind::CapReached);
        assert_eq!(sink.head(2), b"ab");
        assert_eq!(sink.into_output().out.as_slice(), b"abcde");
    }

    #[test]
    fn a_script_ended_well_when_its_last_words_are_the_last() {
        let sink = Sink::until(100, "\nB end 0\n".to_owned());
        sink.out(b"x\nB end 0\n").unwrap();
        assert!(sink.ended_well());
        sink.out(b"more").unwrap();
        assert!(!sink.ended_well());
        let sink = Sink::new(100);
        sink.out(b"x").unwrap();
        assert!(!sink.ended_well(), "nobody said what the last words are");
    }

    #[test]
    fn standard_error_is_cut_in_silence() {
        let sink = Sink::new(5);
        sink.err(&[b'x'; 10_000]);
        assert_eq!(sink.error_text().len(), ERR_CAP);
    }
}
