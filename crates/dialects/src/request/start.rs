//! Where a client wants to begin.

use std::time::UNIX_EPOCH;

use switchboard_hub::Start;
use switchboard_ws::entity_tag;
use switchboard_ws::head::Request;

use super::query::Query;
use super::{ListenError, Transport};

/// One start for each channel, by the rule of the transport. Ignores what does not apply.
pub(super) fn parse(
    request: &Request<'_>,
    transport: Transport,
    query: &Query<'_>,
    channels: usize,
) -> Result<Vec<Start>, ListenError> {
    let header = match transport {
        Transport::WebSocket => None,
        Transport::EventStream => last_event_id(request, channels)?,
        Transport::LongPoll | Transport::IntervalPoll => if_none_match(request, channels)?,
    };
    if let Some(starts) = header {
        return Ok(starts);
    }
    if let Some((place, text)) = &query.start {
        return list(place, text, channels);
    }
    let is_poll = matches!(transport, Transport::LongPoll | Transport::IntervalPoll);
    let start = if is_poll { if_modified_since(request) } else { None };
    Ok(vec![start.unwrap_or(Start::Now); channels])
}

/// A client of an event stream keeps its URL and reconnects with the header, which is empty if it
/// has seen no event yet.
fn last_event_id(
    request: &Request<'_>,
    channels: usize,
) -> Result<Option<Vec<Start>>, ListenError> {
    let mut values = request.headers("last-event-id");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ListenError::LastEventId);
    }
    match str::from_utf8(value) {
        Ok("") => Ok(None),
        Ok(text) => list("Last-Event-ID", text, channels).map(Some),
        Err(_) => Err(ListenError::LastEventId),
    }
}

/// An entity tag of ours has positions only, no words.
fn if_none_match(
    request: &Request<'_>,
    channels: usize,
) -> Result<Option<Vec<Start>>, ListenError> {
    let mut values = request.headers("if-none-match");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ListenError::IfNoneMatch);
    }
    let tag = entity_tag::sole(value).ok_or(ListenError::IfNoneMatch)?;
    each("If-None-Match", tag, channels, |item| match item.parse() {
        Ok(position) => Ok(Start::After(position)),
        Err(_) => Err(ListenError::IfNoneMatch),
    })
    .map(Some)
}

/// RFC 9110 section 13.1.3: a value that is not a date, or more than one, is ignored.
fn if_modified_since(request: &Request<'_>) -> Option<Start> {
    let mut values = request.headers("if-modified-since");
    let value = values.next().filter(|_| values.next().is_none())?;
    let date = httpdate::parse_http_date(str::from_utf8(value).ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|since| Start::AfterSecond(since.as_secs()))
}

/// A word or a position for each channel; a word alone counts for all.
fn list(place: &'static str, text: &str, channels: usize) -> Result<Vec<Start>, ListenError> {
    if let Some(start) = word(text) {
        return Ok(vec![start; channels]);
    }
    each(place, text, channels, |item| match word(item) {
        Some(start) => Ok(start),
        None => match item.parse() {
            Ok(position) => Ok(Start::After(position)),
            Err(reason) => Err(ListenError::Position { place, reason }),
        },
    })
}

/// One item for each channel, joined by commas.
fn each(
    place: &'static str,
    text: &str,
    channels: usize,
    item: impl FnMut(&str) -> Result<Start, ListenError>,
) -> Result<Vec<Start>, ListenError> {
    let given = text.split(',').count();
    if given != channels {
        return Err(ListenError::Count { place, given, channels });
    }
    text.split(',').map(item).collect()
}

fn word(text: &str) -> Option<Start> {
    match text {
        "earliest" => Some(Start::Earliest),
        "latest" => Some(Start::Latest),
        _ => None,
    }
}
