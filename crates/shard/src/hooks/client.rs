//! The client of a question.

use switchboard_auth::Who;
use switchboard_dialects::Transport;
use switchboard_hooks::Client;
use switchboard_plane::ConnId;
use switchboard_ws::head::Request;

use crate::admission::Subject;
use crate::config::HeaderNames;
use crate::connection::Headers;
use crate::core::Core;
use crate::identity::may_forward_cookie;
use crate::subscribe::presence::name_of;

/// What of a request a backend is asked with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'r, 'h> {
    pub(crate) request: &'r Request<'h>,
    pub(crate) transport: Transport,
    /// The number of its page's origin among those that are allowed.
    pub(crate) cors: u8,
}

/// The client of a request, with those of its headers that a hook asks for.
pub(super) fn of_request(
    core: &Core,
    id: ConnId,
    asker: Asker<'_, '_>,
    who: &Who,
    names: &HeaderNames,
) -> Client {
    Client {
        connection: name_of(core, id),
        share: share(core, id),
        transport: asker.transport.name(),
        user: who.as_ref().map(|claims| claims.user.clone()).unwrap_or_default(),
        meta: who.as_ref().and_then(|claims| claims.meta.clone()),
        headers: headers(asker.request, asker.cors, names),
    }
}

/// Those headers of a request that a hook asks for. Cookies only where the page with the origin of this
/// number may act for its user.
pub(crate) fn headers(request: &Request<'_>, cors: u8, names: &HeaderNames) -> Headers {
    let hides_cookies = !may_forward_cookie(request, cors);
    let names = names.iter().filter(|name| &***name != "cookie" || !hides_cookies);
    let headers = names.flat_map(|name| {
        request.headers(name).map(|value| (name.clone(), Box::<[u8]>::from(value)))
    });
    headers.collect()
}

/// Each address has its turn among those that ask.
pub(crate) fn share(core: &Core, id: ConnId) -> u64 {
    core.slab.get(id).map_or(0, |connection| Subject::from(connection.peer.ip()).number())
}

/// The client of a connection that listens.
pub(crate) fn of_connection(core: &Core, id: ConnId) -> Client {
    let slot = id.index();
    Client {
        connection: name_of(core, id),
        share: share(core, id),
        transport: core.slab.get(id).map_or("", |connection| connection.session.describe()),
        user: core.identities.user(slot).unwrap_or_default().into(),
        meta: core.identities.claims(slot).and_then(|claims| claims.meta.clone()),
        headers: Vec::new(),
    }
}
