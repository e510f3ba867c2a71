//! Polls: one answer to one request, at once or when there is news.
//!
//! A poll takes subscriptions only while it is held. All else is answered from the logs.

use std::sync::Arc;

use switchboard_dialects::Listen;
use switchboard_hub::{ChannelName, Gap, GapReason, Position, Publication, Start};
use switchboard_plane::{Close, ConnId};

use crate::answer::{Handed, Place, Poll};
use crate::closing;
use crate::connection::{ListenMode, PollFlag, State};
use crate::core::Core;
use crate::http::Answer;
use crate::listen::{self, Channels};
use crate::response::Response;

/// What a poll cannot have.
type Gaps = Vec<(ChannelName, Gap)>;

/// A request: answered at once when there is news, or when it does not wait.
pub(crate) fn ask(
    core: &mut Core,
    id: ConnId,
    channels: &Channels,
    listen: Listen,
    mode: ListenMode,
) -> Answer {
    if let Some((places, gaps)) = visit(core, channels, &listen) {
        let mut poll = Poll { id, mode, places, gaps: &gaps, handed: None };
        if poll.answer_news(core) {
            return Answer::Done;
        }
        if !mode.has(PollFlag::Waits) || !gaps.is_empty() {
            poll.answer_nothing(core, 304);
            return Answer::Done;
        }
        // It stands at the head of each channel, so it waits for what comes from now on.
        listen::join(core, id, channels, mode);
        hold(core, id);
    } else {
        listen::join(core, id, channels, mode);
        core.hold_subscriptions(id);
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
    let Some(mut poll) = Poll::of_subscriptions(core, id, gaps) else {
        return;
    };
    core.forget_blocked(id);
    if poll.answer_news(core) {
        return released(core, id);
    }
    if !poll.mode.has(PollFlag::Waits) || !gaps.is_empty() {
        poll.answer_nothing(core, 304);
        return released(core, id);
    }
    core.unblock_subscriptions(id);
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

/// News in the channel in which the poll has its `nth` subscription.
pub(crate) fn news(core: &mut Core, id: ConnId, nth: u16, publications: &[Arc<Publication>]) {
    let Some(mut poll) = Poll::of_subscriptions(core, id, &[]) else {
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
    let Some(mut poll) = Poll::of_subscriptions(core, id, &[]) else {
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
                let begin = core.hub.begin(core.now_ms, channel, &after, poll.mode.behind_gap());
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
    // A 408 ends the connection (RFC 9110 section 15.5.9).
    if core.stopping || status == 408 {
        connection.mode.set(PollFlag::KeepAlive, false);
    }
    if connection.waits_for_home() {
        // There is no position to tell. The client asks again.
        return closing::cut(core, id);
    }
    if core.has_deleted_channel(id) {
        return deleted(core, id);
    }
    if let Some(poll) = Poll::of_subscriptions(core, id, &[]) {
        poll.answer_nothing(core, status);
        released(core, id);
    }
}

/// The channel was deleted while the poll waited.
pub(crate) fn deleted(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    let keep_alive = connection.mode.has(PollFlag::KeepAlive);
    let gone = Response::refusal(410, "the channel was deleted".to_owned())
        .with_cors(core.config.origin(connection.mode.cors));
    core.reply(id, |out| gone.write(out, keep_alive, false));
    released(core, id);
}

/// The answer to a held request is on its way: back to requests.
fn released(core: &mut Core, id: ConnId) {
    core.leave_channels(id);
    core.counters.polls_held.sub(1);
    core.await_request(id);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.state = State::Head;
    // Requests may be held behind this one, or bytes that must be dropped before the connection ends;
    // and what only busy connections have may go.
    let goes_on = connection.busy.is_some();
    if !connection.mode.has(PollFlag::KeepAlive) {
        closing::end_after_answer(core, id);
    }
    if goes_on {
        core.deferred.push_back(id);
    }
}
