//! Each rule of RFC 6455 sections 5 to 8 that a frame can break.

use super::*;

#[test]
fn the_examples_of_the_rfc() {
    let unmasked: [(&[u8], Owned); 3] = [
        (b"\x81\x05Hello", Owned::Text("Hello".into())),
        (b"\x01\x03Hel\x80\x02lo", Owned::Text("Hello".into())),
        (b"\x89\x05Hello", Owned::Ping(b"Hello".into())),
    ];
    for (bytes, event) in unmasked {
        let answer = feed(bytes, [bytes.len()], Role::Client, &LIMITS);
        assert_eq!(answer, (vec![event], None));
    }
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(served(masked), (vec![Owned::Text("Hello".into())], None));
}

#[test]
fn lengths_near_the_top_are_refused_without_memory() {
    for len in [1 << 63, (1 << 63) + 1, u64::MAX, (1 << 63) - 1, usize::MAX as u64 - 8, 301_u64] {
        for first in [0x81_u8, 0x82, 0x01, 0x89, 0x88] {
            let mut bytes = vec![first];
            if len == 301 {
                bytes.extend_from_slice(&[0x80 | 0x7e, 1, 45]);
            } else {
                bytes.push(0x80 | 0x7f);
                bytes.extend_from_slice(&len.to_be_bytes());
            }
            bytes.extend_from_slice(&KEY);
            let expected = if first & 8 != 0 {
                ProtocolError::ControlTooLong
            } else if len >> 63 != 0 {
                ProtocolError::LengthTopBit
            } else {
                ProtocolError::FrameTooLong
            };
            assert_eq!(error_of(&bytes), Some(expected), "{len:#x}, first byte {first:#x}");
            assert!(matches!(expected.close_code(), 1002 | 1009));
        }
    }
    assert_eq!(served(&client_frame(0x82, &[7; 300])).0, [Owned::Binary(vec![7; 300])]);
}

#[test]
fn lengths_that_are_not_minimal_are_refused() {
    for (extended, short) in [
        (&[0, 0][..], 126),
        (&[0, 125], 126),
        (&[0, 0, 0, 0, 0, 0, 0, 0], 127),
        (&[0, 0, 0, 0, 0, 0, 0, 126], 127),
        (&[0, 0, 0, 0, 0, 0, 255, 255], 127),
    ] {
        let bytes = [&[0x82, 0x80 | short][..], extended, &KEY].concat();
        assert_eq!(error_of(&bytes), Some(ProtocolError::LengthNotMinimal), "{extended:?}");
    }
    let wide = MessageLimits { frame_bytes_max: 1 << 20, message_bytes_max: 1 << 20, ..LIMITS };
    for len in [125, 126, 127, 65535, 65536] {
        let bytes = client_frame(0x82, &vec![1; len]);
        let answer = feed(&bytes, [bytes.len()], Role::Server, &wide);
        assert_eq!(answer, (vec![Owned::Binary(vec![1; len])], None), "{len}");
    }
}

#[test]
fn each_first_byte_is_judged_by_its_bits() {
    for first in 0..=255_u8 {
        let error = error_of(&client_frame(first, b""));
        let expected = match first {
            _ if first & 0x70 != 0 => Some(ProtocolError::ReservedBit),
            _ if matches!(first & 0x0f, 3..=7 | 11..) => Some(ProtocolError::UnknownOpcode),
            0x00 | 0x80 => Some(ProtocolError::UnexpectedContinuation),
            0x08..=0x0f => Some(ProtocolError::ControlFragmented),
            _ => None,
        };
        assert_eq!(error, expected, "{first:#x}");
        assert!(expected.is_none_or(|error| error.close_code() == 1002));
    }
}

#[test]
fn masking_depends_on_the_side() {
    assert_eq!(error_of(b"\x81\x01a"), Some(ProtocolError::NotMasked));
    assert_eq!(error_of(b"\x89\x00"), Some(ProtocolError::NotMasked));
    let masked = client_frame(0x81, b"a");
    let answer = feed(&masked, [masked.len()], Role::Client, &LIMITS);
    assert_eq!(answer.1, Some(ProtocolError::Masked));
    let zero_key = b"\x81\x81\0\0\0\0a";
    assert_eq!(served(zero_key), (vec![Owned::Text("a".into())], None));
}

#[test]
fn control_frames_carry_125_bytes_at_most() {
    assert_eq!(served(&client_frame(0x89, &[1; 125])).0, [Owned::Ping(vec![1; 125])]);
    for first in [0x88, 0x89, 0x8a] {
        assert_eq!(error_of(&client_frame(first, &[1; 126])), Some(ProtocolError::ControlTooLong));
    }
}

#[test]
fn close_bodies_are_checked() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535_u16] {
        let error = error_of(&client_frame(0x88, &code.to_be_bytes()));
        assert_eq!(error, Some(ProtocolError::CloseCode), "{code}");
    }
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999_u16] {
        let frame = client_frame(0x88, &[&code.to_be_bytes()[..], b"bye"].concat());
        assert_eq!(served(&frame).0, [Owned::Close(Some((code, "bye".into())))]);
    }
    assert_eq!(served(&client_frame(0x88, b"")).0, [Owned::Close(None)]);
    let one = error_of(&client_frame(0x88, b"\x03"));
    assert_eq!(one, Some(ProtocolError::CloseBodyOneByte));
    let reason = error_of(&client_frame(0x88, b"\x03\xe8\xed\xa0\x80")).unwrap();
    assert_eq!((reason, reason.close_code()), (ProtocolError::CloseReasonNotUtf8, 1007));
}

#[test]
fn text_fails_at_the_first_impossible_byte_of_an_unfinished_frame() {
    for invalid in [
        &b"\x80"[..],         // a continuation without a beginning
        b"\xc0",              // overlong
        b"\xe0\x80",          // overlong
        b"\xf0\x80",          // overlong
        b"\xed\xa0",          // a surrogate
        b"\xf4\x90",          // over U+10FFFF
        b"\xf5",              // over U+10FFFF
        b"\xce\xba\xe1\xbdz", // a character cut off by the next one
    ] {
        let text = [b"before ", invalid, b" and what comes later"].concat();
        let frame = client_frame(0x81, &text);
        let header = 6;
        let fatal = header + "before ".len() + invalid.len();
        for cut in fatal..frame.len() {
            let answer = feed(&frame, [cut], Role::Server, &LIMITS);
            assert_eq!(answer.1, Some(ProtocolError::TextNotUtf8), "{invalid:02x?} at {cut}");
        }
        assert_eq!(feed(&frame, [fatal - 1], Role::Server, &LIMITS).1, None, "{invalid:02x?}");
    }
    assert_eq!(ProtocolError::TextNotUtf8.close_code(), 1007);
}
