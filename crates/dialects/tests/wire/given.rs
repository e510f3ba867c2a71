//! Input of publishers and clients, with what would break a careless writer.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use switchboard_dialects::poll::{Answer, Item, JsonAnswer, JsonBody};
use switchboard_dialects::{Cors, Date, Dialect, Label, WallTime, id, write_head};
use switchboard_hub::{
    Accounting, ChannelName, Draft, Epoch, Gap, GapReason, Kind, Position, Publication,
};

/// A page of this origin, without cookies.
pub(crate) fn page(origin: &str) -> Cors<'_> {
    Cors { origin, credentials: false }
}

/// What begins or ends something in some format.
const PIECES: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\r\n\r\n",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    " ",
    ":",
    ",",
    ";",
    "%",
    "%0a",
    "\"",
    "\\",
    "=",
    "-",
    "a",
    "data: x",
    "id: 1",
    "event: y",
    "retry: 9",
    "gap",
    "X-Header: y",
    "HTTP/1.1 200 OK",
    "\u{e4}",
    "\u{1f600}",
    "\t",
    "\u{7f}",
    "\u{1b}",
];

/// Text of such pieces, none given too.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

pub(crate) fn channel() -> impl Strategy<Value = ChannelName> {
    text().prop_map(|text| {
        let allowed = |c: &char| !c.is_control() && *c != '/';
        let name: String = text.chars().filter(allowed).take(60).collect();
        ChannelName::new(&name).unwrap_or_else(|_| ChannelName::new("a").unwrap())
    })
}

pub(crate) fn position() -> impl Strategy<Value = Position> {
    (any::<u64>(), any::<u64>())
        .prop_map(|(random, offset)| Position { epoch: Epoch::from_random(random), offset })
}

/// The positions of some channels as one text.
pub(crate) fn id() -> impl Strategy<Value = String> {
    vec(position(), 1..5).prop_map(|positions| {
        let mut text = String::new();
        for position in positions {
            id::push_position(&mut text, position);
        }
        text
    })
}

pub(crate) fn gap() -> impl Strategy<Value = Gap> {
    const REASONS: [GapReason; 4] =
        [GapReason::Epoch, GapReason::Evicted, GapReason::Future, GapReason::Slow];
    let missed = option::of((any::<u64>(), any::<u64>()).prop_map(|(a, b)| a.min(b)..=a.max(b)));
    (select(&REASONS[..]), missed).prop_map(|(reason, missed)| Gap { reason, missed })
}

/// A publication with labels that the internal API would refuse, too.
pub(crate) fn publication() -> impl Strategy<Value = Arc<Publication>> {
    let payload = prop_oneof![
        3 => text().prop_map(|text| (Kind::Text, text.into_bytes())),
        1 => vec(any::<u8>(), 0..300).prop_map(|bytes| (Kind::Binary, bytes)),
        1 => (0_usize..70_000).prop_map(|length| (Kind::Text, vec![b'x'; length])),
    ];
    let content_type = option::of(prop_oneof![text(), Just("text/html; charset=utf-8".to_owned())]);
    (payload, content_type, option::of(text()), any::<u64>()).prop_map(
        |((kind, payload), content_type, event, time_ms)| {
            publish(kind, &payload, content_type.as_deref(), event.as_deref(), time_ms)
        },
    )
}

pub(crate) fn publish(
    kind: Kind,
    payload: &[u8],
    content_type: Option<&str>,
    event: Option<&str>,
    time_ms: u64,
) -> Arc<Publication> {
    let mut draft = Draft::new(kind, payload);
    if let Some(content_type) = content_type {
        draft = draft.with_content_type(content_type);
    }
    if let Some(event) = event {
        draft = draft.with_event(event);
    }
    let position = Position { epoch: Epoch::from_random(1), offset: 7 };
    Publication::new(position, (time_ms, 0), draft, &Arc::new(Accounting::default()))
}

/// A clock that has not been corrected.
pub(crate) fn wall() -> WallTime {
    WallTime { date: Date::of_unix_ms(784_111_777_999), ahead_s: 0 }
}

/// A publication on the wire to a listener that stays connected.
pub(crate) fn written(dialect: Dialect, publication: &Publication, label: Label<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let shape = write_head(dialect, publication, label, &mut out);
    out.extend_from_slice(shape.body.of(publication));
    out.extend_from_slice(shape.tail);
    out
}

/// A whole answer in JSON, put together.
pub(crate) fn in_json(
    answer: &Answer<'_>,
    begin_id: &str,
    items: &[Item<'_>],
    stamp_ms: u64,
) -> Vec<u8> {
    let mut body = JsonBody::open(begin_id, answer.gaps);
    for item in items {
        assert!(body.push(answer.wall, item, usize::MAX), "without a bound");
    }
    joined(&body.close(answer, stamp_ms))
}

/// An answer's own bytes, with what is shared put in.
pub(crate) fn joined(answer: &JsonAnswer) -> Vec<u8> {
    let (mut bytes, mut from) = (Vec::new(), 0);
    for (at, member) in &answer.shared {
        bytes.extend_from_slice(&answer.own[from..*at]);
        bytes.extend_from_slice(member);
        from = *at;
    }
    bytes.extend_from_slice(&answer.own[from..]);
    bytes
}

/// The bytes in pieces of such lengths, in turn.
pub(crate) fn cut<'b>(bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Lengths of at least one byte.
pub(crate) fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1_usize..4, 1_usize..2_000], 1..6)
}

/// The media type that may be in a header line, by the rule of RFC 9110 section 5.5 without tabs
/// and bytes over 0x7f.
pub(crate) fn readable_content_type(publication: &Publication) -> Option<String> {
    let text = publication.content_type()?.trim_matches(' ').to_owned();
    let fits = !text.is_empty() && text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    fits.then_some(text)
}
