//! Mail between a shard and other threads: the other shards, the internal API, the program.
//!
//! **Mail first**: mail is posted before any byte that a client could act on, be it a 101, a
//! publication or the receipt of one. A client that has seen its 101 may publish through another shard
//! at once, and its subscription must be known there before; one that has got a publication may resume
//! behind it on another shard. [`Link`](crate::link::Link) holds this for all that goes to clients, since
//! it posts before it sends, and [`Exchange::give_receipts`] for what goes to publishers.

mod mail;
mod mailbox;
mod presence_query;

use std::collections::VecDeque;
use std::sync::Arc;

use switchboard_hooks::{Refusal, Verdict};
use switchboard_hub::{Outbox, Published, Receipt, ShardId};
use switchboard_plane::ConnId;

pub(crate) use mail::{Emulate, Emulated, Mail};
pub(crate) use mailbox::{Mailbox, Wake};
pub(crate) use presence_query::{Found, PresenceQuery, Users};

use crate::api::ApiResponse;
use crate::command::Reply;
use crate::connection::Ticket;
use crate::counters::Counters;

/// What waits in one mailbox beyond which publishing clients are not read.
const MAILBOX_BYTES_MAX: usize = 8 << 20;

/// Mail handled in one turn, so that a flood of it never starves the connections.
const MAIL_MAX: usize = 1_024;

/// One shard's end of all mail.
pub(crate) struct Exchange {
    mailbox: Arc<Mailbox>,
    peers: Vec<Arc<Mailbox>>,
    /// How many of the peers, from the first on, are shards.
    shards: usize,
    counters: Arc<Counters>,
    /// Taken from the mailbox and not handled yet.
    inbox: VecDeque<Mail>,
    /// How much of it has been handled in this turn, and how many bytes that was.
    handled: usize,
    handled_bytes: usize,
    /// What the hub has for other shards.
    pub(crate) outbox: Outbox,
    /// What else is for other shards, behind that.
    letters: Vec<(ShardId, Mail)>,
    /// The same by shard, while it is posted.
    sorted: Vec<Vec<Mail>>,
    /// Publications whose publishers are answered once the other shards have been told.
    receipts: Vec<(Reply<Published>, Receipt)>,
    is_behind: bool,
    is_over_bound: bool,
}

impl Exchange {
    /// The end of `id`. `mailboxes` are those of all shards, and behind them that of their
    /// [`Gateway`](crate::GatewayMail), if there is one; `wake` ends the owner's sleep.
    pub(crate) fn new(
        id: ShardId,
        (mailboxes, shards): (Vec<Arc<Mailbox>>, usize),
        counters: Arc<Counters>,
        wake: Wake,
    ) -> Self {
        let mailbox = Arc::clone(&mailboxes[usize::from(id.0)]);
        mailbox.set_wake(wake);
        Self {
            mailbox,
            counters,
            inbox: VecDeque::new(),
            handled: 0,
            handled_bytes: 0,
            outbox: Outbox::new(),
            letters: Vec::new(),
            sorted: mailboxes.iter().map(|_| Vec::new()).collect(),
            peers: mailboxes,
            shards,
            receipts: Vec::new(),
            is_behind: false,
            is_over_bound: false,
        }
    }

    /// The next piece of mail, or none when all is read or enough for this turn.
    pub(crate) fn read(&mut self) -> Option<Mail> {
        self.is_behind = self.handled >= MAIL_MAX;
        if self.is_behind {
            return None;
        }
        if self.inbox.is_empty() {
            self.mailbox.take(&mut self.inbox);
        }
        let mail = self.inbox.pop_front()?;
        self.handled += 1;
        self.handled_bytes += mail.bytes();
        Some(mail)
    }

    /// What was read in this turn has been handled. False when that was nothing.
    pub(crate) fn end_reading(&mut self) -> bool {
        self.mailbox.handled(std::mem::take(&mut self.handled_bytes));
        let handled = std::mem::take(&mut self.handled);
        self.counters.mailbox_messages.add(handled as u64);
        handled > 0
    }

