//! What every session can be told.

use switchboard_hooks::Verdict;
use switchboard_hub::{Published, Subscription, Work};
use switchboard_plane::ConnId;

use crate::api::ApiResponse;
use crate::connection::{Connection, Ticket};
use crate::core::Core;
use crate::exchange::PresenceQuery;
use crate::subscribe::{Lost, Missed};

/// What became of received bytes.
#[derive(Debug)]
pub(crate) enum Taken {
    /// This many were used. What follows is for whatever the connection speaks now.
    Part(usize),
    /// All were used, or the rest is of no use.
    All,
    /// They are of use once more have arrived. So many of them have been searched.
    Keep { scanned: usize },
    /// The same bytes again, once what was said before is out and the mailbox is read.
    Later,
}

/// The verbs of a session; the [parent module](super) says when each of them is called.
pub(crate) trait Verbs {
    /// Bytes arrived, or held ones are looked at again. `scanned` of them have been searched
    /// before.
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], scanned: usize) -> Taken;

    /// The homes of all its channels have answered; `lost` is what it cannot have.
    fn on_started(_core: &mut Core, _id: ConnId, _lost: Vec<Lost>) {}

    /// All that was said has gone out, before any publication: says more. False when there is none.
    fn tell_more(_core: &mut Core, _id: ConnId) -> bool {
        false
    }

    /// Publications for its `nth` subscription, for those who answer with them.
    fn on_publications(_core: &mut Core, _id: ConnId, _nth: u16, _new: &Work) {}

    /// The home of the channel has a publication that it asked the receipt of, or could not take it.
    fn on_published(_core: &mut Core, _id: ConnId, _request: u32, _published: Published) {}

    /// The handler has answered its request.
    fn on_answered(_core: &mut Core, _id: ConnId, _response: ApiResponse) {}

    /// A backend has answered what the session asked it.
    fn on_verdict(_core: &mut Core, _id: ConnId, _ticket: Ticket, _verdict: Verdict) {}

    /// All shards have said who listens to the channel that it asked about.
    fn on_presence(_core: &mut Core, _id: ConnId, _query: PresenceQuery) {}

    /// It asked to be looked at again.
    fn on_turn(_core: &mut Core, _id: ConnId) {}

    /// Its cursor was moved over publications that the log has lost, as the namespace wants it.
    fn on_gap(_core: &mut Core, _id: ConnId, _subscription: Subscription, _missed: Missed) {}

    /// The log of a channel has lost what comes next for it, and the namespace lets nobody go on.
    fn on_slow(_core: &mut Core, _id: ConnId, _channel: u32) {}

    /// One of its channels was deleted.
    fn on_deleted(_core: &mut Core, _id: ConnId) {}

    /// Nothing was heard of the peer for the ping interval.
    fn on_silent(_core: &mut Core, _id: ConnId) {}

    /// All that waited for a full socket has gone out.
    fn on_flushed(_core: &mut Core, _id: ConnId) {}

    /// Its deadline has passed.
    fn on_due(core: &mut Core, id: ConnId);

    /// It is to end: the server drains or stops, or its client is to go. `code` is the one of the Close frame, for
    /// those who get one.
    fn on_stop(_core: &mut Core, _id: ConnId, _code: u16) {}

    /// Whether a peer that has ended its side may still wait for an answer.
    fn is_owed_answer(_connection: &Connection) -> bool {
        false
    }
}
