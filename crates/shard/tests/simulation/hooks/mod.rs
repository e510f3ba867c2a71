//! Backends that are asked and told, and answer when the test likes.

pub(crate) mod listening;
pub(crate) mod opening;

use std::sync::{Arc, Mutex};

use switchboard_auth::{Access, Claims};
use switchboard_hooks::{
    Answer, Event, EventKind, Hook, Payload, Question, Refreshed, Refusal, Verdict,
};
use switchboard_hub::{ChannelName, Kind, Namespaces, Rules};
use switchboard_plane::sim::{ClientId, ClientState, SimConfig};
use switchboard_shard::{
    Backends, ClientRules, Config, EventRules, HookRules, NamespaceRules, Reply,
};
use switchboard_ws::frame::{self, Opcode};

use crate::single::{Single, upgrade};
use crate::websocket::MASK;

/// A backend that has been asked, and has not answered yet.
#[derive(Default)]
struct Desk {
    asked: Mutex<Vec<(Question, Reply<Verdict>)>>,
    told: Mutex<Vec<Event>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Backends for Desk {
    fn ask(&self, question: Question, reply: Reply<Verdict>) {
        self.asked.lock().unwrap().push((question, reply));
    }

    fn tell(&self, events: Vec<Event>) {
        self.told.lock().unwrap().extend(events);
    }
}

impl Desk {
    fn waiting(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The question that came first, and the means to answer it.
    fn take(&self, hook: Hook) -> (Question, Reply<Verdict>) {
        let (question, reply) = self.asked.lock().unwrap().remove(0);
        assert_eq!(question.hook(), hook);
        (question, reply)
    }

    fn told(&self) -> Vec<EventKind> {
        self.told.lock().unwrap().drain(..).map(|event| event.kind).collect()
    }
}

/// Namespace `asked` is the backend's, in both directions; everything may be asked.
fn configure(config: &mut Config) {
    let clients = |access| ClientRules {
        subscribe: access,
        publish: access,
        history: Access::Anyone,
        presence: Access::Nobody,
        ..ClientRules::default()
    };
    let named = [("asked".to_owned(), (Rules::default(), clients(Access::Hook)))];
    let namespaces = Namespaces::new((Rules::default(), clients(Access::Anyone)), named, true);
    config.namespaces = NamespaceRules::new(&namespaces);
    config.hooks = HookRules {
        subscribe: Some(vec!["cookie".into()]),
        refresh: true,
        publish: true,
        message: true,
        events: EventRules { connections: true, subscriptions: true, channels: true },
        ..HookRules::default()
    };
    config.timeouts.ping_interval_ms = 3_600_000;
}

fn single(change: impl FnOnce(&mut Config)) -> (Single, Arc<Desk>) {
    let desk = Arc::new(Desk::default());
    let backends = Arc::clone(&desk) as Arc<dyn Backends>;
    let single = Single::with_backends(&SimConfig::default(), backends, |config| {
        configure(config);
        change(config);
    });
    (single, desk)
}

fn asks_who(config: &mut Config) {
    config.hooks.connect = Some(vec!["cookie".into()]);
}

fn send(single: &mut Single, request: &str) -> ClientId {
    let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
    single.net.write(client, request.as_bytes());
    single.turn(5);
    client
}

/// What a connect hook says, at the beginning of time.
#[expect(clippy::unnecessary_wraps, reason = "it stands beside refusals")]
fn claims(json: &str) -> Verdict {
    let claims = Claims::of_connect(json.as_bytes(), 1).unwrap();
    Ok(Answer::Connected(Some(Arc::new(claims))))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside refusals")]
fn anonymous() -> Verdict {
    Ok(Answer::Connected(None))
}

fn answer(single: &mut Single, desk: &Desk, hook: Hook, verdict: Verdict) -> Question {
    let (question, reply) = desk.take(hook);
    reply(verdict);
    single.turn(5);
    question
}

fn error(code: u32) -> Refusal {
    Refusal::Error { code, message: "no such luck".to_owned(), is_temporary: false }
}

fn disconnect() -> Refusal {
    Refusal::Disconnect { code: 4_501, reason: "go away".to_owned() }
}

/// The payloads of the frames in what a client got, and the code of the Close frame.
pub(crate) fn frames(mut bytes: &[u8]) -> (Vec<String>, Option<u16>) {
    let mut texts = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let payload;
        (payload, bytes) = rest.split_at(usize::from(*length));
        if first & 0xf == Opcode::Close as u8 {
            return (texts, Some(u16::from_be_bytes([payload[0], payload[1]])));
        }
        texts.push(String::from_utf8_lossy(payload).into_owned());
    }
    (texts, None)
}

fn say(single: &mut Single, client: ClientId, texts: &[&str]) {
    let mut bytes = Vec::new();
    for text in texts {
        frame::write(&mut bytes, Opcode::Text, text.as_bytes(), MASK);
    }
    single.net.write(client, &bytes);
    single.turn(5);
}

fn heard(single: &Single, client: ClientId) -> (Vec<String>, Option<u16>) {
    frames(&single.net.read(client))
}
