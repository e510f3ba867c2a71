//! Polls from the client's side: requests that may be pipelined, and their answers in order.

use std::collections::VecDeque;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use switchboard_hub::Position;

use crate::course::{Course, Facts, Start, Told};
use crate::event_stream::told;
use crate::http::{Head, nth_of, positions, range};
use crate::plan::gap_word;
use crate::record::serial_of;

#[derive(Debug)]
pub(crate) struct Polls {
    pub(crate) waits: bool,
    json: bool,
    received: Vec<u8>,
    head: Option<Head>,
    asked: VecDeque<Asked>,
    pub(crate) end: End,
}

/// Whether the connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Further requests may follow.
    Open,
    /// The client has asked for it with its last request.
    Asked,
    /// The server has said it with its last answer.
    Said,
}

/// A request that is not answered.
#[derive(Debug)]
enum Asked {
    Poll(Box<Course>),
    Health,
}

impl Polls {
    pub(crate) fn new(waits: bool, json: bool) -> Self {
        let (received, asked) = (Vec::new(), VecDeque::new());
        Self { waits, json, received, head: None, asked, end: End::Open }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_empty()
    }

    /// One more request to listen. The course has been told where to begin.
    pub(crate) fn ask(&mut self, course: &Course, last: bool) -> String {
        let gap = gap_word(course.on_gap);
        let (query, condition) = match course.start() {
            Start::Seen => {
                (format!("gap={gap}"), format!("If-None-Match: W/\"{}\"\r\n", course.position()))
            }
            Start::Second(second) => {
                let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
                (course.query(), format!("If-Modified-Since: {date}\r\n"))
            }
            Start::Now | Start::Earliest | Start::Latest => (course.query(), String::new()),
        };
        let poll = if self.waits { "" } else { "&poll=1" };
        let accept = if self.json { "Accept: application/json\r\n" } else { "" };
        let connection = if last { "Connection: close\r\n" } else { "" };
        if last {
            self.end = End::Asked;
        }
        self.asked.push_back(Asked::Poll(Box::new(course.clone())));
        format!(
            "GET /sub/{}?{query}{poll} HTTP/1.1\r\nHost: here\r\n{accept}{condition}{connection}\r\n",
            course.channels.join(",")
        )
    }

    /// Something else on the same connection.
    pub(crate) fn ask_health(&mut self) -> &'static str {
        self.asked.push_back(Asked::Health);
        "GET /health HTTP/1.1\r\nHost: here\r\n\r\n"
    }

    pub(crate) fn read(&mut self, bytes: &[u8], course: &mut Course, facts: Facts<'_>) {
        self.received.extend_from_slice(bytes);
        loop {
            if self.head.is_none() {
                self.head = Head::take(&mut self.received);
            }
            let Some(head) = &self.head else { return };
            let bytes = head.body_bytes();
            if self.received.len() < bytes {
                return;
            }
            let body: Vec<u8> = self.received.drain(..bytes).collect();
            let body = String::from_utf8(body).unwrap();
            let Some(head) = self.head.take() else { return };
            self.answered(&head, &body, course, facts);
        }
    }

    fn answered(&mut self, head: &Head, body: &str, course: &mut Course, facts: Facts<'_>) {
        let asked = self.asked.pop_front();
        let asked = asked.unwrap_or_else(|| panic!("an answer to nothing: {head:?}"));
        assert_ne!(self.end, End::Said, "an answer behind the last one: {head:?}");
        if head.get("connection") == Some("close") {
            self.end = End::Said;
        }
        let Asked::Poll(mut own) = asked else {
            assert_eq!((head.status, body), (200, "ok\n"));
            return;
        };
        // Of several requests with the same position only the first answer leads further.
        let leads = course.is_where(&own);
        match head.status {
            410 => {
                assert!(facts.plan.deletions, "nobody deleted a channel");
                return;
            }
            200 if self.json => json(body, &head_positions(head), &mut own, facts),
            200 => news(head, body, &mut own, facts),
            status => self.check_nothing(status, head, &mut own, facts),
        }
        if leads {
            course.follow(&own);
        }
    }

    fn check_nothing(&self, status: u16, head: &Head, own: &mut Course, facts: Facts<'_>) {
        let timed_out = self.waits && status == facts.plan.long_poll_timeout_status;
        let gaps = gaps(head, own);
        assert!(status == 304 || timed_out, "{head:?} to {own:?}");
        assert!(!self.json || gaps.is_empty(), "gaps stand in the body");
        assert!(head.get("last-modified").is_some());
        own.begin(&gaps, &head_positions(head), facts);
    }
}

fn head_positions(head: &Head) -> Vec<Position> {
    let tag = head.get("etag").unwrap_or_else(|| panic!("no position: {head:?}"));
    positions(tag.trim_matches('"'))
}

/// `news; reason=evicted; missed=18-39, chat; reason=epoch`
fn gaps(head: &Head, own: &Course) -> Vec<Told> {
    let texts = head.get("switchboard-gap").into_iter().flat_map(|text| text.split(", "));
    texts
        .map(|text| {
            let mut parts = text.split("; ");
            let channel = nth_of(&own.channels, parts.next().unwrap());
            let reason = parts.next().and_then(|part| part.strip_prefix("reason=")).unwrap();
            let missed = parts.next().map(|part| range(part.strip_prefix("missed=").unwrap()));
            Told { channel, reason: reason.to_owned(), missed }
        })
        .collect()
}

/// One publication as it is.
fn news(head: &Head, body: &str, own: &mut Course, facts: Facts<'_>) {
    let (nth, serial) = serial_of(&own.channels, body);
    let several = own.channels.len() > 1;
    let named = head.get("switchboard-channel").map(|name| nth_of(&own.channels, name));
    assert_eq!(named, several.then_some(nth));
    let ids = head_positions(head);
    let mut begin = ids.clone();
    begin[nth] = facts.record.place_before(&own.channels[nth], ids[nth]);
    own.begin(&gaps(head, own), &begin, facts);
    own.deliver(&ids, nth, serial, facts.record);
}

/// All that is there.
fn json(body: &str, last: &[Position], own: &mut Course, facts: Facts<'_>) {
    let items: Vec<Value> = serde_json::from_str(body).unwrap();
    let is_gap = |item: &&Value| item.get("gap").is_some();
    let gaps: Vec<Told> = items
        .iter()
        .take_while(is_gap)
        .map(|item| told(&own.channels, item, item["position"].as_str().unwrap()))
        .collect();
    let id = |item: &Value| positions(item["position"].as_str().unwrap());
    let mut has_begun = false;
    for item in &items[gaps.len()..] {
        let text = match (&item["data"], &item["b64"]) {
            (Value::String(text), Value::Null) => text.clone(),
            (Value::Null, Value::String(b64)) => {
                String::from_utf8(STANDARD.decode(b64).unwrap()).unwrap()
            }
            _ => panic!("foreign item {item}"),
        };
        let (nth, serial) = serial_of(&own.channels, &text);
        assert_eq!(item["channel"], own.channels[nth]);
        let ids = id(item);
        if !std::mem::replace(&mut has_begun, true) {
            let mut begin = ids.clone();
            begin[nth] = facts.record.place_before(&own.channels[nth], ids[nth]);
            assert!(gaps.is_empty() || id(&items[0]) == begin, "{body}");
            own.begin(&gaps, &begin, facts);
        }
        own.deliver(&ids, nth, serial, facts.record);
    }
    if !has_begun {
        assert!(!gaps.is_empty(), "an answer with nothing");
        own.begin(&gaps, last, facts);
    }
    assert_eq!(id(items.last().unwrap()), last);
}
