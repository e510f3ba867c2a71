//! A small server that misbehaves on demand: WebSocket and publishing on one port.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::handshake::{Rules, check, wants_upgrade};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots, Request};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

/// What goes wrong. Every time it is about the tenth publication of a channel, if nothing is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It reaches nobody.
    Drop,
    /// And everything after it reaches nobody.
    DropTail,
    /// It is sent twice.
    Duplicate,
    /// It is sent after the next one.
    Reorder,
    /// One letter of it is changed.
    Corrupt,
    /// Subscribers of all channels get it.
    Misroute,
    /// A subscriber is disconnected instead.
    Disconnect,
    /// The publisher gets a 500, and nobody gets it.
    Refuse,
    /// On a stream: no publication is answered.
    Silent,
    /// On a stream: it is answered twice.
    AnswerTwice,
}

/// The publication that it happens to.
pub(crate) const NTH: usize = 10;

#[derive(Debug, Default)]
struct Channel {
    subscribers: Vec<TcpStream>,
    published: usize,
    held: Option<Vec<u8>>,
}

type Channels = Arc<Mutex<HashMap<String, Channel>>>;

/// Starts it on a free port; it lives as long as the tests.
pub(crate) fn start(fault: Fault) -> SocketAddr {
    listen(fault, Channels::default())
}

/// Starts several that share their channels, as the nodes of one server do; the first has the fault.
pub(crate) fn start_nodes(fault: Fault, count: usize) -> Vec<SocketAddr> {
    let channels = Channels::default();
    let faults = std::iter::once(fault).chain(std::iter::repeat(Fault::None));
    faults.take(count).map(|fault| listen(fault, Arc::clone(&channels))).collect()
}

fn listen(fault: Fault, channels: Channels) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let channels = Arc::clone(&channels);
            thread::spawn(move || serve(stream, fault, &channels));
        }
    });
    address
}

/// One connection: requests until it becomes a WebSocket or ends.
fn serve(mut stream: TcpStream, fault: Fault, channels: &Channels) -> Option<()> {
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
        if wants_upgrade(&request) {
            return open(stream, &request, channel, fault, channels);
        }
        let is_batch = request.header("content-type") == Some(b"application/x-ndjson");
        let length = request.header("content-length")?;
        let length: usize = str::from_utf8(length).ok()?.parse().ok()?;
        while input.len() < length {
            receive(&mut stream, &mut input)?;
        }
        let payload: Vec<u8> = input.drain(..length).collect();
        let (status, body) = if is_batch {
            (200, publish_lines(&payload, fault, channels)?)
        } else {
            (publish(&channel, &payload, fault, channels), "ok".to_owned())
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).ok()?;
    }
}

fn receive(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
    input.extend_from_slice(&buffer[..count]);
    Some(())
}

/// A WebSocket: a subscriber, or an echo on `/echo`.
fn open(
    mut stream: TcpStream,
    request: &Request<'_>,
    channel: String,
    fault: Fault,
    channels: &Channels,
) -> Option<()> {
    let accept = check(request, &Rules { protocols: &[], allowed_origins: Some(&[]) }).ok()?;
    let mut answer = Vec::new();
    accept.write_response(&mut answer);
    let (is_echo, is_stream) = (channel == "echo", channel == "publish");
    {
        // Under the lock, so that no publication comes before the answer.
        let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&answer).ok()?;
        if !is_echo && !is_stream {
            let copy = stream.try_clone().ok()?;
            channels.entry(channel).or_default().subscribers.push(copy);
        }
    }
    let mut receiver = Receiver::default();
    let mut echo = Channel::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        let mut at = 0;
        loop {
            let limits = MessageLimits::default();
            let step = receiver.next(&mut buffer[at..count], Role::Server, &limits).ok()?;
            at += step.consumed;
            match step.event {
                None => break,
                Some(Event::Text(text)) if is_echo => {
                    for frame in deliver(&mut echo, text.as_bytes(), fault) {
                        stream.write_all(&frame).ok()?;
                    }
                }
                Some(Event::Binary(message)) if is_stream => {
                    let answer = publish_message(message, fault, channels)?;
                    stream.write_all(&answer).ok()?;
                }
                Some(_) => {}
            }
        }
    }
}

