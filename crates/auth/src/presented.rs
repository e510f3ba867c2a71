//! Where a request shows its token.

use std::borrow::Cow;

use switchboard_ws::authorization::bearer;
use switchboard_ws::head::Request;

/// Where a token stood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// `Authorization: Bearer` (RFC 6750 section 2.1).
    Authorization,
    /// `bearer.TOKEN` in `Sec-WebSocket-Protocol`, for browsers, which cannot set other headers.
    Subprotocol,
    /// `?token=`, for event streams in browsers.
    Query,
    /// The cookie that is named for it. The browser sends it whatever page asks.
    Cookie,
}

/// A token that a request shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Presented<'a> {
    /// Its bytes.
    pub token: Cow<'a, [u8]>,
    /// Where it stood.
    pub place: Place,
}

/// Before the token in an offered subprotocol.
const SUBPROTOCOL: &[u8] = b"bearer.";

impl<'a> Presented<'a> {
    /// The token of a request: what it was given on purpose comes before its cookie.
    pub fn find(request: &Request<'a>, cookie: Option<&str>) -> Option<Self> {
        let explicit = authorization(request)
            .map(|token| (Cow::Borrowed(token), Place::Authorization))
            .or_else(|| subprotocol(request).map(|token| (token.into(), Place::Subprotocol)))
            .or_else(|| query(request).map(|token| (token, Place::Query)));
        let found = explicit.or_else(|| {
            cookie_value(request, cookie?).map(|token| (Cow::Borrowed(token), Place::Cookie))
        });
        found.map(|(token, place)| Self { token, place })
    }
}

fn authorization<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    request.header("authorization").and_then(bearer)
}

fn subprotocol<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let lists = request.headers("sec-websocket-protocol");
    lists
        .flat_map(|list| list.split(|byte| *byte == b','))
        .find_map(|offer| offer.trim_ascii().strip_prefix(SUBPROTOCOL))
}

fn query<'a>(request: &Request<'a>) -> Option<Cow<'a, [u8]>> {
    let query = request.query()?;
    let (_, token) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token")?;
    Some(match token {
        Cow::Borrowed(token) => Cow::Borrowed(token.as_bytes()),
        Cow::Owned(token) => Cow::Owned(token.into_bytes()),
    })
}

/// RFC 6265 section 5.4. A blank one is none: that is how a page takes it away.
fn cookie_value<'a>(request: &Request<'a>, name: &str) -> Option<&'a [u8]> {
    let pairs = request.headers("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    pairs
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .map(|value| {
            value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
        })
        .find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

    use super::*;

    fn find(target: &str, lines: &str) -> Option<(String, Place)> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut slots = HeaderSlots::new();
        let request = head::parse(head.as_bytes(), &mut slots, &HeadLimits::default()).unwrap();
        let presented = Presented::find(&request, Some("session"))?;
        Some((String::from_utf8(presented.token.into_owned()).unwrap(), presented.place))
    }

    fn at(token: &str, place: Place) -> (String, Place) {
        (token.to_owned(), place)
    }

    #[test]
    fn a_token_is_found_in_each_of_its_places() {
        let protocols = "Sec-WebSocket-Protocol: switchboard.v1, bearer.a.b.c\r\n";
        assert_eq!(
            find("/", "Authorization: BEARER  a.b.c\r\n"),
            Some(at("a.b.c", Place::Authorization))
        );
        assert_eq!(find("/", protocols), Some(at("a.b.c", Place::Subprotocol)));
        assert_eq!(find("/?x=1&token=a%2Eb.c", ""), Some(at("a.b.c", Place::Query)));
        assert_eq!(
            find("/", "Cookie: a=1; session=a.b.c; b=2\r\n"),
            Some(at("a.b.c", Place::Cookie))
        );
        assert_eq!(find("/", "Cookie: session=\"a.b.c\"\r\n"), Some(at("a.b.c", Place::Cookie)));
        assert_eq!(find("/", ""), None);
    }

    #[test]
    fn a_token_given_on_purpose_comes_before_the_cookie() {
        let all =
            "Cookie: session=d\r\nSec-WebSocket-Protocol: bearer.b\r\nAuthorization: Bearer a\r\n";
        assert_eq!(find("/?token=c", all), Some(at("a", Place::Authorization)));
        assert_eq!(find("/?token=c", "Cookie: session=d\r\n"), Some(at("c", Place::Query)));
    }

    #[test]
    fn what_is_for_others_is_no_token() {
        for lines in [
            "Authorization: Basic YTpi\r\n",
            "Authorization: Bearer\r\n",
            "Cookie: xsession=a\r\n",
            "Cookie: session\r\n",
            "Cookie: session=\r\n",
            "Cookie: SESSION=a\r\n",
            "Sec-WebSocket-Protocol: bearer, Bearer.x\r\n",
        ] {
            assert_eq!(find("/?tokens=a", lines), None, "{lines}");
        }
    }
}