    /// Mail may be left for the next turn: what this shard knows may be older than what its clients
    /// have seen.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Another shard gets the query.
    pub(crate) fn pass_on(&mut self, to: ShardId, query: Box<PresenceQuery>) {
        self.tell(to, Mail::Presence(query));
    }

    /// Posts what there is for other shards, with one wake-up for each that sleeps.
    #[inline]
    pub(crate) fn post(&mut self) {
        if !self.outbox.is_empty() || !self.letters.is_empty() {
            self.post_all();
        }
    }

    fn post_all(&mut self) {
        for (shard, message) in self.outbox.drain(..) {
            self.sorted[usize::from(shard.0)].push(Mail::Hub(message));
        }
        for (shard, mail) in self.letters.drain(..) {
            if let Some(sorted) = self.sorted.get_mut(usize::from(shard.0)) {
                sorted.push(mail);
            }
        }
        let woken = Mailbox::post_everywhere(&self.peers, &mut self.sorted);
        self.counters.wakeups_sent.add(woken);
    }

    /// Tells another shard something, behind what the hub has for it.
    pub(crate) fn tell(&mut self, shard: ShardId, mail: Mail) {
        self.letters.push((shard, mail));
    }

    /// The publisher gets this receipt once the other shards have been told.
    pub(crate) fn owe(&mut self, reply: Reply<Published>, receipt: Receipt) {
        self.receipts.push((reply, receipt));
    }

    /// Posts, and then answers publishers: one that has its receipt may ask another shard about the
    /// publication at once.
    pub(crate) fn give_receipts(&mut self) {
        self.post();
        for (reply, receipt) in self.receipts.drain(..) {
            reply(Ok(receipt));
        }
    }

    /// Takes the answer to the request of a connection, from any thread.
    pub(crate) fn answer_by_mail(&self, id: ConnId) -> Reply<ApiResponse> {
        let mailbox = Arc::clone(&self.mailbox);
        Box::new(move |response| mailbox.post(Mail::Answer(id, Box::new(response))))
    }

    /// The verdict of a backend for a connection, by mail. One that is dropped counts as none.
    pub(crate) fn verdict_by_mail(&self, id: ConnId, ticket: Ticket) -> Reply<Verdict> {
        let owed = OwedVerdict { mailbox: Some(Arc::clone(&self.mailbox)), id, ticket };
        Box::new(move |verdict| owed.give(verdict))
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.shards
    }

    /// Looks whether some mailbox is over its bound.
    pub(crate) fn check_bound(&mut self) -> bool {
        let is_full = |mailbox: &Arc<Mailbox>| mailbox.unhandled_bytes() > MAILBOX_BYTES_MAX;
        self.is_over_bound = self.peers.len() > 1 && self.peers.iter().any(is_full);
        self.is_over_bound
    }

    /// Some mailbox was over its bound at the last look: publishing clients are not to be read.
    pub(crate) fn is_over_bound(&self) -> bool {
        self.is_over_bound
    }

    /// Call right before parking. False when mail came meanwhile: then do not park.
    pub(crate) fn try_sleep(&self) -> bool {
        self.mailbox.try_sleep()
    }

    /// Call after parking, whatever ended it.
    pub(crate) fn awake(&self) {
        self.mailbox.awake();
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("mailbox", &self.mailbox)
            .field("inbox", &self.inbox)
            .field("outbox", &self.outbox)
            .field("receipts", &self.receipts.len())
            .finish_non_exhaustive()
    }
}

/// A verdict that a connection waits for.
struct OwedVerdict {
    /// None once it is given.
    mailbox: Option<Arc<Mailbox>>,
    id: ConnId,
    ticket: Ticket,
}

impl OwedVerdict {
    fn give(mut self, verdict: Verdict) {
        self.post(verdict);
    }

    fn post(&mut self, verdict: Verdict) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.post(Mail::Verdict(self.id, self.ticket, Box::new(verdict)));
        }
    }
}

impl Drop for OwedVerdict {
    fn drop(&mut self) {
        self.post(Err(Refusal::Unavailable));
    }
}
