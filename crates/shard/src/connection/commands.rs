//! The commands of a Centrifuge client that wait for something.

use switchboard_hooks::Verdict;
use switchboard_hub::Start;

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
    /// Those headers of the upgrade that backends want to see of a client that begins.
    pub(crate) connect_headers: Headers,
    /// Those that they want to see of one that asks for a channel, before it has begun.
    pub(crate) subscribe_headers: Headers,
    /// By what a client that is only sent to says that commands are its own, until it has been told.
    pub(crate) session: Option<Box<str>>,
    /// Counts those that wait, where they came in a request of their own.
    pub(crate) counted: Option<Counted>,
}

/// A command that waits for the home of a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    /// To listen to it.
    Subscription(Beginning),
    /// To read what it keeps.
    History(Reading),
}

impl Awaited {
    /// The number of the command.
    pub(crate) fn command(&self) -> u32 {
        match self {
            Self::Subscription(beginning) => beginning.command,
            Self::History(reading) => reading.command,
        }
    }

    /// Which of the connection's subscriptions waits.
    pub(crate) fn nth(&self) -> u16 {
        match self {
            Self::Subscription(beginning) => beginning.nth,
            Self::History(reading) => reading.nth,
        }
    }
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

/// A subscription that has not begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    /// The number of its command.
    pub(crate) command: u32,
    /// Which of the connection's.
    pub(crate) nth: u16,
    /// Where it is to begin.
    pub(crate) start: Start,
    /// Up to where its client has got what was published, as it says.
    pub(crate) offset: u64,
    /// It ends with an error where something is lost.
    pub(crate) rejects_unrecovered: bool,
}

impl Commands {
    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
            && self.verdict.is_none()
            && self.awaited.is_none()
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
