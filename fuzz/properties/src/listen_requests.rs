//! A request to listen says which channels and how, and is understood as its parts say.

use switchboard_dialects::{ListenError, Transport, parse};
use switchboard_hub::{ChannelName, NameError, OnGap, parse_list};
use switchboard_ws::handshake;
use switchboard_ws::head::{self, HeadLimits, HeaderSlots, Request};

use crate::encoded::percent_encoded;
use crate::form;

const CHANNELS_MAX: usize = 5;

/// The input is the head of a request without its last empty line, or any text in place of one.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check_names(&text);
    let bytes = [data, b"\r\n\r\n"].concat();
    let limits = HeadLimits::default();
    let Ok(Some(end)) = head::find_end(&bytes, 0, &limits) else { return };
    let mut slots = HeaderSlots::new();
    let Ok(request) = head::parse(&bytes[..end], &mut slots, &limits) else { return };
    check_names(request.path().strip_prefix("/sub/").unwrap_or(request.path()));
    check_request(&request);
}

/// A list is split before its names are decoded, and each name is one by itself.
fn check_names(list: &str) {
    let parts: Vec<&str> = list.split(',').collect();
    let names = match parse_list(list, CHANNELS_MAX) {
        Ok(names) => names,
        Err(NameError::TooMany) => return assert!(parts.len() > CHANNELS_MAX),
        Err(NameError::Twice) => return assert!(parts.len() > 1),
        Err(error) => {
            let of_parts = parts.iter().find_map(|part| ChannelName::decode(part).err());
            return assert_eq!(of_parts, Some(error), "{list:?}");
        }
    };
    assert_eq!(names.len(), parts.len());
    for (name, part) in names.iter().zip(&parts) {
        let decoded = percent_encoding::percent_decode_str(part).decode_utf8().unwrap();
        assert_eq!(name.as_str(), decoded);
        assert!((1..=255).contains(&name.as_str().len()));
        assert!(!name.as_str().contains(|c: char| c.is_control() || c == '/'), "{name:?}");
        assert_eq!(names.iter().filter(|it| *it == name).count(), 1, "{name:?} stands twice");
    }
    let encoded: Vec<String> = names.iter().map(|name| percent_encoded(name.as_str())).collect();
    assert_eq!(parse_list(&encoded.join(","), CHANNELS_MAX).as_ref(), Ok(&names));
}

fn check_request(request: &Request<'_>) {
    let pairs: Vec<_> = form::pairs(request.query().unwrap_or_default()).collect();
    let all = |name: &str| -> Vec<&str> {
        pairs.iter().filter(|(it, _)| it == name).map(|(_, value)| &**value).collect()
    };
    let (gap, poll) = (all("gap"), all("poll"));
    let listen = match parse(request, 3) {
        Ok(listen) => listen,
        Err(ListenError::KeyTwice(_)) => return assert!(gap.len() > 1 || poll.len() > 1),
        Err(ListenError::Gap) => return assert!(!matches!(gap[..], ["now" | "earliest"])),
        Err(ListenError::Poll) => return assert!(!matches!(poll[..], ["0" | "1"])),
    };
    assert!(matches!(gap[..], [] | ["now" | "earliest"]) && matches!(poll[..], [] | ["0" | "1"]));
    let is_earliest = gap == ["earliest"];
    assert_eq!(listen.on_gap, if is_earliest { OnGap::Earliest } else { OnGap::Now });
    assert_eq!(listen.starts.len(), 3);
    let accepts = |media_type: &str| {
        let lines = request.headers("accept").map(String::from_utf8_lossy);
        lines.into_iter().any(|line| line.to_ascii_lowercase().contains(media_type))
    };
    let is_poll = matches!(listen.transport, Transport::LongPoll | Transport::IntervalPoll);
    assert!(!listen.json || is_poll && accepts("application/json"));
    assert_eq!(listen.transport == Transport::WebSocket, handshake::wants_upgrade(request));
    match listen.transport {
        Transport::WebSocket => {}
        Transport::EventStream => assert!(accepts("text/event-stream")),
        Transport::IntervalPoll => assert_eq!(poll, ["1"]),
        Transport::LongPoll => assert_ne!(poll, ["1"]),
    }
}
