//! An engine that loses only what a test tells it to lose.

use std::collections::HashMap;

use switchboard_cluster::{
    Answer, Direction, Fetch, Fetched, Message, Outgoing, Request, Standing, Subjects, headers,
};
use switchboard_hub::{ChannelName, Epoch};

/// What is stored of a stream: one is enough.
#[derive(Debug, Default)]
pub(super) struct Engine {
    stored: Vec<Stored>,
    ids: HashMap<String, u64>,
    pub(super) last: u64,
    pub(super) epoch: Option<Epoch>,
    /// How often it has made an epoch.
    made: u64,
    /// How often it was asked something.
    pub(super) asked: u64,
}

/// A message that was stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) subject: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) payload: Vec<u8>,
    sequence: u64,
}

impl Stored {
    /// As it is repeated to those who listen.
    pub(super) fn repeated(&self) -> (String, Vec<(&str, &str)>) {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        (self.subject.replacen(".in.", ".out.", 1), headers)
    }

    fn message(&self) -> Message {
        Message::parse(&self.repeated().1, &self.payload).unwrap()
    }
}

impl Engine {
    /// Loses all that it has.
    pub(super) fn lose_stream(&mut self) {
        *self = Self { made: self.made, ..Self::default() };
    }

    /// Stores a message: its sequence, and what is repeated, if it is new.
    pub(super) fn store(&mut self, outgoing: &Outgoing) -> (u64, Option<Stored>) {
        let id = outgoing.headers.iter().find(|(name, _)| *name == headers::MESSAGE_ID);
        if let Some((_, id)) = id {
            if let Some(sequence) = self.ids.get(id) {
                return (*sequence, None);
            }
            self.ids.insert(id.clone(), self.last + 1);
        }
        let previous = self.of(&outgoing.subject).last().map_or(0, |stored| stored.sequence);
        if outgoing.headers.iter().any(|(name, _)| *name == headers::ROLLUP) {
            self.stored.retain(|stored| stored.subject != outgoing.subject);
        }
        self.last += 1;
        let mut all: Vec<(String, String)> = Vec::new();
        all.extend(
            outgoing.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        all.push((headers::SEQUENCE.to_owned(), self.last.to_string()));
        all.push((headers::TIME_STAMP.to_owned(), "1970-01-01T00:00:01Z".to_owned()));
        all.push((headers::LAST_SEQUENCE.to_owned(), previous.to_string()));
        let stored = Stored {
            subject: outgoing.subject.clone(),
            headers: all,
            payload: outgoing.payload.to_vec(),
            sequence: self.last,
        };
        self.stored.push(stored.clone());
        (self.last, Some(stored))
    }

    fn of(&self, subject: &str) -> impl DoubleEndedIterator<Item = &Stored> {
        self.stored.iter().filter(move |stored| stored.subject == subject)
    }

    fn head(&self, subjects: &Subjects, channel: &ChannelName) -> Option<u64> {
        self.of(&subjects.channel(Direction::In, channel)).last().map(|stored| stored.sequence)
    }

    pub(super) fn answer(&mut self, subjects: &Subjects, request: &Request) -> Answer {
        self.asked += 1;
        let standing = Standing { epoch: self.epoch, last: self.last };
        match request {
            Request::Standing => Answer::Standing(standing),
            Request::Head { channel } => Answer::Head(standing, self.head(subjects, channel)),
            Request::Fetch { channel, fetch: Fetch { from, batch } } => {
                let subject = subjects.channel(Direction::In, channel);
                let all = self.of(&subject).filter(|stored| stored.sequence >= *from);
                let mut messages: Vec<Message> = all.map(Stored::message).collect();
                let pending = messages.len().saturating_sub(*batch as usize) as u64;
                messages.truncate(*batch as usize);
                let head = self.head(subjects, channel);
                Answer::Fetched(Fetched { standing, head, messages, pending })
            }
            Request::Check { channels } => {
                let heads = channels.iter().map(|channel| self.head(subjects, channel)).collect();
                Answer::Checked(standing, heads)
            }
            Request::MarkEpoch => {
                self.made += 1;
                self.epoch = Some(Epoch::from_random(self.made));
                self.last += 1;
                Answer::Marked
            }
        }
    }
}
