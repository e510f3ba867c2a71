//! Polls: one answer to one request, at once or when there is news.
//!
//! A poll takes seats only while it is held. All else is answered from the logs.

use std::sync::Arc;

use switchboard_dialects::poll::{
    Answer as Common, Item, write_json, write_json_head, write_news_head, write_nothing,
};
use switchboard_dialects::{Body, Listen, Shape};
use switchboard_hub::{ChannelName, Gap, GapReason, Position, Publication, Start};
use switchboard_plane::{Close, ConnId};

use crate::batch::Partial;
use crate::closing;
use crate::connection::{Manner, PollFlag, State};
use crate::core::Core;
use crate::http::Answer;
use crate::listen::{self, Channels};

/// An answer up to this size is copied into the batch of its stage; of a larger one the publication
/// is shared.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// About the length of one JSON answer, unless a single publication is larger.
const JSON_BYTES_MAX: usize = 64 << 10;

/// What a poll cannot have.
type Gaps = Vec<(ChannelName, Gap)>;

/// What stands in it beside each payload, and for each channel: without them, a history of many short
/// publications in many channels would make an answer of hundreds of megabytes.
const ITEM_BYTES: usize = 128;
const POSITION_BYTES: usize = 24;

/// Where a poll stands in one channel.
#[derive(Clone, Copy, Debug)]
struct Place {
    channel: u32,
    cursor: u64,
}

/// A poll and what it cannot have.
#[derive(Debug)]
struct Poll<'a> {
    id: ConnId,
    manner: Manner,
    places: Vec<Place>,
    gaps: &'a [(ChannelName, Gap)],
    handed: Option<Handed<'a>>,
}

/// What fan-out hands to the `nth` seat. The log may not have it any more.
#[derive(Clone, Copy, Debug)]
struct Handed<'a> {
    nth: usize,
    publications: &'a [Arc<Publication>],
}

/// A request: answered at once when there is news, or when it does not wait.
pub(crate) fn ask(
    core: &mut Core,
    id: ConnId,
    channels: &Channels,
    listen: Listen,
    manner: Manner,
) -> Answer {
    if let Some((places, gaps)) = visit(core, channels, &listen) {
        let mut poll = Poll { id, manner, places, gaps: &gaps, handed: None };
        if poll.answer_news(core) {
            return Answer::Done;
        }
        if !manner.has(PollFlag::Waits) || !gaps.is_empty() {
            poll.answer_nothing(core, 304);
            return Answer::Done;
        }
        // It stands at the head of each channel, so it waits for what comes from now on.
        listen::join(core, id, channels, manner);
        hold(core, id);
    } else {
        listen::join(core, id, channels, manner);
        core.hold_seats(id);
        hold(core, id);
        listen::wait(core, id, listen);
    }
    Answer::TakenOver
}

/// Where the channels stand, if this shard knows it of all.
fn visit(core: &mut Core, channels: &Channels, listen: &Listen) -> Option<(Vec<Place>, Gaps)> {
    let (mut places, mut gaps) = (Vec::new(), Vec::new());
    for (name, start) in channels.names.iter().zip(&listen.starts) {
        let channel = core.hub.visit(core.now_ms, name, &mut core.outbox)?;
        let begin = core.hub.begin(core.now_ms, channel, start, listen.behind_gap)?;
        places.push(Place { channel, cursor: begin.cursor });
        gaps.extend(begin.gap.map(|gap| (name.clone(), gap)));
    }
    // Nobody sits in an idle channel: where few may be idle, a later one drove an earlier one out.
    // Seats keep them all.
    let is_there = |(place, name): (&Place, _)| core.hub.name(place.channel) == Some(name);
    if !places.iter().zip(&channels.names).all(is_there) {
        return None;
    }
    core.counters.gaps_announced.add(gaps.len() as u64);
    Some((places, gaps))
}

/// From now on the request is held.
fn hold(core: &mut Core, id: ConnId) {
    let deadline = core.now.after_ms(core.config.timeouts.long_poll_ms);
    core.counters.polls_held.add(1);
    if let Some(connection) = core.slab.get_mut(id) {
        connection.state = State::Polling;
        connection.deadline = deadline;
    }
}

/// The homes of all channels have answered.
pub(crate) fn begin(core: &mut Core, id: ConnId, gaps: &[(ChannelName, Gap)]) {
    let Some(mut poll) = Poll::of_seats(core, id, gaps) else {
        return;
    };
    core.forget_blocked(id);
    if poll.answer_news(core) {
        return released(core, id);
    }
    if !poll.manner.has(PollFlag::Waits) || !gaps.is_empty() {
        poll.answer_nothing(core, 304);
        return released(core, id);
    }
    core.unblock_seats(id);
    let now_ms = core.now_ms;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    if connection.busy.as_ref().is_some_and(|busy| busy.peer_ended) {
        // What it could have had at once it has not, and nobody is waited for who has gone.
        return core.remove(id, Close::Fin);
    }
    connection.settle(now_ms);
}

