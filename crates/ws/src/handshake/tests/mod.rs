//! Handshakes: what is accepted with what, and what is refused with which status.

mod client;
mod origin;

use proptest::prelude::*;

use super::*;
use crate::head::{self, HeadLimits, HeaderSlots};

const LIMITS: HeadLimits =
    HeadLimits { bytes_max: 128 << 10, headers_max: 64, target_bytes_max: 4096 };

/// The key of RFC 6455 section 1.3 and what it must be answered with.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8; 28] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const SAMPLE_KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Checks a GET request on HTTP/1.1 for host `example.com` with these header lines.
fn ask<'a>(fields: &[u8], rules: &Rules<'a>) -> Result<Accept<'a>, HandshakeError> {
    let head = [b"GET / HTTP/1.1\r\nHost: example.com\r\n", fields, b"\r\n"].concat();
    ask_head(&head, rules)
}

fn ask_head<'a>(head: &[u8], rules: &Rules<'a>) -> Result<Accept<'a>, HandshakeError> {
    assert_eq!(head::find_end(head, 0, &LIMITS), Ok(Some(head.len())));
    let mut slots = HeaderSlots::new();
    let request = head::parse(head, &mut slots, &LIMITS).expect("a head that parses");
    check(&request, rules)
}

const NO_RULES: Rules<'static> = Rules { protocols: &[], allowed_origins: Some(&[]) };

fn plain(fields: &str) -> Result<Accept<'static>, HandshakeError> {
    ask(fields.as_bytes(), &NO_RULES)
}

/// A handshake in order, with these header lines besides.
fn with(fields: &str) -> String {
    format!("{UPGRADE}{VERSION}{SAMPLE_KEY}{fields}")
}

#[test]
fn the_sample_of_the_rfc_gets_its_answer() {
    let accept = plain(&with("")).unwrap();
    assert_eq!(&accept.key, ACCEPT);
    let mut response = Vec::new();
    accept.write_response(&mut response);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(String::from_utf8(response).unwrap(), expected);
}

#[test]
fn tokens_are_read_in_any_case_and_from_lists() {
    for fields in [
        "Upgrade: WebSocket\r\nConnection: keep-alive, UPGRADE\r\n",
        "upgrade: WEBSOCKET\r\nCONNECTION:upgrade,keep-alive\r\n",
        "Upgrade: h2c, websocket\r\nConnection: upgrade\r\n",
        "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: x\r\nConnection: \t Upgrade \t,\r\n",
        "Upgrade: ,,websocket,\r\nConnection: ,Upgrade\r\n",
    ] {
        let fields = format!("{fields}{VERSION}{SAMPLE_KEY}");
        assert_eq!(plain(&fields).map(|accept| accept.key), Ok(*ACCEPT), "{fields}");
    }
}

#[test]
fn other_requests_are_no_upgrade() {
    for fields in [
        "",
        "Connection: Upgrade\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade\r\n",
        "Upgrade: websockets\r\nConnection: Upgrade\r\n",
        "Upgrade: websocket/13\r\nConnection: Upgrade\r\n",
        "Upgrade: web socket\r\nConnection: Upgrade\r\n",
    ] {
        // With a key it was a handshake before somebody took its Upgrade away.
        for (key, expected) in
            [(SAMPLE_KEY, HandshakeError::UpgradeLost), ("", HandshakeError::UpgradeMissing)]
        {
            let error = plain(&format!("{fields}{VERSION}{key}")).unwrap_err();
            assert_eq!(error, expected, "{fields}");
            assert_eq!(error.to_string().contains("proxy"), !key.is_empty());
            assert_eq!(error.status(), 426);
            assert!(error.headers().contains("Sec-WebSocket-Version: 13\r\n"));
        }
    }
    for connection in ["", "Connection: keep-alive\r\n", "Connection: Upgrades\r\n"] {
        let fields = format!("Upgrade: websocket\r\n{connection}{VERSION}{SAMPLE_KEY}");
        assert_eq!(plain(&fields), Err(HandshakeError::ConnectionMissing), "{fields}");
    }
}

#[test]
fn an_upgrade_is_a_get_on_http_1_1_without_a_body() {
    let request = |line: &str, fields: &str| {
        let head = format!("{line}\r\nHost: example.com\r\n{}\r\n", with(fields));
        ask_head(head.as_bytes(), &NO_RULES).map(|_| ()).map_err(|error| (error, error.status()))
    };
    assert_eq!(request("GET / HTTP/1.0", ""), Err((HandshakeError::Http10, 400)));
    assert_eq!(request("POST / HTTP/1.1", ""), Err((HandshakeError::Method, 405)));
    assert_eq!(request("get / HTTP/1.1", ""), Err((HandshakeError::Method, 405)));
    let body = Err((HandshakeError::Body, 413));
    assert_eq!(request("GET / HTTP/1.1", "Content-Length: 1\r\n"), body);
    assert_eq!(request("GET / HTTP/1.1", "Transfer-Encoding: chunked\r\n"), body);
    assert_eq!(request("GET / HTTP/1.1", "Content-Length: 0\r\n"), Ok(()));
}

