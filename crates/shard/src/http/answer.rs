//! How the handling of a request ends.

use switchboard_ws::head::Request;

use super::response::Response;
use crate::subscribe::Refusal;

/// What the pages of this server allow.
pub(super) const GET_AND_HEAD: &str = "GET, HEAD, OPTIONS";

/// How the handling of a request ends.
#[derive(Debug)]
pub(crate) enum Answer {
    Response(Response<'static>),
    /// The answer is queued.
    Done,
    /// The connection speaks something else now: a WebSocket, an event stream, a poll that is held.
    TakenOver,
    /// What was said before must be out first.
    Later,
    /// A backend is to say first whether the client is served.
    Asked,
}

impl Answer {
    pub(crate) fn refuse(status: u16, sentence: impl Into<String>) -> Self {
        Self::Response(Response::refusal(status, sentence.into()))
    }

    /// The answer of a path that has nothing but this.
    pub(super) fn to_get_or_head(
        request: &Request<'_>,
        response: impl FnOnce() -> Response<'static>,
    ) -> Self {
        match request.method() {
            "GET" | "HEAD" => Self::Response(response()),
            _ => Self::to_other_method(request, GET_AND_HEAD),
        }
    }

    /// The answer to a method other than those that do something at a path: OPTIONS asks which those
    /// are, and everything else is told.
    pub(super) fn to_other_method(request: &Request<'_>, allow: &'static str) -> Self {
        match request.method() {
            "OPTIONS" => Self::Response(Response::options(allow)),
            _ => wrong_method(allow),
        }
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal { status, sentence }: Refusal) -> Self {
        Self::refuse(status, sentence)
    }
}

pub(crate) fn wrong_method(allow: &'static str) -> Answer {
    let sentence = format!("this path answers {allow} only");
    Answer::Response(Response::refusal(405, sentence).with_allow(allow))
}
