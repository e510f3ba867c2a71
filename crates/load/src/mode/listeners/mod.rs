//! Clients that listen in one of several ways, all of them to the end, so that the ways can be
//! compared. News is checked as that of any subscriber.

mod client;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use switchboard_plane::{Close, ConnId};

use self::client::{Client, Stage};
use super::Transport;
use super::deliveries::{Deliveries, Subscriber};
use crate::engine::clock::NS_PER_S;
use crate::engine::stats::Counter;
use crate::engine::{Connection, Core, End, Job, Orders, Ramp};
use crate::http::{self, Malformed, Part};
use crate::verify;

pub(crate) use client::Asking;

/// A long poll that has not been answered for so long is held by the server: it listens. Nothing
/// else says so.
const HELD_NS: u64 = NS_PER_S;

/// What all threads' clients have in common.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) asking: Asking,
    pub(crate) channels: u32,
    /// Each thread takes every so many-th client.
    pub(crate) threads: u32,
    pub(crate) poll_interval_ns: u64,
    /// An answer to a poll has all messages that are new, and not one of them.
    pub(crate) answers_have_all: bool,
    pub(crate) orders: Arc<Orders>,
}

/// The job of a thread of listening clients.
#[derive(Debug)]
pub(crate) struct Listeners {
    terms: Arc<Terms>,
    ramp: Ramp,
    deliveries: Deliveries,
    /// By number divided by the threads.
    clients: Vec<Client>,
    /// Clients that are neither accepted nor refused yet.
    waiting: usize,
    /// When each client asks next, at an interval.
    polls: BinaryHeap<Reverse<(u64, usize)>>,
    /// When each client's first long poll will have been held long enough.
    held: VecDeque<(u64, usize)>,
}

impl Listeners {
    pub(crate) fn new(terms: Arc<Terms>, ramp: Ramp, deliveries: Deliveries) -> Self {
        Self {
            terms,
            ramp,
            deliveries,
            clients: Vec::new(),
            waiting: 0,
            polls: BinaryHeap::new(),
            held: VecDeque::new(),
        }
    }

    fn transport(&self) -> Transport {
        self.terms.asking.transport
    }

    fn index_of(&self, number: u32) -> usize {
        (number / self.terms.threads) as usize
    }

    fn begin(&mut self, core: &mut Core<()>, number: u32) {
        let channel = number % self.terms.channels;
        debug_assert_eq!(self.clients.len(), self.index_of(number));
        self.clients.push(Client::new(Subscriber { number, channel }));
        self.waiting += 1;
        core.connect(number, channel, ());
    }

    /// Makes the next request, on a new connection if need be.
    fn ask(&mut self, core: &mut Core<()>, index: usize) {
        let client = &mut self.clients[index];
        let Some(id) = client.id else {
            return core.connect(client.who.number, client.who.channel, ());
        };
        client.asked = true;
        core.stats.add(Counter::Requests, 1);
        core.send(id, |out| self.terms.asking.write(client, out));
        if client.stage == Stage::Waiting && self.terms.asking.transport == Transport::LongPoll {
            self.held.push_back((core.now_ns + HELD_NS, index));
        }
    }

    fn join(&mut self, core: &mut Core<()>, index: usize) {
        let client = &mut self.clients[index];
        if client.stage == Stage::Waiting {
            client.stage = Stage::Joined;
            client.cursor = self.deliveries.joined(client.who.channel, true);
            self.waiting -= 1;
            core.count(client.who.number, Counter::Joined, 1);
        }
    }

    /// A client is refused, or has lost what it needs.
    fn lose(&mut self, core: &mut Core<()>, index: usize, why: String) {
        let client = &mut self.clients[index];
        if let Some(id) = client.id {
            core.close(id, Close::Reset);
        }
        client.disconnected();
        let number = client.who.number;
        let counter = match std::mem::replace(&mut client.stage, Stage::Gone) {
            Stage::Waiting => {
                self.waiting -= 1;
                Counter::Failed
            }
            Stage::Joined => {
                self.deliveries.ended(client.who, client.cursor, true, false);
                Counter::Dropped
            }
            Stage::Gone => return,
        };
        core.fail(number, counter, why);
    }

    /// A head arrived. False when it is a refusal.
    fn headed(&mut self, core: &mut Core<()>, index: usize) -> bool {
        let is_stream = self.transport() == Transport::EventStream;
        let client = &mut self.clients[index];
        client.body.clear();
        let status = client.head.status;
        let why = match status {
            200 if is_stream && !client.head.is_event_stream => {
                "the answer is no event stream".to_owned()
            }
            200 => {
                if is_stream {
                    self.join(core, index);
                }
                return true;
            }
            204 | 304 | 408 if !is_stream => return true,
            _ => format!("HTTP {}", http::refusal(status, client.reader.rest())),
        };
        self.lose(core, index, why);
        false
    }

    fn news(&mut self, core: &mut Core<()>, index: usize, message: &[u8]) {
        let client = &mut self.clients[index];
        core.stats.add(Counter::Received, 1);
        core.stats.add(Counter::ReceivedBytes, message.len() as u64);
        let place = (&mut client.cursor, true);
        self.deliveries.arrived(&mut core.stats, core.now_ns, client.who, place, message);
    }

    fn events(&mut self, core: &mut Core<()>, index: usize) {
        while let Some(event) = self.clients[index].events.next() {
            self.news(core, index, &event);
        }
    }

