//! No position is refused, whatever it is and wherever it is said; one of ours is read back from each place.

use switchboard_dialects::id::push_position;
use switchboard_dialects::{Listen, parse};
use switchboard_hub::{Epoch, Position, PositionError, Start};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

use crate::encoded::percent_encoded;

/// The first byte says of how many channels, the rest is what a client says of where it is, or numbers from which
/// positions are made.
pub fn check(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&b'1', b""));
    let channels = usize::from(first % 5) + 1;
    let text = String::from_utf8_lossy(rest);
    check_text(text.trim(), channels);
    let positions: Vec<Position> = rest.chunks_exact(12).take(channels).map(position).collect();
    if positions.len() == channels {
        check_own(&positions);
    }
    for line in text.split([',', '\n']) {
        check_one(line);
    }
}

fn position(bytes: &[u8]) -> Position {
    let mut random = [0; 8];
    random[..6].copy_from_slice(&bytes[..6]);
    let mut offset = [0; 8];
    // Most of them small.
    let length = if bytes[0].is_multiple_of(4) { 6 } else { 2 };
    offset[..length].copy_from_slice(&bytes[6..6 + length]);
    let epoch = Epoch::from_random(u64::from_le_bytes(random));
    Position { epoch, offset: u64::from_le_bytes(offset) }
}

/// Takes what `Display` writes, and nothing else.
fn check_one(text: &str) {
    let read: Result<Position, PositionError> = text.parse();
    if let Ok(position) = read {
        assert_eq!(position.to_string(), text);
        assert_eq!(Start::behind(position.offset, position.epoch.as_str()), Start::After(position));
    } else {
        let parts = text.split_once('-');
        let is_canonical = parts.is_some_and(|(epoch, offset)| {
            let is_epoch = epoch.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let number: Option<u64> = offset.parse().ok();
            is_epoch
                && epoch.len() == 8
                && number.is_some_and(|number| number.to_string() == offset)
        });
        assert!(!is_canonical, "{text:?} is refused: {read:?}");
    }
}

/// Any text, in each place alone and in all of them.
fn check_text(text: &str, channels: usize) {
    let value: String = text.chars().filter(|c| !c.is_control()).collect();
    let encoded = percent_encoded(text);
    for since in ["", "since", "last_event_id", "lastEventId"] {
        let target = if since.is_empty() { "/".to_owned() } else { format!("/?{since}={encoded}") };
        for lines in [
            String::new(),
            format!("Last-Event-ID: {value}\r\n"),
            format!("If-None-Match: {value}\r\n"),
            format!(
                "If-Modified-Since: {value}\r\nLast-Event-ID: {value}\r\nIf-None-Match: {value}\r\n"
            ),
        ] {
            let Some(listen) = listen(&target, &lines, channels) else { continue };
            assert_eq!(listen.starts.len(), channels, "{target} {lines}");
        }
    }
}

/// Positions of ours, in every place where they may be said, and as intermediaries change them.
fn check_own(positions: &[Position]) {
    let mut id = String::new();
    for position in positions {
        push_position(&mut id, *position);
    }
    let expected: Vec<Start> = positions.iter().copied().map(Start::After).collect();
    for (target, lines) in [
        (format!("/?since={id}"), String::new()),
        (format!("/?x=1&since={}&y", percent_encoded(&id)), String::new()),
        (format!("/?lastEventId={id}"), String::new()),
        ("/".to_owned(), format!("Accept: text/event-stream\r\nLast-Event-ID: {id} \r\n")),
        ("/".to_owned(), format!("If-None-Match: \"{id}\"\r\n")),
        ("/".to_owned(), format!("If-None-Match: W/\"{id}-gzip\"\r\n")),
        ("/".to_owned(), format!("If-None-Match: \"x\", \"{id};br\"\r\n")),
        ("/?since=latest".to_owned(), format!("If-None-Match: \"{id}\"\r\n")),
        (
            "/?since=earliest".to_owned(),
            format!("Accept: text/event-stream\r\nLast-Event-ID: {id}\r\n"),
        ),
    ] {
        let listen = listen(&target, &lines, positions.len()).expect("a request");
        assert_eq!(listen.starts, expected, "{target} {lines}");
    }
}

/// None where the head is too long or has bytes that no head has.
fn listen(target: &str, lines: &str, channels: usize) -> Option<Listen> {
    let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let mut slots = HeaderSlots::new();
    let limits = HeadLimits { target_bytes_max: 16 << 10, ..HeadLimits::default() };
    let request = head::parse(bytes.as_bytes(), &mut slots, &limits).ok()?;
    match parse(&request, channels) {
        Ok(listen) => Some(listen),
        Err(error) => panic!("{error} for {bytes}"),
    }
}
