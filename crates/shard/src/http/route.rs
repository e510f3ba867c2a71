//! From a request's path to what handles it.

use switchboard_ws::head::Request;

use super::answer::{Answer, wrong_method};
use super::response::Response;
use crate::config::Config;
use crate::core::Core;

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Route<'a> {
    /// It is answered here.
    Answer(Answer),
    /// `GET /echo`.
    Echo,
    /// `/sub/` and this list of channels.
    Subscribe(&'a str),
}

/// The route of a request.
pub(crate) fn route<'a>(config: &Config, request: &Request<'a>) -> Route<'a> {
    let path = request.path();
    if let Some(channels) = path.strip_prefix("/sub/") {
        return Route::Subscribe(channels);
    }
    let answer = match path {
        "/" => Answer::to_get_or_head(request, || Response::page(config.page)),
        "/health" => Answer::to_get_or_head(request, || Response::text(200, "ok\n".to_owned())),
        "/echo" if config.echo && request.method() == "GET" => return Route::Echo,
        "/echo" if config.echo => wrong_method("GET"),
        _ => Answer::refuse(404, "there is nothing at this path; channels are at /sub/{channel}"),
    };
    Route::Answer(answer)
}

/// Whether a further request may follow. A proxy may believe that a refused upgrade took place, and
/// what follows is not HTTP to it: nothing after it is read as a request.
pub(crate) fn keeps_alive(core: &Core, request: &Request<'_>) -> bool {
    request.keep_alive() && request.header("upgrade").is_none() && !core.stopping
}
