//! A connection of a proxy that speaks the PROXY protocol: its header comes first, then requests.

use switchboard_plane::{Close, ConnId};
use switchboard_ws::proxy_header::{self, ProxyHeader};

use super::verbs::{Taken, Verbs};
use crate::core::Core;
use crate::lifecycle::{admission, ending};

/// [`Session::ProxyHeader`](crate::connection::Session::ProxyHeader).
pub(super) struct AwaitsProxyHeader;

impl Verbs for AwaitsProxyHeader {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        match proxy_header::parse(bytes) {
            Ok(None) => Taken::Keep { scanned: bytes.len() },
            Ok(Some(ProxyHeader { length, client })) => {
                admission::at_proxy_header(core, id, client);
                Taken::Part(length)
            }
            Err(error) => {
                tracing::debug!(%error, "refused a connection to proxy_protocol_listen");
                core.counters.refused_proxy.add(1);
                ending::remove(core, id, Close::Reset);
                Taken::All
            }
        }
    }

    /// The header did not come in time. Nobody would understand an answer.
    fn on_due(core: &mut Core, id: ConnId) {
        core.counters.timed_out_head.add(1);
        ending::cut(core, id);
    }

    fn on_stop(core: &mut Core, id: ConnId, _code: u16) {
        ending::remove(core, id, Close::Fin);
    }
}
