//! A token says what is signed, for as long as it says, and nothing that is not signed is one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;
use switchboard_auth::{Claims, KeySet, Place, Presented, TokenError, Verifier};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const OTHER: &[u8] = b"another secret of thirty-two bytes, or more";
const NOW_S: u64 = 1_000;
/// How far the clocks of two machines may be apart.
const LEEWAY_S: f64 = 5.0;

/// The input is the payload of a token, a whole one, the lines of a request that shows one, and a set of keys.
pub fn check(data: &[u8]) {
    check_signed(data);
    check_unsigned(data);
    check_shown(data);
    check_connect(data);
    // A set of keys is read or refused.
    let _ = verifier(SECRET).with_jwks(data);
}

fn verifier(secret: &[u8]) -> Verifier {
    let mut keys = KeySet::default();
    keys.add_secret(secret).expect("a key");
    Verifier::new(keys, None, None)
}

fn signed(payload: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let key = EncodingKey::from_secret(SECRET);
    let signature = sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{message}.{signature}")
}

fn check_signed(payload: &[u8]) {
    let token = signed(payload);
    let own = verifier(SECRET);
    let read = match own.read(token.as_bytes()) {
        Ok(read) => read,
        Err(error) => {
            assert!(
                error == TokenError::Long && token.len() > Verifier::TOKEN_BYTES_MAX,
                "{error}"
            );
            return;
        }
    };
    let value: Option<Value> = serde_json::from_slice(payload).ok();
    if let Ok(claims) = read.verify(NOW_S) {
        check_claims(&claims, value.as_ref(), "sub");
        if let Some(value) = &value {
            check_times(value);
            let channel = value.get("channel").and_then(Value::as_str);
            assert!(channel.unwrap_or_default().is_empty(), "a token for a subscription");
            assert!(claims.opening.as_ref().is_none_or(|opening| opening.data.is_none()));
        }
    }
    if let Ok(claims) = read.verify_subscription(NOW_S) {
        if let Some(value) = &value {
            assert!(value.is_object(), "RFC 7519 section 7.2: {value}");
            check_times(value);
            assert_eq!(value["channel"].as_str(), Some(&*claims.channel));
            assert_eq!(value["sub"].as_str().unwrap_or_default(), &*claims.user);
        }
        assert!(!claims.channel.is_empty());
        assert!(claims.options.expires_at_s.is_none_or(|at| at > NOW_S));
        assert!(read.verify(NOW_S).is_err(), "a token of both kinds");
    }
    // Nobody else believes it, and nothing in it may change.
    let other = verifier(OTHER);
    let refused = other.read(token.as_bytes()).map(|read| read.verify(NOW_S).err());
    assert!(matches!(refused, Ok(Some(TokenError::Signature))), "{refused:?}");
    let damaged = token.replacen('.', ".e30", 1);
    if damaged.len() <= Verifier::TOKEN_BYTES_MAX {
        let refused = own.read(damaged.as_bytes()).map(|read| read.verify(NOW_S));
        assert!(!matches!(refused, Ok(Ok(_))), "{refused:?}");
    }
}

/// What is taken is what stands there, within its bounds. `value` is none for what this reader cannot read: a number
/// beyond the range of a float.
fn check_claims(claims: &Claims, value: Option<&Value>, user: &str) {
    assert!(claims.user.len() <= Claims::USER_BYTES_MAX && !claims.user.contains(char::is_control));
    assert!(claims.info.as_ref().is_none_or(|it| it.len() <= Claims::INFO_BYTES_MAX));
    if let Some(meta) = &claims.meta {
        assert!(meta.len() <= Claims::META_BYTES_MAX && meta.starts_with(b"{"));
    }
    assert!(claims.expires_at_s.is_none_or(|at| at > NOW_S));
    assert!(claims.connection_expires_at_s.is_none_or(|at| at > NOW_S));
    let Some(value) = value else { return };
    assert!(value.is_object(), "RFC 7519 section 7.2: {value}");
    assert_eq!(value[user].as_str().unwrap_or_default(), &*claims.user, "{value}");
    let listed = value["channels"].as_array().map_or(0, Vec::len)
        + value["subs"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(claims.channels.is_empty(), listed == 0, "{value}");
    let may_publish = value["publish"].as_array().map_or(0, Vec::len);
    assert_eq!(claims.publish.is_empty(), may_publish == 0, "{value}");
}

/// It is good now.
fn check_times(value: &Value) {
    let time = |name: &str| value.get(name).and_then(Value::as_f64);
    assert!(time("exp").is_none_or(|at| at >= NOW_S as f64 + 1.0), "{value}");
    assert!(time("nbf").is_none_or(|at| at < NOW_S as f64 + LEEWAY_S + 1.0), "{value}");
    assert!(time("expire_at").is_none_or(|at| at < 1.0 || at >= NOW_S as f64 + 1.0), "{value}");
}

/// Whoever has no key makes no token.
fn check_unsigned(token: &[u8]) {
    let own = verifier(SECRET);
    match own.read(token) {
        Ok(read) => {
            assert!(token.len() <= Verifier::TOKEN_BYTES_MAX && read.cost_us() > 0);
            let header: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
            let is_own =
                token == signed(&URL_SAFE_NO_PAD.decode(header[1]).unwrap_or_default()).as_bytes();
            assert!(is_own || read.verify(NOW_S).is_err(), "{:?}", String::from_utf8_lossy(token));
        }
        Err(error) => {
            assert_eq!(error == TokenError::Long, token.len() > Verifier::TOKEN_BYTES_MAX);
        }
    }
}

/// Where a request shows a token, and which one counts.
fn check_shown(lines: &[u8]) {
    let text = String::from_utf8_lossy(lines).replace('\n', "\r\n");
    let bytes = format!("GET /?{} HTTP/1.1\r\nHost: a\r\n{text}\r\n\r\n", query(&text));
    let limits = HeadLimits::default();
    let mut slots = HeaderSlots::new();
    let Ok(Some(end)) = head::find_end(bytes.as_bytes(), 0, &limits) else { return };
    let Ok(request) = head::parse(&bytes.as_bytes()[..end], &mut slots, &limits) else { return };
    let Some(shown) = Presented::find(&request, Some("session")) else { return };
    let stands_in = |name: &str| {
        let mut lines = request.headers(name);
        lines.any(|line| {
            line.windows(shown.token.len().max(1)).any(|it| it == &*shown.token)
                || shown.token.is_empty()
        })
    };
    match shown.place {
        Place::Authorization => assert!(stands_in("authorization")),
        Place::Subprotocol => assert!(stands_in("sec-websocket-protocol")),
        Place::Query => assert!(request.query().is_some_and(|query| query.contains("token="))),
        Place::Cookie => {
            assert!(stands_in("cookie") && !shown.token.is_empty());
            let alone = Presented::find(&request, None);
            assert!(alone.is_none(), "{alone:?} comes before a cookie");
        }
    }
}

/// What of the input may stand in a query.
fn query(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_graphic() && *c != '#').collect()
}

/// What a connect hook says reads as a payload.
fn check_connect(json: &[u8]) {
    let Ok(claims) = Claims::of_connect(json, NOW_S) else { return };
    let value: Option<Value> = serde_json::from_slice(json).ok();
    check_claims(&claims, value.as_ref(), "user");
}
