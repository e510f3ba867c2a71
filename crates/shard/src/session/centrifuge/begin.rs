//! Where subscriptions begin: at once, or when the homes of their channels have answered.

use std::sync::Arc;

use switchboard_dialects::centrifuge::{
    Disconnect, ErrorCode, Push, Reply, Subscribed, json_of, publication,
};
use switchboard_hub::{
    ChannelName, Epoch, Form, OnGap, Position, Publication, Start, Subscription,
};
use switchboard_plane::ConnId;

use super::push::push;
use super::reply::{refuse, reply};
use super::{close, connected, history};
use crate::connection::{Awaited, Beginning, Connecting, Granted, Reading, ResumeRequest};
use crate::core::Core;
use crate::encoding::{Chain, Wanted};
use crate::identity::{self, Shown};
use crate::subscribe::{self, Lost, Resumed, resume};

/// Publications that stand in a reply. What else was missed follows as pushes, as the socket has room for it.
const RECOVERED_BYTES_MAX: usize = 32 << 10;

/// Where a client begins. One without the right to the history begins with what is published from now on, and
/// hears whether it missed something.
pub(super) fn start(core: &Core, id: ConnId, name: &ChannelName, asked: Start) -> Start {
    if asked == Start::Now || identity::may_have_history(&core.config, Shown::by(core, id), name) {
        return asked;
    }
    Start::WithoutHistory(match asked {
        Start::After(position) => position,
        _ => Position { epoch: Epoch::from_random(0), offset: 0 },
    })
}

/// Subscriptions are there: says where they begin, at once or when their homes have answered.
pub(super) fn begin(core: &mut Core, id: ConnId, awaited: Awaited) {
    let begins_now = |beginning: &Beginning| {
        let to = core.subscription(id, beginning.nth);
        beginning.start == Start::Now
            && to.is_some_and(|to| core.hub.position(to.channel).is_some())
    };
    let begin_now = match &awaited {
        Awaited::Connection(connecting) => connecting.begins.iter().all(begins_now),
        Awaited::Subscription(_, beginning) | Awaited::Given(beginning) => begins_now(beginning),
        Awaited::History(_) => false,
    };
    if begin_now {
        return tell(core, id, awaited, &[]);
    }
    let starts = awaited.starts();
    await_homes(core, id, starts, awaited);
}

fn await_homes(core: &mut Core, id: ConnId, starts: Vec<(u16, Start)>, awaited: Awaited) {
    core.await_home(id);
    if let Some(connection) = core.slab.get_mut(id) {
        let busy = connection.busy();
        busy.resume = Some(Box::new(ResumeRequest { starts, on_gap: OnGap::Now, reaching: None }));
        busy.commands().awaited = Some(awaited);
    }
    match resume::resume(core, id) {
        Resumed::Waiting => {}
        Resumed::Deleted => {
            deleted(core, id);
            core.want_room(id);
        }
        Resumed::Started(lost) => started(core, id, &lost),
    }
}

/// The homes have answered.
pub(super) fn started(core: &mut Core, id: ConnId, lost: &[Lost]) {
    if let Some(awaited) = take_awaited(core, id) {
        tell(core, id, awaited, lost);
    }
    core.want_room(id);
}

/// What waits for the homes of channels is given up where they have answered, or one was deleted: the client is
/// told to try again.
pub(super) fn deleted(core: &mut Core, id: ConnId) {
    if !is_given_up(core, id) {
        return;
    }
    match take_awaited(core, id) {
        None => {}
        Some(Awaited::Connection(_) | Awaited::Given(_)) => {
            close::close(core, id, Disconnect::InsufficientState);
        }
        Some(Awaited::Subscription(command, beginning)) => {
            subscribe::leave_one(core, id, beginning.nth);
            refuse(core, id, command, ErrorCode::Internal);
        }
        Some(Awaited::History(reading)) => {
            subscribe::withdraw(core, id, reading.nth);
            refuse(core, id, reading.command, ErrorCode::Internal);
        }
    }
    if core.end_await_home(id) {
        core.want_room(id);
    }
}

fn is_given_up(core: &Core, id: ConnId) -> bool {
    let is_deleted = |nth| core.subscription(id, nth).is_some_and(|to| core.hub.is_deleted(to));
    let beside = |nth| core.watches.beside(id.index(), nth);
    let awaits_home = core.slab.get(id).is_some_and(|it| it.gates.awaits_home());
    awaited(core, id).is_some_and(|awaited| {
        let mut all = awaited.starts().into_iter().map(|(nth, _)| nth);
        !awaits_home || all.any(|nth| is_deleted(nth) || beside(nth).is_some_and(is_deleted))
    })
}

fn awaited(core: &Core, id: ConnId) -> Option<&Awaited> {
    core.slab.get(id)?.busy.as_ref()?.commands.as_ref()?.awaited.as_ref()
}

fn take_awaited(core: &mut Core, id: ConnId) -> Option<Awaited> {
    core.slab.get_mut(id)?.busy.as_mut()?.commands.as_mut()?.awaited.take()
}

/// Says what was waited for.
fn tell(core: &mut Core, id: ConnId, awaited: Awaited, lost: &[Lost]) {
    match awaited {
        Awaited::Connection(connecting) => tell_connected(core, id, *connecting, lost),
        Awaited::Subscription(command, beginning) => {
            tell_subscribed(core, id, command, &beginning, !lost.is_empty());
        }
        Awaited::Given(beginning) => tell_given(core, id, &beginning, !lost.is_empty()),
        Awaited::History(Reading { command, nth, wanted }) => {
            if let Some(subscription) = core.subscription(id, nth) {
                history::tell(core, id, command, subscription.channel, wanted);
            }
            subscribe::withdraw(core, id, nth);
        }
    }
}

