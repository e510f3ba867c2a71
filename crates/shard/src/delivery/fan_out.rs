//! Publications to subscribers, in slices, so that a large channel never starves accepts and reads.

use switchboard_dialects::Dialect;
use switchboard_dialects::centrifuge::Framing;
use switchboard_hub::{Served, Subscriber, Work, WorkKind};
use switchboard_link::Outgoing;
use switchboard_plane::{ConnId, Plane, SendException};

use super::cut::Cut;
use super::gathered::Gathered;
use crate::connection::{Connection, Delivery, Session};
use crate::core::Core;
use crate::encoding::{BATCH_BYTES_MAX, Batch, Chain, PositionHeader, Wanted};
use crate::histogram::Histogram;
use crate::link::Link;
use crate::session;
use crate::subscribe::{Missed, has_deleted_channel, position, presence};

/// Sends in one slice: about 2 ms over loopback. A turn with more events makes as many sends: it is long anyway,
/// and those who listen must not wait for one such turn after another.
const SLICE_SENDS_MAX: usize = 256;

/// Bytes that are written for connections one by one before they are sent.
const OWN_BYTES_MAX: usize = 256 << 10;

/// Subscribers that are served in the same way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Group {
    /// All get the same bytes: they speak the same, get the same header, and know the same before.
    Shared(Session, Dialect, Wanted),
    /// Each gets its own: polls, and subscribers that get their position in several channels.
    Own,
}

impl Group {
    /// None for a connection that has been served: a poll that was answered is back at requests.
    fn of(connection: &Connection, wanted: Wanted) -> Option<Self> {
        match connection.session.delivery() {
            Delivery::None => None,
            Delivery::Stream(dialect) if connection.shares_bytes(dialect) => {
                Some(Self::Shared(connection.session, dialect, wanted))
            }
            Delivery::Stream(_) | Delivery::Answer => Some(Self::Own),
        }
    }

