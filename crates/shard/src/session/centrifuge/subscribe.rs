//! `subscribe` and `unsubscribe`: the channels of a connection, as it goes.

use std::sync::Arc;

use switchboard_dialects::centrifuge::{
    ErrorCode, Push, Reply, Subscribe, Subscribed, Unsubscribed, publication,
};
use switchboard_hooks::{Answer, Question, Refusal};
use switchboard_hub::{ChannelName, Epoch, OnGap, Position, Publication, Start, Subscription};
use switchboard_plane::ConnId;

use super::progress::{Progress, take_verdict};
use super::push::push;
use super::reply::{refuse, refuse_by_backend, reply};
use super::{history, join_leave};
use crate::connection::{Asking, Awaited, Beginning, Reading, ResumeRequest, Ticket};
use crate::core::Core;
use crate::hooks;
use crate::identity::{self, Shown};
use crate::lifecycle::admission;
use crate::subscribe::{self, Lost, Resumed, events, presence, resume, watches};

/// Publications that stand in a reply. What else was missed follows as pushes, as the socket has room for it.
const RECOVERED_BYTES_MAX: usize = 32 << 10;

/// A client asks for a channel.
pub(super) fn subscribe(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &Subscribe<'_>,
) -> Progress {
    match try_subscribe(core, id, number, request) {
        Ok(progress) => progress,
        Err(code) => {
            refuse(core, id, number, code);
            Progress::Done
        }
    }
}

fn try_subscribe(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &Subscribe<'_>,
) -> Result<Progress, ErrorCode> {
    // Subscriptions of other kinds, and with a filter, would get what they did not ask for.
    if request.kind != 0 || request.tf.is_some() {
        return Err(ErrorCode::BadRequest);
    }
    let name = ChannelName::new(&request.channel).map_err(|_| ErrorCode::BadRequest)?;
    let namespace = core.config.namespaces.resolve(&name).ok_or(ErrorCode::UnknownChannel)?;
    if core.config.namespaces.rules(namespace).join_leave && presence::channel_of(&name).is_none() {
        return Err(ErrorCode::BadRequest);
    }
    if subscribe::find(core, id, &name).is_some() {
        return Err(ErrorCode::AlreadySubscribed);
    }
    let presence = join_leave::wanted(core, id, &name, request);
    let channels = 1 + usize::from(presence.is_some());
    if core.subscriptions(id).count() + channels > core.config.channels_per_connection_max {
        return Err(ErrorCode::LimitExceeded);
    }
    let start = start(core, id, &name, request.start());
    // Its home may have to be asked, or what it missed be sent: then the reply goes out behind what is still
    // to be sent. And a position may come from another shard, whose mail is to be read first.
    if core.outgoing.pending_bytes(id) > 0 || (start != Start::Now && core.exchange.is_behind()) {
        return Ok(Progress::Again);
    }
    if identity::may_subscribe(&core.config, Shown::by(core, id), &name) {
        charge(core, id, channels)?;
    } else {
        match permit(core, id, &name, channels)? {
            Permit::Granted => {}
            Permit::Asked => return Ok(Progress::Again),
            Permit::Refused(refusal) => {
                refuse_by_backend(core, id, number, &refusal);
                return Ok(Progress::Done);
            }
        }
    }
    let Some(nth) = subscribe::subscribe_to(core, id, &name) else {
        return Ok(Progress::Done);
    };
    watches::give_way(core, id, &name);
    if let Some(presence) = presence {
        watches::watch(core, id, nth, &presence);
    }
    presence::joined_one(core, id, nth);
    events::joined_one(core, id, nth);
    let beginning = Beginning {
        command: number,
        nth,
        start,
        offset: request.offset,
        rejects_unrecovered: request.rejects_unrecovered(),
    };
    begin(core, id, beginning);
    Ok(Progress::Done)
}

/// Counts channels that the client begins to listen to.
fn charge(core: &Core, id: ConnId, channels: usize) -> Result<(), ErrorCode> {
    let user = core.identities.user(id.index());
    admission::may_join(core, id, user, channels).map_err(|reason| {
        admission::refuse(core, id, reason);
        ErrorCode::TooManyRequests
    })
}

