//! The answer to a poll: the oldest news as it is, all of it as JSON, or that there is none.

use std::sync::Arc;

use switchboard_dialects::poll::{
    Answer as Common, Item, write_json, write_json_head, write_news_head, write_nothing,
};
use switchboard_dialects::{Body, Shape};
use switchboard_hub::{ChannelName, Gap, Publication};
use switchboard_plane::ConnId;

use crate::connection::{ListenMode, PollFlag};
use crate::core::Core;
use crate::encoding::Partial;
use crate::subscribe::position;

/// An answer up to this size is copied into the batch of its stage; of a larger one the publication
/// is shared.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// About the length of one JSON answer, unless a single publication is larger.
const JSON_BYTES_MAX: usize = 64 << 10;

/// What stands in it beside each payload, and for each channel: without them, a history of many short
/// publications in many channels would make an answer of hundreds of megabytes.
const ITEM_BYTES: usize = 128;
const POSITION_BYTES: usize = 24;

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
        let answered = if self.mode.has(PollFlag::Json) {
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
        let begin = self.position(core);
        let (mut news, mut ids, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some((nth, publication)) = self.next(core) {
            bytes += publication.payload().len() + ITEM_BYTES + self.places.len() * POSITION_BYTES;
            if bytes > JSON_BYTES_MAX && !news.is_empty() {
                break;
            }
            self.places[nth].cursor = publication.offset();
            ids.push(self.position(core));
            news.push((nth, publication));
        }
        if news.is_empty() && self.gaps.is_empty() {
            return false;
        }
        let names: Vec<ChannelName> =
            self.places.iter().filter_map(|place| core.hub.name(place.channel).cloned()).collect();
        let items: Vec<Item<'_>> = news
            .iter()
            .zip(&ids)
            .filter_map(|((nth, publication), id)| {
                Some(Item { id, channel: names.get(*nth)?, publication })
            })
            .collect();
        let position = self.position(core);
        let last_modified_ms = self.last_modified_ms(core);
        let mut answer = Vec::with_capacity(1024);
        let common = self.common(core, &position);
        core.counters.deliveries.add(news.len() as u64);
        core.counters.delivery_sends.add(1);
        if let ([item], [(_, publication)]) = (&items[..], &news[..]) {
            let shape = write_json_head(&common, &begin, item, &mut answer);
            send(core, self.id, Partial::behind(answer, shape, publication));
        } else {
            write_json(&common, &begin, &items, last_modified_ms, &mut answer);
            core.reply(self.id, |out| out.extend_from_slice(&answer));
        }
        true
    }

    /// What follows next in its channels: the oldest by time, and by their order where times are the
    /// same.
    fn next(&self, core: &Core) -> Option<(usize, Arc<Publication>)> {
        let mut next: Option<(usize, Arc<Publication>)> = None;
        for nth in 0..self.places.len() {
            if let Some(first) = self.next_of(core, nth)
                && next.as_ref().is_none_or(|(_, next)| first.time_ms() < next.time_ms())
            {
                next = Some((nth, first));
            }
        }
        next
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
        let mut answer = Vec::with_capacity(512);
        write_nothing(&self.common(core, &position), status, last_modified_ms, &mut answer);
        core.counters.polls_empty.add(1);
        core.reply(self.id, |out| out.extend_from_slice(&answer));
    }

    fn common<'b>(&self, core: &'b Core, position: &'b str) -> Common<'b>
    where
        'a: 'b,
    {
        Common {
            keep_alive: self.mode.has(PollFlag::KeepAlive),
            cors: core.config.origin(self.mode.cors),
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

/// Sends an answer: a short one with the batch of this stage; of a long one the rest of the turn sends
/// what the socket takes.
fn send(core: &mut Core, id: ConnId, answer: Partial) {
    if answer.bytes() <= COPIED_BYTES_MAX {
        core.reply(id, |out| answer.write(out));
        return;
    }
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().partial = Some(answer);
    }
    core.await_room(id, None);
}
