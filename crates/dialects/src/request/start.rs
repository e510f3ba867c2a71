//! Where a client wants to begin.
//!
//! No position is refused. What an intermediary may change of a validator is read through. A validator
//! that is none of ours counts as absent: caches and libraries send their own. Any other position
//! that is none of ours is a stream that is lost, so its client hears of a gap.

use std::time::UNIX_EPOCH;

use switchboard_hub::{Epoch, Position, Start};
use switchboard_ws::entity_tag;
use switchboard_ws::head::Request;

use super::Transport;
use super::query::Query;
use crate::id;

/// One start for each channel.
pub(super) fn parse(
    request: &Request<'_>,
    transport: Transport,
    query: &Query<'_>,
    channels: usize,
) -> Vec<Start> {
    let header = match transport {
        Transport::WebSocket => Vec::new(),
        Transport::EventStream => last_event_ids(request, channels),
        Transport::LongPoll | Transport::IntervalPoll => entity_tags(request, channels),
    };
    // A client that reconnects repeats its URL, `since` and all, and adds where it is now at the end.
    let texts = query.last_event_id.iter().rev().chain(query.since.iter().rev());
    let query = texts.filter_map(|text| starts(text, channels)).reduce(|a, b| of_each(later, a, b));
    let header = header.into_iter().reduce(|a, b| of_each(later, a, b));
    match (header, query) {
        (Some(header), Some(query)) => return of_each(by_header, header, query),
        (Some(starts), None) | (None, Some(starts)) => return starts,
        (None, None) => {}
    }
    let is_poll = matches!(transport, Transport::LongPoll | Transport::IntervalPoll);
    let start = if is_poll { if_modified_since(request) } else { None };
    vec![start.unwrap_or(Start::Now); channels]
}

/// A client of an event stream keeps its URL and reconnects with the header, which is empty if it
/// has seen no event yet.
fn last_event_ids(request: &Request<'_>, channels: usize) -> Vec<Vec<Start>> {
    let values = request.headers("last-event-id");
    values.filter_map(|value| starts(&String::from_utf8_lossy(value), channels)).collect()
}

/// An entity tag of ours has positions only, no words. Intermediaries that change an answer's coding
/// put the name of it behind the tag (`-gzip`, `--gzip`, `;br`).
fn entity_tags(request: &Request<'_>, channels: usize) -> Vec<Vec<Start>> {
    let tags = request.headers("if-none-match").flat_map(entity_tag::tags);
    let positions = tags.filter_map(|tag| {
        let (positions, suffix) = id::read(tag, channels)?;
        let is_whole = !suffix.starts_with(|c: char| c.is_alphanumeric() || c == ',');
        is_whole.then_some(positions)
    });
    positions.map(|positions| positions.into_iter().map(Start::After).collect()).collect()
}

/// RFC 9110 section 13.1.3: a value that is not a date, or more than one, is ignored.
fn if_modified_since(request: &Request<'_>) -> Option<Start> {
    let mut values = request.headers("if-modified-since");
    let value = values.next().filter(|_| values.next().is_none())?;
    let date = httpdate::parse_http_date(str::from_utf8(value).ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|since| Start::AfterSecond(since.as_secs()))
}

/// A word or a position for each channel; a word alone counts for all. None for an empty text, which
/// says nothing.
fn starts(text: &str, channels: usize) -> Option<Vec<Start>> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return None;
    }
    if let Some(start) = word(text) {
        return Some(vec![start; channels]);
    }
    if let Some((positions, "")) = id::read(text, channels) {
        return Some(positions.into_iter().map(Start::After).collect());
    }
    if text.split(',').count() != channels {
        return Some(vec![foreign(); channels]);
    }
    Some(text.split(',').map(start).collect())
}

fn start(item: &str) -> Start {
    word(item).or_else(|| item.parse().ok().map(Start::After)).unwrap_or_else(foreign)
}

fn word(text: &str) -> Option<Start> {
    match text {
        "earliest" => Some(Start::Earliest),
        "latest" => Some(Start::Latest),
        _ => None,
    }
}

/// A position that is none of ours: in a stream that nobody has, so that it is announced as lost.
fn foreign() -> Start {
    Start::After(Position { epoch: Epoch::from_random(0), offset: 0 })
}

/// Joins what two places say, channel by channel.
fn of_each(join: fn(Start, Start) -> Start, first: Vec<Start>, other: Vec<Start>) -> Vec<Start> {
    first.into_iter().zip(other).map(|(first, other)| join(first, other)).collect()
}

/// How much a start says of where its client is.
fn rank(start: Start) -> u8 {
    match start {
        Start::Earliest | Start::Now | Start::AfterSecond(_) => 0,
        Start::Latest => 1,
        start if start == foreign() => 2,
        Start::After(_) | Start::AfterOffset(_) | Start::WithoutHistory(_) => 3,
    }
}

/// The later of two. Where that cannot be told, the first.
fn later(first: Start, other: Start) -> Start {
    match (first, other) {
        (Start::After(one), Start::After(another))
            if one.epoch == another.epoch && another.offset > one.offset =>
        {
            other
        }
        _ if rank(other) > rank(first) => other,
        _ => first,
    }
}

/// A header moves on with its client while the URL stays, so a position in it counts, even where the
/// URL names a later one: that may be of the future, and would be for ever.
fn by_header(header: Start, query: Start) -> Start {
    if rank(query) > rank(header) { query } else { header }
}
