//! A client of a Centrifuge SDK and the model of it: by what it was answered so far, it knows what the next reply
//! and every push may be.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::{Value, json};
use switchboard_plane::sim::{ClientId, SimNet};
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use crate::http::Head;
use crate::random::Random;
use crate::single::upgrade;
use crate::websocket::MASK;

/// There are joins and leaves in all but the last.
pub(crate) const CHANNELS: [&str; 4] = ["room:a", "room:b", "room:c", "quiet:d"];
pub(crate) const CHANNELS_MAX: usize = 4;

/// All that clients have got, by channel, life and offset.
pub(crate) type Seen = BTreeMap<(String, String, u64), Value>;

/// A channel that a client listens to.
#[derive(Debug)]
pub(crate) struct Listened {
    pub(crate) epoch: String,
    pub(crate) has_joins: bool,
    /// What it got, and behind which offset it began.
    pub(crate) after: u64,
    pub(crate) got: BTreeSet<u64>,
}

impl Listened {
    fn last(&self) -> u64 {
        self.got.last().copied().unwrap_or(self.after)
    }

    fn take(&mut self, channel: &str, publication: &Value, seen: &mut Seen) {
        let offset = publication["offset"].as_u64().unwrap();
        assert!(offset > self.last(), "{channel} {offset} behind {}", self.last());
        self.got.insert(offset);
        note(seen, channel, &self.epoch, publication);
    }
}

/// Everybody gets the same.
fn note(seen: &mut Seen, channel: &str, epoch: &str, publication: &Value) {
    let offset = publication["offset"].as_u64().unwrap();
    let key = (channel.to_owned(), epoch.to_owned(), offset);
    let first = seen.entry(key).or_insert_with(|| publication["data"].clone());
    assert_eq!(*first, publication["data"], "{channel} {offset}");
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) shard: usize,
    pub(crate) id: ClientId,
    /// What the server calls it.
    pub(crate) name: String,
    pub(crate) number: u64,
    /// Commands whose replies come in their order.
    sent: VecDeque<(u64, &'static str, Value)>,
    /// Those whose replies come at any time.
    publishing: BTreeSet<u64>,
    pub(crate) listened: BTreeMap<String, Listened>,
    /// Where it stood in what it has left.
    left: HashMap<String, (String, u64)>,
    /// What it had said when the server ended a subscription.
    ended: HashMap<String, u64>,
    /// The joins that it heard of, by channel.
    pub(crate) joined: Vec<(String, String)>,
    pub(crate) last_reply: (u64, Value),
    is_upgraded: bool,
    received: Vec<u8>,
    receiver: Receiver,
}

impl Client {
    pub(crate) fn new(nets: &[SimNet], random: &mut Random) -> Self {
        let shard = random.below(nets.len());
        let id = nets[shard].connect(([127, 0, 0, 1], 1_024).into());
        nets[shard].write(id, upgrade("/connection/websocket").as_bytes());
        let mut client = Self {
            shard,
            id,
            name: String::new(),
            number: 0,
            sent: VecDeque::new(),
            publishing: BTreeSet::new(),
            listened: BTreeMap::new(),
            left: HashMap::new(),
            ended: HashMap::new(),
            joined: Vec::new(),
            last_reply: (0, Value::Null),
            is_upgraded: false,
            received: Vec::new(),
            receiver: Receiver::default(),
        };
        let connect = client.command("connect", json!({}));
        client.write(&nets[shard], &[connect]);
        client
    }

