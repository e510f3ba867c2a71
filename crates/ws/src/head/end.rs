//! Where a head ends.

use memchr::memchr2;

use super::{HeadError, HeadLimits};
use crate::list::is_token_byte;

/// Looks for the empty line that ends a head. `bytes` is all that has arrived since the head began,
/// `scanned` the length of `bytes` at the last call for this head (0 at first), so that the work is
/// linear in all. Returns the length of the head, the empty line included; what follows belongs to
/// the next request or protocol.
///
/// One empty line may precede the head (RFC 9112 section 2.2: some clients send one behind a body)
/// and counts as part of it.
///
/// What can be refused before the end is, at the first byte that decides it, so that the answer is
/// the same wherever the bytes are split: a first byte that begins no method, a bare CR or LF, a
/// head over its limit. Line ends are checked here because the parser would let bare LF pass.
pub fn find_end(
    bytes: &[u8],
    scanned: usize,
    limits: &HeadLimits,
) -> Result<Option<usize>, HeadError> {
    let request_line = match bytes {
        [b'\r'] => return Ok(None),
        [b'\r', b'\n', ..] => 2,
        [b'\r', ..] => return Err(HeadError::BareCarriageReturn),
        _ => 0,
    };
    match bytes.get(request_line) {
        None => return Ok(None),
        Some(first) if is_token_byte(*first) => {}
        Some(_) => return Err(HeadError::NotHttp),
    }
    let window = &bytes[..bytes.len().min(limits.bytes_max)];
    // A CR that was last of what had arrived is still to be judged.
    let mut at = match scanned.checked_sub(1) {
        Some(last) if window.get(last) == Some(&b'\r') => last,
        _ => scanned.max(request_line).min(window.len()),
    };
    while let Some(found) = memchr2(b'\r', b'\n', &window[at..]) {
        let found = at + found;
        if window[found] == b'\n' {
            return Err(HeadError::BareLineFeed);
        }
        match window.get(found + 1) {
            None => break,
            Some(b'\n') if window[..found].ends_with(b"\r\n") => return Ok(Some(found + 2)),
            Some(b'\n') => at = found + 2,
            Some(_) => return Err(HeadError::BareCarriageReturn),
        }
    }
    if bytes.len() < limits.bytes_max {
        return Ok(None);
    }
    let line = window.get(request_line..).unwrap_or_default();
    let in_request_line = memchr2(b'\r', b'\n', line).is_none_or(|cr| cr + 1 == line.len());
    Err(if in_request_line { HeadError::TargetTooLong } else { HeadError::HeadTooLong })
}
