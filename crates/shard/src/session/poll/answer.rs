//! The answer to a poll: the oldest news as it is, all of it as JSON, or that there is none.

use std::sync::Arc;

use switchboard_api::Phase;
use switchboard_dialects::poll::{
    Answer as Common, Item, JsonBody, write_news_head, write_nothing,
};
use switchboard_dialects::{Body, Shape};
use switchboard_hub::{ChannelName, Gap, Publication};
use switchboard_plane::ConnId;

use crate::connection::{ListenFlag, ListenMode};
use crate::core::Core;
use crate::encoding::Partial;
use crate::lifecycle::drain;
use crate::subscribe::position;

/// An answer up to this size is copied into the batch of its stage; of a larger one the publication
/// is shared.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// The length of a body in JSON, unless a single publication is longer.
const JSON_BYTES_MAX: usize = 64 << 10;

/// What is built of answers in JSON in one turn. Requests beyond it wait for the next, and polls that
/// were held get little: they ask again for the rest.
const JSON_TURN_BYTES_MAX: usize = 1 << 20;
const JSON_BYTES_BEYOND: usize = 4 << 10;

/// Enough answers in JSON were built in this turn.
pub(super) fn has_built_enough(core: &Core) -> bool {
    core.json_bytes >= JSON_TURN_BYTES_MAX
}

/// A further request may follow the one that is answered.
pub(super) fn keeps_alive(core: &Core, mode: ListenMode) -> bool {
    mode.has(ListenFlag::KeepAlive) && !core.phase.is_leaving()
}

/// Where a poll stands in one channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) channel: u32,
    pub(crate) cursor: u64,
}

/// A poll and what it cannot have.
#[derive(Debug)]
pub(crate) struct PollAnswer<'a> {
    pub(crate) id: ConnId,
    pub(crate) mode: ListenMode,
    pub(crate) places: Vec<Place>,
    pub(crate) gaps: &'a [(ChannelName, Gap)],
    pub(crate) handed: Option<Handed<'a>>,
}

/// What fan-out hands to the `nth` subscription. The log may not have it any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handed<'a> {
    pub(crate) nth: usize,
    pub(crate) publications: &'a [Arc<Publication>],
}

impl<'a> PollAnswer<'a> {
    /// A held poll, where its subscriptions are.
    pub(crate) fn of_subscriptions(
        core: &Core,
        id: ConnId,
        gaps: &'a [(ChannelName, Gap)],
    ) -> Option<Self> {
        let connection = core.slab.get(id)?;
        // A poll leaves its channels all at once: no slot is empty, and the `nth` place is that of the
        // `nth` slot.
        let places = core
            .subscriptions(id)
            .map(|(_, subscription)| Place {
                channel: subscription.channel,
                cursor: core.hub.cursor(subscription),
            })
            .collect();
        Some(Self { id, mode: connection.mode, places, gaps, handed: None })
    }

    /// Answers with news, if there is any.
    pub(crate) fn answer_news(&mut self, core: &mut Core) -> bool {
        let answered = if self.mode.has(ListenFlag::Json) {
            self.answer_json(core)
        } else {
            self.answer_one(core)
        };
        if answered {
            core.counters.polls_answered.add(1);
        }
        answered
    }

    /// The oldest publication that follows, as it is.
    fn answer_one(&mut self, core: &mut Core) -> bool {
        let Some((nth, publication)) = self.next(core) else {
            return false;
        };
        self.places[nth].cursor = publication.offset();
        let several = self.places.len() > 1;
        let channel = core.hub.name(self.places[nth].channel).filter(|_| several);
        let position = self.position(core);
        let mut head = Vec::with_capacity(512);
        write_news_head(&self.common(core, &position), &publication, channel, &mut head);
        core.counters.deliveries.add(1);
        core.counters.delivery_sends.add(1);
        let shape = Shape { body: Body::Payload, tail: b"" };
        send(core, self.id, Partial::behind(head, shape, &publication));
        true
    }

