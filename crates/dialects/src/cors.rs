//! Pages of other origins: what browsers must be told before they let them read (the Fetch
//! standard's CORS protocol).

use switchboard_ws::head::Request;

/// The request's origin, where the answer can echo it: one header line of visible ASCII without
/// commas. Whether it is allowed is for
/// [`check_origin`](switchboard_ws::handshake::check_origin) to say.
pub fn echoed_origin<'h>(request: &Request<'h>) -> Option<&'h str> {
    let mut origins = request.headers("origin");
    let origin = str::from_utf8(origins.next()?).ok()?;
    (origins.next().is_none() && can_be_echoed(origin)).then_some(origin)
}

/// Appends the header lines that let a page of this origin read the answer; nothing when there is
/// no origin, or none that could stand in a header.
pub(crate) fn push_lines(out: &mut Vec<u8>, origin: Option<&str>) {
    let Some(origin) = origin.filter(|origin| can_be_echoed(origin)) else {
        return;
    };
    out.extend_from_slice(b"Access-Control-Allow-Origin: ");
    out.extend_from_slice(origin.as_bytes());
    out.extend_from_slice(
        b"\r\nVary: Origin\r\n\
          Access-Control-Expose-Headers: ETag, Last-Modified, Switchboard-Channel, \
          Switchboard-Event, Switchboard-Gap\r\n",
    );
}

fn can_be_echoed(origin: &str) -> bool {
    !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}
