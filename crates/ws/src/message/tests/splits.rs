//! Agreement with the byte-wise oracle, wherever the bytes are split.

use proptest::prelude::*;

use super::*;

fn samples() -> Vec<Vec<u8>> {
    let text = "κόσμε-\u{10ffff}-ß".as_bytes();
    let long = [b'x'; 300];
    let fragmented = |first: u8, parts: &[&[u8]]| {
        let last = parts.len() - 1;
        let frames = parts.iter().enumerate().map(|(i, part)| {
            let fin = if i == last { 0x80 } else { 0 };
            client_frame(fin | if i == 0 { first } else { 0 }, part)
        });
        frames.collect::<Vec<_>>().concat()
    };
    let ping = client_frame(0x89, b"are you there");
    let close = client_frame(0x88, b"\x03\xe8so long");
    vec![
        [client_frame(0x81, b"Hello"), client_frame(0x82, &[0, 1, 2, 255])].concat(),
        [client_frame(0x81, b""), client_frame(0x82, b""), client_frame(0x8a, b"")].concat(),
        [client_frame(0x81, text), ping.clone(), close.clone()].concat(),
        [client_frame(0x82, &long), client_frame(0x81, &long[..126])].concat(),
        fragmented(1, &[&text[..1], &text[1..4], &text[4..12], &text[12..]]),
        fragmented(2, &[b"", b"", b"\xff\xfe", b"", b""]),
        [
            client_frame(0x01, &text[..3]),
            ping.clone(),
            client_frame(0x00, &text[3..11]),
            ping,
            client_frame(0x8a, b"pong"),
            client_frame(0x80, &text[11..]),
            client_frame(0x82, b"next"),
        ]
        .concat(),
        [client_frame(0x01, b"ab"), close].concat(),
        client_frame(0x88, b""),
        // Broken ones.
        fragmented(1, &[&text[..1], b"a"]),
        fragmented(1, &[&text[..3]]),
        client_frame(0x81, b"ok so far \xf4\x90 and more that never matters"),
        client_frame(0x88, b"\x03\xe8\xff"),
        [client_frame(0x01, b"a"), client_frame(0x81, b"b")].concat(),
        [client_frame(0x82, b"a"), client_frame(0x80, b"b")].concat(),
        [client_frame(0x02, &long), client_frame(0x80, &long)].concat(),
        fragmented(2, &[b"", b"", b"", b"", b"", b""]),
        b"\x82\xff\x80\0\0\0\0\0\0\x01\0\0\0\0".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ]
}

#[test]
fn every_split_of_every_sample_agrees_with_the_oracle() {
    for sample in samples() {
        let expected = by_oracle(&sample, Role::Server, &LIMITS);
        let len = sample.len();
        assert_eq!(feed(&sample, 1..=len, Role::Server, &LIMITS), expected, "byte by byte");
        for first in 0..=len {
            let answer = feed(&sample, [first, len], Role::Server, &LIMITS);
            assert_eq!(answer, expected, "split at {first} of {sample:02x?}");
            for second in (first..=len).step_by(5) {
                let answer = feed(&sample, [first, second, len], Role::Server, &LIMITS);
                assert_eq!(answer, expected, "split at {first}, {second} of {sample:02x?}");
            }
        }
    }
}

#[test]
fn every_prefix_of_every_sample_fails_as_early_as_the_oracle() {
    for sample in samples() {
        for len in 0..=sample.len() {
            let expected = by_oracle(&sample[..len], Role::Server, &LIMITS);
            let answer = feed(&sample, [len], Role::Server, &LIMITS);
            assert_eq!(answer, expected, "{len} bytes of {sample:02x?}");
        }
    }
}

/// Streams that are right more often than wrong, in the form of both sides.
fn stream(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a][..]),
        1 => any::<u8>(),
        1 => Just(0x88_u8),
    ];
    let payload = prop_oneof![
        4 => "[a-z\u{e9}\u{20ac}\u{10348}]{0,12}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..12),
        2 => prop::collection::vec(Just(b'z'), 100..320),
        1 => Just(b"\x03\xe8ok".to_vec()),
    ];
    let frame = (first, payload, any::<[u8; 4]>()).prop_map(move |(first, payload, key)| {
        let mut out = Vec::new();
        let mask = (role == Role::Server).then_some(key);
        frame::write(&mut out, Opcode::Binary, &payload, mask);
        out[0] = first;
        out
    });
    let mutation = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(frame, 1..8), mutation).prop_map(|(frames, mutation)| {
        let mut bytes = frames.concat();
        if let Some((at, byte)) = mutation {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

fn side_and_stream() -> impl Strategy<Value = (Role, Vec<u8>)> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
        .prop_flat_map(|role| (Just(role), stream(role)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_stream_in_any_pieces_agrees_with_the_oracle(
        (role, bytes) in side_and_stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        prop_assert_eq!(feed(&bytes, cuts, role, &LIMITS), by_oracle(&bytes, role, &LIMITS));
    }

    #[test]
    fn any_bytes_agree_with_the_oracle(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(bytes.len() + 1);
        for role in [Role::Server, Role::Client] {
            let answer = feed(&bytes, [cut, bytes.len()], role, &LIMITS);
            prop_assert_eq!(answer, by_oracle(&bytes, role, &LIMITS));
        }
    }
}
