//! `subscribe` and `unsubscribe`: the channels of a connection, as it goes.

use switchboard_auth::Overrides;
use switchboard_dialects::centrifuge::{
    Disconnect, ErrorCode, Push, Reply, Subscribe, Unsubscribed,
};
use switchboard_hub::{ChannelName, Start, Subscription};
use switchboard_plane::ConnId;

use super::begin::{self, start};
use super::begun::{begun, granted};
use super::progress::Progress;
use super::push::push;
use super::reply::{refuse, reply};
use super::right::{self, Right};
use super::{close, join_leave, server_side, subscription_token};
use crate::connection::{Awaited, Beginning};
use crate::core::Core;
use crate::encoding::Wanted;
use crate::identity::{Grant, GrantedBy};
use crate::subscribe::{self, presence};

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
    let wished = join_leave::wanted(core, id, &name, (request.join_leave, Overrides::default()));
    let channels = 1 + usize::from(wished.is_some());
    check_room(core, id, channels)?;
    let start = start(core, id, &name, request.start());
    // Its home may have to be asked, or what it missed be sent: then the reply goes out behind what is still
    // to be sent. And a position may come from another shard, whose mail is to be read first.
    if core.outgoing.pending_bytes(id) > 0 || (start != Start::Now && core.exchange.is_behind()) {
        return Ok(Progress::Again);
    }
    let (by, options) = match right::find(core, id, (number, &name, request), channels)? {
        Right::Has(by, options) => (by, options),
        Right::Unclear(progress) => return Ok(progress),
    };
    let joins = join_leave::wanted(core, id, &name, (request.join_leave, options.overrides));
    if joins.is_some() && wished.is_none() {
        check_room(core, id, 2)?;
        right::charge(core, id, 1)?;
    }
    if !core.terms.has_room(id.index(), None, options.info.as_ref().map_or(0, |it| it.len())) {
        return Err(ErrorCode::LimitExceeded);
    }
    let granted = granted(&options, (request.recoverable || request.recover, request.positioned));
    let Some(nth) = subscribe::subscribe_to(core, id, &name) else {
        return Ok(Progress::Done);
    };
    // A backend that has said nothing of an end leaves nothing to remember.
    if let Some(by) = by.filter(|by| *by == GrantedBy::Token || options.expires_at_s.is_some()) {
        let end_s = subscription_token::end_s(options.expires_at_s);
        core.identities.grants.add(id.index(), Grant { nth, by, end_s });
    }
    if request.wants_deltas()
        && core.config.namespaces.rules(namespace).delta
        && let Some(subscription) = core.subscription(id, nth)
    {
        Wanted::First.set(&mut core.hub, subscription);
    }
    begun(core, id, (nth, &name), (&options, granted), joins.as_ref());
    let beginning = Beginning {
        nth,
        start,
        offset: request.offset,
        granted,
        rejects_unrecovered: request.rejects_unrecovered(),
        data: options.data,
        end_s: options.expires_at_s,
    };
    begin::begin(core, id, Awaited::Subscription(number, beginning));
    Ok(Progress::Done)
}

/// Whether the client may have so many further channels.
fn check_room(core: &Core, id: ConnId, channels: usize) -> Result<(), ErrorCode> {
    let has = core.subscriptions(id).count();
    let max = core.config.channels_per_connection_max;
    if has + channels > max { Err(ErrorCode::LimitExceeded) } else { Ok(()) }
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
    let Some((nth, _)) = found else {
        return;
    };
    let own = own(core, id, nth);
    if !core.terms.is_unpositioned(id.index(), own) {
        core.counters.gaps_announced.add(1);
        lose(core, id, own);
    }
}

/// The subscription that the client knows: itself, or the one beside which it is there.
fn own(core: &Core, id: ConnId, nth: u16) -> u16 {
    core.watches.watched_by(id.index(), nth).unwrap_or(nth)
}

/// A client cannot go on in a channel. It asks for it anew, or connects anew where it did not ask for it.
fn lose(core: &mut Core, id: ConnId, nth: u16) {
    if server_side::is(core, id, nth) {
        close::close(core, id, Disconnect::InsufficientState);
    } else {
        end(core, id, nth, Unsubscribed::InsufficientState);
    }
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
    begin::deleted(core, id);
    let deleted = core.subscriptions(id).filter(|(_, to)| core.hub.is_deleted(*to));
    let deleted: Vec<u16> = deleted.map(|(nth, _)| own(core, id, nth)).collect();
    for nth in deleted {
        lose(core, id, nth);
    }
}
