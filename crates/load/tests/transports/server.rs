//! A small server that lets clients listen in several ways, or in fewer, and makes a chosen mistake
//! with the third publication of a channel: a log per channel, and a thread per connection.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::handshake::{Rules, check, wants_upgrade};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots, Request};

use super::centrifuge::{self, Mistake};

/// What goes wrong with the third publication.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Nobody gets it.
    Drop,
    /// Everybody gets it twice.
    Duplicate,
}

const NTH: usize = 3;

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) fault: Fault,
    /// Only WebSocket; 426 to everybody else.
    pub(crate) websocket_only: bool,
    /// 404 to everybody who wants to listen.
    pub(crate) deaf: bool,
    /// Event streams and answers to polls are chunked, and each of these ends its connection.
    pub(crate) chunked_and_closed: bool,
    /// To clients of Centrifuge.
    pub(crate) mistake: Mistake,
}

pub(crate) const GOOD: Manners = Manners {
    fault: Fault::None,
    websocket_only: false,
    deaf: false,
    chunked_and_closed: false,
    mistake: Mistake::None,
};

/// How long a long poll is held.
const HELD: Duration = Duration::from_millis(1_500);

#[derive(Debug, Default)]
struct Channel {
    published: usize,
    /// What was published, after the fault.
    log: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(crate) struct Hub {
    channels: Mutex<HashMap<String, Channel>>,
    news: Condvar,
}

impl Hub {
    fn publish(&self, name: &str, payload: &[u8], fault: Fault) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(name.to_owned()).or_default();
        channel.published += 1;
        let times = match fault {
            Fault::Drop if channel.published == NTH => 0,
            Fault::Duplicate if channel.published == NTH => 2,
            _ => 1,
        };
        channel.log.extend(std::iter::repeat_n(payload.to_vec(), times));
        self.news.notify_all();
    }

    pub(crate) fn len(&self, name: &str) -> usize {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.get(name).map_or(0, |channel| channel.log.len())
    }

    /// The publication at a place, if it is there in time.
    pub(crate) fn wait(&self, name: &str, place: usize, time: Duration) -> Option<Vec<u8>> {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let find =
            |channels: &HashMap<String, Channel>| channels.get(name)?.log.get(place).cloned();
        let waited = self.news.wait_timeout_while(channels, time, |all| find(all).is_none());
        let (channels, _) = waited.unwrap_or_else(PoisonError::into_inner);
        find(&channels)
    }
}

/// Starts it on a free port; it lives as long as the tests.
pub(crate) fn start(manners: Manners) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hub = Arc::new(Hub::default());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let hub = Arc::clone(&hub);
            thread::spawn(move || serve(stream, manners, &hub));
        }
    });
    address
}

/// One connection: requests until it becomes a stream or ends.
fn serve(mut stream: TcpStream, manners: Manners, hub: &Hub) -> Option<()> {
    let limits = HeadLimits::default();
    let mut input = Vec::new();
    loop {
        let end = loop {
            match head::find_end(&input, 0, &limits) {
                Ok(Some(end)) => break end,
                Ok(None) => receive(&mut stream, &mut input)?,
                Err(_) => return None,
            }
        };
        let mut slots = HeaderSlots::new();
        let head: Vec<u8> = input.drain(..end).collect();
        let request = head::parse(&head, &mut slots, &limits).ok()?;
        let channel = request.path().rsplit('/').next()?.to_owned();
        if request.method() == "POST" {
            let length: usize = text(&request, "content-length")?.parse().ok()?;
            while input.len() < length {
                receive(&mut stream, &mut input)?;
            }
            let payload: Vec<u8> = input.drain(..length).collect();
            hub.publish(&channel, &payload, manners.fault);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
            continue;
        }
        if manners.deaf {
            return stream.write_all(b"HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\nno").ok();
        }
        if wants_upgrade(&request) {
            let accept = check(
                &request,
                &Rules { protocols: &["switchboard.v1"], allowed_origins: Some(&[]) },
            )
            .ok()?;
            let mut answer = Vec::new();
            let place = hub.len(&channel);
            accept.write_response(&mut answer);
            stream.write_all(&answer).ok()?;
            if request.path() == "/connection/websocket" {
                return centrifuge::serve(&mut stream, hub, manners.mistake);
            }
            if text(&request, "sec-websocket-protocol").is_some() {
                let begins = if manners.mistake == Mistake::Forget { "gap: e-1\n" } else { "" };
                stream.write_all(&framed(format!("{begins}start: e-1\n\n").as_bytes())).ok()?;
                return push(&mut stream, hub, &channel, place, headed);
            }
            return push(&mut stream, hub, &channel, place, framed);
        }
        if manners.websocket_only {
            return stream.write_all(b"HTTP/1.1 426 X\r\nContent-Length: 2\r\n\r\nno").ok();
        }
        if text(&request, "accept") == Some("text/event-stream") {
            let place = hub.len(&channel);
            let (coding, wrap) = if manners.chunked_and_closed {
                ("Transfer-Encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n", event_in_chunks as Wrap)
            } else {
                ("\r\n: hi\n\n", event as Wrap)
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}");
            stream.write_all(head.as_bytes()).ok()?;
            return push(&mut stream, hub, &channel, place, wrap);
        }
        poll(&mut stream, &request, &channel, manners, hub)?;
    }
}

