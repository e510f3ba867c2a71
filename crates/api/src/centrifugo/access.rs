//! Where a request of Centrifugo's clients shows its key, beside `X-API-Key`.

use std::borrow::Cow;

use switchboard_ws::head::Request;

/// The keys that it shows: after the scheme `apikey` in `Authorization`, and as `api_key` in the query.
pub fn key_in<'r>(request: &Request<'r>) -> [Option<Cow<'r, [u8]>>; 2] {
    let header = request.header("authorization").and_then(apikey).map(Cow::Borrowed);
    let query = request.query().unwrap_or_default().as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    let query = pairs.find(|(name, _)| name == "api_key").map(|(_, key)| match key {
        Cow::Borrowed(key) => Cow::Borrowed(key.as_bytes()),
        Cow::Owned(key) => Cow::Owned(key.into_bytes()),
    });
    [header, query]
}

fn apikey(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"apikey ";
    let (scheme, key) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| key.trim_ascii())
}
