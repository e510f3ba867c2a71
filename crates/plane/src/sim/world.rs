//! The state of a simulated network, shared by both sides.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::client::{Client, ClientId, ClientState, InboundEnd};
use super::config::SimConfig;
use super::hook::Hook;
use super::random::Random;
use crate::arena::Arena;
use crate::shares::Shares;
use crate::slots::{Flags, FreeSlots, Share, Slots};
use crate::wake::EventFd;
use crate::{ConnId, Event, PlaneStats, SendResult};

/// One event of so many is held back until a later poll, one send of so many is cut short.
const FAULT_ONE_IN: usize = 4;
/// Polls that a socket stays full after a send was cut short.
const CHOKED_POLLS_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct World {
    pub(super) config: SimConfig,
    pub(super) random: Random,
    clients: Vec<Client>,
    queue: VecDeque<ClientId>,
    /// Clients that were held off: their listener has heard nothing of them.
    held_off: Vec<ClientId>,
    pub(super) dialled: VecDeque<ClientId>,
    pub(super) on_send: Option<Hook>,
    /// Connections that a poll has to look at.
    active: BTreeSet<ClientId>,
    /// Which client has the slot.
    owners: Vec<ClientId>,
    slots: Slots,
    free: FreeSlots,
    shares: Shares,
    /// Listeners below this hold newcomers off.
    held_off_below: u16,
    /// Listeners below this are closed.
    closed_below: u16,
    pub(super) wake: Arc<EventFd>,
    pub(super) stats: PlaneStats,
}

impl World {
    #[allow(clippy::expect_used, reason = "the simulated network is a tool of tests")]
    pub(super) fn new(seed: u64, config: SimConfig) -> Self {
        let shares = Shares::new(config.connections_max, config.reserved);
        Self {
            random: Random::new(seed),
            clients: Vec::new(),
            queue: VecDeque::new(),
            held_off: Vec::new(),
            dialled: VecDeque::new(),
            on_send: None,
            active: BTreeSet::new(),
            owners: vec![ClientId(u32::MAX); shares.slots() as usize],
            slots: Slots::new(shares.slots()),
            free: FreeSlots::new(shares.slots()),
            shares,
            held_off_below: 0,
            closed_below: 0,
            wake: Arc::new(EventFd::new().expect("a test may open one more descriptor")),
            stats: PlaneStats::default(),
            config,
        }
    }

    pub(super) fn add(&mut self, client: Client) -> ClientId {
        self.clients.push(client);
        ClientId(self.clients.len() as u32 - 1)
    }

    pub(super) fn client(&mut self, client: ClientId) -> &mut Client {
        &mut self.clients[client.0 as usize]
    }

    /// Puts a new client into the accept queue.
    pub(super) fn enqueue(&mut self, client: ClientId) {
        let listener = self.client(client).listener;
        if listener < self.closed_below {
            self.client(client).fail();
        } else if listener < self.held_off_below {
            self.held_off.push(client);
        } else {
            self.queue.push_back(client);
            self.notify();
        }
    }

    pub(super) fn closed_by_server(&mut self, client: ClientId) -> bool {
        let client = self.client(client);
        client.conn.is_none() && client.state != ClientState::Waiting
    }

    pub(super) fn live(&self) -> usize {
        self.free.used() as usize
    }

    /// Something changed that a poll must look at.
    pub(super) fn touch(&mut self, client: ClientId) {
        if self.client(client).conn.is_some() {
            self.active.insert(client);
        }
        self.notify();
    }

    fn notify(&self) {
        self.wake.signal();
    }

    pub(super) fn has_more(&self) -> bool {
        !self.active.is_empty() || self.next_to_accept().is_some()
    }

    pub(super) fn hold_off(&mut self, below: u16) {
        self.held_off_below = self.held_off_below.max(below);
    }

    pub(super) fn waiting(&self, below: u16) -> u32 {
        let is_below = |client: &&ClientId| self.clients[client.0 as usize].listener < below;
        self.queue.iter().filter(is_below).count() as u32
    }

    pub(super) fn close_listeners(&mut self, below: u16) {
        self.closed_below = self.closed_below.max(below);
        let Self { queue, held_off, clients, .. } = self;
        let mut stays = |client: &ClientId| {
            let client = &mut clients[client.0 as usize];
            let is_open = client.listener >= below;
            if !is_open {
                client.fail();
            }
            is_open
        };
        queue.retain(&mut stays);
        held_off.retain(stays);
    }

    /// Gives the client a slot; None when all of its share are used.
    pub(super) fn open(&mut self, client: ClientId, flags: u32, share: Share) -> Option<ConnId> {
        if self.shares.free(share) == 0 {
            return None;
        }
        let slot = self.free.take()?;
        self.shares.take(share);
        let conn = ConnId::new(slot, self.slots.open(slot, flags | share.flag()));
        self.owners[slot as usize] = client;
        self.client(client).conn = Some(conn);
        Some(conn)
    }

    /// The flags and the client of a connection that is open.
    pub(super) fn get(&mut self, conn: ConnId) -> Option<(&mut Flags, &mut Client, ClientId)> {
        let flags = self.slots.get(conn.index(), conn.generation())?;
        let id = self.owners[conn.index() as usize];
        Some((flags, &mut self.clients[id.0 as usize], id))
    }

    pub(super) fn release(&mut self, conn: ConnId) {
        let id = self.owners[conn.index() as usize];
        self.active.remove(&id);
        self.slots.close(conn.index());
        if let Some(share) = self.slots.free(conn.index()) {
            self.shares.give_back(share);
        }
        self.free.put(conn.index());
    }

