//! An engine that sequences: streams with what they store, and what replicas that lag know of them.

use std::collections::HashMap;

use switchboard_cluster::headers;
use switchboard_hub::Epoch;

/// Headers and payload, as on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
}

impl Wire {
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A message that was stored once, whether it is still held or not.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    pub(crate) subject: String,
    pub(crate) wire: Wire,
    time_ms: u64,
    expires_ms: Option<u64>,
    /// The stream's last sequence when it was removed.
    removed_at: Option<u64>,
}

/// What became of a message. A duplicate has the first one's sequence and is not repeated.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) sequence: u64,
    /// What is repeated to nodes.
    pub(crate) republished: Option<Wire>,
}

/// One life of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) stored: Vec<Stored>,
    ids: HashMap<String, (u64, u64)>,
    pub(crate) last: u64,
}

/// What one replica knows: all up to a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) last: u64,
    pub(crate) now_ms: u64,
}

impl Stream {
    /// Stores a message, unless it was stored before, or is expected to be the first and is not.
    pub(crate) fn store(
        &mut self,
        now_ms: u64,
        (subject, mut wire): (&str, Wire),
        (window_ms, messages_max): (u64, u64),
    ) -> Result<Accepted, (u16, u32)> {
        let view = View { last: self.last, now_ms };
        let previous = self.newest(view, subject).map_or(0, |stored| stored.sequence);
        let expected = wire.header(headers::EXPECTED_LAST_SUBJECT_SEQUENCE);
        if expected.is_some_and(|expected| expected != previous.to_string()) {
            return Err((400, 10_071));
        }
        if let Some(id) = wire.header(headers::MESSAGE_ID).map(str::to_owned) {
            if let Some((sequence, stored_ms)) = self.ids.get(&id).copied()
                && stored_ms + window_ms > now_ms
            {
                return Ok(Accepted { sequence, republished: None });
            }
            self.ids.insert(id, (self.last + 1, now_ms));
        }
        self.last += 1;
        self.make_room(now_ms, subject, wire.header(headers::ROLLUP).is_some(), messages_max);
        let lifetime = wire.header(headers::TIME_TO_LIVE).map(|text| text.trim_end_matches('s'));
        let lifetime_ms = lifetime.map(|seconds| seconds.parse::<u64>().unwrap() * 1_000);
        self.stored.push(Stored {
            sequence: self.last,
            subject: subject.to_owned(),
            wire: wire.clone(),
            time_ms: now_ms,
            expires_ms: lifetime_ms.map(|lifetime_ms| now_ms + lifetime_ms),
            removed_at: None,
        });
        wire.headers.extend(metadata(self.last, now_ms));
        wire.headers.push((headers::LAST_SEQUENCE.to_owned(), previous.to_string()));
        Ok(Accepted { sequence: self.last, republished: Some(wire) })
    }

    fn make_room(&mut self, now_ms: u64, subject: &str, is_rollup: bool, messages_max: u64) {
        let (last, before) = (self.last, View { last: self.last - 1, now_ms });
        let mut held: Vec<u64> = self.held(before, subject).map(|it| it.sequence).collect();
        let kept = if is_rollup { 0 } else { messages_max as usize - 1 };
        held.truncate(held.len().saturating_sub(kept));
        for stored in self.stored.iter_mut().filter(|it| held.contains(&it.sequence)) {
            stored.removed_at = Some(last);
        }
    }

    /// What a replica holds of a subject, oldest first.
    pub(crate) fn held(&self, view: View, subject: &str) -> impl Iterator<Item = &Stored> {
        self.stored.iter().filter(move |it| {
            it.subject == subject
                && it.sequence <= view.last
                && it.removed_at.is_none_or(|removed_at| removed_at > view.last)
                && it.expires_ms.is_none_or(|expires_ms| expires_ms > view.now_ms)
        })
    }

    pub(crate) fn newest(&self, view: View, subject: &str) -> Option<&Stored> {
        self.held(view, subject).last()
    }

    pub(crate) fn epoch(&self, view: View, marker: &str) -> Option<Epoch> {
        let stored = self.newest(view, marker)?;
        str::from_utf8(&stored.wire.payload).unwrap().parse().ok()
    }
}

impl Stored {
    /// As it is fetched.
    pub(crate) fn fetched(&self) -> Wire {
        let mut wire = self.wire.clone();
        wire.headers.extend(metadata(self.sequence, self.time_ms));
        wire
    }
}

fn metadata(sequence: u64, time_ms: u64) -> [(String, String); 2] {
    let (seconds, milliseconds) = (time_ms / 1_000, time_ms % 1_000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let time = format!("2026-11-27T10:{minutes:02}:{seconds:02}.{milliseconds:03}Z");
    [(headers::SEQUENCE.to_owned(), sequence.to_string()), (headers::TIME_STAMP.to_owned(), time)]
}