    /// All that follows, oldest first, as much as one answer may have.
    fn answer_json(&mut self, core: &mut Core) -> bool {
        let bytes_max = if has_built_enough(core) { JSON_BYTES_BEYOND } else { JSON_BYTES_MAX };
        let mut body = JsonBody::open(&self.position(core), self.gaps);
        let mut next: Vec<_> = (0..self.places.len()).map(|nth| self.next_of(core, nth)).collect();
        let mut deliveries = 0;
        while let Some(nth) = oldest(&next)
            && let Some(publication) = &next[nth]
        {
            let Place { channel, cursor } = self.places[nth];
            self.places[nth].cursor = publication.offset();
            let id = self.position(core);
            let is_in = core.hub.name(channel).is_some_and(|channel| {
                let item = Item { id: &id, channel, publication };
                body.push(core.wall.time(), &item, bytes_max)
            });
            if !is_in {
                self.places[nth].cursor = cursor;
                break;
            }
            deliveries += 1;
            next[nth] = self.next_of(core, nth);
        }
        if deliveries == 0 && self.gaps.is_empty() {
            return false;
        }
        let position = self.position(core);
        let answer = body.close(&self.common(core, &position), self.last_modified_ms(core));
        core.json_bytes += answer.own.len();
        core.counters.deliveries.add(deliveries);
        core.counters.delivery_sends.add(1);
        match Partial::of_json(&answer) {
            Some(partial) => send_later(core, self.id, partial),
            None => core.reply(self.id, |out| out.extend_from_slice(&answer.own)),
        }
        true
    }

    /// What follows next in its channels: the oldest by time, and by their order where times are the
    /// same.
    fn next(&self, core: &Core) -> Option<(usize, Arc<Publication>)> {
        let next = (0..self.places.len()).filter_map(|nth| Some((nth, self.next_of(core, nth)?)));
        next.min_by_key(|(nth, publication)| (publication.time_ms(), *nth))
    }

    /// What follows next in its `nth` channel.
    fn next_of(&self, core: &Core, nth: usize) -> Option<Arc<Publication>> {
        let Place { channel, cursor } = self.places[nth];
        let handed = self.handed.filter(|handed| handed.nth == nth).and_then(|handed| {
            let next = handed.publications.partition_point(|it| it.offset() <= cursor);
            handed.publications.get(next)
        });
        if let Some(publication) = handed {
            return Some(Arc::clone(publication));
        }
        let mut following = Vec::new();
        core.hub.copy_after(channel, cursor, 0, &mut following);
        following.pop()
    }

    /// Answers that there is none.
    pub(crate) fn answer_nothing(&self, core: &mut Core, status: u16) {
        let position = self.position(core);
        let last_modified_ms = self.last_modified_ms(core);
        // Those who are told in one moment do not come back in one.
        let retry_after_s = (core.phase == Phase::Draining).then(|| drain::retry_after_s(self.id));
        let mut answer = Vec::with_capacity(512);
        let common = self.common(core, &position);
        write_nothing(&common, status, last_modified_ms, retry_after_s, &mut answer);
        core.counters.polls_empty.add(1);
        core.reply(self.id, |out| out.extend_from_slice(&answer));
    }

    fn common<'b>(&self, core: &'b Core, position: &'b str) -> Common<'b>
    where
        'a: 'b,
    {
        Common {
            keep_alive: keeps_alive(core, self.mode),
            cors: core.config.cors(self.mode.cors),
            id: position,
            gaps: self.gaps,
            wall: core.wall.time(),
        }
    }

    /// Where it stands, as text.
    fn position(&self, core: &Core) -> String {
        let mut text = String::new();
        for place in &self.places {
            position::push(core, place.channel, place.cursor, &mut text);
        }
        text
    }

    /// When the last publication before its place was made; the second before this one when that is
    /// not known, so that what is published in this second is news to those who ask by time.
    fn last_modified_ms(&self, core: &Core) -> u64 {
        let times =
            self.places.iter().filter_map(|place| core.hub.time_at(place.channel, place.cursor));
        times.max().unwrap_or(core.now_ms.saturating_sub(1_000))
    }
}

/// Which is the oldest by time, and the first of them where times are the same.
fn oldest(next: &[Option<Arc<Publication>>]) -> Option<usize> {
    let times =
        next.iter().enumerate().filter_map(|(nth, one)| Some((one.as_ref()?.time_ms(), nth)));
    times.min().map(|(_, nth)| nth)
}

/// Sends an answer: a short one with the batch of this stage; of a long one the rest of the turn sends
/// what the socket takes.
fn send(core: &mut Core, id: ConnId, answer: Partial) {
    if answer.bytes() <= COPIED_BYTES_MAX {
        core.reply(id, |out| answer.write(out));
    } else {
        send_later(core, id, answer);
    }
}

fn send_later(core: &mut Core, id: ConnId, answer: Partial) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().partial = Some(Box::new(answer));
    }
    core.await_room(id, None);
}
