//! Where the output of an exec goes: bounded, and wiped when dropped.

use std::time::SystemTime;

use runproof_model::ReasonKind;
use zeroize::Zeroizing;

use crate::trouble::Trouble;

/// How much of standard error is kept; it is for messages only.
const ERR_CAP: usize = 4096;

/// The output of one exec. It outlives the exec, so that a timeout keeps what came before it.
#[derive(Debug)]
pub(crate) struct Sink {
    out: Zeroizing<Vec<u8>>,
    err: Vec<u8>,
    cap: u64,
    /// When the first byte came.
    pub first_byte: Option<SystemTime>,
}

impl Sink {
    /// A sink that takes at most `cap` bytes of standard output.
    pub fn new(cap: u64) -> Self {
        Self {
            out: Zeroizing::new(Vec::new()),
            err: Vec::new(),
            cap,
            first_byte: None,
        }
    }

    /// Takes standard output; more than the cap is trouble.
    pub fn out(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if self.first_byte.is_none() && !bytes.is_empty() {
            self.first_byte = Some(SystemTime::now());
        }
        let cap = usize::try_from(self.cap).unwrap_or(usize::MAX);
        let room = cap.saturating_sub(self.out.len());
        let taken = &bytes[..bytes.len().min(room)];
        if self.out.capacity() - self.out.len() < taken.len() {
            // A plain `reserve` would leave an unwiped copy behind.
            let capacity = (self.out.len() + taken.len()).max(self.out.capacity() * 2);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.out);
            self.out = larger;
        }
        self.out.extend_from_slice(taken);
        if taken.len() < bytes.len() {
            return Err(self.full());
        }
        Ok(())
    }

    /// How many bytes it still takes.
    pub fn room(&self) -> u64 {
        self.cap.saturating_sub(self.out.len() as u64)
    }

    /// The trouble of a full sink.
    pub fn full(&self) -> Trouble {
        Trouble::new(
            ReasonKind::CapReached,
            format!("the node said more than {} bytes", self.cap),
        )
    }

    /// Takes standard error; what is too much is dropped.
    pub fn err(&mut self, bytes: &[u8]) {
        let room = ERR_CAP.saturating_sub(self.err.len());
        self.err.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Standard output so far.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// Standard error so far, as text.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.err).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sink_keeps_what_it_has_and_takes_no_more() {
        let mut sink = Sink::new(5);
        assert!(sink.out(b"abc").is_ok());
        let trouble = sink.out(b"defg").unwrap_err();
        assert_eq!(trouble.reason.kind, ReasonKind::CapReached);
        assert_eq!(sink.output(), b"abcde");
    }

    #[test]
    fn standard_error_is_cut_in_silence() {
        let mut sink = Sink::new(5);
        sink.err(&[b'x'; 10_000]);
        assert_eq!(sink.error_text().len(), ERR_CAP);
    }
}
