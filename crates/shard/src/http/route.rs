//! From a request's path to what handles it.

use switchboard_api::Phase;
use switchboard_ws::handshake;
use switchboard_ws::head::Request;

use super::answer::{Answer, GET_AND_HEAD};
use super::host;
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
    /// `GET /connection/websocket`.
    Centrifuge,
    /// What Centrifuge SDKs without a WebSocket ask.
    Sdk(SdkPath),
    /// `/sub/` and this list of channels.
    Subscribe(&'a str),
}

/// Where Centrifuge SDKs ask that have no WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SdkPath {
    /// `/connection/http_stream`.
    HttpStream,
    /// `/connection/sse`.
    Sse,
    /// `/emulation`.
    Emulation,
}

impl SdkPath {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/connection/http_stream" => Some(Self::HttpStream),
            "/connection/sse" => Some(Self::Sse),
            "/emulation" => Some(Self::Emulation),
            _ => None,
        }
    }

    /// The methods that are answered there.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Self::HttpStream | Self::Emulation => "POST, OPTIONS",
            Self::Sse => "GET, POST, OPTIONS",
        }
    }
}

/// Whether a request may have a body.
pub(crate) fn takes_body(config: &Config, request: &Request<'_>) -> bool {
    config.centrifuge && request.method() == "POST" && SdkPath::of(request.path()).is_some()
}

/// The methods of RFC 9110 and RFC 5789. They are known, so a path that lacks one answers 405; any other
/// is answered with 501 (RFC 9110 section 9.1).
const METHODS: [&str; 9] =
    ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"];

/// Whether anybody knows the method.
pub(crate) fn knows_method(method: &str) -> bool {
    METHODS.contains(&method)
}

/// The route of a request to a server in this phase.
pub(crate) fn route<'a>(config: &Config, phase: Phase, request: &Request<'a>) -> Route<'a> {
    if !knows_method(request.method()) {
        let sentence = "this server does not know the method of the request";
        return Route::Answer(Answer::refuse(501, sentence));
    }
    let path = request.path();
    // Load balancers ask for the health of an address, and it tells nothing.
    if path != "/health"
        && let Err(answer) = host::check(config, request)
    {
        return Route::Answer(answer);
    }
    if config.centrifuge
        && let Some(path) = SdkPath::of(path)
    {
        return Route::Sdk(path);
    }
    if let Some(channels) = path.strip_prefix("/sub/") {
        return Route::Subscribe(channels);
    }
    let answer = match path {
        "/" => Answer::to_get_or_head(request, || Response::page(config.page)),
        "/health" if phase.is_leaving() => {
            Answer::to_get_or_head(request, || Response::leaving(phase))
        }
        "/health" => Answer::to_get_or_head(request, || Response::text(200, "ok\n".to_owned())),
        "/echo" if config.echo && request.method() == "GET" => return Route::Echo,
        "/echo" if config.echo => Answer::to_other_method(request, "GET, OPTIONS"),
        "/connection/websocket" if config.centrifuge && request.method() == "GET" => {
            return Route::Centrifuge;
        }
        "/connection/websocket" if config.centrifuge => {
            Answer::to_other_method(request, "GET, OPTIONS")
        }
        // The server as a whole, which only OPTIONS can ask for.
        "*" => Answer::to_other_method(request, GET_AND_HEAD),
        _ => Answer::refuse(404, "there is nothing at this path; channels are at /sub/{channel}"),
    };
    Route::Answer(answer)
}

/// Whether a further request may follow. A proxy may believe that a refused upgrade took place, and
/// what follows is not HTTP to it: nothing after it is read as a request.
pub(crate) fn keeps_alive(core: &Core, request: &Request<'_>) -> bool {
    let may_be_upgrade = request.header("upgrade").is_some() || handshake::lost_upgrade(request);
    request.keep_alive() && !may_be_upgrade && !core.phase.is_leaving()
}
