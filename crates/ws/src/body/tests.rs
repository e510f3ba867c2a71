use proptest::prelude::*;

use super::*;

/// The body at the start of `bytes`, which arrive in pieces of `piece`, and where it ends; None while it
/// is not whole.
fn read(kind: Body, bytes: &[u8], piece: usize) -> Result<Option<(Vec<u8>, usize)>, BodyError> {
    let (mut reader, mut body, mut at) = (BodyReader::new(kind), Vec::new(), 0);
    for end in (0..bytes.len()).step_by(piece).map(|start| (start + piece).min(bytes.len())) {
        while at < end && !reader.is_done() {
            let part = reader.read(&bytes[at..end])?;
            assert!(part.used > 0);
            body.extend_from_slice(part.data);
            at += part.used;
        }
    }
    Ok(reader.is_done().then_some((body, at)))
}

#[test]
fn a_length_ends_a_body() {
    for piece in 1..8 {
        let found = read(Body::Length(5), b"helloGET", piece).unwrap();
        assert_eq!(found, Some((b"hello".to_vec(), 5)));
        assert_eq!(read(Body::Length(5), b"hell", piece), Ok(None));
    }
    assert!(BodyReader::new(Body::None).is_done());
    assert_eq!(BodyReader::new(Body::Length(7)).announced_bytes(), 7);
}

#[test]
fn chunks_are_joined_and_what_is_beside_them_is_ignored() {
    let bytes = b"3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n1 \r\nz\r\n0\r\nA: b\r\nC:d\r\n\r\nnext";
    for piece in 1..bytes.len() {
        let (body, end) = read(Body::Chunked, bytes, piece).unwrap().unwrap();
        assert_eq!((body, end), (b"abc0123456789z".to_vec(), bytes.len() - 4), "{piece}");
    }
    for length in 0..bytes.len() - 4 {
        assert_eq!(read(Body::Chunked, &bytes[..length], 7), Ok(None), "{length}");
    }
}

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    use BodyError::{ChunkSize, LineBreak};
    for (bytes, error) in [
        (&b"\r\n"[..], ChunkSize),
        (b"x\r\n", ChunkSize),
        (b"-1\r\n", ChunkSize),
        (b"+1\r\n", ChunkSize),
        (b"0x1\r\n", ChunkSize),
        (b"1_0\r\n", ChunkSize),
        (b"100000000\r\n", ChunkSize),
        (b"fffffffffffffffff\r\n", ChunkSize),
        (b"1\na\r\n", ChunkSize),
        (b"1;a\nb\r\n", LineBreak),
        (b"1\r\rb\r\n", LineBreak),
        (b"1\r\nab\r\n", LineBreak),
        (b"1\r\na\n0\r\n\r\n", LineBreak),
        (b"1\r\na\r\r\n", LineBreak),
        (b"0\r\n\n", LineBreak),
        (b"0\r\nA: b\nC: d\r\n\r\n", LineBreak),
        (b"0\r\nA: b\r\r\n", LineBreak),
        (b"0\r\n\rx", LineBreak),
    ] {
        for piece in [1, 100] {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(read(Body::Chunked, bytes, piece), Err(error), "{shown:?}");
        }
    }
}

#[test]
fn what_is_ignored_has_an_end() {
    for begin in ["1;", "0\r\nA: "] {
        let endless = [begin.as_bytes(), &[b'a'; 5_000]].concat();
        assert_eq!(read(Body::Chunked, &endless, 64), Err(BodyError::TooMuchIgnored));
        let long = [begin.as_bytes(), &[b'a'; 4_000]].concat();
        assert_eq!(read(Body::Chunked, &long, 64), Ok(None));
    }
}

proptest! {
    #[test]
    fn chunks_give_back_what_was_written(chunks: Vec<Vec<u8>>, piece in 1_usize..50) {
        let mut written = Vec::new();
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            written.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            written.extend_from_slice(chunk);
            written.extend_from_slice(b"\r\n");
        }
        written.extend_from_slice(b"0\r\n\r\n");
        let end = written.len();
        written.extend_from_slice(b"GET /");
        prop_assert_eq!(read(Body::Chunked, &written, piece), Ok(Some((chunks.concat(), end))));
    }

    #[test]
    fn nothing_makes_it_panic_or_stand_still(bytes: Vec<u8>, piece in 1_usize..20) {
        let whole = read(Body::Chunked, &bytes, bytes.len().max(1));
        prop_assert_eq!(read(Body::Chunked, &bytes, piece), whole);
    }
}
