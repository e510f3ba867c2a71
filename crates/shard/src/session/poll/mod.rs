//! Polls: one answer to one request, at once or when there is news.
//!
//! A poll takes subscriptions only while it is held. All else is answered from the logs.

mod answer;

use switchboard_dialects::{Listen, Transport};
use switchboard_hub::{ChannelName, Gap, GapReason, OnGap, Position, Start, Subscription, Work};
use switchboard_plane::{Close, ConnId};

use super::verbs::{Taken, Verbs};
use crate::connection::{Connection, InputReason, ListenFlag, ListenMode, Session};
use crate::core::Core;
use crate::http::{Answer, Response};
use crate::lifecycle::ending;
use crate::subscribe::{self, Channels, Lost, Missed, has_deleted_channel, resume};
use answer::{Handed, Place, PollAnswer, keeps_alive};

/// [`Session::Poll`].
pub(super) struct Poll;

/// What a poll cannot have.
type Gaps = Vec<(ChannelName, Gap)>;

/// How a poll listens.
pub(super) fn mode(listen: &Listen, cors: u8, keep_alive: bool) -> ListenMode {
    let flags = [
        (ListenFlag::KeepAlive, keep_alive),
        (ListenFlag::Waits, listen.transport == Transport::LongPoll),
        (ListenFlag::Json, listen.json),
        (ListenFlag::GapToEarliest, listen.on_gap == OnGap::Earliest),
    ];
    ListenMode::poll(cors, &flags)
}

/// It asks for an answer of which this turn has built enough.
pub(super) fn is_for_later(core: &Core, listen: &Listen) -> bool {
    let is_poll = matches!(listen.transport, Transport::LongPoll | Transport::IntervalPoll);
    is_poll && listen.json && answer::has_built_enough(core)
}

/// A request: answered at once when there is news, or when it does not wait.
pub(super) fn open(
    core: &mut Core,
    id: ConnId,
    channels: &Channels,
    listen: Listen,
    mode: ListenMode,
) -> Answer {
    if let Some((places, gaps)) = visit(core, channels, &listen) {
        let mut poll = PollAnswer { id, mode, places, gaps: &gaps, handed: None };
        if poll.answer_news(core) {
            return Answer::Done;
        }
        if !mode.has(ListenFlag::Waits) || !gaps.is_empty() {
            poll.answer_nothing(core, 304);
            return Answer::Done;
        }
        // It stands at the head of each channel, so it waits for what comes from now on.
        subscribe::subscribe(core, id, channels, mode);
        hold(core, id);
    } else {
        subscribe::subscribe(core, id, channels, mode);
        core.await_home(id);
        hold(core, id);
        resume::request(core, id, listen);
    }
    Answer::TakenOver
}

impl Verbs for Poll {
    /// The requests behind the one that is held wait for its answer. They are refused beyond the bound:
    /// a client that is not read any further could be gone without anybody noticing, and keep its place
    /// for as long as a poll is held.
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        if bytes.len() <= core.config.head.bytes_max {
            return Taken::Keep { scanned: 0 };
        }
        if core.slab.get(id).is_some_and(|connection| connection.gates.awaits_home()) {
            // Not for long, and then it is known what to answer.
            core.park_input(id, InputReason::Output);
            return Taken::Keep { scanned: 0 };
        }
        refuse_more(core, id);
        Taken::All
    }

    fn on_started(core: &mut Core, id: ConnId, lost: Vec<Lost>) {
        let gaps: Gaps = lost.into_iter().map(|lost| (lost.channel, lost.gap)).collect();
        start(core, id, &gaps);
    }

    fn on_publications(core: &mut Core, id: ConnId, nth: u16, new: &Work) {
        news(core, id, nth, new);
    }

    fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, missed: Missed) {
        lagged(core, id, subscription.channel, Some(&missed));
    }

    fn on_slow(core: &mut Core, id: ConnId, channel: u32) {
        lagged(core, id, channel, None);
    }

    fn on_deleted(core: &mut Core, id: ConnId) {
        deleted(core, id);
    }

    fn on_due(core: &mut Core, id: ConnId) {
        timed_out(core, id);
    }

    fn on_stop(core: &mut Core, id: ConnId, _code: u16) {
        timed_out(core, id);
    }

    /// Without news a browser that has gone looks the same, and is not waited for. Whether there is
    /// news is not known before the homes have answered.
    fn is_owed_answer(connection: &Connection) -> bool {
        connection.gates.awaits_home() || !connection.mode.has(ListenFlag::Waits)
    }
}

