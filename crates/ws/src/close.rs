//! Close frames and their codes (RFC 6455 sections 5.5.1 and 7.4).

pub use crate::close_code::*;

use crate::error::ProtocolError;
use crate::frame::{self, CONTROL_PAYLOAD_MAX, Opcode};

/// Longest reason in bytes: a control frame's 125 bytes less the two of the code.
pub const REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_MAX - 2;

/// Whether a Close frame may carry this code: 1000-1003, 1007-1014 (assigned, not reserved for
/// local use) and 3000-4999 (registered and private).
pub const fn is_valid_on_wire(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Appends a Close frame. `reason` is cut to [`REASON_BYTES_MAX`] bytes at a character boundary.
/// `mask` is the key of a client; a server gives `None`.
pub fn write_close(out: &mut Vec<u8>, code: u16, reason: &str, mask: Option<[u8; 4]>) {
    debug_assert!(is_valid_on_wire(code), "close code {code} must not be sent");
    let reason = &reason.as_bytes()[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    let mut payload = [0; CONTROL_PAYLOAD_MAX];
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..2 + reason.len()].copy_from_slice(reason);
    frame::write(out, Opcode::Close, &payload[..2 + reason.len()], mask);
}

/// Reads the unmasked payload of a Close frame; `None` when it is empty.
pub fn parse(payload: &[u8]) -> Result<Option<(u16, &str)>, ProtocolError> {
    match payload {
        [] => Ok(None),
        [_] => Err(ProtocolError::CloseBodyOneByte),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_valid_on_wire(code) {
                return Err(ProtocolError::CloseCode);
            }
            let reason = simdutf8::basic::from_utf8(reason)
                .map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
            Ok(Some((code, reason)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_may_be_sent_are_those_of_the_rfc_and_the_registry() {
        for code in 0..=u16::MAX {
            let expected = (1000..=1003).contains(&code)
                || (1007..=1014).contains(&code)
                || (3000..=4999).contains(&code);
            assert_eq!(is_valid_on_wire(code), expected, "{code}");
        }
        let ours = [
            NORMAL,
            GOING_AWAY,
            PROTOCOL_ERROR,
            INVALID_PAYLOAD,
            POLICY,
            TOO_BIG,
            INTERNAL_ERROR,
            SERVICE_RESTART,
            TRY_AGAIN_LATER,
            SLOW,
            POSITION_LOST,
            IDENTITY_EXPIRED,
        ];
        assert!(ours.into_iter().all(is_valid_on_wire));
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        for (reason, kept) in [
            (String::new(), 0),
            ("x".repeat(123), 123),
            ("x".repeat(124), 123),
            ("\u{20ac}".repeat(60), 123),
            ("x".to_owned() + &"\u{20ac}".repeat(60), 121),
        ] {
            let mut out = vec![7];
            write_close(&mut out, GOING_AWAY, &reason, None);
            assert_eq!(out[..5], [7, 0x88, 2 + kept as u8, 0x03, 0xe9]);
            assert_eq!(parse(&out[3..]), Ok(Some((GOING_AWAY, &reason[..kept]))));
        }
    }

    #[test]
    fn a_masked_close_reads_back() {
        let key = [1, 2, 3, 4];
        let mut out = Vec::new();
        write_close(&mut out, SLOW, "resume", Some(key));
        assert_eq!(out[..6], [0x88, 0x80 | 8, 1, 2, 3, 4]);
        crate::mask::unmask(&mut out[6..], key, 0);
        assert_eq!(parse(&out[6..]), Ok(Some((SLOW, "resume"))));
    }
}
