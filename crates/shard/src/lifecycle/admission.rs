//! Who comes in: what [`Places`](crate::admission::Places) says of new connections and their requests is done.

use std::net::{IpAddr, SocketAddr};

use switchboard_link::Action;
use switchboard_plane::{Close, ConnId};
use switchboard_ws::head::Request;

use super::ending;
use crate::admission::{Entry, Reason, Refusal};
use crate::connection::{Connection, Place, Session};
use crate::core::Core;
use crate::time::Tick;

/// Slots beyond `connections_max` that only answer 503 and 429. While they are taken, newcomers wait in
/// the listener's queue.
pub const RESERVED_SLOTS: u32 = 64;

/// How long a client that is refused may take for its request.
const REFUSAL_TIMEOUT_MS: u64 = 1_000;

/// A connection was accepted. Where the listener expects the PROXY protocol, its header comes first.
pub(crate) fn accepted(core: &mut Core, id: ConnId, peer: SocketAddr, is_proxied: bool) {
    core.counters.connections_accepted.add(1);
    if turned_away(core, id) {
        core.counters.connections_closed.add(1);
        return;
    }
    let is_trusted = core.places.shared().proxies().trusts(peer.ip());
    if is_proxied && !is_trusted {
        core.counters.refused_proxy.add(1);
        core.counters.connections_closed.add(1);
        core.actions.push(Action::Close(id, Close::Reset));
        return;
    }
    let entry = core.places.at_accept(id, peer.ip(), core.now_ms);
    if entry == Entry::Close {
        core.counters.refused_rate.add(1);
        core.counters.connections_closed.add(1);
        core.actions.push(Action::Close(id, Close::Reset));
        return;
    }
    let due = core.now.after_ms(REFUSAL_TIMEOUT_MS);
    let mut connection = Connection::new(id, peer, core.now, due);
    if is_trusted {
        connection.set_proxy(core.proxies.number(peer.ip()));
    }
    core.insert(connection);
    if entry == Entry::Serve || (make_room(core, peer.ip()) && core.places.let_in(id, peer.ip())) {
        serve(core, id, Place::Newcomer);
    } else {
        wait(core, id);
    }
    if is_proxied && let Some(connection) = core.slab.get(id) {
        let deadline = connection.deadline;
        core.enter(id, Session::ProxyHeader, deadline);
    }
}

/// A proxy has said whose the connection is; without a `client` it is its own. The deadline for the first
/// request stays what it was. A client that is trusted itself may be a further proxy.
pub(crate) fn at_proxy_header(core: &mut Core, id: ConnId, client: Option<SocketAddr>) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let (proxy, deadline) = (connection.peer.ip(), connection.deadline);
    if let Some(client) = client {
        let is_trusted = core.places.shared().proxies().trusts(client.ip());
        connection.peer = client.into();
        connection.set_proxy(if is_trusted { core.proxies.number(client.ip()) } else { 0 });
    }
    let has_place = connection.place == Place::Newcomer;
    if !has_place {
        core.enter(id, Session::Refusing, deadline);
    } else if core.places.hand_over(proxy, client.map_or(proxy, |client| client.ip())).is_ok() {
        core.enter(id, Session::Http, deadline);
    } else {
        // Its request will be told.
        connection.place = Place::None;
        core.places.leave(proxy, true);
        core.enter(id, Session::Refusing, core.now.after_ms(REFUSAL_TIMEOUT_MS));
        wait(core, id);
    }
}

/// It has no place, and its request will be told. Only so many wait for that at a time: the one that has waited
/// the longest goes, or whoever opens connections faster than they are refused would have all slots.
fn wait(core: &mut Core, id: ConnId) {
    core.waiting.push_back(id);
    if core.waiting.len() <= RESERVED_SLOTS as usize {
        return;
    }
    let first = core.waiting.pop_front().and_then(|first| core.slab.get(first));
    if let Some(first) = first.filter(|first| first.place == Place::None) {
        let (first, has_asked) = (first.id, first.session == Session::Lingering);
        // One that lingers has its answer, and is counted.
        core.counters.refused_silent.add(u64::from(!has_asked));
        ending::remove(core, first, Close::Fin);
    }
}

/// The server stops: nobody comes in any more.
pub(crate) fn turned_away(core: &mut Core, id: ConnId) -> bool {
    let is_stopping = core.phase.is_stopping();
    if is_stopping {
        core.actions.push(Action::Close(id, Close::Fin));
    }
    is_stopping
}

/// A request is whole: whether it is served. Where a trusted proxy passed it on, it says whose it is; the
/// next one on the same connection may be another client's.
pub(crate) fn at_request(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
) -> Result<(), Refusal> {
    let Some(connection) = core.slab.get_mut(id) else {
        return Ok(());
    };
    let (place, before) = (connection.place, connection.peer);
    let proxy = core.proxies.address(connection.proxy());
    if let Some(proxy) = proxy {
        connection.peer = core.places.shared().proxies().client(request, proxy).into();
    }
    match place {
        Place::None => return serve_late(core, id),
        Place::Newcomer => {
            connection.place = Place::Public;
            core.places.graduate();
        }
        _ => {}
    }
    let Some(proxy) = proxy else {
        return Ok(());
    };
    let handed_over = core.places.hand_over(before.ip(), connection.peer.ip());
    if handed_over.is_err() {
        connection.peer = SocketAddr::new(proxy, 0).into();
    }
    handed_over.map_err(|reason| refuse(core, id, reason))
}

