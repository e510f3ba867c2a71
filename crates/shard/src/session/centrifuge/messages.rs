//! `rpc` and `send`: what a client wants of the backend itself.

use serde_json::value::RawValue;
use switchboard_dialects::centrifuge::{Disconnect, ErrorCode, Reply, Rpc, json};
use switchboard_hooks::{Answer, Payload, Question, Refusal, Verdict};
use switchboard_hub::Kind;
use switchboard_plane::ConnId;

use super::close;
use super::reply::{refuse, refuse_by_backend, reply};
use crate::connection::Ticket;
use crate::core::Core;
use crate::hooks;
use crate::session::asking::{asked, go_on, take};
use crate::session::publish::is_within_budget;

/// A client asks the backend.
pub(super) fn ask(core: &mut Core, id: ConnId, number: u32, request: &Rpc<'_>) {
    if !core.config.hooks.message {
        return refuse(core, id, number, ErrorCode::NotAvailable);
    }
    if is_within_budget(core, id).is_err() {
        return refuse(core, id, number, ErrorCode::TooManyRequests);
    }
    put(core, id, number, &request.method, request.data);
}

/// A client tells the backend something.
pub(super) fn send(core: &mut Core, id: ConnId, data: Option<&RawValue>) {
    if !core.config.hooks.message {
        return close::close(core, id, Disconnect::NotAvailable);
    }
    // Beyond its budget it has no way to hear of it, so it is as if the message had been lost.
    if is_within_budget(core, id).is_ok() {
        put(core, id, 0, "", data);
    }
}

fn put(core: &mut Core, id: ConnId, number: u32, method: &str, data: Option<&RawValue>) {
    let Some(own) = asked(core, id).map(|asked| asked.await_answer(&number.to_string())) else {
        return;
    };
    let nothing = || Payload { kind: Kind::Text, bytes: b"null".to_vec() };
    let payload = payload(data).unwrap_or_else(nothing);
    let client = hooks::of_connection(core, id);
    let question = Question::Message { client, method: method.into(), payload };
    hooks::ask(core, id, Ticket::Message(own), question);
}

/// What a client tells a backend, if anything.
pub(super) fn payload(data: Option<&RawValue>) -> Option<Payload> {
    data.map(|data| Payload { kind: Kind::Text, bytes: data.get().as_bytes().to_vec() })
}

/// The backend has answered. What was only told it has no number, and no reply.
pub(super) fn answered(core: &mut Core, id: ConnId, own: u32, verdict: Verdict) {
    if let Some(number) = take(core, id, own).and_then(|number| number.parse().ok()) {
        match verdict {
            Ok(Answer::Message(_)) if number == 0 => {}
            // Its client does not read those before it.
            Ok(Answer::Message(Payload { bytes, .. }))
                if !core.has_room_for_reply(id, bytes.len()) =>
            {
                refuse(core, id, number, ErrorCode::TooManyRequests);
            }
            Ok(Answer::Message(Payload { kind, bytes })) => {
                let data = json(kind, &bytes);
                if let Ok(data) = serde_json::from_slice(&data) {
                    reply(core, id, number, &Reply::Rpc { data });
                }
            }
            Ok(_) => refuse_by_backend(core, id, number, &Refusal::Unavailable),
            Err(refusal) => refuse_by_backend(core, id, number, &refusal),
        }
    }
    go_on(core, id);
}