/// Where a client begins. One without the right to the history begins with what is published from now on, and
/// hears whether it missed something.
fn start(core: &Core, id: ConnId, name: &ChannelName, asked: Start) -> Start {
    if asked == Start::Now || identity::may_have_history(&core.config, Shown::by(core, id), name) {
        return asked;
    }
    Start::WithoutHistory(match asked {
        Start::After(position) => position,
        _ => Position { epoch: Epoch::from_random(0), offset: 0 },
    })
}

/// What is known of the right to listen.
enum Permit {
    Granted,
    /// A backend is to say.
    Asked,
    Refused(Refusal),
}

/// Asks the backend about a channel of which it decides.
fn permit(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    channels: usize,
) -> Result<Permit, ErrorCode> {
    if !identity::asks(&core.config, Shown::by(core, id), name) {
        core.counters.refused_right.add(1);
        return Err(ErrorCode::PermissionDenied);
    }
    match take_verdict(core, id) {
        Some(Ok(Answer::Subscribed)) => Ok(Permit::Granted),
        Some(verdict) => Ok(Permit::Refused(verdict.err().unwrap_or(Refusal::Unavailable))),
        None => {
            charge(core, id, channels)?;
            let mut client = hooks::of_connection(core, id);
            client.headers = core.identities.headers(id.index());
            let question = Question::Subscribe { client, channels: vec![name.clone()] };
            hooks::ask_and_wait(core, id, (Ticket::Command, question), Asking::Command);
            Ok(Permit::Asked)
        }
    }
}

/// The subscription is there: says where it begins, at once or when its home has answered.
fn begin(core: &mut Core, id: ConnId, beginning: Beginning) {
    let Some(subscription) = core.subscription(id, beginning.nth) else {
        return;
    };
    let is_known = core.hub.position(subscription.channel).is_some();
    if beginning.start == Start::Now && is_known {
        return tell(core, id, beginning, false);
    }
    await_home(core, id, beginning.start, Awaited::Subscription(beginning));
}

