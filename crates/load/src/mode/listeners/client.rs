//! One client that listens by HTTP or WebSocket, and the requests that it makes.

use std::sync::Arc;

use switchboard_plane::ConnId;

use crate::http::{EventStream, Head, Reader};
use crate::mode::Transport;
use crate::mode::deliveries::Subscriber;
use crate::target::{Targets, Tokens, Values};
use crate::verify::Cursor;

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody knows yet whether the server takes it.
    Waiting,
    /// It listens: every publication has to reach it.
    Joined,
    /// Refused or dropped, for good.
    Gone,
}

/// A client. A polling one outlives its connections.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) who: Subscriber,
    pub(super) stage: Stage,
    pub(super) cursor: Cursor,
    pub(super) id: Option<ConnId>,
    /// A request waits for its answer.
    pub(super) asked: bool,
    /// When an interval poll was due last; 0 before the first.
    pub(super) due_ns: u64,
    pub(super) reader: Reader,
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) events: EventStream,
    /// The validators of the last answer that had some: the position in the channel.
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Client {
    pub(super) fn new(who: Subscriber) -> Self {
        Self {
            who,
            stage: Stage::Waiting,
            cursor: Cursor::after(0),
            id: None,
            asked: false,
            due_ns: 0,
            reader: Reader::default(),
            head: Head::default(),
            body: Vec::new(),
            events: EventStream::default(),
            etag: None,
            last_modified: None,
        }
    }

    /// Takes over the position that the last head names.
    pub(super) fn take_position(&mut self) {
        if let Some(etag) = self.head.etag.take() {
            self.etag = Some(etag);
        }
        if let Some(last_modified) = self.head.last_modified.take() {
            self.last_modified = Some(last_modified);
        }
    }

    /// The connection is gone; what was read of an answer is nothing.
    pub(super) fn disconnected(&mut self) {
        self.id = None;
        self.asked = false;
        self.reader = Reader::default();
    }
}

/// What all requests are made from.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) transport: Transport,
    pub(crate) targets: Arc<Targets>,
    pub(crate) channel_names: Vec<String>,
    pub(crate) run_name: String,
    pub(crate) headers: Vec<(String, String)>,
    /// What each client says who it is by.
    pub(crate) tokens: Option<Arc<Tokens>>,
}

impl Asking {
    /// Appends the next request of a client.
    pub(super) fn write(&self, client: &Client, out: &mut Vec<u8>) {
        let Subscriber { number, channel } = client.who;
        let values = Values {
            number,
            channel_number: channel,
            channel: &self.channel_names[channel as usize],
            run: &self.run_name,
            payload: "",
        };
        let target = self.targets.of(number);
        out.extend_from_slice(b"GET ");
        target.path.write(&values, out);
        out.extend_from_slice(b" HTTP/1.1");
        let mut header = |name: &str, value: &str| {
            for part in ["\r\n", name, ": ", value] {
                out.extend_from_slice(part.as_bytes());
            }
        };
        header("Host", &target.host);
        if self.transport == Transport::EventStream {
            header("Accept", "text/event-stream");
        }
        for (name, value) in &self.headers {
            header(name, value);
        }
        if let Some(tokens) = &self.tokens {
            header("Authorization", &format!("Bearer {}", tokens.of(number)));
        }
        if let Some(etag) = &client.etag {
            header("If-None-Match", etag);
        }
        if let Some(last_modified) = &client.last_modified {
            header("If-Modified-Since", last_modified);
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn the_position_is_repeated_until_there_is_a_newer_one() {
        let target = Target::parse("http://127.0.0.1:1/sub/{channel}", "http").unwrap();
        let asking = Asking {
            transport: Transport::LongPoll,
            targets: Arc::new(Targets::new(vec![target], 1).unwrap()),
            channel_names: vec!["a".to_owned(), "b".to_owned()],
            run_name: String::new(),
            headers: vec![("Cookie".to_owned(), "c=1".to_owned())],
            tokens: None,
        };
        let mut client = Client::new(Subscriber { number: 7, channel: 1 });
        let request = |client: &Client| {
            let mut out = Vec::new();
            asking.write(client, &mut out);
            String::from_utf8(out).unwrap()
        };
        let first = "GET /sub/b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nCookie: c=1\r\n";
        assert_eq!(request(&client), format!("{first}\r\n"));
        client.head.etag = Some("\"e-1\"".to_owned());
        client.head.last_modified = Some("Sun".to_owned());
        client.take_position();
        let second = format!("{first}If-None-Match: \"e-1\"\r\nIf-Modified-Since: Sun\r\n\r\n");
        assert_eq!(request(&client), second);
        // An answer without validators, such as 408, changes nothing.
        client.head = Head::default();
        client.take_position();
        assert_eq!(request(&client), second);
    }
}
