//! The commands of a Centrifuge client that wait for something.

use std::sync::Arc;

use switchboard_api::centrifugo::GivenChannel;
use switchboard_hooks::Verdict;
use switchboard_hub::{ChannelName, Start};

use super::counted::Counted;

/// Headers of a request, in their order; a name may stand twice.
pub(crate) type Headers = Vec<(Box<str>, Box<[u8]>)>;

/// The commands of a Centrifuge client that wait for something. They are obeyed one after another, and no
/// further message is taken meanwhile, so they are not more than a message has.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    held: Vec<u8>,
    used: usize,
    /// What a backend has said of the first of them.
    pub(crate) verdict: Option<Verdict>,
    /// What goes on once the home of its channel has answered.
    pub(crate) awaited: Option<Awaited>,
    /// What a backend wants of its subscriptions, and cannot be done yet: as much as there may be channels.
    pub(crate) orders: Vec<Order>,
    /// Those headers of the upgrade that backends want to see of a client that begins.
    pub(crate) connect_headers: Headers,
    /// Those that they want to see of one that asks for a channel, before it has begun.
    pub(crate) subscribe_headers: Headers,
    /// By what a client that is only sent to says that commands are its own, until it has been told.
    pub(crate) session: Option<Box<str>>,
    /// Counts those that wait, where they came in a request of their own.
    pub(crate) counted: Option<Counted>,
}

/// What a backend wants of the subscriptions of a client.
#[derive(Debug)]
pub(crate) enum Order {
    /// That it has this channel.
    Give(Arc<GivenChannel>),
    /// That it has this one no more.
    TakeAway(ChannelName),
}

impl Order {
    /// The channel.
    pub(crate) fn name(&self) -> &ChannelName {
        match self {
            Self::Give(given) => &given.name,
            Self::TakeAway(name) => name,
        }
    }
}

/// What waits for the homes of channels.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// To begin, with channels that the server gives the client.
    Connection(Box<Connecting>),
    /// To listen to a channel: the command with this number.
    Subscription(u32, Beginning),
    /// To listen to a channel for which it has not asked.
    Given(Beginning),
    /// To read what a channel keeps.
    History(Reading),
}

impl Awaited {
    /// The subscriptions that have not begun, and where each is to begin.
    pub(crate) fn starts(&self) -> Vec<(u16, Start)> {
        let start = |beginning: &Beginning| (beginning.nth, beginning.start);
        match self {
            Self::Connection(connecting) => connecting.begins.iter().map(start).collect(),
            Self::Subscription(_, beginning) | Self::Given(beginning) => vec![start(beginning)],
            Self::History(reading) => vec![(reading.nth, Start::Now)],
        }
    }
}

/// A client whose channels have not begun that the server gives it.
#[derive(Debug)]
pub(crate) struct Connecting {
    /// The number of its command.
    pub(crate) command: u32,
    /// When its time is over, as it is told that, in Unix seconds.
    pub(crate) end_s: Option<u64>,
    /// What the backend tells it.
    pub(crate) data: Option<Box<[u8]>>,
    /// By what a client that is only sent to says that commands are its own.
    pub(crate) session: Option<Box<str>>,
    /// Its channels.
    pub(crate) begins: Vec<Beginning>,
}

/// A client that wants to read what a channel keeps, and does not listen to it but until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The number of its command.
    pub(crate) command: u32,
    /// Which of the connection's.
    pub(crate) nth: u16,
    pub(crate) wanted: Wanted,
}

/// What of a history is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// How many publications at most.
    pub(crate) count_max: usize,
    /// Only what is behind that, or before it in reverse: the offset, and what finds the place.
    pub(crate) since: Option<(u64, Start)>,
    /// The newest first.
    pub(crate) reverse: bool,
}

/// What a client may do with what it misses of a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Granted {
    /// It can go on where it was.
    pub(crate) recovery: bool,
    /// It hears when something is lost.
    pub(crate) positioning: bool,
}

/// A subscription that has not begun.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// Which of the connection's.
    pub(crate) nth: u16,
    /// Where it is to begin.
    pub(crate) start: Start,
    /// Up to where its client has got what was published, as it says.
    pub(crate) offset: u64,
    /// What its client is granted of its wishes.
    pub(crate) granted: Granted,
    /// It ends with an error where something is lost.
    pub(crate) rejects_unrecovered: bool,
    /// What the backend tells the client.
    pub(crate) data: Option<Box<[u8]>>,
    /// When it ends without a new token, as its client is told that, in Unix seconds.
    pub(crate) end_s: Option<u64>,
}

impl Commands {
    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
            && self.verdict.is_none()
            && self.awaited.is_none()
            && self.orders.is_empty()
            && self.connect_headers.is_empty()
            && self.subscribe_headers.is_empty()
            && self.session.is_none()
    }

    /// Some wait to be obeyed.
    pub(crate) fn are_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes those that wait, and where the first begins.
    pub(crate) fn take_held(&mut self) -> (Vec<u8>, usize) {
        (std::mem::take(&mut self.held), std::mem::take(&mut self.used))
    }

    /// How many bytes of them wait.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.len() - self.used
    }

    /// Further ones wait behind those that do.
    pub(crate) fn append(&mut self, more: &[u8]) {
        self.held.drain(..std::mem::take(&mut self.used));
        self.held.push(b'\n');
        self.held.extend_from_slice(more);
    }

    /// Those in `held` wait from `used` on.
    pub(crate) fn hold(&mut self, held: Vec<u8>, used: usize) {
        self.held = held;
        self.used = used;
    }
}