#[test]
fn only_version_13_is_spoken() {
    use HandshakeError::{VersionMalformed, VersionUnsupported};
    for (value, error) in [
        ("8", VersionUnsupported),
        ("12", VersionUnsupported),
        ("14", VersionUnsupported),
        ("0", VersionUnsupported),
        ("255", VersionUnsupported),
        ("013", VersionMalformed),
        ("+13", VersionMalformed),
        ("13.0", VersionMalformed),
        ("13, 8", VersionMalformed),
        ("", VersionMalformed),
        ("13\r\nSec-WebSocket-Version: 13", VersionMalformed),
    ] {
        let fields = format!("{UPGRADE}{SAMPLE_KEY}Sec-WebSocket-Version: {value}\r\n");
        assert_eq!(plain(&fields), Err(error), "{value:?}");
    }
    assert_eq!(plain(&format!("{UPGRADE}{SAMPLE_KEY}")), Err(VersionMalformed));
    assert_eq!((VersionUnsupported.status(), VersionMalformed.status()), (426, 400));
}

#[test]
fn the_key_is_one_canonical_base64_of_16_bytes() {
    for value in [
        "",
        "AAAAAAAAAAAAAAAAAAAA",      // 15 bytes
        "AAAAAAAAAAAAAAAAAAAAAAA=",  // 17 bytes
        "AAAAAAAAAAAAAAAAAAAAAA",    // not padded
        "AAAAAAAAAAAAAAAAAAAAAAAA",  // 18 bytes
        "AAAAAAAAAAAAAAAAAAAAAB==",  // stray bits in the last character
        "AAAAAAAAAAAAAAAAAAAAA===",  // too much padding
        "AAAAAAAAAAAAAAAAAAAA-_==",  // the alphabet for URLs
        "AAAAAAAAAA AAAAAAAAAAA==",  // a space within
        "AAAAAAAAAAAAAAAAAAAAAA==,", // a list
        "AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ] {
        let fields = format!("{UPGRADE}{VERSION}Sec-WebSocket-Key: {value}\r\n");
        assert_eq!(plain(&fields), Err(HandshakeError::Key), "{value:?}");
    }
    assert_eq!(plain(&format!("{UPGRADE}{VERSION}")), Err(HandshakeError::Key));
    assert_eq!(HandshakeError::Key.status(), 400);
}

#[test]
fn the_server_prefers_among_what_the_client_offers() {
    let rules =
        Rules { protocols: &["switchboard.v2", "switchboard.v1"], allowed_origins: Some(&[]) };
    for (offered, chosen) in [
        ("", None),
        ("Sec-WebSocket-Protocol:\r\n", None),
        ("Sec-WebSocket-Protocol: switchboard.v1\r\n", Some("switchboard.v1")),
        ("Sec-WebSocket-Protocol: switchboard.v1, switchboard.v2\r\n", Some("switchboard.v2")),
        ("Sec-WebSocket-Protocol: switchboard.v2,switchboard.v1\r\n", Some("switchboard.v2")),
        (
            "Sec-WebSocket-Protocol: switchboard.v1\r\nSec-WebSocket-Protocol: x,switchboard.v2\r\n",
            Some("switchboard.v2"),
        ),
        ("Sec-WebSocket-Protocol: Switchboard.v1, mqtt\r\n", None),
        ("Sec-WebSocket-Protocol: switchboard.v, switchboard.v12\r\n", None),
    ] {
        let accept = ask(with(offered).as_bytes(), &rules).unwrap();
        assert_eq!(accept.protocol, chosen, "{offered:?}");
    }
    let chosen = Accept { key: *ACCEPT, protocol: Some("switchboard.v1") };
    let mut response = Vec::new();
    chosen.write_response(&mut response);
    assert!(response.ends_with(b"=\r\nSec-WebSocket-Protocol: switchboard.v1\r\n\r\n"));
}

#[test]
fn offered_protocols_that_are_no_tokens_are_refused() {
    let rules = Rules { protocols: &["a"], allowed_origins: Some(&[]) };
    for value in ["a b", "a;b", "\"a\"", "a\\b", "a, \u{e9}", "a, (b)"] {
        let fields = with(&format!("Sec-WebSocket-Protocol: {value}\r\n"));
        let answer = ask(fields.as_bytes(), &rules);
        assert_eq!(answer, Err(HandshakeError::ProtocolMalformed), "{value:?}");
    }
}

#[test]
fn floods_in_a_header_are_answered_in_one_pass() {
    let rules = Rules { protocols: &["a", "b"], allowed_origins: Some(&[]) };
    for filler in [" ", ",", ", ", "\"", "\\", "%", ";", "=", "(", "\t", "a,", "\\c", "\u{e9}"] {
        let flood = filler.repeat((64 << 10) / filler.len());
        for name in [
            "Upgrade",
            "Connection",
            "Origin",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Extensions",
        ] {
            let fields = format!("{name}: {flood}\r\n{}", with(""));
            // Harmless in a list; everywhere else one of the refusals. What counts is that the
            // answer comes at once.
            let _ = ask(fields.as_bytes(), &rules);
        }
    }
}

proptest! {
    #[test]
    fn a_key_is_what_a_decoder_takes(bytes: [u8; 16], at in 0..24usize, other: u8) {
        let mut key = [0; 24];
        assert_eq!(STANDARD.encode_slice(bytes, &mut key), Ok(24));
        prop_assert!(is_key(&key));
        key[at] = other;
        prop_assert_eq!(is_key(&key), STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    }
}