/// A request is whole whose connection found no place when it was accepted.
fn serve_late(core: &mut Core, id: ConnId) -> Result<(), Refusal> {
    let Some(client) = core.slab.get(id).map(|connection| connection.peer.ip()) else {
        return Ok(());
    };
    let admitted = core.places.admit(client).or_else(|reason| {
        if make_room(core, client) { core.places.admit(client) } else { Err(reason) }
    });
    admitted.map_err(|reason| refuse(core, id, reason))?;
    serve(core, id, Place::Public);
    Ok(())
}

/// How long a connection may be without a whole request before it must make room for others. Most requests
/// come with the connection; one that was lost on the way comes again within a second.
const NEWCOMER_MS: u64 = 1_000;

/// The connection has just come, and its first request may be on its way.
pub(crate) fn may_be_about_to_ask(core: &Core, connection: &Connection) -> bool {
    connection.place == Place::Newcomer && connection.deadline > newcomers_due(core)
}

/// No deadline of a connection is later that has been here for longer than a request needs: it is as far from the
/// accept as the time for a head is long.
fn newcomers_due(core: &Core) -> Tick {
    core.now.after_ms(core.config.timeouts.handshake_ms.saturating_sub(NEWCOMER_MS))
}

/// All places are taken: a connection that has not sent a whole request goes, for one of this address.
fn make_room(core: &mut Core, client: IpAddr) -> bool {
    let due = newcomers_due(core);
    let slab = &core.slab;
    let newcomer = |id| {
        let connection = slab.get(id).filter(|connection| connection.place == Place::Newcomer);
        connection.map(|connection| (connection.peer.ip(), connection.deadline <= due))
    };
    let oldest = core.places.makes_room(client, newcomer);
    if let Some(oldest) = oldest {
        core.counters.refused_silent.add(1);
        ending::remove(core, oldest, Close::Fin);
    }
    oldest.is_some()
}

/// It has a place.
fn serve(core: &mut Core, id: ConnId, place: Place) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.place = place;
    }
    let Core { places, slab, .. } = core;
    places.tidy(|id| slab.get(id).is_some_and(|connection| connection.place == Place::Newcomer));
    let deadline = core.now.after_ms(core.config.timeouts.handshake_ms);
    core.enter(id, Session::Http, deadline);
}

/// Whether the client's address and its user may begin to listen to so many channels now.
///
/// # Errors
/// Which of the two may not.
pub(crate) fn may_join(
    core: &Core,
    id: ConnId,
    user: Option<&str>,
    channels: usize,
) -> Result<(), Reason> {
    address_may_join(core, id, channels)?;
    user_may_join(core, user, channels)
}

/// Whether the client's address may.
///
/// # Errors
/// [`Reason::Joins`].
pub(crate) fn address_may_join(core: &Core, id: ConnId, channels: usize) -> Result<(), Reason> {
    let Some(connection) = core.slab.get(id) else {
        return Ok(());
    };
    let may = core.places.shared().may_join(|| connection.peer.ip(), channels, core.now_ms);
    if may { Ok(()) } else { Err(Reason::Joins) }
}

/// Whether a user may.
///
/// # Errors
/// [`Reason::UserJoins`].
pub(crate) fn user_may_join(
    core: &Core,
    user: Option<&str>,
    channels: usize,
) -> Result<(), Reason> {
    let users = core.places.shared().users();
    let may = user.is_none_or(|user| users.may_join(user, channels, core.now_ms));
    if may { Ok(()) } else { Err(Reason::UserJoins) }
}

/// Counts a refusal, and says what the client is told.
pub(crate) fn refuse(core: &Core, id: ConnId, reason: Reason) -> Refusal {
    let counters = &core.counters;
    let counter = match reason {
        Reason::Full => {
            core.refusals.full.add();
            &counters.refused_full
        }
        Reason::Address => {
            core.refusals.address.add();
            &counters.refused_address
        }
        Reason::Memory => &counters.refused_memory,
        Reason::Backend => &counters.refused_backend,
        Reason::User => &counters.refused_user,
        Reason::Joins | Reason::UserJoins => &counters.refused_joins,
    };
    counter.add(1);
    // Neither those of one moment come back together nor those of one slot.
    reason.refusal(id.index() % 64 + (counter.get() % 64) as u32)
}

/// Slots that a shard keeps for the internal API: all of its connections may come to one shard, and some
/// more to be refused.
pub fn internal_slots(internal_connections_max: u32) -> u32 {
    const TO_REFUSE: u32 = 16;
    internal_connections_max.saturating_add(TO_REFUSE)
}
