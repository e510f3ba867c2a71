//! The internal API: requests with bodies, one after another on a connection that is kept alive.
//!
//! Publications are made here, in the turn in which they arrived; their receipts come at once where the
//! channel's home is this shard, and by mail where it is another. Everything else goes, once its body is
//! whole, to the handler that the program set ([`RequestHandler`](crate::api::RequestHandler)), and its
//! answer comes back by mail. A connection has one request at a time; what it sends meanwhile waits.

pub(crate) mod admission;
mod answer;
mod batch;
pub(crate) mod body;
mod calls;
mod handler;
mod publish;
mod request;
mod work;

use switchboard_api::ApiError;
use switchboard_hub::Published;
use switchboard_plane::{Close, ConnId};

use super::verbs::{Taken, Verbs};
use crate::api::ApiResponse;
use crate::connection::{ApiStage, Connection, Place};
use crate::core::Core;
use crate::lifecycle::ending;
use work::stage;

/// [`Session::Api`](crate::connection::Session::Api).
pub(super) struct Api;

impl Verbs for Api {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], scanned: usize) -> Taken {
        match stage(core, id) {
            None => request::receive(core, id, bytes, scanned),
            Some(ApiStage::Body(_)) => body::receive(core, id, bytes),
            // What follows a request waits for its answer.
            Some(_) => Taken::Keep { scanned: 0 },
        }
    }

    /// Goes on with publications that had its share of a turn.
    fn on_turn(core: &mut Core, id: ConnId) {
        match stage(core, id) {
            Some(ApiStage::Batch(..)) => batch::go_on(core, id),
            Some(ApiStage::Calls(..)) => calls::go_on(core, id),
            _ => {}
        }
    }

    fn on_published(core: &mut Core, id: ConnId, request: u32, published: Published) {
        match stage(core, id) {
            Some(ApiStage::Receipt(answering)) => {
                let answering = *answering;
                match published {
                    Ok(receipt) => publish::answer(core, id, &receipt, answering),
                    Err(error) => {
                        answer::refuse(core, id, &ApiError::unpublished(error), answering);
                    }
                }
            }
            Some(ApiStage::Batch(..)) => batch::on_published(core, id, request, published),
            Some(ApiStage::Calls(..)) => calls::on_published(core, id, request, &published),
            _ => {}
        }
    }

    fn on_answered(core: &mut Core, id: ConnId, response: ApiResponse) {
        if let Some(ApiStage::Handler(answering)) = stage(core, id) {
            let answering = *answering;
            answer::forward(core, id, &response, answering);
        }
    }

    /// A stranger's time is over, a head or body did not come in time, or nobody answered.
    fn on_due(core: &mut Core, id: ConnId) {
        let Some(connection) = core.slab.get(id) else {
            return;
        };
        if connection.gates.is_output_parked() || connection.place == Place::Stranger {
            return ending::cut(core, id);
        }
        match stage(core, id) {
            Some(ApiStage::Batch(..)) => batch::give_up(core, id),
            Some(ApiStage::Calls(..)) => calls::give_up(core, id),
            Some(ApiStage::Body(incoming)) if incoming.awaits_room.is_some() => {
                cut_short(core, id, &ApiError::busy());
            }
            Some(ApiStage::Body(_)) => cut_short(core, id, &ApiError::body_timeout()),
            Some(_) => cut_short(core, id, &ApiError::no_answer()),
            None => request::late(core, id),
        }
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        match stage(core, id) {
            None => answer::await_request(core, id),
            Some(ApiStage::Body(_)) => answer::set_due(core, id, core.api.config.timeouts.body_ms),
            Some(_) => answer::set_due(core, id, core.api.config.timeouts.handler_ms),
        }
    }

    fn is_owed_answer(_connection: &Connection) -> bool {
        true
    }

    /// A request under way gets its answer, which is the last one.
    fn on_stop(core: &mut Core, id: ConnId, _code: u16) {
        match stage(core, id) {
            // It is whole and waits for its turn.
            None if core.slab.get(id).is_some_and(|it| it.gates.is_input_parked()) => {}
            None | Some(ApiStage::Body(_)) if !core.is_output_parked(id) => {
                ending::remove(core, id, Close::Fin);
            }
            None => ending::end_after_answer(core, id),
            Some(_) => {}
        }
    }
}

fn cut_short(core: &mut Core, id: ConnId, error: &ApiError) {
    answer::refuse_and_end(core, id, error);
}
