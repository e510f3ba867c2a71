//! A publication in the binary form of Switchboard's publishing stream: channel, flags, payload.

/// The payload is text.
const TEXT: u8 = 1;

/// Appends a publication of a text, without labels.
pub(super) fn write(channel: &str, payload: &[u8], out: &mut Vec<u8>) {
    write_counted(channel.as_bytes(), out);
    out.push(TEXT);
    write_counted(payload, out);
}

fn write_counted(bytes: &[u8], out: &mut Vec<u8>) {
    // LEB128: seven bits in each byte, the lowest first.
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted() {
        let mut out = Vec::new();
        write("bc", b"hello", &mut out);
        assert_eq!(out, b"\x02bc\x01\x05hello");
        for (length, varint) in [
            (0, &b"\x00"[..]),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (300, b"\xac\x02"),
            (16_384, b"\x80\x80\x01"),
        ] {
            out.clear();
            write("a", &vec![b'x'; length], &mut out);
            assert_eq!(out[3..out.len() - length], *varint, "{length}");
        }
    }
}