fn text<'a>(request: &'a Request<'_>, name: &str) -> Option<&'a str> {
    str::from_utf8(request.header(name)?).ok()
}

fn receive(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
    input.extend_from_slice(&buffer[..count]);
    Some(())
}

/// An answer to one poll. The `ETag` is the place of what comes next.
fn poll(
    stream: &mut TcpStream,
    request: &Request<'_>,
    channel: &str,
    manners: Manners,
    hub: &Hub,
) -> Option<()> {
    let place = match text(request, "if-none-match") {
        Some(etag) => etag.trim_matches('"').parse().ok()?,
        None => hub.len(channel),
    };
    let is_interval = request.query().is_some_and(|query| query.contains("poll=1"));
    let time = if is_interval { Duration::ZERO } else { HELD };
    let news = hub.wait(channel, place, time);
    let (status, next) = if news.is_some() { (200, place + 1) } else { (304, place) };
    let body = news.unwrap_or_default();
    let mut answer = format!("HTTP/1.1 {status} X\r\nETag: \"{next}\"\r\n").into_bytes();
    if manners.chunked_and_closed && status == 200 {
        let head =
            format!("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n", body.len());
        answer.extend_from_slice(head.as_bytes());
        answer.extend_from_slice(&body);
        answer.extend_from_slice(b"\r\n0\r\n\r\n");
        stream.write_all(&answer).ok()?;
        return None;
    }
    answer.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    answer.extend_from_slice(&body);
    stream.write_all(&answer).ok()
}

/// How a payload is sent.
type Wrap = fn(&[u8]) -> Vec<u8>;

/// Everything from a place on, until the client is gone.
fn push(
    stream: &mut TcpStream,
    hub: &Hub,
    channel: &str,
    mut place: usize,
    wrap: Wrap,
) -> Option<()> {
    loop {
        // A thread without news looks now and then whether its client is still there.
        if let Some(news) = hub.wait(channel, place, Duration::from_secs(1)) {
            stream.write_all(&wrap(&news)).ok()?;
            place += 1;
        } else {
            stream.set_nonblocking(true).ok()?;
            let is_gone = matches!(stream.peek(&mut [0]), Ok(0));
            stream.set_nonblocking(false).ok()?;
            if is_gone {
                return None;
            }
        }
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, Opcode::Text, payload, None);
    out
}

fn headed(payload: &[u8]) -> Vec<u8> {
    framed(&[b"position: e-2\n\n", payload].concat())
}

fn event(payload: &[u8]) -> Vec<u8> {
    format!("id: 1\ndata: {}\n\n", String::from_utf8_lossy(payload)).into_bytes()
}

/// An event in two chunks, cut where a proxy might cut it.
fn event_in_chunks(payload: &[u8]) -> Vec<u8> {
    let event = event(payload);
    let (first, second) = event.split_at(event.len() / 2);
    let mut out = Vec::new();
    for chunk in [first, second] {
        out.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out
}