    /// One of its own, for a set of groups.
    fn bit(self) -> u128 {
        match self {
            Self::Shared(session, _, wanted) => 1 << (session as u32 + 40 * wanted as u32),
            Self::Own => 1 << 127,
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
    gathered: Gathered,
    /// What is some connection's own, and how much of it.
    own: Outgoing,
    own_bytes: usize,
}

impl FanOut {
    /// A turn begins: what the last one brought to all is of interest no more.
    pub(crate) fn begin_turn(&mut self) {
        self.work.served.clear();
    }

    /// Whether some publication has reached the last of its subscribers here in this turn.
    pub(crate) fn has_served(&self) -> bool {
        !self.work.served.is_empty()
    }

    /// Counts how long that took each of them.
    pub(crate) fn sent_by(&mut self, delays: &Histogram, now_us: u32) {
        for Served { accepted_us, publications } in self.work.served.drain(..) {
            delays.observe(now_us.wrapping_sub(accepted_us), publications.into());
        }
    }

    /// Does the next slice, in a turn with so many events: of one large channel, or of many small ones.
    /// False when no channel has work.
    pub(crate) fn slice<P: Plane>(
        &mut self,
        core: &mut Core,
        link: &mut Link<P>,
        events: usize,
    ) -> bool {
        debug_assert!(core.outgoing.is_empty(), "nothing may overtake a reply");
        let more = self.serve(core, link, SLICE_SENDS_MAX.max(events));
        self.send_gathered(core, link);
        more
    }

    fn serve<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>, sends_max: usize) -> bool {
        let mut sends = 0;
        while sends < sends_max {
            if !core.hub.next_work(sends_max - sends, BATCH_BYTES_MAX, &mut self.work) {
                return false;
            }
            sends += self.work.targets.len().max(1);
            if self.gathered.take(core, &self.work, &mut self.batch) {
                if self.gathered.is_full() {
                    self.send_gathered(core, link);
                }
                continue;
            }
            self.send_gathered(core, link);
            let channel = self.work.channel;
            match &self.work.kind {
                WorkKind::Deliver if is_watched(core, channel) => self.deliver_watched(core, link),
                WorkKind::Deliver => self.deliver(core, link),
                WorkKind::Joined => self.for_each(core, |core, id, _| session::resume(core, id)),
                WorkKind::Lagged => {
                    self.for_each(core, |core, id, _| session::on_slow(core, id, channel));
                }
                WorkKind::Deleted => {
                    self.for_each(core, |core, id, _| session::on_deleted(core, id));
                    // As those who are told of a gap, some go on with their other channels.
                    return true;
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

    /// Sends what was gathered of small works.
    fn send_gathered<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) {
        let Self { gathered, batch, exceptions, .. } = self;
        if gathered.is_empty() {
            return;
        }
        link.send_all(&mut core.exchange, gathered.sends(), exceptions);
        core.counters.delivery_sends.add(gathered.send_count() as u64);
        let (mut deliveries, mut from) = (gathered.deliveries(), 0);
        for exception in exceptions.drain(..) {
            if let Some((cut, header)) = gathered.cut(core, &exception, &mut from, batch) {
                deliveries -= cut.hold(core, &exception, batch, &header);
            }
        }
        core.counters.deliveries.add(deliveries as u64);
        gathered.clear();
    }

    /// The same in a channel of joins and leaves, which those who listen to it beside another channel hear in
    /// that one.
    fn deliver_watched<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) {
        let targets = std::mem::take(&mut self.work.targets);
        let (watching, others) =
            targets.into_iter().partition(|(who, _)| core.watches.has(who.conn, who.nth));
        self.work.targets = others;
        self.deliver(core, link);
        self.work.targets = watching;
        for framing in Framing::ALL {
            let hears = |it: &Connection| it.session.framing() == Some(framing);
            let targets = &self.work.targets;
            if targets.iter().any(|(who, _)| core.slab.at(who.conn).is_some_and(hears)) {
                let kind = (Dialect::CentrifugePresence(framing), Wanted::Whole);
                self.send_shared(core, link, kind, |it, _| hears(it));
            }
        }
    }

    /// Hands the publications to all targets, group by group. In most slices there is one.
    fn deliver<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) {
        let mut served = 0;
        while let Some(group) = self.unserved(core, served) {
            served |= group.bit();
            let sends = match group {
                // The commonest of all, told by one byte.
                Group::Shared(Session::Plain, dialect, wanted) => {
                    self.send_shared(core, link, (dialect, wanted), |it, _| {
                        it.session == Session::Plain
                    })
                }
                Group::Shared(session, dialect, wanted) => {
                    self.send_shared(core, link, (dialect, wanted), |it, who| {
                        it.session == session && wanted.is_of(who) && it.shares_bytes(dialect)
                    })
                }
                Group::Own => self.send_each(core, link),
            };
            if sends == self.work.targets.len() {
                return;
            }
        }
    }

    /// The first group of the targets that has not been served.
    fn unserved(&self, core: &Core, served: u128) -> Option<Group> {
        let targets = self.work.targets.iter();
        let mut groups =
            targets.filter_map(|(who, _)| Group::of(core.slab.at(who.conn)?, Wanted::by(*who)));
        groups.find(|group| group.bit() & served == 0)
    }

    /// Sends the same bytes to a whole group. Returns to how many.
    fn send_shared<P: Plane>(
        &mut self,
        core: &mut Core,
        link: &mut Link<P>,
        (dialect, wanted): (Dialect, Wanted),
        is_member: impl Fn(&Connection, Subscriber) -> bool,
    ) -> usize {
        let channel = self.work.channel;
        let chain = Chain::new(&core.hub, channel, self.work.after, wanted);
        self.header =
            PositionHeader::shared(dialect, || core.hub.name(channel).cloned()).behind(chain);
        let Self { work, batch, header, exceptions, .. } = self;
        let bytes = batch.fill(dialect, &work.publications, header);
        let (slab, mut others) = (&core.slab, 0);
        let targets = work.targets.iter().filter_map(|(who, _)| match slab.at(who.conn) {
            Some(member) if is_member(member, *who) => Some((member.id, bytes)),
            _ => {
                others += 1;
                None
            }
        });
        link.send_all(&mut core.exchange, targets, exceptions);
        let sends = self.work.targets.len() - others;
        if wanted == Wanted::First {
            self.note_first(core);
        }
        self.settle(core, dialect, sends);
        sends
    }

    /// Those who wanted a first publication have it, but for those whose sends were not complete.
    fn note_first(&self, core: &mut Core) {
        for (who, _) in &self.work.targets {
            if Wanted::by(*who) == Wanted::First
                && let Some(id) = core.slab.at(who.conn).map(|connection| connection.id)
                && let Some(subscription) = core.subscription(id, who.nth)
            {
                Wanted::Changes.set(&mut core.hub, subscription);
            }
        }
    }

    /// Lets polls answer, and sends each of the others what is its own. Returns how many there are.
    fn send_each<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) -> usize {
        let mut sends = 0;
        for at in 0..self.work.targets.len() {
            let (who, _) = self.work.targets[at];
            let Some(connection) = core.slab.at(who.conn) else {
                continue;
            };
            if Group::of(connection, Wanted::by(who)) != Some(Group::Own) {
                continue;
            }
            sends += 1;
            let (id, delivery) = (connection.id, connection.session.delivery());
            let Delivery::Stream(dialect) = delivery else {
                session::on_publications(core, id, who.nth, &self.work);
                continue;
            };
            if has_deleted_channel(core, id) {
                session::on_deleted(core, id);
                continue;
            }
            position::write_header(core, id, who.nth, &mut self.header);
            let bytes = self.batch.fill(dialect, &self.work.publications, &self.header);
            self.own.push(id, |out| out.extend_from_slice(bytes));
            self.own_bytes += bytes.len();
            if self.own_bytes > OWN_BYTES_MAX {
                self.send_own(core, link);
            }
        }
        self.send_own(core, link);
        sends
    }

    /// Sends to each connection what is its own.
    fn send_own<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>) {
        if self.own.is_empty() {
            return;
        }
        let mut exceptions = std::mem::take(&mut self.exceptions);
        link.send_all(&mut core.exchange, self.own.sends(), &mut exceptions);
        let Work { channel, after, publications, targets, .. } = &self.work;
        let sends = self.own.sends().count();
        let mut deliveries = sends * publications.len();
        for exception in exceptions.drain(..) {
            let Some(connection) = core.slab.get(exception.conn) else {
                continue;
            };
            let Delivery::Stream(dialect) = connection.session.delivery() else {
                continue;
            };
            let place = exception.conn.index();
            let target = targets.iter().find(|(who, _)| who.conn == place);
            if let Some((who, _)) = target {
                // The same as when it was sent: its other cursors have not moved since.
                position::write_header(core, exception.conn, who.nth, &mut self.header);
                self.batch.fill(dialect, publications, &self.header);
                let cut = Cut { channel: *channel, after: *after, dialect, publications };
                deliveries -= cut.hold(core, &exception, &self.batch, &self.header);
            }
        }
        core.counters.delivery_sends.add(sends as u64);
        core.counters.deliveries.add(deliveries as u64);
        self.exceptions = exceptions;
        self.own.clear();
        self.own_bytes = 0;
    }

    /// Counts what was delivered and holds what was not.
    fn settle(&mut self, core: &mut Core, dialect: Dialect, sends: usize) {
        let Work { channel, after, publications, .. } = &self.work;
        core.counters.delivery_sends.add(sends as u64);
        let mut deliveries = sends * publications.len();
        let cut = Cut { channel: *channel, after: *after, dialect, publications };
        for exception in self.exceptions.drain(..) {
            deliveries -= cut.hold(core, &exception, &self.batch, &self.header);
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

/// Whether some may listen to a channel beside the one whose joins and leaves it has.
fn is_watched(core: &Core, channel: u32) -> bool {
    !core.watches.is_empty()
        && core.hub.name(channel).is_some_and(|name| presence::watched_by(name).is_some())
}

/// The log passed a subscriber whose namespace lets it go on: it gets a notice, or must go.
fn skipped(core: &mut Core, id: ConnId, nth: u16, missed: &Missed) {
    if let Some(subscription) = core.subscription(id, nth) {
        session::on_gap(core, id, subscription, missed.clone());
    }
}
