//! What is on its way between nodes and the engine.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use switchboard_cluster::{Outgoing, Place, PublicationId, Request, RequestId, Standing};

use crate::broker::Wire;

/// Which run of a node, and which of its connections: what is on the way ends with both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) node: usize,
    pub(crate) connection: u64,
}

/// Who asks for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Partition(RequestId),
    /// A client that resumes, and which of its attempts.
    Client(usize, u64),
}

/// From a node to the engine.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Publish { id: PublicationId, outgoing: Arc<Outgoing> },
    Ask { partition: u16, asker: Asker, request: Arc<Request> },
    Subscribe(Place),
    Unsubscribe(Place),
}

/// An answer of the engine, as it is on the wire.
#[derive(Clone, Debug)]
pub(crate) enum RawAnswer {
    Standing(Standing),
    Head(Standing, Option<u64>),
    Fetched { standing: Standing, head: Option<u64>, messages: Vec<Wire>, pending: u64 },
    Checked(Standing, Vec<Option<u64>>),
    Marked,
}

/// From the engine, or from another node, to a node.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Republished { subject: String, wire: Wire },
    Stored { id: PublicationId, sequence: u64 },
    Refused { id: PublicationId, status: u16, code: u32 },
    Answer { partition: u16, asker: Asker, answer: RawAnswer },
    Live(Place),
    Control(Vec<u8>),
}

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Call(Line, Call),
    /// The second part of an answer: how the stream stands, after what was read.
    Finish {
        line: Line,
        partition: u16,
        asker: Asker,
        request: Arc<Request>,
        messages: Vec<Wire>,
        pending: u64,
        head: Option<u64>,
    },
    Delivery(Line, Delivery),
    Reconnect(usize),
}

/// What is on its way, by when it arrives.
#[derive(Debug, Default)]
pub(crate) struct Network {
    order: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: HashMap<u64, Happening>,
    count: u64,
}

impl Network {
    pub(crate) fn put(&mut self, at_ms: u64, happening: Happening) {
        self.count += 1;
        self.order.push(Reverse((at_ms, self.count)));
        self.happenings.insert(self.count, happening);
    }

    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    pub(crate) fn take(&mut self, now_ms: u64) -> Option<Happening> {
        let Reverse((_, number)) = *self.order.peek().filter(|it| it.0.0 <= now_ms)?;
        self.order.pop();
        self.happenings.remove(&number)
    }
}
