//! Answers kept for as long as their records say: what makes a changed zone look unchanged for a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query, ResponseCode};

/// More than these are not kept.
const ENTRIES: usize = 9984;
/// Never longer than this.
const POSITIVE: u32 = 3600;
/// Nor what is not there for longer than this.
const NEGATIVE: u32 = 1800;

/// Kept answers.
#[derive(Debug)]
pub struct Cache {
    longest: u32,
    kept: HashMap<Query, (Instant, u32, Message)>,
}

impl Cache {
    /// With a limit in seconds of its own.
    pub fn new(longest: Option<u32>) -> Self {
        Self {
            longest: longest.unwrap_or(POSITIVE),
            kept: HashMap::new(),
        }
    }

    /// A kept answer, its records aged.
    pub fn get(&mut self, query: &Query) -> Option<Message> {
        let (since, ttl, message) = self.kept.get(query)?;
        let age = u32::try_from(since.elapsed().as_secs()).unwrap_or(u32::MAX);
        if age >= *ttl {
            self.kept.remove(query);
            return None;
        }
        let mut message = message.clone();
        for record in message
            .answers
            .iter_mut()
            .chain(&mut message.authorities)
            .chain(&mut message.additionals)
        {
            record.ttl = record.ttl.saturating_sub(age);
        }
        Some(message)
    }

    /// Keeps an answer, when it is one that may be kept.
    pub fn put(&mut self, query: &Query, message: &Message) {
        let code = message.metadata.response_code;
        if code != ResponseCode::NoError && code != ResponseCode::NXDomain {
            return;
        }
        let limit = if message.answers.is_empty() {
            NEGATIVE.min(self.longest)
        } else {
            self.longest
        };
        let shortest = message
            .answers
            .iter()
            .chain(&message.authorities)
            .map(|record| record.ttl)
            .min();
        let ttl = shortest.unwrap_or(0).min(limit);
        if ttl == 0 {
            return;
        }
        if self.kept.len() >= ENTRIES {
            let now = Instant::now();
            self.kept.retain(|_, (since, ttl, _)| {
                now.duration_since(*since) < Duration::from_secs(u64::from(*ttl))
            });
        }
        if self.kept.len() < ENTRIES {
            self.kept
                .insert(query.clone(), (Instant::now(), ttl, message.clone()));
        }
    }
}
