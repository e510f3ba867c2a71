//! What a partition asks of the engine, and what it is answered.

use switchboard_hub::ChannelName;

use crate::fill::{Fetch, Fetched, Standing};

/// How many channels are looked at in one request: the engine answers for 1,024 at most.
pub const CHECKED_MAX: usize = 500;

/// Names a request. Never used twice by one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// What is asked of the engine.
#[derive(Debug)]
pub enum Request {
    /// How the stream stands, of the leader: `STREAM.MSG.GET` with `last_by_subj` for the epoch's marker, and
    /// `STREAM.INFO`.
    Standing,
    /// How the stream stands, and after that the newest sequence of a channel, of the leader: as
    /// [`Standing`](Self::Standing), and then `STREAM.MSG.GET` with `last_by_subj`. In this order, or a channel's
    /// first message that is stored in between would be neither.
    Head {
        /// Which.
        channel: ChannelName,
    },
    /// Messages of a channel: a direct get with `seq`, `next_by_subj` and `batch`, and then one with `multi_last`
    /// of the channel and the epoch's marker, which says `Nats-UpTo-Sequence` too.
    Fetch {
        /// Of which.
        channel: ChannelName,
        /// Which.
        fetch: Fetch,
    },
    /// The newest sequences of some channels and how the stream stands: `multi_last` of them and the epoch's
    /// marker.
    Check {
        /// Of which, at most [`CHECKED_MAX`].
        channels: Vec<ChannelName>,
    },
    /// Give the stream an epoch: publish a random one to its marker's subject, where nothing must be. That
    /// somebody else has done it already is an answer too.
    MarkEpoch,
}

/// What the engine answers.
#[derive(Debug)]
pub enum Answer {
    /// To [`Request::Standing`].
    Standing(Standing),
    /// To [`Request::Head`]: how the stream stands, asked before the newest sequence of the channel.
    Head(Standing, Option<u64>),
    /// To [`Request::Fetch`].
    Fetched(Fetched),
    /// To [`Request::Check`], in the order of its channels.
    Checked(Standing, Vec<Option<u64>>),
    /// To [`Request::MarkEpoch`].
    Marked,
    /// To any: an error, or none will come.
    Failed,
}
