//! Clients with tokens: what checking them may take, and when their connections end.

use std::sync::Arc;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use switchboard_auth::{KeySet, Verifier};
use switchboard_plane::sim::{ClientId, SimConfig};
use switchboard_shard::IdentityConfig;

use crate::single::{Single, upgrade};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

const HANDSHAKE_MS: u64 = 10_000;

/// Keys that a token without a key id is checked with, of 4 us each.
const KEYS: usize = 4;

/// Tokens that one turn checks: so many are a millisecond.
const PER_TURN: usize = 1_000 / (4 * KEYS);

/// More of them in a turn with as many events as one may have, of 10 us each.
const PER_TURN_OF_EVENTS: usize = 1_024 * 10 / (4 * KEYS);

fn single() -> Single {
    single_with_keys(1)
}

fn single_with_keys(count: usize) -> Single {
    let sim = SimConfig { connections_max: 4_000, ..SimConfig::default() };
    Single::new(&sim, |config| {
        let mut keys = KeySet::default();
        for other in 1..count {
            keys.add_secret(format!("{other:032}").as_bytes()).unwrap();
        }
        keys.add_secret(SECRET).unwrap();
        let verifier = Some(Arc::new(Verifier::new(keys, None, None)));
        config.identity = IdentityConfig { verifier, expiry_spread_ms: 6_400, cookie: None };
        config.timeouts.ping_interval_ms = 3_600_000;
        config.timeouts.handshake_ms = HANDSHAKE_MS;
    })
}

fn token(user: usize, expires_at_s: u64) -> String {
    let claims = json!({"sub": user.to_string(), "exp": expires_at_s});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn connect(single: &Single, token: Option<&str>) -> ClientId {
    let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
    let query = token.map_or(String::new(), |token| format!("?token={token}"));
    single.net.write(client, upgrade(&format!("/sub/news{query}")).as_bytes());
    client
}

/// A thousand tokens at once: each turn checks some, more where it takes long anyway, nobody is forgotten or told
/// that the request is late, and who shows none does not wait for those who do.
pub(crate) fn many_at_once() {
    let mut single = single_with_keys(KEYS);
    let begin_ms = single.now_ms;
    let good = token(7, 1_000);
    // Its signature must be checked; what is no token at all takes no time of others.
    let bad = token(7, 0);
    let crowd: Vec<_> = (0..1_000)
        .map(|nth| connect(&single, Some(if nth % 2 == 0 { &good } else { &bad })))
        .collect();
    let anonymous = connect(&single, None);
    let garbage = connect(&single, Some("x"));
    let mut checked = 0;
    for turn in 0..30 {
        single.now_ms += 3_000;
        single.turn(1);
        let now = single.counter("tokens_verified");
        // All have come by then: there are no events any more.
        let most = if turn < 10 { PER_TURN + PER_TURN_OF_EVENTS } else { PER_TURN };
        assert!(now - checked <= most, "{} in turn {turn}", now - checked);
        checked = now;
        if turn == 10 {
            assert!(single.net.read(anonymous).starts_with(b"HTTP/1.1 101 "));
            assert!(single.net.read(garbage).starts_with(b"HTTP/1.1 401 "));
        }
    }
    assert_eq!(checked, crowd.len());
    assert!(
        single.now_ms - begin_ms > HANDSHAKE_MS,
        "the last ones waited longer than a head may take"
    );
    for (nth, client) in crowd.iter().enumerate() {
        let status = if nth % 2 == 0 { &b"HTTP/1.1 101 "[..] } else { b"HTTP/1.1 401 " };
        assert!(single.net.read(*client).starts_with(status), "{nth}");
    }
    single.now_ms += 100;
    single.turn(1);
    assert_eq!((single.counter("identified_open"), single.counter("users_open")), (500, 1));
}

/// A poll whose time and whose token end in the same step is answered once, and its connection stays: it may
/// be a proxy's.
pub(crate) fn the_end_of_a_poll() {
    let mut single = single();
    let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
    let ask = |token: &str| format!("GET /sub/news?token={token} HTTP/1.1\r\nHost: a\r\n\r\n");
    single.net.write(client, ask(&token(7, 3)).as_bytes());
    single.turn(5);
    assert_eq!((single.counter("polls_held"), single.net.read(client).len()), (1, 0));
    // Both are over by now.
    single.now_ms += 3_600_000;
    single.shard.set_wall(single.now_ms, 0);
    for _ in 0..30 {
        single.now_ms += 50;
        single.turn(1);
    }
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 304 "));
    assert_eq!(single.counter("closed_expired"), 0, "the timeout was first");
    single.net.write(client, ask(&token(8, 3_000_000)).as_bytes());
    single.turn(5);
    assert_eq!(single.counter("polls_held"), 1, "on the same connection");
}

/// Connections whose tokens end together end one after another, none before, and each once.
pub(crate) fn the_end_of_many() {
    let mut single = single();
    let clients: Vec<_> =
        (0..256).map(|nth| connect(&single, Some(&token(nth % 32, 11)))).collect();
    single.turn(10);
    assert!(clients.iter().all(|client| single.net.read(*client).starts_with(b"HTTP/1.1 101 ")));
    let mut ended = Vec::new();
    for _ in 0..400 {
        single.now_ms += 50;
        single.shard.set_wall(single.now_ms, 0);
        single.turn(1);
        ended.push(single.counter("closed_expired"));
    }
    let at = |seconds: usize| ended[seconds * 20 - 1];
    assert_eq!(at(9), 0, "none before its time");
    assert!(at(12) > 0 && at(14) > at(12) && at(14) < 256, "{} {}", at(12), at(14));
    assert_eq!((at(18), ended.last()), (256, Some(&256)), "each once");
    for client in clients {
        let bytes = single.net.read(client);
        assert_eq!(bytes[2..4], 4_401_u16.to_be_bytes(), "{bytes:?}");
    }
    assert_eq!((single.counter("identified_open"), single.counter("users_open")), (0, 0));
}