/// News in the channel in which the poll has its `nth` seat.
pub(crate) fn news(core: &mut Core, id: ConnId, nth: u16, publications: &[Arc<Publication>]) {
    let Some(mut poll) = Poll::of_seats(core, id, &[]) else {
        return;
    };
    // Fan-out has moved the cursor: it stands before what is handed over here.
    let nth = usize::from(nth);
    if let (Some(place), Some(first)) = (poll.places.get_mut(nth), publications.first()) {
        place.cursor = first.offset() - 1;
    }
    poll.handed = Some(Handed { nth, publications });
    if poll.answer_news(core) {
        released(core, id);
    }
}

/// A poll lost its place before it was served, which takes a log that was cut by the shard's budget.
pub(crate) fn lagged(core: &mut Core, id: ConnId, channel: u32, missed: Option<&Missed>) {
    let Some(mut poll) = Poll::of_seats(core, id, &[]) else {
        return;
    };
    let mut gaps = Vec::new();
    for place in poll.places.iter_mut().filter(|place| place.channel == channel) {
        let gap = match (missed, core.hub.position(channel)) {
            (Some(missed), _) => {
                Some(Gap { reason: GapReason::Slow, missed: Some(missed.clone()) })
            }
            (None, Some(Position { epoch, .. })) => {
                let after = Start::After(Position { epoch, offset: place.cursor });
                let begin = core.hub.begin(core.now_ms, channel, &after, poll.manner.behind_gap());
                begin.and_then(|begin| {
                    place.cursor = begin.cursor;
                    begin.gap
                })
            }
            (None, None) => None,
        };
        if let (Some(gap), Some(name)) = (gap, core.hub.name(channel)) {
            gaps.push((name.clone(), gap));
        }
    }
    core.counters.gaps_announced.add(gaps.len() as u64);
    poll.gaps = &gaps;
    if !poll.answer_news(core) {
        poll.answer_nothing(core, 304);
    }
    released(core, id);
}

/// Offsets that a subscriber will never get.
pub(crate) type Missed = std::ops::RangeInclusive<u64>;

/// The time that a request is held is over, or the server stops.
pub(crate) fn timed_out(core: &mut Core, id: ConnId) {
    let status = core.config.long_poll_timeout_status;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let waits_for_home = connection.busy.as_ref().is_some_and(|busy| busy.start.is_some());
    if core.stopping {
        connection.manner.set(PollFlag::KeepAlive, false);
    }
    if status == 408 {
        // RFC 9110 section 15.5.9: it ends the connection.
        connection.manner.set(PollFlag::KeepAlive, false);
    }
    if waits_for_home {
        // There is no position to tell. The client asks again.
        return closing::cut(core, id);
    }
    if core.has_deleted_channel(id) {
        return deleted(core, id);
    }
    if let Some(poll) = Poll::of_seats(core, id, &[]) {
        poll.answer_nothing(core, status);
        released(core, id);
    }
}

/// The channel was deleted while the poll waited.
pub(crate) fn deleted(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    let keep_alive = connection.manner.has(PollFlag::KeepAlive);
    let gone = listen::gone().with_cors(core.config.origin(connection.manner.cors));
    core.reply(id, |out| gone.write(out, keep_alive, false));
    released(core, id);
}

/// The answer to a held request is on its way: back to requests.
fn released(core: &mut Core, id: ConnId) {
    core.leave_channels(id);
    core.counters.polls_held.sub(1);
    let idle = core.now.after_ms(core.config.timeouts.http_idle_ms);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.state = State::Head;
    if !connection.blocked {
        connection.deadline = idle;
    }
    // Requests may be held behind this one, or bytes that must be dropped before the connection ends;
    // and what only busy connections have may go.
    let goes_on = connection.busy.is_some();
    if !connection.manner.has(PollFlag::KeepAlive) {
        closing::end_after_answer(core, id);
    }
    if goes_on {
        core.deferred.push_back(id);
    }
}

impl<'a> Poll<'a> {
    /// A held poll, where its seats are.
    fn of_seats(core: &Core, id: ConnId, gaps: &'a [(ChannelName, Gap)]) -> Option<Self> {
        let connection = core.slab.get(id)?;
        let places = connection
            .seats()
            .map(|seat| Place { channel: seat.channel, cursor: core.hub.cursor(seat) })
            .collect();
        Some(Self { id, manner: connection.manner, places, gaps, handed: None })
    }

    /// Answers with news, if there is any.
    fn answer_news(&mut self, core: &mut Core) -> bool {
        let answered = if self.manner.has(PollFlag::Json) {
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
            let first = handed.publications.first()?.offset();
            handed.publications.get(usize::try_from((cursor + 1).checked_sub(first)?).ok()?)
        });
        if let Some(publication) = handed {
            return Some(Arc::clone(publication));
        }
        let mut following = Vec::new();
        core.hub.copy_after(channel, cursor, 0, &mut following);
        following.pop()
    }

    /// Answers that there is none.
    fn answer_nothing(&self, core: &mut Core, status: u16) {
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
            keep_alive: self.manner.has(PollFlag::KeepAlive),
            cors: core.config.origin(self.manner.cors),
            id: position,
            gaps: self.gaps,
        }
    }

    /// Where it stands, as text.
    fn position(&self, core: &Core) -> String {
        let mut text = String::new();
        for place in &self.places {
            core.push_position(place.channel, place.cursor, &mut text);
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
    core.block(id, None);
}
