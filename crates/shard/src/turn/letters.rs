//! Letters between the shards and from the internal door: read, obeyed, and carried.

use std::sync::Arc;

use switchboard_plane::Plane;

use super::Shard;
use super::inspect;
use crate::command::{Answer, Command};
use crate::connection::Pause;
use crate::core::Core;
use crate::mailbox::{Letter, Mailbox};

/// What waits in one mailbox beyond which publishing clients are not read.
const MAILBOX_BYTES_MAX: usize = 8 << 20;

/// Letters handled in one turn, so that a flood of them never starves the connections.
const LETTERS_MAX: usize = 1_024;

impl<P: Plane> Shard<P> {
    pub(crate) fn read_mailbox(&mut self) {
        let (mut bytes, mut count) = (0, 0);
        self.core.mailbox_behind = true;
        while count < LETTERS_MAX {
            let Some(letter) = self.next_letter() else {
                self.core.mailbox_behind = false;
                break;
            };
            count += 1;
            bytes += letter.bytes();
            match letter {
                Letter::Hub(message) => {
                    self.core.hub.handle(self.core.now_ms, message, &mut self.core.outbox);
                }
                Letter::Command(command) => self.obey(command),
            }
        }
        let Core { hub, outbox, announcements, now_ms, .. } = &mut self.core;
        for (channel, draft) in announcements.drain(..) {
            hub.publish(*now_ms, &channel, draft, outbox);
        }
        self.mailbox.handled(bytes);
        self.core.counters.mailbox_messages.add(count as u64);
        // Whoever hears of a publication may ask another shard about it at once.
        self.carry_letters();
        for Answer { reply, receipt } in self.receipts.drain(..) {
            reply(receipt);
        }
    }

    fn next_letter(&mut self) -> Option<Letter> {
        if self.letters.is_empty() {
            self.mailbox.take(&mut self.letters);
        }
        self.letters.pop_front()
    }

    fn obey(&mut self, command: Command) {
        let Core { hub, outbox, now_ms, .. } = &mut self.core;
        match command {
            Command::Publish { name, draft, reply } => {
                let receipt = hub.publish_home(*now_ms, &name, draft, outbox);
                self.receipts.push(Answer { reply, receipt });
            }
            Command::Delete { name, reply } => reply(hub.delete_home(&name, outbox)),
            Command::Report { name, reply } => reply(hub.report(*now_ms, &name)),
            Command::Subscribers { name, max, reply } => {
                reply(inspect::list(&self.core, &name, max));
            }
            Command::Slow { max, reply } => reply(inspect::slowest(&self.core, max)),
            Command::Stop => self.begin_stop(),
        }
    }

    /// Carries what the hub has for other shards, with one wake-up for each that sleeps.
    pub(crate) fn carry_letters(&mut self) {
        if self.core.outbox.is_empty() {
            return;
        }
        for (shard, message) in self.core.outbox.drain(..) {
            self.letters_out[usize::from(shard.0)].push(Letter::Hub(message));
        }
        let woken = Mailbox::send_everywhere(&self.peers, &mut self.letters_out);
        self.core.counters.wakeups_sent.add(woken);
    }

    pub(crate) fn hold_or_release_publishers(&mut self) {
        let full = |mailbox: &Arc<Mailbox>| mailbox.unhandled_bytes() > MAILBOX_BYTES_MAX;
        self.core.mailbox_over_bound = self.peers.len() > 1 && self.peers.iter().any(full);
        if !self.core.mailbox_over_bound && !self.core.held_publishers.is_empty() {
            for id in std::mem::take(&mut self.core.held_publishers) {
                self.core.resume(id, Pause::Mailbox);
            }
            self.flush();
        }
    }
}
