//! What clients send.

use switchboard_hub::{Draft, Kind};
use switchboard_ws::frame::{self, Opcode};

/// A masking key, as good as any.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The opening handshake as a browser sends it.
pub const BROWSER_UPGRADE: &[u8] = b"GET /sub/news HTTP/1.1\r\n\
    Host: push.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://push.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// The shortest handshake that is in order, as programs send it, for `path`.
pub fn short_upgrade(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// The handshake of a publishing stream.
pub fn publishing_upgrade() -> Vec<u8> {
    let upgrade = String::from_utf8(short_upgrade("/publish")).unwrap();
    upgrade.replace("Host: here", "Host: localhost").into_bytes()
}

/// A publication by HTTP, as programs send it.
pub fn publication(channel: &str, payload_bytes: usize) -> Vec<u8> {
    let head = format!(
        "POST /pub/{channel} HTTP/1.1\r\nHost: localhost:8001\r\nAccept: */*\r\n\
         User-Agent: backend/1.0\r\nContent-Type: text/plain\r\n\
         Content-Length: {payload_bytes}\r\n\r\n"
    );
    [head.as_bytes(), &text(payload_bytes)].concat()
}

/// The message of a publishing stream with one publication, in the binary form. Its key is all zeros.
pub fn published_frame(channel: &str, payload_bytes: u8) -> Vec<u8> {
    let mut publication = vec![channel.len() as u8];
    publication.extend_from_slice(channel.as_bytes());
    publication.extend_from_slice(&[1, payload_bytes]);
    publication.extend_from_slice(&text(payload_bytes.into()));
    let mut out = Vec::new();
    frame::write(&mut out, Opcode::Binary, &publication, Some([0; 4]));
    out
}

/// The shortest request for an event stream.
pub fn event_stream(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n").into_bytes()
}

/// Text that says nothing.
pub fn text(bytes: usize) -> Vec<u8> {
    b"the news itself, and then more of it; ".iter().copied().cycle().take(bytes).collect()
}

/// A client's frame with a payload of so many bytes. Its key is all zeros: unmasking takes the same
/// steps with every key, but this frame can be received where it lies again and again.
pub fn masked_frame(opcode: Opcode, payload_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, opcode, &text(payload_bytes), Some([0; 4]));
    out
}

/// A publication to be, as the internal API hands it to a shard.
pub fn draft(payload_bytes: usize) -> Draft {
    Draft::new(Kind::Text, &text(payload_bytes))
}
