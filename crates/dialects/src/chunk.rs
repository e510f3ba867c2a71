//! The chunked transfer coding (RFC 9112 section 7.1): a size line, the data, a line end.

use std::io::Write as _;

/// Ends a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, and no trailer behind it.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Puts a size line before what is in `out` from `start` on. `more_bytes` of data follow, and then
/// [`CHUNK_END`]. The data must not be empty, or it would end the body.
pub(crate) fn open_from(out: &mut Vec<u8>, start: usize, more_bytes: usize) {
    let data_end = out.len();
    let bytes = data_end - start + more_bytes;
    debug_assert!(bytes > 0, "a chunk without data is the last one");
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{bytes:x}\r\n");
    let line_bytes = out.len() - data_end;
    out[start..].rotate_right(line_bytes);
}

/// Makes a chunk of what is in `out` from `start` on.
pub(crate) fn frame_from(out: &mut Vec<u8>, start: usize) {
    open_from(out, start, 0);
    out.extend_from_slice(CHUNK_END);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_counts_all_its_data_and_leaves_what_is_before_it() {
        let mut out = b"head".to_vec();
        out.extend_from_slice(&[b'x'; 26]);
        frame_from(&mut out, 4);
        assert_eq!(out, b"head1a\r\nxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");

        let mut out = b"abc".to_vec();
        open_from(&mut out, 0, 0x10_0000);
        assert_eq!(out, b"100003\r\nabc");
    }
}
