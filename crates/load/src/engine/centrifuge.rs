//! Connections that speak Centrifuge: they connect and subscribe as the SDKs do, one command after
//! the reply to the other, and are open when they listen. Then publications are handed over.

use std::sync::Arc;

use switchboard_plane::ConnId;

use super::stats::Counter;
use super::{Core, End, Job, State, open};
use crate::centrifuge::{self, Epoch, Push, Refusal, Reply, Subscribed};
use crate::verify::Kind;

/// The first command of a WebSocket.
pub(super) fn begin<D>(core: &mut Core<D>, id: ConnId) {
    let endpoint = Arc::clone(&core.endpoint);
    let Some(connection) = core.slab.get_mut(id) else { return };
    connection.state = State::Introducing;
    let number = connection.number;
    let tokens = endpoint.upgrade.as_ref().and_then(|upgrade| upgrade.tokens.as_ref());
    let command = centrifuge::connect(tokens.map(|tokens| tokens.of(number)));
    core.send_text(id, &command);
}

/// A frame, with one object or several; an end is final.
pub(super) fn received<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    frame: &str,
) -> Option<End> {
    centrifuge::each(frame).find_map(|object| one(core, job, id, object))
}

fn one<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId, object: &str) -> Option<End> {
    if object == "{}" {
        return ping(core, id);
    }
    let channel = core.endpoint.channel(core.slab.get(id)?.channel)?;
    if let Some((data, offset)) = centrifuge::plain_push(object, channel) {
        published(core, job, id, data, offset);
        return None;
    }
    let reply = match Reply::read(object) {
        Ok(reply) => reply,
        Err(error) => return Some(End::Dialect(error.to_string())),
    };
    let state = core.slab.get(id)?.state;
    match (reply, state) {
        (Reply { push: Some(push), .. }, _) => pushed(core, job, id, push),
        (Reply { connect: Some(connected), .. }, State::Introducing) => {
            core.slab.get_mut(id)?.pongs = connected.pong;
            subscribe(core, id)
        }
        (Reply { subscribe: Some(subscribed), .. }, State::Subscribing) => {
            listens(core, job, id, subscribed)
        }
        (Reply { error: Some(Refusal { code, message }), .. }, State::Introducing) => {
            Some(End::Denied("connect", code, message.into_owned()))
        }
        (Reply { error: Some(Refusal { code, message }), .. }, State::Subscribing) => {
            Some(End::Denied("subscribe", code, message.into_owned()))
        }
        (Reply { id, .. }, _) => Some(End::Dialect(format!("a reply to {id} that nobody asked"))),
    }
}

fn ping<D>(core: &mut Core<D>, id: ConnId) -> Option<End> {
    if core.slab.get(id)?.pongs {
        core.stats.add(Counter::Pings, 1);
        core.send_text(id, centrifuge::PONG);
    }
    None
}

fn subscribe<D>(core: &mut Core<D>, id: ConnId) -> Option<End> {
    let endpoint = Arc::clone(&core.endpoint);
    let connection = core.slab.get_mut(id)?;
    connection.state = State::Subscribing;
    let channel = endpoint.channel(connection.channel)?;
    let command = centrifuge::subscribe(channel, core.epochs.behind(connection.place()));
    core.send_text(id, &command);
    None
}

/// The client listens, and has what it missed.
fn listens<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    subscribed: Subscribed<'_>,
) -> Option<End> {
    let epoch = subscribed.recoverable.then(|| core.epochs.number(&subscribed.epoch));
    let connection = core.slab.get_mut(id)?;
    let number = connection.number;
    connection.epoch = epoch.unwrap_or(Epoch::default());
    if subscribed.recovered {
        core.stats.add(Counter::Recovered, 1);
    } else {
        connection.offset = subscribed.offset;
        if subscribed.was_recovering {
            let why = "the server has not kept what came after their positions";
            core.fail(number, Counter::Unrecovered, why.to_owned());
        }
    }
    open::opened(core, job, id);
    for publication in subscribed.publications {
        published(core, job, id, publication.data.get(), publication.offset);
    }
    None
}

fn pushed<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    push: Push<'_>,
) -> Option<End> {
    let connection = core.slab.get(id)?;
    if let Some(publication) = push.publication {
        if core.endpoint.channel(connection.channel) != Some(&*push.channel) {
            let number = connection.number;
            let what = || format!("connection {number}: a push of {}", push.channel);
            core.found(number, Kind::Foreign, 1, what);
        }
        published(core, job, id, publication.data.get(), publication.offset);
    } else if let Some(Refusal { code, message }) = push.unsubscribe {
        return Some(End::Unsubscribed(code, message.into_owned()));
    } else if let Some(Refusal { code, message }) = push.disconnect {
        let code = u16::try_from(code).ok();
        return Some(End::Closed(code, message.into_owned()));
    }
    None
}

/// A publication, whose offset must be above that of the one before.
fn published<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId, data: &str, offset: u64) {
    let Some(connection) = core.slab.get_mut(id) else { return };
    if offset > connection.offset {
        connection.offset = offset;
    } else if offset > 0 {
        let (number, last) = (connection.number, connection.offset);
        let what = || format!("connection {number}: offset {offset} came after {last}");
        core.found(number, Kind::Reordered, 1, what);
    }
    open::message(core, job, id, data.as_bytes());
}
