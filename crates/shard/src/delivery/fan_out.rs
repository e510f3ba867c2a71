//! Publications to subscribers, in slices, so that a large channel never starves accepts and reads.

use switchboard_dialects::Dialect;
use switchboard_hub::{Work, WorkKind};
use switchboard_plane::{Close, ConnId, Plane, SendException, SendResult};

use crate::connection::{Connection, Delivery, Session};
use crate::core::Core;
use crate::encoding::{BATCH_BYTES_MAX, Batch, Partial, PositionHeader};
use crate::lifecycle::ending;
use crate::link::Link;
use crate::session;
use crate::subscribe::{Missed, has_deleted_channel, position};

/// Sends in one slice: about 2 ms over loopback.
const SLICE_SENDS_MAX: usize = 256;

/// Who gets the same bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
enum Group {
    Raw = 1,
    V1 = 2,
    EventStream = 4,
    /// Each its own: polls, and those who are told their position in several channels.
    Own = 8,
}

const GROUPS: [Group; 4] = [Group::Raw, Group::V1, Group::EventStream, Group::Own];

impl Group {
    /// None for a connection that has been served: a poll that was answered is back at requests.
    fn of(connection: &Connection) -> Option<Self> {
        match connection.session.delivery() {
            Delivery::None => None,
            Delivery::Stream(Dialect::Raw) => Some(Self::Raw),
            Delivery::Answer => Some(Self::Own),
            Delivery::Stream(_) if connection.has_several_subscriptions() => Some(Self::Own),
            Delivery::Stream(Dialect::V1) => Some(Self::V1),
            Delivery::Stream(Dialect::EventStream) => Some(Self::EventStream),
        }
    }
}

/// Buffers of the fan-out, kept by the turn.
#[derive(Debug, Default)]
pub(crate) struct FanOut {
    work: Work,
    batch: Batch,
    header: PositionHeader,
    exceptions: Vec<SendException>,
}

