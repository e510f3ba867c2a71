//! A server of Centrifuge's protocol for the tests, as far as a client of one channel needs it, that
//! makes a chosen mistake. Every frame with a publication begins with a ping, whose answer it awaits.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use super::server::Hub;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mistake {
    None,
    /// `connect` is refused.
    RefuseConnect,
    /// `subscribe` is.
    RefuseSubscribe,
    /// It is closed before it has begun.
    Close,
    /// Publications name another channel.
    Rename,
    /// Offsets do not grow.
    Repeat,
    /// The subscription ends.
    Unsubscribe,
    /// Positions lead nowhere.
    Forget,
    /// What is sent is no JSON.
    Babble,
}

/// The commands of a client, and what is sent to it.
struct Client<'a> {
    stream: &'a mut TcpStream,
    receiver: Receiver,
    input: Vec<u8>,
}

impl Client<'_> {
    /// The next message, which is one command.
    fn command(&mut self) -> Option<Value> {
        loop {
            let limits = MessageLimits::default();
            let step = self.receiver.next(&mut self.input, Role::Server, &limits).ok()?;
            let consumed = step.consumed;
            let command = match step.event {
                Some(Event::Text(text)) => Some(serde_json::from_str(text).ok()?),
                Some(_) => return None,
                None => None,
            };
            self.input.drain(..consumed);
            if command.is_some() {
                return command;
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            self.input.extend_from_slice(&buffer[..count]);
        }
    }

    fn send(&mut self, text: &str) -> Option<()> {
        let mut out = Vec::new();
        frame::write(&mut out, Opcode::Text, text.as_bytes(), None);
        self.stream.write_all(&out).ok()
    }
}

/// Serves a client after the upgrade.
pub(crate) fn serve(stream: &mut TcpStream, hub: &Hub, mistake: Mistake) -> Option<()> {
    let mut client = Client { stream, receiver: Receiver::default(), input: Vec::new() };
    let connect = client.command()?;
    assert_eq!(
        (&connect["id"], &connect["connect"]["name"]),
        (&json!(1), &json!("switchboard-load"))
    );
    if mistake == Mistake::RefuseConnect {
        client.send(r#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#)?;
        return client.command().map(drop);
    }
    if mistake == Mistake::Close {
        let mut out = Vec::new();
        close::write_close(&mut out, 3500, "invalid token", None);
        return client.stream.write_all(&out).ok();
    }
    client.send(r#"{"id":1,"connect":{"client":"c","version":"t","ping":25,"pong":true}}"#)?;
    let command = client.command()?;
    if mistake == Mistake::RefuseSubscribe {
        client.send(r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#)?;
        return client.command().map(drop);
    }
    let channel = command["subscribe"]["channel"].as_str()?.to_owned();
    let place = subscribe(&mut client, &command["subscribe"], hub, &channel, mistake)?;
    push(&mut client, hub, &channel, place, mistake)
}

/// Replies with the place where it begins, or goes on.
fn subscribe(
    client: &mut Client<'_>,
    subscribe: &Value,
    hub: &Hub,
    channel: &str,
    mistake: Mistake,
) -> Option<usize> {
    let top = hub.len(channel);
    let recovering = subscribe["recover"] == true;
    let recovered = recovering && mistake != Mistake::Forget;
    let place = if recovered { subscribe["offset"].as_u64()? as usize } else { top };
    assert!(!recovering || subscribe["epoch"] == "life", "{subscribe}");
    let missed: Vec<Value> = (place..top).filter_map(|at| publication(hub, channel, at)).collect();
    let result = json!({
        "recoverable": true, "epoch": "life", "offset": place, "was_recovering": recovering,
        "recovered": recovered, "publications": missed,
    });
    client.send(&json!({ "id": 2, "subscribe": result }).to_string())?;
    Some(top)
}

fn publication(hub: &Hub, channel: &str, at: usize) -> Option<Value> {
    let payload = hub.wait(channel, at, Duration::from_secs(1))?;
    Some(json!({ "data": String::from_utf8(payload).ok()?, "offset": at + 1 }))
}

fn push(
    client: &mut Client<'_>,
    hub: &Hub,
    channel: &str,
    mut place: usize,
    mistake: Mistake,
) -> Option<()> {
    loop {
        let Some(mut publication) = publication(hub, channel, place) else {
            client.stream.set_nonblocking(true).ok()?;
            let is_gone = matches!(client.stream.peek(&mut [0]), Ok(0));
            client.stream.set_nonblocking(false).ok()?;
            if is_gone {
                return None;
            }
            continue;
        };
        place += 1;
        let name = if mistake == Mistake::Rename { "other" } else { channel };
        if mistake == Mistake::Repeat {
            publication["offset"] = json!(1);
        }
        let object = match mistake {
            Mistake::Unsubscribe => json!({ "unsubscribe": { "code": 2500, "reason": "why" } }),
            _ => json!({ "pub": publication }),
        };
        let mut push = json!({ "push": object });
        push["push"]["channel"] = json!(name);
        let text = if mistake == Mistake::Babble { "babble".to_owned() } else { push.to_string() };
        client.send(&format!("{{}}\n{text}\n"))?;
        // The answer to the ping.
        client.command().filter(|answer| *answer == json!({}))?;
    }
}