/// Says that a client has begun, with all channels that the server gives it.
fn tell_connected(core: &mut Core, id: ConnId, mut connecting: Connecting, lost: &[Lost]) {
    let (mut begun, mut bytes) = (Vec::new(), RECOVERED_BYTES_MAX);
    for beginning in std::mem::take(&mut connecting.begins) {
        let is_lost = lost.iter().any(|lost| lost.nth == beginning.nth);
        begun.extend(Begun::of(core, id, &beginning, is_lost, &mut bytes));
    }
    let subs = begun.iter().map(|begun| (begun.name.as_str(), begun.result())).collect();
    connected::tell(core, id, &connecting, subs);
}

/// Says that a client listens to the channel for which it asked.
fn tell_subscribed(
    core: &mut Core,
    id: ConnId,
    command: u32,
    beginning: &Beginning,
    is_lost: bool,
) {
    if is_lost && beginning.rejects_unrecovered {
        subscribe::leave_one(core, id, beginning.nth);
        return refuse(core, id, command, ErrorCode::UnrecoverablePosition);
    }
    let mut bytes = RECOVERED_BYTES_MAX;
    if let Some(begun) = Begun::of(core, id, beginning, is_lost, &mut bytes) {
        reply(core, id, command, &Reply::Subscribe(begun.result()));
    }
}

/// Says that a client listens to a channel for which it did not ask. What it is to get of before follows.
fn tell_given(core: &mut Core, id: ConnId, beginning: &Beginning, is_lost: bool) {
    let Some(begun) = Begun::of(core, id, beginning, is_lost, &mut 0) else {
        return;
    };
    let Subscribed { recoverable, positioned, epoch, offset, data, .. } = begun.result();
    let subscribe = Push::Subscribe { recoverable, positioned, epoch, offset, data };
    push(core, id, begun.name.as_str(), &subscribe);
}

/// A subscription that has begun.
struct Begun {
    name: ChannelName,
    granted: Granted,
    epoch: Epoch,
    offset: u64,
    was_recovering: bool,
    recovered: bool,
    publications: Vec<Arc<Form>>,
    /// Its payloads are told by their changes.
    delta: bool,
    /// On one line.
    data: Option<Vec<u8>>,
    /// When its token ends, in seconds.
    ttl: Option<u32>,
}

impl Begun {
    /// With the first of what its client missed: as many as have room in `bytes`, of which they are taken. The
    /// first may have more.
    fn of(
        core: &mut Core,
        id: ConnId,
        beginning: &Beginning,
        is_lost: bool,
        bytes: &mut usize,
    ) -> Option<Self> {
        let subscription = core.subscription(id, beginning.nth)?;
        let Position { epoch, .. } = core.hub.position(subscription.channel)?;
        let name = core.hub.name(subscription.channel)?.clone();
        let was_recovering = beginning.start != Start::Now;
        let recovered = was_recovering && !is_lost;
        let cursor = core.hub.cursor(subscription);
        let wanted = Wanted::in_subscription(&core.hub, subscription);
        let chain = if wanted == Wanted::Whole { Chain::None } else { Chain::First };
        let mut publications = Vec::new();
        if recovered && *bytes > 0 {
            let missed = take_missed(core, subscription, cursor, *bytes);
            let forms = (0..missed.len()).zip(&missed);
            publications
                .extend(forms.filter_map(|(nth, it)| publication(it, chain.before(&missed, nth))));
            if wanted == Wanted::First && !missed.is_empty() {
                Wanted::Changes.set(&mut core.hub, subscription);
            }
            let taken: usize = publications.iter().map(|form| form.len()).sum();
            *bytes = bytes.saturating_sub(taken);
        }
        Some(Self {
            name,
            granted: beginning.granted,
            epoch,
            offset: if recovered { beginning.offset } else { cursor },
            was_recovering,
            recovered,
            publications,
            delta: wanted != Wanted::Whole,
            data: beginning.data.as_deref().map(json_of),
            ttl: beginning.end_s.map(|end_s| connected::ttl_s(core, Some(end_s))),
        })
    }

    fn result(&self) -> Subscribed<'_> {
        let publications = self.publications.iter();
        let Granted { recovery, positioning } = self.granted;
        Subscribed {
            recoverable: recovery,
            positioned: positioning,
            epoch: if positioning { self.epoch.as_str() } else { "" },
            offset: if positioning { self.offset } else { 0 },
            was_recovering: self.was_recovering,
            recovered: self.recovered,
            publications: publications
                .filter_map(|form| serde_json::from_slice(form).ok())
                .collect(),
            delta: self.delta,
            data: self.data.as_deref().and_then(|data| serde_json::from_slice(data).ok()),
            expires: self.ttl.is_some(),
            ttl: self.ttl.unwrap_or(0),
        }
    }
}

/// The first of what follows the cursor, which moves behind it.
fn take_missed(
    core: &mut Core,
    to: Subscription,
    cursor: u64,
    bytes_max: usize,
) -> Vec<Arc<Publication>> {
    let mut missed = Vec::new();
    core.hub.copy_after(to.channel, cursor, bytes_max, &mut missed);
    if let Some(last) = missed.last() {
        core.hub.advance(to, last.offset());
    }
    missed
}
