//! Publications on their way to the engine.
//!
//! Each is sent with an id, and again with the same one where no answer comes, until the engine says where it is
//! or it is given up. That is long before the engine forgets the id: what is sent again after that would be
//! stored twice. Nothing here is told the channel's newest sequence to expect it (error 10071): that would make
//! each publication wait for the one before.
//!
//! What is under way at the same time may be stored in another order than it was sent in, if something is lost
//! meanwhile. A publisher for whom the order matters waits for each receipt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::message::{Headers, wire_bytes};

/// A publication that is under way. Never used twice by one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicationId(u64);

/// A message for the engine.
#[derive(Debug)]
pub struct Outgoing {
    /// Its subject.
    pub subject: String,
    /// Its headers, one of which is its id.
    pub headers: Headers,
    /// Its body.
    pub payload: Box<[u8]>,
}

/// A message to send, and what to call its answer.
#[derive(Clone, Debug)]
pub struct Send {
    /// Names it in the answer.
    pub id: PublicationId,
    /// What to send, with a request for an answer.
    pub outgoing: Arc<Outgoing>,
}

/// The bounds of what is under way.
#[derive(Clone, Copy, Debug)]
pub struct PublishingRules {
    /// So many messages.
    pub messages_max: usize,
    /// So many bytes on the engine's wire.
    pub bytes_max: usize,
    /// So many bytes of one message. The engine's `max_payload` may be less.
    pub message_bytes_max: usize,
    /// When it is sent again.
    pub retry_ms: u64,
    /// When it is given up.
    pub give_up_ms: u64,
    /// How long the engine knows an id.
    pub duplicate_window_ms: u64,
}

impl Default for PublishingRules {
    /// 4,096 messages, 16 MiB, and 1 MiB in each; sent again after 1 s and given up after 10 s, which is twice
    /// what the engine needs for another leader; an id is known for five minutes.
    fn default() -> Self {
        Self {
            messages_max: 4_096,
            bytes_max: 16 << 20,
            message_bytes_max: 1 << 20,
            retry_ms: 1_000,
            give_up_ms: 10_000,
            duplicate_window_ms: 300_000,
        }
    }
}

/// Rules under which a publication might be stored twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine must know a message's id at least twice as long as it is sent again")]
pub struct WindowTooShort;

/// Why a publication is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no connection to the engine.
    #[error("the engine is away; try again in {retry_after_ms} ms")]
    Away {
        /// For `Retry-After`.
        retry_after_ms: u64,
    },
    /// Too much is under way.
    #[error("too many publications are under way; try again in {retry_after_ms} ms")]
    Full {
        /// For `Retry-After`.
        retry_after_ms: u64,
    },
    /// The engine would not take it.
    #[error("the message has more than the {bytes_max} bytes that the engine takes")]
    TooLarge {
        /// With headers.
        bytes_max: usize,
    },
}

/// Why a publication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There was no answer for too long. It may have been stored: only a publisher that used an idempotency key
    /// may repeat it.
    #[error("the engine has not answered in time; the message may have been published")]
    Unanswered,
    /// The engine does not take it.
    #[error("the engine refuses the message (error {code})")]
    Refused {
        /// The engine's number.
        code: u32,
    },
}

/// Publications on their way to the engine.
#[derive(Debug)]
pub struct Publishing {
    rules: PublishingRules,
    is_connected: bool,
    /// Of one message: what the rules and the server allow.
    message_bytes_max: usize,
    last_id: u64,
    /// The oldest first.
    in_flight: BTreeMap<PublicationId, InFlight>,
    bytes: usize,
    /// When each is sent again.
    retries: BTreeSet<(u64, PublicationId)>,
}

#[derive(Debug)]
struct InFlight {
    outgoing: Arc<Outgoing>,
    bytes: usize,
    began_ms: u64,
    retry_at_ms: u64,
}

impl Publishing {
    /// Nothing is under way, and the engine is away.
    pub fn new(rules: PublishingRules) -> Result<Self, WindowTooShort> {
        if rules.duplicate_window_ms / 2 < rules.give_up_ms {
            return Err(WindowTooShort);
        }
        Ok(Self {
            rules,
            is_connected: false,
            message_bytes_max: rules.message_bytes_max,
            last_id: 0,
            in_flight: BTreeMap::new(),
            bytes: 0,
            retries: BTreeSet::new(),
        })
    }

    /// Half of what may be under way is: publishers had better wait, for there is room for those that cannot.
    pub fn is_full(&self) -> bool {
        self.in_flight.len() >= self.rules.messages_max / 2
            || self.bytes >= self.rules.bytes_max / 2
    }

