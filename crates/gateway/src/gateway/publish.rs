//! From publishers to the engine, and receipts back.

use switchboard_cluster::{
    Content, Direction, Failure, Headers, MessageIds, Outgoing, PublicationId, Refused,
    deletion_headers,
};
use switchboard_hub::{
    ChannelName, Condition, Draft, Epoch, Position, Published, Receipt, Unpublished,
};

use super::Gateway;
use crate::call::Call;
use crate::channel::Held;
use crate::out::{Out, Reply};
use crate::under_way::UnderWay;
use crate::waiter::Waiter;

/// Receipts that may wait for their publications before publishers have to wait, and half of all who may wait.
const HELD_MAX: usize = 4_096;
/// How long a receipt waits for its publication, which the engine repeats to all nodes.
const HELD_MS: u64 = 1_000;
/// How long a client waits that was further on another node: longer than it takes to notice that NATS is gone,
/// and to have it back.
const READER_HELD_MS: u64 = 15_000;
/// How long a publisher should wait before it tries again, while the stream is unknown.
const RETRY_MS: u32 = 1_000;

impl Gateway {
    /// Enough is on its way to the engine: take no more from publishers for now.
    pub fn is_full(&self) -> bool {
        self.is_connected && (self.publishing.is_full() || self.held >= HELD_MAX)
    }

    /// A program publishes.
    pub fn publish(
        &mut self,
        now_ms: u64,
        name: ChannelName,
        (draft, condition): (Draft, Condition),
        reply: Reply<Published>,
        out: &mut Out,
    ) {
        self.send(now_ms, name, (draft, condition), Waiter::Program(reply), out);
    }

    pub(super) fn send(
        &mut self,
        now_ms: u64,
        name: ChannelName,
        (draft, condition): (Draft, Condition),
        waiter: Waiter,
        out: &mut Out,
    ) {
        if condition.version.is_some() {
            return waiter.failed(Unpublished::Versioned, out);
        }
        let id = match &condition.key {
            Some(key) => MessageIds::keyed(&name, key),
            None => self.ids.unique(),
        };
        let headers = |epoch, lifetime_s| Content::from(&draft).headers(epoch, &id, lifetime_s);
        self.send_message(now_ms, name, (headers, draft.payload()), waiter, out);
    }

    pub(super) fn send_deletion(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        waiter: Waiter,
        out: &mut Out,
    ) {
        let id = self.ids.unique();
        let headers = |epoch, lifetime_s| deletion_headers(epoch, &id, lifetime_s);
        self.send_message(now_ms, name.clone(), (headers, &[]), waiter, out);
    }

    fn send_message(
        &mut self,
        now_ms: u64,
        name: ChannelName,
        (headers, payload): (impl FnOnce(Epoch, Option<u32>) -> Headers, &[u8]),
        waiter: Waiter,
        out: &mut Out,
    ) {
        let namespace = self.namespace_of(&name);
        let space = &mut self.spaces[namespace];
        let place = space.layout.place(&name);
        let Some(epoch) = space.partition(place).epoch() else {
            let error = Unpublished::Unavailable { retry_after_ms: RETRY_MS };
            return waiter.failed(error, out);
        };
        let outgoing = Outgoing {
            subject: space.subjects.channel(Direction::In, &name),
            headers: headers(epoch, space.retention.lifetime_s()),
            payload: payload.into(),
        };
        match self.publishing.publish(now_ms, outgoing) {
            Ok(send) => {
                self.under_way.insert(send.id, UnderWay { name, epoch, waiter });
                out.calls.push(Call::Publish(send));
            }
            Err(refused) => waiter.failed(reason(refused), out),
        }
    }

    /// Sends again what was not answered, and gives up what was not for too long.
    pub(super) fn send_publications(&mut self, now_ms: u64, out: &mut Out) {
        while let Some((id, failure)) = self.publishing.next_failure(now_ms) {
            self.fail(id, failure, out);
        }
        while let Some(send) = self.publishing.next_retry(now_ms) {
            out.calls.push(Call::Publish(send));
        }
    }

    /// The engine has stored a message, now or when it was sent before.
    pub fn on_stored(&mut self, now_ms: u64, id: PublicationId, sequence: u64, out: &mut Out) {
        if !self.publishing.on_stored(id) {
            return;
        }
        let Some(UnderWay { name, epoch, waiter }) = self.under_way.remove(&id) else { return };
        let position = Position { epoch, offset: sequence };
        // A client that has the receipt may resume from it on this node.
        let waiter = if self.is_coming(&name, position) {
            self.hold(now_ms, &name, position, waiter)
        } else {
            Some(waiter)
        };
        if let Some(waiter) = waiter {
            let receipt = self.receipt(now_ms, &name, position, out);
            waiter.stored(receipt, out);
        }
    }

    /// Whether the hub follows a channel and has not come to a position.
    pub(super) fn is_coming(&self, name: &ChannelName, position: Position) -> bool {
        let here = self.hub.position_of(name);
        here.is_some_and(|here| here.epoch == position.epoch && here.offset < position.offset)
    }