    /// All that it said is answered.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.sent.is_empty() && self.publishing.is_empty()
    }

    /// Numbers a command.
    pub(crate) fn command(&mut self, method: &'static str, fields: Value) -> Value {
        self.number += 1;
        let command = json!({ "id": self.number, method: fields });
        if method == "publish" {
            self.publishing.insert(self.number);
        } else {
            self.sent.push_back((self.number, method, fields));
        }
        command
    }

    /// Something that it may say.
    pub(crate) fn any_command(&mut self, random: &mut Random, serial: u64) -> Value {
        let channel = *random.pick(&CHANNELS);
        let fields = json!({ "channel": channel });
        match random.below(12) {
            0..=3 => {
                let mut fields = json!({ "channel": channel, "join_leave": random.one_in(2) });
                if let Some((epoch, offset)) = self.left.get(channel)
                    && random.one_in(2)
                {
                    fields["recover"] = true.into();
                    fields["epoch"] = epoch.clone().into();
                    fields["offset"] = (*offset).into();
                }
                self.command("subscribe", fields)
            }
            4 | 5 => self.command("unsubscribe", fields),
            6 => self.command("publish", json!({ "channel": channel, "data": { "own": serial } })),
            7 | 8 => self.command("presence", fields),
            9 => self.command("presence_stats", fields),
            10 => self.command("history", json!({ "channel": channel, "limit": 5 })),
            _ => self.command("ping", json!({})),
        }
    }

    /// Sends commands in one message.
    pub(crate) fn write(&self, net: &SimNet, commands: &[Value]) {
        let lines: Vec<_> = commands.iter().map(Value::to_string).collect();
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Opcode::Text, lines.join("\n").as_bytes(), MASK);
        net.write(self.id, &bytes);
    }

    /// Reads what came.
    pub(crate) fn hear(&mut self, net: &SimNet, seen: &mut Seen) {
        self.received.extend(net.read(self.id));
        if !self.is_upgraded {
            let Some(head) = Head::take(&mut self.received) else { return };
            assert_eq!(head.status, 101);
            self.is_upgraded = true;
        }
        let limits = MessageLimits { message_bytes_max: 1 << 20, ..MessageLimits::default() };
        let mut bytes = std::mem::take(&mut self.received);
        let mut at = 0;
        while at < bytes.len() {
            let step = self.receiver.next(&mut bytes[at..], Role::Client, &limits).unwrap();
            at += step.consumed;
            match step.event {
                None => break,
                Some(Event::Text(text)) => {
                    let message: Value = serde_json::from_str(text).unwrap();
                    self.take(net, message, seen);
                }
                Some(other) => panic!("{other:?} for {}", self.name),
            }
        }
    }

    fn take(&mut self, net: &SimNet, mut message: Value, seen: &mut Seen) {
        if message == json!({}) {
            return self.write(net, &[message]);
        }
        if let Some(push) = message.get("push") {
            return self.pushed(push, seen);
        }
        let id = message["id"].as_u64().unwrap();
        if self.publishing.remove(&id) {
            assert_eq!(message["publish"], json!({}));
            return;
        }
        let (expected, method, fields) = self.sent.pop_front().unwrap();
        assert_eq!(id, expected, "{method} of {}", self.name);
        let code = message["error"]["code"].as_u64();
        if method == "subscribe" {
            self.subscribed(&fields, code, &message["subscribe"], seen);
        } else {
            // A channel may be deleted while its home is asked for its history.
            let may_fail = method == "history" && code == Some(100);
            assert!(may_fail || code.is_none(), "{method}: {message}");
            self.answered((id, method), &fields, &message[method], seen);
        }
        self.last_reply = (id, message[method].take());
    }

    fn answered(
        &mut self,
        (id, method): (u64, &str),
        fields: &Value,
        result: &Value,
        seen: &mut Seen,
    ) {
        let channel = fields["channel"].as_str().unwrap_or_default();
        let listens = self.listened.contains_key(channel);
        match method {
            "connect" => result["client"].as_str().unwrap().clone_into(&mut self.name),
            "unsubscribe" => {
                if let Some(listened) = self.listened.remove(channel) {
                    let place = (listened.epoch.clone(), listened.last());
                    self.left.insert(channel.to_owned(), place);
                }
            }
            "presence" => {
                let listed = result["presence"].as_object().unwrap();
                // It may have been asked before the server ended its subscription.
                let was_ended = self.ended.get(channel).is_some_and(|ended| id <= *ended);
                let is_listed = listed.contains_key(&self.name);
                assert!(is_listed == listens || was_ended, "{channel}: {listed:?}");
                assert!(listed.iter().all(|(name, about)| about["client"] == **name));
            }
            "presence_stats" => {
                let clients = result["num_clients"].as_u64().unwrap();
                assert!(clients >= u64::from(listens) && result["num_users"].as_u64() <= Some(1));
            }
            "history" => {
                let epoch = result["epoch"].as_str().unwrap_or_default();
                for publication in result["publications"].as_array().into_iter().flatten() {
                    note(seen, channel, epoch, publication);
                }
            }
            _ => assert_eq!(*result, json!({}), "{method}"),
        }
    }

    fn subscribed(&mut self, fields: &Value, code: Option<u64>, result: &Value, seen: &mut Seen) {
        let channel = fields["channel"].as_str().unwrap();
        let has_joins = fields["join_leave"] == true && channel.starts_with("room:");
        let used: usize = self.listened.values().map(|it| 1 + usize::from(it.has_joins)).sum();
        let expected = if self.listened.contains_key(channel) {
            Some(105)
        } else if used + 1 + usize::from(has_joins) > CHANNELS_MAX {
            Some(106)
        } else {
            None
        };
        // One that is deleted before its home has answered is tried again.
        if expected.is_none() && code == Some(100) {
            return;
        }
        assert_eq!(code, expected, "{channel} of {}", self.name);
        if code.is_some() {
            return;
        }
        let epoch = result["epoch"].as_str().unwrap().to_owned();
        let after = result["offset"].as_u64().unwrap_or(0);
        let mut listened = Listened { epoch, has_joins, after, got: BTreeSet::new() };
        if result["recovered"] == true {
            assert_eq!(
                (Some(after), &*listened.epoch),
                (fields["offset"].as_u64(), fields["epoch"].as_str().unwrap())
            );
        }
        for publication in result["publications"].as_array().into_iter().flatten() {
            assert_eq!(result["recovered"], true);
            listened.take(channel, publication, seen);
        }
        self.listened.insert(channel.to_owned(), listened);
    }

    fn pushed(&mut self, push: &Value, seen: &mut Seen) {
        let channel = push["channel"].as_str().unwrap();
        let Some(listened) = self.listened.get_mut(channel) else {
            panic!("{push} for {}, which does not listen", self.name);
        };
        if let Some(publication) = push.get("pub") {
            listened.take(channel, publication, seen);
        } else if let Some(end) = push.get("unsubscribe") {
            assert_eq!(end["code"], 2500);
            self.listened.remove(channel);
            self.left.remove(channel);
            self.ended.insert(channel.to_owned(), self.number);
        } else {
            assert!(listened.has_joins, "{push} for {}", self.name);
            let about = |event: &str| Some(push.get(event)?["info"]["client"].as_str()?.to_owned());
            if let Some(name) = about("join") {
                self.joined.push((channel.to_owned(), name));
            } else {
                assert!(about("leave").is_some(), "{push}");
            }
        }
    }
}