/// Where the channels stand, if this shard knows it of all.
fn visit(core: &mut Core, channels: &Channels, listen: &Listen) -> Option<(Vec<Place>, Gaps)> {
    let (mut places, mut gaps) = (Vec::new(), Vec::new());
    for (name, start) in channels.names.iter().zip(&listen.starts) {
        let channel = core.hub.visit(core.now_ms, name, &mut core.exchange.outbox)?;
        let begin = core.hub.begin(core.now_ms, channel, start, listen.on_gap)?;
        if core.config.shares_channels && resume::is_future(&begin) {
            return None;
        }
        places.push(Place { channel, cursor: begin.cursor });
        gaps.extend(begin.gap.map(|gap| (name.clone(), gap)));
    }
    // Nobody sits in an idle channel: where few may be idle, a later one drove an earlier one out.
    // Subscriptions keep them all.
    let is_there = |(place, name): (&Place, _)| core.hub.name(place.channel) == Some(name);
    if !places.iter().zip(&channels.names).all(is_there) {
        return None;
    }
    core.counters.gaps_announced.add(gaps.len() as u64);
    Some((places, gaps))
}

/// From now on the request is held.
fn hold(core: &mut Core, id: ConnId) {
    core.enter(id, Session::Poll, core.now.after_ms(core.config.timeouts.long_poll_ms));
}

/// The homes of all channels have answered.
fn start(core: &mut Core, id: ConnId, gaps: &[(ChannelName, Gap)]) {
    let Some(mut poll) = PollAnswer::of_subscriptions(core, id, gaps) else {
        return;
    };
    core.open_output(id);
    if poll.answer_news(core) {
        return released(core, id);
    }
    if !poll.mode.has(ListenFlag::Waits) || !gaps.is_empty() {
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
        return ending::remove(core, id, Close::Fin);
    }
    connection.settle(now_ms);
    if connection.gates.is_input_parked() {
        // More is held behind it than may be.
        core.revisit(id);
    }
}

/// News in the channel in which the poll has its `nth` subscription.
fn news(core: &mut Core, id: ConnId, nth: u16, new: &Work) {
    let Some(mut poll) = PollAnswer::of_subscriptions(core, id, &[]) else {
        return;
    };
    // Fan-out has moved the cursor: it stands before what is handed over here.
    let nth = usize::from(nth);
    if let Some(place) = poll.places.get_mut(nth) {
        place.cursor = new.after;
    }
    poll.handed = Some(Handed { nth, publications: &new.publications });
    if poll.answer_news(core) {
        released(core, id);
    }
}

/// A poll lost its place before it was served, which takes a log that was cut by the shard's
/// budget.
fn lagged(core: &mut Core, id: ConnId, channel: u32, missed: Option<&Missed>) {
    let Some(mut poll) = PollAnswer::of_subscriptions(core, id, &[]) else {
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
                let begin = core.hub.begin(core.now_ms, channel, &after, poll.mode.on_gap());
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

/// The time that a request is held is over, or the server stops.
fn timed_out(core: &mut Core, id: ConnId) {
    let status = core.config.long_poll_timeout_status;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    // A 408 ends the connection (RFC 9110 section 15.5.9).
    if status == 408 {
        connection.mode.set(ListenFlag::KeepAlive, false);
    }
    if connection.gates.awaits_home() {
        // There is no position to tell. The client asks again.
        return ending::cut(core, id);
    }
    if has_deleted_channel(core, id) {
        return deleted(core, id);
    }
    if let Some(poll) = PollAnswer::of_subscriptions(core, id, &[]) {
        poll.answer_nothing(core, status);
        released(core, id);
    }
}

/// Too much is held behind a poll that waits: it has its answer now, which is that there is nothing, and
/// the connection ends. The client asks again for what it has not seen.
fn refuse_more(core: &mut Core, id: ConnId) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.mode.set(ListenFlag::KeepAlive, false);
    }
    if let Some(poll) = PollAnswer::of_subscriptions(core, id, &[]) {
        poll.answer_nothing(core, 304);
        released(core, id);
    }
}

/// The channel was deleted while the poll waited.
fn deleted(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    let keep_alive = keeps_alive(core, connection.mode);
    let gone = Response::refusal(410, "the channel was deleted".to_owned())
        .with_cors(core.config.cors(connection.mode.cors));
    let date = core.wall.time().date;
    core.reply(id, |out| gone.write(date, out, keep_alive, false));
    released(core, id);
}

/// The answer to a held request is on its way: back to requests.
fn released(core: &mut Core, id: ConnId) {
    subscribe::leave(core, id);
    let Some(deadline) = core.slab.get(id).map(|connection| connection.deadline) else {
        return;
    };
    core.enter(id, Session::Http, deadline);
    core.await_request(id);
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    // Requests may be held behind this one, or bytes that must be dropped before the connection
    // ends; and what only busy connections have may go.
    let goes_on = connection.busy.is_some();
    if !keeps_alive(core, connection.mode) {
        ending::end_after_answer(core, id);
    }
    if goes_on {
        core.revisit(id);
    }
}