impl FanOut {
    /// Does the next slice: of one large channel, or of many small ones. False when no channel has
    /// work.
    pub(crate) fn slice<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) -> bool {
        debug_assert!(core.outgoing.is_empty(), "nothing may overtake a reply");
        let mut sends = 0;
        while sends < SLICE_SENDS_MAX {
            if !core.hub.next_work(SLICE_SENDS_MAX - sends, BATCH_BYTES_MAX, &mut self.work) {
                return false;
            }
            sends += self.work.targets.len().max(1);
            let channel = self.work.channel;
            match &self.work.kind {
                WorkKind::Deliver => self.deliver(core, link),
                WorkKind::Joined => self.for_each(core, |core, id, _| session::resume(core, id)),
                WorkKind::Lagged => {
                    self.for_each(core, |core, id, _| session::on_slow(core, id, channel));
                }
                WorkKind::Deleted => {
                    self.for_each(core, |core, id, _| session::on_deleted(core, id));
                }
                WorkKind::Skipped { missed } => {
                    self.for_each(core, |core, id, nth| skipped(core, id, nth, missed));
                    // Replies are sent after the slice, and these get more: nothing may overtake what
                    // they were told. All others who are answered have left their subscriptions.
                    return true;
                }
            }
        }
        true
    }

    /// Hands the publications to all targets, group by group. In most slices there is one.
    fn deliver<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) {
        let mut targets = self.work.targets.iter();
        let first = targets.find_map(|(who, _)| core.slab.at(who.conn).and_then(Group::of));
        let mut found = first.map_or(0, |group| group as u8);
        let mut done = 0;
        while let Some(group) = GROUPS.into_iter().find(|group| *group as u8 & found & !done != 0) {
            found |= match group {
                Group::Raw => self.send_shared(core, link, group, Dialect::Raw),
                Group::V1 => self.send_shared(core, link, group, Dialect::V1),
                Group::EventStream => self.send_shared(core, link, group, Dialect::EventStream),
                Group::Own => self.send_each(core, link),
            };
            done |= group as u8;
        }
    }

    /// Sends the same bytes to a whole group. Returns which groups there are.
    fn send_shared<P: Plane>(
        &mut self,
        core: &mut Core,
        link: &mut Link<P>,
        group: Group,
        dialect: Dialect,
    ) -> u8 {
        self.header = PositionHeader::default();
        let Self { work, batch, header, exceptions } = self;
        let bytes = batch.fill(dialect, &work.publications, header);
        let (slab, mut found, mut others) = (&core.slab, 0, 0);
        let targets = work.targets.iter().filter_map(|(who, _)| match slab.at(who.conn) {
            // The commonest of all, said in a byte.
            Some(raw) if group == Group::Raw && raw.session == Session::Raw => {
                Some((raw.id, bytes))
            }
            Some(connection) if Group::of(connection) == Some(group) => {
                Some((connection.id, bytes))
            }
            other => {
                others += 1;
                found |= other.and_then(Group::of).map_or(0, |group| group as u8);
                None
            }
        });
        link.send_all(&mut core.exchange, targets, exceptions);
        let sends = self.work.targets.len() - others;
        self.settle(core, dialect, sends);
        found
    }

    /// Answers polls, and sends each of the others what is its own. Returns which groups there are.
    fn send_each<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) -> u8 {
        let mut found = 0;
        for at in 0..self.work.targets.len() {
            let (who, _) = self.work.targets[at];
            let Some(connection) = core.slab.at(who.conn) else {
                continue;
            };
            let Some(group) = Group::of(connection) else {
                continue;
            };
            found |= group as u8;
            if group != Group::Own {
                continue;
            }
            let (id, delivery) = (connection.id, connection.session.delivery());
            let Delivery::Stream(dialect) = delivery else {
                session::on_publications(core, id, who.nth, &self.work.publications);
                continue;
            };
            if has_deleted_channel(core, id) {
                session::on_deleted(core, id);
                continue;
            }
            position::write_header(core, id, who.nth, &mut self.header);
            let bytes = self.batch.fill(dialect, &self.work.publications, &self.header);
            link.send_all(&mut core.exchange, std::iter::once((id, bytes)), &mut self.exceptions);
            self.settle(core, dialect, 1);
        }
        found
    }

    /// Counts what was delivered and holds what was not.
    fn settle(&mut self, core: &mut Core, dialect: Dialect, sends: usize) {
        let publications = &self.work.publications;
        core.counters.delivery_sends.add(sends as u64);
        let mut deliveries = sends * publications.len();
        for exception in self.exceptions.drain(..) {
            let taken = match exception.result {
                SendResult::Short(bytes) => bytes,
                SendResult::WouldBlock => 0,
                SendResult::Failed(_) => {
                    deliveries -= publications.len();
                    ending::remove(core, exception.conn, Close::Fin);
                    continue;
                }
            };
            let (whole, offset) = self.batch.cut_at(publications, taken);
            deliveries -= publications.len() - whole - usize::from(offset > 0);
            let first = publications[0].offset();
            let (cursor, partial) = if offset == 0 {
                (first + whole as u64 - 1, None)
            } else {
                let publication = &publications[whole];
                let rest = Partial::new(dialect, publication, &self.header, offset);
                (publication.offset(), Some(rest))
            };
            core.hold_publication(exception.conn, self.work.channel, cursor, partial);
        }
        core.counters.deliveries.add(deliveries as u64);
    }

    fn for_each(&self, core: &mut Core, mut act: impl FnMut(&mut Core, ConnId, u16)) {
        for (who, _) in &self.work.targets {
            if let Some(id) = core.slab.at(who.conn).map(|connection| connection.id) {
                act(core, id, who.nth);
            }
        }
    }
}

/// A subscriber was passed over by the log, and its namespace lets it go on: it is told, or must go.
fn skipped(core: &mut Core, id: ConnId, nth: u16, missed: &Missed) {
    let subscription =
        core.slab.get(id).and_then(|connection| connection.subscriptions().nth(usize::from(nth)));
    if let Some(subscription) = subscription {
        session::on_gap(core, id, subscription, missed.clone());
    }
}