    /// The place in the queue of the first client for which there is a slot.
    fn next_to_accept(&self) -> Option<usize> {
        self.queue.iter().position(|client| {
            let listener = self.clients[client.0 as usize].listener;
            self.shares.free(self.shares.of_listener(listener.into())) > 0
        })
    }

    fn fault(&mut self) -> bool {
        self.config.faults && self.random.one_in(FAULT_ONE_IN)
    }

    /// Accepts waiting clients, as far as there are slots.
    pub(super) fn accept(&mut self, events: &mut Vec<Event>, events_max: usize) {
        while events.len() < events_max && !self.queue.is_empty() && !self.fault() {
            let Some(place) = self.next_to_accept() else {
                return;
            };
            let Some(client) = self.queue.remove(place) else {
                return;
            };
            let listener = self.client(client).listener;
            let Some(conn) = self.open(client, 0, self.shares.of_listener(listener.into())) else {
                return;
            };
            self.active.insert(client);
            self.stats.accepts += 1;
            let client = self.client(client);
            client.state = ClientState::Open;
            events.push(Event::Accepted { conn, peer: client.peer, listener });
        }
    }

    /// Looks at the connections on which something happened, in an order of its own.
    pub(super) fn visit(&mut self, arena: &mut Arena, events: &mut Vec<Event>, events_max: usize) {
        let mut clients: Vec<_> = self.active.iter().copied().collect();
        if self.config.faults {
            self.random.shuffle(&mut clients);
        }
        for client in clients {
            if events.len() >= events_max || !arena.has_room() {
                return;
            }
            if !self.fault() && !self.step(client, arena, events) {
                self.active.remove(&client);
            }
        }
    }

    /// Reports what is due for one connection; false when nothing is left to do for it.
    fn step(&mut self, id: ClientId, arena: &mut Arena, events: &mut Vec<Event>) -> bool {
        let Some(conn) = self.client(id).conn else {
            return false;
        };
        let Some((flags, ..)) = self.get(conn) else {
            return false;
        };
        if flags.has(Flags::CONNECTING) {
            return self.finish_connect(conn, events);
        }
        let choked = self.make_room(conn, events);
        self.receive(conn, arena, events) || choked
    }

    /// Reports how a connect ended, once the test has answered; true when it succeeded.
    fn finish_connect(&mut self, conn: ConnId, events: &mut Vec<Event>) -> bool {
        let Some((flags, client, _)) = self.get(conn) else {
            return false;
        };
        let Some(errno) = client.answer.take() else {
            return false;
        };
        flags.clear(Flags::CONNECTING);
        if errno == 0 {
            client.state = ClientState::Open;
            events.push(Event::Connected { conn });
        } else {
            client.fail();
            flags.set(Flags::ENDED);
            events.push(Event::Ended { conn, error: Some(errno) });
        }
        errno == 0
    }

    /// Reports room to who wants to write; true when the room will come by itself.
    fn make_room(&mut self, conn: ConnId, events: &mut Vec<Event>) -> bool {
        let room_bytes = self.config.room_bytes;
        let Some((flags, client, _)) = self.get(conn) else {
            return false;
        };
        if !flags.has(Flags::WANTS_WRITE) {
            return false;
        }
        client.choked_polls = client.choked_polls.saturating_sub(1);
        if client.room(room_bytes) > 0 || client.inbound_end == InboundEnd::Reset {
            flags.clear(Flags::WANTS_WRITE);
            events.push(Event::Writable { conn });
        }
        client.choked_polls > 0
    }

    /// Reports the next bytes or the end; false when there is nothing more to receive.
    fn receive(&mut self, conn: ConnId, arena: &mut Arena, events: &mut Vec<Event>) -> bool {
        let faults = self.config.faults;
        let Some((flags, client, id)) = self.get(conn) else {
            return false;
        };
        if flags.has(Flags::PAUSED | Flags::ENDED) {
            return false;
        }
        if client.inbound.is_empty() {
            let error = match client.inbound_end {
                InboundEnd::Open => return false,
                InboundEnd::Fin => None,
                InboundEnd::Reset => Some(libc::ECONNRESET),
            };
            flags.set(Flags::ENDED);
            events.push(Event::Ended { conn, error });
            return false;
        }
        let mut len = client.inbound.len().min(arena.receive_bytes_max());
        if faults {
            len = self.random.below(len) + 1;
        }
        let Some(start) = arena.take() else {
            return true;
        };
        arena.keep(start, len);
        let bytes = crate::Chunk { start: start as u32, len: len as u32 };
        let inbound = &mut self.clients[id.0 as usize].inbound;
        for (to, from) in arena.bytes(bytes).iter_mut().zip(inbound.drain(..len)) {
            *to = from;
        }
        self.stats.receives += 1;
        events.push(Event::Received { conn, bytes });
        true
    }

    /// Sends to one connection; None when everything went out.
    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Option<SendResult> {
        let cut = bytes.len() > 1 && self.fault();
        let (cut_at, polls) = if cut {
            (self.random.below(bytes.len()), 1 + self.random.below(CHOKED_POLLS_MAX))
        } else {
            (bytes.len(), 0)
        };
        let room_bytes = self.config.room_bytes;
        let Some((_, client, _)) = self.get(conn) else {
            return Some(SendResult::Failed(libc::EBADF));
        };
        let room = client.room(room_bytes).min(cut_at);
        if cut {
            client.choked_polls = client.choked_polls.max(polls as u8);
        }
        client.take(bytes, room)
    }
}