/// A new subscription begins when its home has answered, which may be at once.
pub(super) fn await_home(core: &mut Core, id: ConnId, start: Start, awaited: Awaited) {
    core.await_home(id);
    if let Some(connection) = core.slab.get_mut(id) {
        let starts = vec![(awaited.nth(), start)];
        let busy = connection.busy();
        busy.resume = Some(Box::new(ResumeRequest { starts, on_gap: OnGap::Now }));
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

/// The home has answered.
pub(super) fn started(core: &mut Core, id: ConnId, lost: &[Lost]) {
    match take_awaited(core, id) {
        Some(Awaited::Subscription(beginning)) => tell(core, id, beginning, !lost.is_empty()),
        Some(Awaited::History(Reading { command, nth, wanted })) => {
            if let Some(subscription) = core.subscription(id, nth) {
                history::tell(core, id, command, subscription.channel, wanted);
            }
            subscribe::withdraw(core, id, nth);
        }
        None => {}
    }
    core.want_room(id);
}

/// Says where a subscription begins, with the first of what its client missed.
fn tell(core: &mut Core, id: ConnId, beginning: Beginning, is_lost: bool) {
    let Beginning { command, nth, .. } = beginning;
    if is_lost && beginning.rejects_unrecovered {
        subscribe::leave_one(core, id, nth);
        return refuse(core, id, command, ErrorCode::UnrecoverablePosition);
    }
    let Some(subscription) = core.subscription(id, nth) else {
        return;
    };
    let Some(Position { epoch, .. }) = core.hub.position(subscription.channel) else {
        return;
    };
    let was_recovering = beginning.start != Start::Now;
    let recovered = was_recovering && !is_lost;
    let cursor = core.hub.cursor(subscription);
    let forms: Vec<_> = if recovered {
        take_missed(core, subscription, cursor).iter().filter_map(|it| publication(it)).collect()
    } else {
        Vec::new()
    };
    let publications = forms.iter().filter_map(|form| serde_json::from_slice(form).ok());
    let subscribed = Subscribed {
        recoverable: true,
        positioned: true,
        epoch: epoch.as_str(),
        offset: if recovered { beginning.offset } else { cursor },
        was_recovering,
        recovered,
        publications: publications.collect(),
        ..Subscribed::default()
    };
    reply(core, id, command, &Reply::Subscribe(subscribed));
}

/// The first of what follows the cursor, which moves behind it.
fn take_missed(core: &mut Core, to: Subscription, cursor: u64) -> Vec<Arc<Publication>> {
    let mut missed = Vec::new();
    core.hub.copy_after(to.channel, cursor, RECOVERED_BYTES_MAX, &mut missed);
    if let Some(last) = missed.last() {
        core.hub.advance(to, last.offset());
    }
    missed
}

/// A client leaves a channel.
pub(super) fn unsubscribe(core: &mut Core, id: ConnId, number: u32, channel: &str) {
    let Ok(name) = ChannelName::new(channel) else {
        return refuse(core, id, number, ErrorCode::BadRequest);
    };
    if let Some((nth, _)) = subscribe::find(core, id, &name) {
        subscribe::leave_one(core, id, nth);
    }
    reply(core, id, number, &Reply::Unsubscribe {});
}

/// Publications of a channel, or the joins and leaves in it, are lost to the client, so it asks anew where it
/// stands.
pub(super) fn missed(core: &mut Core, id: ConnId, subscription: Subscription) {
    let channel = subscription.channel;
    let found = core.subscriptions(id).find(|(_, to)| to.channel == channel);
    if let Some((nth, _)) = found {
        core.counters.gaps_announced.add(1);
        end(core, id, own(core, id, nth), Unsubscribed::InsufficientState);
    }
}

/// The subscription that the client knows: itself, or the one beside which it is there.
fn own(core: &Core, id: ConnId, nth: u16) -> u16 {
    core.watches.watched_by(id.index(), nth).unwrap_or(nth)
}

/// Ends a subscription of a client that goes on.
pub(super) fn end(core: &mut Core, id: ConnId, nth: u16, why: Unsubscribed) {
    let channel = core.subscription(id, nth).map(|to| to.channel);
    let name = channel.and_then(|channel| core.hub.name(channel)).cloned();
    subscribe::leave_one(core, id, nth);
    if let Some(name) = name {
        push(core, id, name.as_str(), &Push::unsubscribe(why));
    }
}

/// Some channels of the connection were deleted. Their streams begin anew, and the client asks where it
/// stands in them. One that had not begun is told to try again.
pub(super) fn deleted(core: &mut Core, id: ConnId) {
    give_up_awaited(core, id);
    let deleted = core.subscriptions(id).filter(|(_, to)| core.hub.is_deleted(*to));
    let deleted: Vec<u16> = deleted.map(|(nth, _)| own(core, id, nth)).collect();
    for nth in deleted {
        end(core, id, nth, Unsubscribed::InsufficientState);
    }
}

/// What waits for the home of its channel is given up where that has answered, or the channel was deleted.
fn give_up_awaited(core: &mut Core, id: ConnId) {
    let Some(awaited) = awaited(core, id) else {
        return;
    };
    let beside = core.watches.beside(id.index(), awaited.nth());
    let is_deleted = [Some(awaited.nth()), beside]
        .into_iter()
        .filter_map(|nth| core.subscription(id, nth?))
        .any(|to| core.hub.is_deleted(to));
    if core.slab.get(id).is_some_and(|it| it.gates.awaits_home()) && !is_deleted {
        return;
    }
    take_awaited(core, id);
    match awaited {
        Awaited::Subscription(beginning) => subscribe::leave_one(core, id, beginning.nth),
        Awaited::History(reading) => subscribe::withdraw(core, id, reading.nth),
    }
    refuse(core, id, awaited.command(), ErrorCode::Internal);
    if core.end_await_home(id) {
        core.want_room(id);
    }
}

fn awaited(core: &Core, id: ConnId) -> Option<Awaited> {
    core.slab.get(id)?.busy.as_ref()?.commands.as_ref()?.awaited
}

fn take_awaited(core: &mut Core, id: ConnId) -> Option<Awaited> {
    core.slab.get_mut(id)?.busy.as_mut()?.commands.as_mut()?.awaited.take()
}
