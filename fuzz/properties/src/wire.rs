//! Readers of what the server writes, as simple as they can be.

use switchboard_dialects::centrifuge::Framing;

/// The payload of the WebSocket frame of a server that these bytes are, and its first byte.
pub(crate) fn frame(bytes: &[u8]) -> (u8, &[u8]) {
    assert_eq!(bytes[1] & 0x80, 0, "a server does not mask");
    let (length, header) = match bytes[1] {
        127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize, 10),
        126 => (usize::from(u16::from_be_bytes(bytes[2..4].try_into().unwrap())), 4),
        short => (usize::from(short), 2),
    };
    assert_eq!(bytes.len(), header + length, "a frame is as long as its header says");
    (bytes[0], &bytes[header..])
}

/// The data of the chunk that these bytes are (RFC 9112 section 7.1).
pub(crate) fn chunk(bytes: &[u8]) -> &[u8] {
    let text = bytes.iter().position(|byte| *byte == b'\r').expect("a size line");
    let size = str::from_utf8(&bytes[..text]).unwrap();
    let size = usize::from_str_radix(size, 16).expect("a hexadecimal size");
    assert!(size > 0, "an empty chunk ends the body");
    let data = bytes[text..].strip_prefix(b"\r\n").expect("a line break behind the size");
    assert_eq!(&data[size..], b"\r\n", "a chunk is as long as its size says");
    &data[..size]
}

/// The object that stands in a framing of the Centrifuge SDKs, which must be on one line.
pub(crate) fn object(framing: Framing, bytes: &[u8]) -> &str {
    let inside = match framing {
        Framing::Message => {
            let (first, payload) = frame(bytes);
            assert_eq!(first, 0x81, "a whole text");
            payload
        }
        Framing::ChunkedLine | Framing::ChunkedEvent => chunk(bytes),
        Framing::Line | Framing::Event => bytes,
    };
    let object = match framing {
        Framing::Message => inside,
        Framing::ChunkedLine | Framing::Line => inside.strip_suffix(b"\n").expect("a line"),
        Framing::ChunkedEvent | Framing::Event => {
            let event = inside.strip_prefix(b"data: ").expect("a line of data");
            event.strip_suffix(b"\n\n").expect("the end of an event")
        }
    };
    let object = str::from_utf8(object).expect("JSON is UTF-8");
    assert!(!object.contains(['\n', '\r', '\0']), "an object is on one line: {object:?}");
    object
}
