//! The one request body that the public listener accepts: chunks, of which there are none.

use super::HeadError;

/// The last chunk, without extensions, and an empty trailer section (RFC 9112 section 7.1). Proxies
/// that carry a request from HTTP/2 write it where they do not know that no body follows.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Reads an empty body in chunks at the start of `bytes`, which follow the head of a request whose
/// body is [`Chunked`](super::Body::Chunked). Returns its length, or `None` while it is not whole.
///
/// Everything else is refused at its first byte that differs, other spellings of an empty body as
/// well: what is refused ends the connection, so nothing behind it is taken for a request.
pub fn read_empty_chunks(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let arrived = bytes.len().min(LAST_CHUNK.len());
    if bytes[..arrived] != LAST_CHUNK[..arrived] {
        return Err(HeadError::BodyNotAccepted);
    }
    Ok((arrived == LAST_CHUNK.len()).then_some(arrived))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_ends_with_its_last_chunk() {
        assert_eq!(read_empty_chunks(b"0\r\n\r\n"), Ok(Some(5)));
        assert_eq!(read_empty_chunks(b"0\r\n\r\nGET / HTTP/1.1\r\n"), Ok(Some(5)));
        for length in 0..5 {
            assert_eq!(read_empty_chunks(&b"0\r\n\r\n"[..length]), Ok(None), "{length}");
        }
    }

    #[test]
    fn every_other_body_is_refused_at_the_byte_that_differs() {
        for body in [
            &b"5\r\nhello\r\n0\r\n\r\n"[..],
            b"00\r\n\r\n",
            b"0;a=b\r\n\r\n",
            b"0 \r\n\r\n",
            b"0\n\n",
            b"0\r\nX: y\r\n\r\n",
            b"0\r\nGET / HTTP/1.1\r\n\r\n",
            b"\r\n0\r\n\r\n",
            b"0x0\r\n\r\n",
            b"-0\r\n\r\n",
            b"0\r\n\rX",
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            let differs = (1..=body.len()).find(|n| read_empty_chunks(&body[..*n]).is_err());
            let shown = String::from_utf8_lossy(body);
            assert!(differs.is_some_and(|n| n <= 5), "{shown:?}");
            assert_eq!(read_empty_chunks(body), Err(HeadError::BodyNotAccepted), "{shown:?}");
        }
    }
}
