//! The query of a request to listen.

use std::borrow::Cow;

use switchboard_hub::OnGap;

use super::ListenError;

/// The known keys. All others are ignored, since many clients add one to get past caches.
#[derive(Debug, Default)]
pub(super) struct Query<'q> {
    /// The values of `since`.
    pub(super) since: Vec<Cow<'q, str>>,
    /// The values of its other names, which clients add when they reconnect.
    pub(super) last_event_id: Vec<Cow<'q, str>>,
    pub(super) on_gap: OnGap,
    /// Whether the answer must not wait for messages.
    pub(super) poll: bool,
}

/// The names that clients of event streams have for the header `Last-Event-ID` where they cannot send
/// it, whatever the case.
const LAST_EVENT_ID: [&str; 3] = ["last_event_id", "lastEventId", "last-event-id"];

impl<'q> Query<'q> {
    pub(super) fn parse(query: &'q str) -> Result<Self, ListenError> {
        let (mut gap, mut poll) = (None, None);
        let mut this = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let (key, place) = match &*key {
                "since" => {
                    this.since.push(value);
                    continue;
                }
                "gap" => ("gap", &mut gap),
                "poll" => ("poll", &mut poll),
                other => {
                    if LAST_EVENT_ID.iter().any(|name| name.eq_ignore_ascii_case(other)) {
                        this.last_event_id.push(value);
                    }
                    continue;
                }
            };
            if place.replace(value).is_some() {
                return Err(ListenError::KeyTwice(key));
            }
        }
        this.on_gap = on_gap(gap.as_deref())?;
        this.poll = is_poll(poll.as_deref())?;
        Ok(this)
    }
}

fn on_gap(gap: Option<&str>) -> Result<OnGap, ListenError> {
    match gap {
        None | Some("now") => Ok(OnGap::Now),
        Some("earliest") => Ok(OnGap::Earliest),
        Some(_) => Err(ListenError::Gap),
    }
}

fn is_poll(poll: Option<&str>) -> Result<bool, ListenError> {
    match poll {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(ListenError::Poll),
    }
}