    /// Somebody waits until a channel has come to a position. Gives it back where too many wait, or nothing comes.
    pub(super) fn hold(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        Position { epoch, offset }: Position,
        waiter: Waiter,
    ) -> Option<Waiter> {
        let count = if waiter.is_reader() { &mut self.readers } else { &mut self.held };
        let has_room = *count < 2 * HELD_MAX;
        let Some(channel) = self.channels.get_mut(name).filter(|_| has_room) else {
            return Some(waiter);
        };
        *count += 1;
        let held_ms = if waiter.is_reader() { READER_HELD_MS } else { HELD_MS };
        let due_ms = now_ms + held_ms;
        let held = channel.held.entry(offset);
        let held = held.or_insert_with(|| Held { epoch, due_ms, waiters: Vec::new() });
        held.due_ms = held.due_ms.min(due_ms);
        held.waiters.push(waiter);
        self.holding.insert(name.clone());
        None
    }

    /// The engine has not stored a message, for this reason.
    pub fn on_refused(
        &mut self,
        now_ms: u64,
        id: PublicationId,
        reason: (u16, u32),
        out: &mut Out,
    ) {
        if let Some(failure) = self.publishing.on_refused(now_ms, id, reason) {
            self.fail(id, failure, out);
        }
    }

    fn fail(&mut self, id: PublicationId, failure: Failure, out: &mut Out) {
        if let Some(UnderWay { waiter, .. }) = self.under_way.remove(&id) {
            let error = match failure {
                Failure::Unanswered => Unpublished::Unanswered,
                Failure::Refused { code } => Unpublished::Refused { code },
            };
            waiter.failed(error, out);
        }
    }

    /// Tells those who have waited for too long: their messages are stored, and will come.
    pub(super) fn give_overdue(&mut self, now_ms: u64, out: &mut Out) {
        for name in self.holding.iter().cloned().collect::<Vec<_>>() {
            let Some(channel) = self.channels.get_mut(&name) else { continue };
            let is_connected = self.is_connected;
            let is_due = |_: &u64, held: &mut Held| {
                // While the engine is away, nothing says that nothing comes.
                let may_come = !is_connected && held.waiters.iter().all(Waiter::is_reader);
                held.due_ms <= now_ms && !may_come
            };
            let due: Vec<(u64, Held)> = channel.held.extract_if(.., is_due).collect();
            if due.is_empty() {
                continue;
            }
            if due.iter().any(|(_, held)| !held.waiters.iter().all(Waiter::is_reader)) {
                // It is stored, so what the engine repeated got lost.
                self.spaces[channel.namespace].partition(channel.place).check_now(now_ms);
            }
            for (offset, held) in due {
                self.tell(now_ms, &name, offset, held, out);
            }
            self.give_receipts(now_ms, &name, out);
        }
    }

    /// Tells those for whom a channel has come as far as they wait for, or is another one now.
    pub(super) fn give_receipts(&mut self, now_ms: u64, name: &ChannelName, out: &mut Out) {
        if !self.holding.contains(name) {
            return;
        }
        let here = self.hub.position_of(name);
        while let Some(channel) = self.channels.get_mut(name)
            && let Some(first) = channel.held.first_entry()
        {
            let (offset, epoch) = (*first.key(), first.get().epoch);
            if here.is_some_and(|here| here.epoch == epoch && here.offset < offset) {
                return;
            }
            let held = first.remove();
            self.tell(now_ms, name, offset, held, out);
        }
        self.holding.remove(name);
    }

    fn tell(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        offset: u64,
        Held { epoch, waiters, .. }: Held,
        out: &mut Out,
    ) {
        for waiter in waiters {
            let count = if waiter.is_reader() { &mut self.readers } else { &mut self.held };
            *count -= 1;
            let receipt = self.receipt(now_ms, name, Position { epoch, offset }, out);
            waiter.stored(receipt, out);
        }
    }

    /// The receipt of a message that is stored. Whether clients of other nodes listen is not known.
    fn receipt(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        position: Position,
        out: &mut Out,
    ) -> Receipt {
        let here = self.hub.receipt_home(now_ms, name, position, &mut out.mail);
        let unknown = Receipt {
            position,
            subscribers: 0,
            subscribed: true,
            messages: 0,
            last_requested_ms: None,
        };
        Receipt { subscribed: true, ..here.unwrap_or(unknown) }
    }
}

fn reason(refused: Refused) -> Unpublished {
    match refused {
        Refused::Away { retry_after_ms } | Refused::Full { retry_after_ms } => {
            let retry_after_ms = u32::try_from(retry_after_ms).unwrap_or(u32::MAX);
            Unpublished::Unavailable { retry_after_ms }
        }
        Refused::TooLarge { bytes_max } => {
            Unpublished::TooLarge { bytes_max: u32::try_from(bytes_max).unwrap_or(u32::MAX) }
        }
    }
}