/// Publishes the lines of a batch; returns a line with the status of each.
fn publish_lines(body: &[u8], fault: Fault, channels: &Channels) -> Option<String> {
    let mut answer = String::new();
    for line in str::from_utf8(body).ok()?.lines() {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let (channel, data) = (line["channel"].as_str()?, line["data"].as_str()?);
        let status = publish(channel, data.as_bytes(), fault, channels);
        let _ = writeln!(answer, "{}", result_line(status));
    }
    Some(answer)
}

fn result_line(status: u16) -> String {
    let sentence = r#"{"message":"no such line"}"#;
    let error = if status == 200 { String::new() } else { format!(r#","error":{sentence}"#) };
    format!(r#"{{"status":{status}{error}}}"#)
}

/// Publishes what a message of a stream has in the binary form: one publication, whose lengths fit
/// into one byte. Returns the frames of the answer.
fn publish_message(message: &[u8], fault: Fault, channels: &Channels) -> Option<Vec<u8>> {
    let (&length, rest) = message.split_first()?;
    let (channel, rest) = rest.split_at_checked(usize::from(length))?;
    let [1, length, payload @ ..] = rest else { return None };
    if usize::from(*length) != payload.len() {
        return None;
    }
    let channel = str::from_utf8(channel).ok()?;
    let status = publish(channel, payload, fault, channels);
    let answer = frame_of(format!("{}\n", result_line(status)).as_bytes());
    Some(match fault {
        Fault::Silent => Vec::new(),
        Fault::AnswerTwice => answer.repeat(2),
        _ => answer,
    })
}

/// Hands a publication to the subscribers; returns the status for the publisher.
fn publish(name: &str, payload: &[u8], fault: Fault, channels: &Channels) -> u16 {
    let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
    let channel = channels.entry(name.to_owned()).or_default();
    let frames = deliver(channel, payload, fault);
    let is_nth = channel.published == NTH;
    if is_nth
        && fault == Fault::Disconnect
        && let Some(subscriber) = channel.subscribers.pop()
    {
        let _ = subscriber.shutdown(Shutdown::Both);
    }
    for frame in &frames {
        for subscriber in &mut channel.subscribers {
            let _ = subscriber.write_all(frame);
        }
    }
    if is_nth && fault == Fault::Misroute {
        for subscriber in channels.values_mut().flat_map(|channel| &mut channel.subscribers) {
            let _ = subscriber.write_all(&frame_of(payload));
        }
    }
    if is_nth && fault == Fault::Refuse { 500 } else { 200 }
}

/// What goes out for one more payload.
fn deliver(channel: &mut Channel, payload: &[u8], fault: Fault) -> Vec<Vec<u8>> {
    channel.published += 1;
    let frame = frame_of(payload);
    if let Some(held) = channel.held.take() {
        return vec![frame, held];
    }
    let is_nth = channel.published == NTH;
    match fault {
        Fault::Drop | Fault::Refuse if is_nth => Vec::new(),
        Fault::DropTail if channel.published >= NTH => Vec::new(),
        Fault::Duplicate if is_nth => vec![frame.clone(), frame],
        Fault::Reorder if is_nth => {
            channel.held = Some(frame);
            Vec::new()
        }
        Fault::Corrupt if is_nth => {
            let mut changed = payload.to_vec();
            if let Some(last) = changed.last_mut() {
                *last ^= 1;
            }
            vec![frame_of(&changed)]
        }
        _ => vec![frame],
    }
}

fn frame_of(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, Opcode::Text, payload, None);
    out
}