    /// A poll has its whole answer. False when the connection is not read any further.
    fn answered(&mut self, core: &mut Core<()>, index: usize) -> bool {
        if self.transport() == Transport::EventStream {
            self.lose(core, index, "the server ended the event stream".to_owned());
            return false;
        }
        self.join(core, index);
        let client = &mut self.clients[index];
        client.asked = false;
        client.take_position();
        let is_last = client.head.is_last;
        if is_last {
            if let Some(id) = client.id {
                core.close(id, Close::Fin);
            }
            client.disconnected();
        }
        let has_news = client.head.status == 200;
        if has_news {
            let body = std::mem::take(&mut client.body);
            if self.terms.answers_have_all {
                verify::each(&body).for_each(|message| self.news(core, index, message));
            } else {
                self.news(core, index, &body);
            }
            self.clients[index].body = body;
        }
        // A client that received one message asks for more until there is none.
        let asks_for_more = has_news && !self.terms.answers_have_all;
        if asks_for_more || self.transport() == Transport::LongPoll {
            self.ask(core, index);
        } else {
            self.ask_later(core, index);
        }
        !is_last
    }

    /// The next interval poll: the first at a random moment, so that they are spread.
    fn ask_later(&mut self, core: &mut Core<()>, index: usize) {
        let interval_ns = self.terms.poll_interval_ns;
        let client = &mut self.clients[index];
        client.due_ns = match client.due_ns {
            0 => core.now_ns + core.random.below(interval_ns),
            // Those that passed while an answer was awaited are left out.
            due_ns => due_ns + interval_ns * ((core.now_ns - due_ns) / interval_ns + 1),
        };
        self.polls.push(Reverse((client.due_ns, index)));
    }

    fn ask_due(&mut self, core: &mut Core<()>) {
        while let Some(Reverse((due_ns, index))) = self.polls.peek().copied()
            && due_ns <= core.now_ns
        {
            self.polls.pop();
            if self.clients[index].stage != Stage::Gone {
                self.ask(core, index);
            }
        }
        while let Some((due_ns, index)) = self.held.front().copied()
            && due_ns <= core.now_ns
        {
            self.held.pop_front();
            self.join(core, index);
        }
    }
}

impl Job for Listeners {
    type Data = ();

    fn opened(&mut self, core: &mut Core<()>, id: ConnId) {
        let Some(connection) = core.slab.get(id) else { return };
        let index = self.index_of(connection.number);
        self.clients[index].id = Some(id);
        if self.transport().is_websocket() {
            core.stats.add(Counter::Requests, 1);
            self.join(core, index);
        } else {
            self.ask(core, index);
        }
    }

    fn message(&mut self, core: &mut Core<()>, id: ConnId, message: &[u8]) {
        let Some(connection) = core.slab.get(id) else { return };
        let client = &mut self.clients[(connection.number / self.terms.threads) as usize];
        let place = (&mut client.cursor, true);
        self.deliveries.arrived(&mut core.stats, core.now_ns, client.who, place, message);
    }

    fn bytes(&mut self, core: &mut Core<()>, id: ConnId, bytes: &[u8]) -> bool {
        let Some(connection) = core.slab.get(id) else { return true };
        let index = self.index_of(connection.number);
        let is_stream = self.transport() == Transport::EventStream;
        self.clients[index].reader.push(bytes);
        loop {
            let client = &mut self.clients[index];
            let goes_on = match client.reader.next() {
                Ok(Some(Part::Head(head))) => {
                    client.head = head;
                    self.headed(core, index)
                }
                Ok(Some(Part::Body(bytes))) if is_stream => {
                    client.events.push(bytes);
                    self.events(core, index);
                    true
                }
                Ok(Some(Part::Body(bytes))) => {
                    client.body.extend_from_slice(bytes);
                    true
                }
                Ok(Some(Part::End)) => self.answered(core, index),
                Ok(None) => return true,
                Err(Malformed) => return false,
            };
            if !goes_on {
                return true;
            }
        }
    }

    fn ended(&mut self, core: &mut Core<()>, connection: &Connection<()>, end: &End) {
        let index = self.index_of(connection.number);
        let is_poll = matches!(self.transport(), Transport::IntervalPoll | Transport::LongPoll);
        let client = &mut self.clients[index];
        client.id = None;
        if is_poll && *end == End::Eof && client.reader.is_until_end() {
            self.answered(core, index);
        } else if is_poll && *end == End::Eof && client.stage == Stage::Joined && !client.asked {
            // A server may end a connection that is not in use; the next poll makes a new one.
            client.disconnected();
        } else {
            let why = match end {
                End::Refused(refusal) => format!("HTTP {refusal}"),
                other => other.to_string(),
            };
            self.lose(core, index, why);
        }
    }

    fn step(&mut self, core: &mut Core<()>) -> Option<u64> {
        if let Some(start_ns) = self.terms.orders.connect_time() {
            self.ramp.start_at(start_ns);
        }
        for number in self.ramp.due(core.now_ns, core.connecting()) {
            self.begin(core, number);
        }
        self.ask_due(core);
        self.deliveries.hand_over(&mut core.stats);
        core.stats.is_done = self.ramp.is_done() && self.waiting == 0;
        let poll_ns = self.polls.peek().map(|Reverse((due_ns, _))| *due_ns);
        let held_ns = self.held.front().map(|(due_ns, _)| *due_ns);
        [self.ramp.next_ns(core.connecting()), poll_ns, held_ns].into_iter().flatten().min()
    }

    fn finish(&mut self, core: &mut Core<()>) {
        for client in self.clients.iter().filter(|client| client.stage == Stage::Joined) {
            self.deliveries.ended(client.who, client.cursor, true, true);
        }
        self.deliveries.hand_over(&mut core.stats);
    }
}