    /// The messages under way, and their bytes.
    pub fn load(&self) -> (usize, usize) {
        (self.in_flight.len(), self.bytes)
    }

    /// The connection is there, to a server that takes messages of so many bytes. What is under way is sent again,
    /// in its order.
    pub fn on_connected(&mut self, now_ms: u64, max_payload: usize) {
        self.is_connected = true;
        self.message_bytes_max = self.rules.message_bytes_max.min(max_payload);
        let ids: Vec<_> = self.in_flight.keys().copied().collect();
        for id in ids {
            self.retry_at(now_ms, id);
        }
    }

    /// The connection is lost. What is under way waits for the next one, as long as it may.
    pub fn on_disconnected(&mut self) {
        self.is_connected = false;
    }

    /// Sends a publication, if it can be sent now.
    pub fn publish(&mut self, now_ms: u64, outgoing: Outgoing) -> Result<Send, Refused> {
        let retry_after_ms = self.rules.retry_ms;
        if !self.is_connected {
            return Err(Refused::Away { retry_after_ms });
        }
        let bytes = wire_bytes(&outgoing.headers, &outgoing.payload);
        if bytes > self.message_bytes_max {
            return Err(Refused::TooLarge { bytes_max: self.message_bytes_max });
        }
        if self.in_flight.len() >= self.rules.messages_max
            || self.bytes + bytes > self.rules.bytes_max
        {
            return Err(Refused::Full { retry_after_ms });
        }
        self.last_id += 1;
        let (id, outgoing) = (PublicationId(self.last_id), Arc::new(outgoing));
        let retry_at_ms = now_ms + self.rules.retry_ms;
        let send = Send { id, outgoing: Arc::clone(&outgoing) };
        self.in_flight.insert(id, InFlight { outgoing, bytes, began_ms: now_ms, retry_at_ms });
        self.bytes += bytes;
        self.retries.insert((retry_at_ms, id));
        Ok(send)
    }

    /// The engine has stored it, now or when it was sent before: a duplicate has the first one's sequence. False if
    /// nobody waits for it any more.
    pub fn on_stored(&mut self, id: PublicationId) -> bool {
        self.settle(id)
    }

    /// The engine has not stored it. A status of 503 says that nobody can now, and the message is sent again
    /// later; with any other, what became of it is returned, if somebody still waits.
    pub fn on_refused(
        &mut self,
        now_ms: u64,
        id: PublicationId,
        (status, code): (u16, u32),
    ) -> Option<Failure> {
        if status == 503 {
            self.retry_at(now_ms + self.rules.retry_ms, id);
            return None;
        }
        self.settle(id).then_some(Failure::Refused { code })
    }

    /// When [`next_failure`](Self::next_failure) or [`next_retry`](Self::next_retry) has something.
    pub fn due_ms(&self) -> Option<u64> {
        let oldest = self.in_flight.values().next()?;
        let give_up_ms = oldest.began_ms + self.rules.give_up_ms;
        let retry = self.retries.first().filter(|_| self.is_connected);
        Some(retry.map_or(give_up_ms, |(retry_at_ms, _)| give_up_ms.min(*retry_at_ms)))
    }

    /// A publication that has waited for too long. To be asked before [`next_retry`](Self::next_retry).
    pub fn next_failure(&mut self, now_ms: u64) -> Option<(PublicationId, Failure)> {
        let (id, oldest) = self.in_flight.first_key_value()?;
        if oldest.began_ms + self.rules.give_up_ms > now_ms {
            return None;
        }
        let id = *id;
        self.settle(id);
        Some((id, Failure::Unanswered))
    }

    /// A message to send again.
    pub fn next_retry(&mut self, now_ms: u64) -> Option<Send> {
        let (retry_at_ms, id) = *self.retries.first().filter(|_| self.is_connected)?;
        if retry_at_ms > now_ms {
            return None;
        }
        self.retry_at(now_ms + self.rules.retry_ms, id);
        let outgoing = Arc::clone(&self.in_flight.get(&id)?.outgoing);
        Some(Send { id, outgoing })
    }

    fn retry_at(&mut self, at_ms: u64, id: PublicationId) {
        if let Some(message) = self.in_flight.get_mut(&id) {
            self.retries.remove(&(message.retry_at_ms, id));
            message.retry_at_ms = at_ms;
            self.retries.insert((at_ms, id));
        }
    }

    fn settle(&mut self, id: PublicationId) -> bool {
        let Some(message) = self.in_flight.remove(&id) else { return false };
        self.bytes -= message.bytes;
        self.retries.remove(&(message.retry_at_ms, id));
        true
    }
}

#[cfg(test)]
mod tests;
