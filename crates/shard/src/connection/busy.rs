//! What a connection needs only while it is busy.

use switchboard_hub::{ChannelName, Gap, NamespaceId, OnGap, Start};
use switchboard_ws::message::Receiver;

use super::api_work::{ApiStage, ApiWork};
use super::asked::Asked;
use super::asking::Asking;
use super::commands::Commands;
use super::request_body::RequestBody;
use super::uptake::Uptake;
use crate::encoding::Partial;
use crate::rate::TokenBucket;

/// Where a subscriber asked to begin, while the homes of its channels have not answered.
#[derive(Debug)]
pub(crate) struct ResumeRequest {
    /// The subscriptions that have not begun, and where each is to begin.
    pub(crate) starts: Vec<(u16, Start)>,
    pub(crate) on_gap: OnGap,
    /// Homes that are to come as far as its positions; none before they are asked.
    pub(crate) reaching: Option<usize>,
}

/// What a subscriber cannot have in one of its channels.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) nth: u16,
    pub(crate) channel: ChannelName,
    pub(crate) gap: Gap,
    /// Where it asked to begin.
    pub(crate) asked: Start,
}

/// What a subscriber has lost, and from which on it has not been told. Each notice has the positions of
/// all its channels, so those of many are not made before the socket has room for them.
#[derive(Debug)]
pub(crate) struct Untold {
    pub(crate) lost: Vec<Lost>,
    pub(crate) next: usize,
}

/// What a connection needs only while it is busy.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    /// Bytes received and not yet used: a partial head, or requests that wait for the output.
    pub(crate) input: Vec<u8>,
    /// How much of `input` has been used up.
    pub(crate) input_used: usize,
    /// How much of the rest has been searched for the end of the head.
    pub(crate) scanned: usize,
    /// A request whose body arrives, on the public listener.
    pub(crate) body: Option<Box<RequestBody>>,
    /// A frame or message in the middle.
    pub(crate) receiver: Option<Receiver>,
    /// When it began.
    pub(crate) received_since_ms: u64,
    /// Where it wants to begin, while that cannot be said yet.
    pub(crate) resume: Option<Box<ResumeRequest>>,
    /// What it is told before its first publication, as its socket has room.
    pub(crate) untold: Option<Box<Untold>>,
    /// Its place in the shard's list of those whose output is parked.
    pub(crate) parked_place: u32,
    pub(crate) parked_since_ms: u64,
    /// What its socket takes while its output is parked.
    pub(crate) uptake: Uptake,
    /// The rest of a publication that the socket did not take whole.
    pub(crate) partial: Option<Box<Partial>>,
    /// Bytes to send after it: replies and control frames, never publications.
    pub(crate) output: Vec<u8>,
    /// How much of `output` has been sent.
    pub(crate) output_sent: usize,
    /// What to do when all of it is sent.
    pub(crate) then: Then,
    /// What it is in the middle of, on the internal API.
    pub(crate) api: Option<Box<ApiWork>>,
    /// What it has asked, in `switchboard.v1` or as a Centrifuge client.
    pub(crate) asked: Option<Box<Asked>>,
    /// The commands of a Centrifuge client that wait.
    pub(crate) commands: Option<Box<Commands>>,
    /// What it waits for a backend to say.
    pub(crate) asking: Option<Box<Asking>>,
    /// How often it may still publish, in each namespace in which it does.
    pub(crate) buckets: Vec<(NamespaceId, TokenBucket)>,
    /// It was closed for being too slow: the kernel may hold much that it never reads.
    pub(crate) too_slow: bool,
    /// The peer has ended its side.
    pub(crate) peer_ended: bool,
}

impl Busy {
    /// What it has asked; made where there is none.
    pub(crate) fn asked(&mut self, now_ms: u64) -> &mut Asked {
        self.asked.get_or_insert_with(|| Box::new(Asked::new(now_ms)))
    }

    /// The commands that wait.
    pub(crate) fn commands(&mut self) -> &mut Commands {
        self.commands.get_or_insert_default()
    }

    /// Replies that wait.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.output.len() - self.output_sent
    }

    /// Nothing is held back.
    pub(crate) fn is_flushed(&self) -> bool {
        self.partial.is_none() && self.output_sent == self.output.len()
    }

    /// An answer is on its way, the homes of its channels are to say what it is, or requests wait.
    pub(crate) fn owes_answer(&self) -> bool {
        !self.is_flushed() || self.resume.is_some() || !self.input.is_empty()
    }

    /// A request is being answered by others, who say so when they are done.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.asking.is_some()
            || self.api.as_ref().is_some_and(|work| !matches!(work.stage, ApiStage::Body(_)))
    }

    /// A request goes on without anything from the peer: it is answered by others, or its body has come
    /// and waits for room.
    pub(crate) fn is_being_served(&self) -> bool {
        self.asking.is_some()
            || self.api.as_ref().is_some_and(|work| match &work.stage {
                ApiStage::Body(incoming) => incoming.awaits_room.is_some(),
                _ => true,
            })
    }

    /// Drops the sent part of the output once it is the larger one: a peer that always leaves a
    /// little unread would make it grow for ever.
    pub(crate) fn give_back_sent(&mut self) {
        if self.output_sent >= self.output.len() / 2 {
            self.output.drain(..self.output_sent);
            self.output_sent = 0;
        }
    }

    /// How long a frame or message has been in the middle.
    #[inline]
    pub(crate) fn receives_for_ms(&self, now_ms: u64) -> Option<u64> {
        self.receiver.as_ref().map(|_| now_ms.saturating_sub(self.received_since_ms))
    }

    /// Input that waits.
    pub(crate) fn held_bytes(&self) -> usize {
        self.input.len() - self.input_used
    }

    /// Nothing is in it.
    pub(super) fn is_empty(&self, now_ms: u64) -> bool {
        self.input.is_empty()
            && self.body.is_none()
            && self.receiver.is_none()
            && self.resume.is_none()
            && self.untold.is_none()
            && self.api.is_none()
            && self.asking.is_none()
            && self.commands.as_ref().is_none_or(|commands| commands.is_empty())
            && self.asked.as_ref().is_none_or(|asked| asked.is_empty(now_ms))
            && self.is_flushed()
            && self.then == Then::Go
            && self.buckets.iter().all(|(_, bucket)| bucket.is_full(now_ms))
            && !self.too_slow
            && !self.peer_ended
    }
}

/// What follows when the output is flushed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Then {
    /// Go on.
    #[default]
    Go,
    /// End our side and wait for the peer's end, so that the last bytes are not lost to a reset.
    Shutdown,
    /// The answer was the last one: read no further requests, then as `Shutdown`. For answers that
    /// may take their time, since [`State::Lingering`] has a deadline that progress does not move.
    Linger,
    /// Close.
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_never_wholly_read_does_not_grow() {
        let mut busy = Busy::default();
        for _ in 0..1_000 {
            busy.output.extend_from_slice(&[7; 100]);
            busy.output_sent += busy.unsent_bytes() - 10;
            busy.give_back_sent();
            assert_eq!(busy.unsent_bytes(), 10);
            assert!(busy.output.len() <= 20, "{} bytes", busy.output.len());
        }
    }
}
