//! The query of a request to listen.

use std::borrow::Cow;

use switchboard_hub::OnGap;

use super::ListenError;

/// The known keys. All others are ignored, since many clients add one to get past caches.
#[derive(Debug, Default)]
pub(super) struct Query<'q> {
    /// Where to begin: the key and the value of `since`, or of its other name `last_event_id`.
    pub(super) start: Option<(&'static str, Cow<'q, str>)>,
    pub(super) on_gap: OnGap,
    /// Whether the answer must not wait for messages.
    pub(super) poll: bool,
}

impl<'q> Query<'q> {
    pub(super) fn parse(query: &'q str) -> Result<Self, ListenError> {
        let (mut since, mut last_event_id, mut gap, mut poll) = (None, None, None, None);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let (key, place) = match &*key {
                "since" => ("since", &mut since),
                "last_event_id" => ("last_event_id", &mut last_event_id),
                "gap" => ("gap", &mut gap),
                "poll" => ("poll", &mut poll),
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(ListenError::KeyTwice(key));
            }
        }
        let start = match (since, last_event_id) {
            (Some(_), Some(_)) => return Err(ListenError::TwoStarts),
            (since, last_event_id) => since
                .map(|since| ("since", since))
                .or(last_event_id.map(|last_event_id| ("last_event_id", last_event_id))),
        };
        Ok(Self { start, on_gap: on_gap(gap.as_deref())?, poll: is_poll(poll.as_deref())? })
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
