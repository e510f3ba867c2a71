//! The protocol of the Centrifuge SDKs: what is read as a command, and what is written around what strangers
//! chose. More of it at a time: `PROPTEST_CASES=1000000 cargo test -p switchboard-dialects --test wire centrifuge`.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use switchboard_dialects::centrifuge::{
    Command, Frame, Framing, Info, Method, Past, Present, Push, Reply, Subscribed, Unsubscribed,
    json, publication,
};
use switchboard_dialects::{Chain, Dialect, Label};
use switchboard_hub::{Accounting, ChannelName, Draft, Epoch, Kind, Position, Publication};

use crate::given::{self, written};
use crate::read::{http, messages};

const OFFSET: u64 = 7;

/// All that clients say.
const COMMANDS: &[&str] = &[
    r#"{"id":1,"connect":{"token":"a.b.c","data":{"x":[1]},"name":"js","subs":{"a":{"recover":true,"offset":5,"epoch":"e"}}}}"#,
    r#"{"id":2,"subscribe":{"channel":"c","recover":true,"offset":9007199254740991,"epoch":"_","flag":3,"join_leave":true}}"#,
    r#"{"id":3,"unsubscribe":{"channel":"\u0063"}}"#,
    r#"{"id":4,"publish":{"channel":"c","data":{"a":"\ud83d\ude00"}}}"#,
    r#"{"id":5,"presence":{"channel":"c"}}"#,
    r#"{"id":6,"presence_stats":{"channel":"c"}}"#,
    r#"{"id":7,"history":{"channel":"c","limit":-1,"since":{"offset":3,"epoch":"e"},"reverse":true}}"#,
    r#"{"id":8,"rpc":{"method":"m","data":null}}"#,
    r#"{"send":{"data":[]}}"#,
    r#"{"id":9,"refresh":{"token":"t"}}"#,
    r#"{"id":10,"sub_refresh":{"channel":"c","token":"t"}}"#,
    r#"{"id":11,"ping":{}}"#,
    "{}",
];

/// What a careless reader or writer would trip over.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "\n",
    "\r\n",
    " ",
    "\t",
    "0",
    "-1",
    "1e999",
    "null",
    "true",
    "4294967296",
    "\\u0000",
    "\\ud800",
    "\u{2028}",
    "\u{feff}",
    "\u{e4}",
    "{}",
    "[]",
    "\"id\":1,",
    "\"ping\":{},",
    "{\"push\":{}}",
    "\"channel\":\"c\"",
    "data: x",
    "\u{0}",
];

const METHODS: &[&str] = &[
    "connect",
    "subscribe",
    "unsubscribe",
    "publish",
    "presence",
    "presence_stats",
    "history",
    "rpc",
    "send",
    "refresh",
    "sub_refresh",
    "ping",
];

/// Some commands in a message, with pieces put in and taken out anywhere.
fn message() -> impl Strategy<Value = String> {
    let command = prop_oneof![8 => select(COMMANDS), 1 => select(PIECES)];
    let change = (any::<Index>(), option::of(select(PIECES)), 0_usize..12);
    (vec(command, 0..6), vec(change, 0..5)).prop_map(|(commands, changes)| {
        let mut text: Vec<char> = commands.join("\n").chars().collect();
        for (at, piece, taken) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + taken).min(text.len());
            text.splice(at..end, piece.unwrap_or_default().chars());
        }
        text.into_iter().collect()
    })
}

/// Text that is JSON, or nearly.
fn payload() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    let text = vec(select(PIECES), 0..12).prop_map(|pieces| pieces.concat());
    let deep = (0_usize..300, 0_usize..300)
        .prop_map(|(open, close)| "[".repeat(open) + &"]".repeat(close));
    let changed = message();
    prop_oneof![
        4 => prop_oneof![text, changed, given::text(), deep].prop_map(|it| (Kind::Text, it.into_bytes())),
        1 => vec(any::<u8>(), 0..200).prop_map(|bytes| (Kind::Binary, bytes)),
    ]
}

/// Who somebody is, as a token and a backend may say it.
fn info() -> impl Strategy<Value = String> {
    (given::text(), option::of(payload())).prop_map(|(user, about)| {
        Info::new(&user, "client", about.as_ref().map(|(_, bytes)| &**bytes)).to_json()
    })
}

fn published() -> impl Strategy<Value = Arc<Publication>> {
    let event = prop_oneof![select(&["join", "leave"][..]).prop_map(str::to_owned), given::text()];
    let tags = option::of((given::text(), given::text()));
    (payload(), option::of(event), option::of(info()), tags).prop_map(
        |(payload, event, info, tags)| {
            let (kind, bytes) = payload;
            let mut draft = Draft::new(kind, &bytes);
            if let Some(event) = event {
                draft = draft.with_event(&event);
            }
            if let Some(info) = info {
                draft = draft.with_info(&info);
            }
            if let Some((name, value)) = tags {
                draft = draft.with_tags(&json!({ name: value }).to_string());
            }
            let position = Position { epoch: Epoch::from_random(1), offset: OFFSET };
            Publication::new(position, (0, 0), draft, &Arc::new(Accounting::default()))
        },
    )
}

/// The text between what stands around it.
fn text_of(framing: Framing, mut bytes: Vec<u8>) -> String {
    if framing == Framing::Message {
        let [(true, text)] = &messages::bare([&*bytes])[..] else {
            panic!("more than one message")
        };
        return String::from_utf8(text.clone()).unwrap();
    }
    if matches!(framing, Framing::ChunkedLine | Framing::ChunkedEvent) {
        framing.write_end(&mut bytes);
        let (chunks, rest) = http::chunks(&bytes);
        assert!(chunks.len() == 1 && rest.strip_prefix(b"\r\n").unwrap_or(rest).is_empty());
        bytes = chunks[0].to_vec();
    }
    let text = String::from_utf8(bytes).unwrap();
    let between = match framing {
        Framing::ChunkedLine | Framing::Line => text.strip_suffix('\n'),
        _ => text.strip_prefix("data: ").and_then(|text| text.strip_suffix("\n\n")),
    };
    between.unwrap().to_owned()
}

/// The one object in what was written, which stands on one line. None where other readers cannot have it, since a
/// number is too large or the nesting too deep for them.
fn object(framing: Framing, bytes: Vec<u8>) -> Option<Value> {
    let text = text_of(framing, bytes);
    assert!(!text.contains(['\n', '\r']) && text.starts_with('{') && text.ends_with('}'), "{text}");
    let raw: &RawValue = serde_json::from_str(&text).unwrap();
    assert_eq!(raw.get(), text);
    serde_json::from_str(&text).ok()
}

fn framing() -> impl Strategy<Value = Framing> {
    select(&Framing::ALL[..])
}

/// What the data of a publication must say.
fn data(publication: &Publication) -> Option<Value> {
    match str::from_utf8(publication.payload()) {
        Ok(text) if publication.kind() == Kind::Text => {
            if serde_json::from_str::<IgnoredAny>(text).is_err() {
                return Some(text.into());
            }
            // One that is too deep is a text, and one that other readers cannot have is not looked at.
            serde_json::from_str(text).ok()
        }
        _ => None,
    }
}

/// The object of a frame, with what stands in the push of its channel.
fn push_of(frame: &Value, channel: &str) -> serde_json::Map<String, Value> {
    let frame = frame.as_object().unwrap();
    assert_eq!(frame.keys().collect::<Vec<_>>(), ["push"]);
    let mut push = frame["push"].as_object().unwrap().clone();
    assert_eq!(push.remove("channel").unwrap(), channel);
    assert_eq!(push.len(), 1, "{push:?}");
    push
}

proptest! {
    /// Whatever a client sends, each of its lines is a command of the protocol as other readers see it, or none.
    #[test]
    fn what_is_read_as_a_command_is_one(message in message()) {
        let (bytes, mut at) = (message.as_bytes(), 0);
        while let Some((line, behind)) = Frame::next(bytes, at) {
            prop_assert!(behind > at && behind <= bytes.len());
            prop_assert!(!line.is_empty() && !line.contains(&b'\n'));
            at = behind;
            let Ok(command) = Command::parse(line) else { continue };
            prop_assert!(serde_json::from_slice::<IgnoredAny>(line).is_ok());
            let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
            let fields = value.as_object().unwrap();
            let methods: Vec<_> =
                METHODS.iter().filter(|method| fields.get(**method).is_some_and(|it| !it.is_null())).collect();
            let is_pong = matches!(command.method, Method::Pong);
            prop_assert_eq!((methods.len(), fields.is_empty()), (usize::from(!is_pong), is_pong));
            match command.method {
                Method::Pong | Method::Send(_) => prop_assert_eq!(command.id, 0),
                _ => prop_assert_eq!(fields["id"].as_u64(), Some(command.id.into())),
            }
        }
        prop_assert!(message.as_bytes()[at..].iter().all(u8::is_ascii_whitespace));
    }

    /// Whatever was published, its frame is one object on one line and says the same.
    #[test]
    fn a_publication_is_one_object_in_one_frame(framing in framing(), publication in published(), channel in given::channel()) {
        let label = Label { id: "", channel: Some(&channel), chain: Chain::None };
        if let Some(frame) = object(framing, written(Dialect::Centrifuge(framing), &publication, label)) {
            let push = push_of(&frame, channel.as_str());
            let found = push["pub"].as_object().unwrap();
            prop_assert_eq!(&found["offset"], OFFSET);
            prop_assert_eq!(found.contains_key("info"), publication.info().is_some());
            prop_assert_eq!(found.contains_key("tags"), publication.tags().is_some());
            prop_assert!(found.len() <= 4);
            match data(&publication) {
                Some(data) => prop_assert_eq!(&found["data"], &data),
                None => prop_assert!(found["data"].is_string()),
            }
        }
    }

    /// The same of one that a client hears as a join or a leave.
    #[test]
    fn a_join_is_one_object_in_one_frame(framing in framing(), publication in published(), channel in given::channel()) {
        let name = ChannelName::new(&format!("presence:{channel}")).unwrap();
        let label = Label { id: "", channel: Some(&name), chain: Chain::None };
        if let Some(frame) = object(framing, written(Dialect::CentrifugePresence(framing), &publication, label)) {
            match (publication.event(), publication.info()) {
                (Some(event @ ("join" | "leave")), Some(info)) => {
                    let push = push_of(&frame, channel.as_str());
                    let info: Value = serde_json::from_str(info).unwrap();
                    prop_assert_eq!(&push[event], &json!({ "info": info }));
                }
                _ => prop_assert!(push_of(&frame, name.as_str()).contains_key("pub")),
            }
        }
    }

    /// And of replies, whatever they have to pass on.
    #[test]
    fn a_reply_is_one_object_in_one_frame(
        framing in framing(),
        id in 1_u32..,
        publications in vec(published(), 0..4),
        clients in vec((given::text(), option::of(payload())), 0..5),
        (kind, answer) in payload(),
        (reason, channel) in (given::text(), given::channel()),
    ) {
        let forms: Vec<_> = publications.iter().map(|it| publication(it, Chain::None).unwrap()).collect();
        let raw = || forms.iter().map(|form| serde_json::from_slice(form).unwrap()).collect();
        let answer = json(kind, &answer);
        let mut present = Present::default();
        for (client, about) in &clients {
            let about = about.as_ref().map(|(_, bytes)| &**bytes);
            prop_assert!(present.push(client, &Info::new(client, client, about), 1 << 20));
        }
        let present = present.to_json();
        let replies = [
            Reply::Subscribe(Subscribed { publications: raw(), ..Subscribed::default() }),
            Reply::History(Past { publications: raw(), ..Past::default() }),
            Reply::Presence { presence: &present },
            Reply::Rpc { data: serde_json::from_slice(&answer).unwrap() },
            Reply::Error { code: 400, message: &reason, temporary: false },
        ];
        for reply in &replies {
            let mut out = Vec::new();
            reply.write(id, framing, &mut out);
            if let Some(found) = object(framing, out) {
                let found = found.as_object().unwrap();
                prop_assert_eq!(found.len(), 2);
                prop_assert_eq!(&found["id"], id);
            }
        }
        let mut out = Vec::new();
        Push::unsubscribe(Unsubscribed::Server).write(channel.as_str(), framing, &mut out);
        push_of(&object(framing, out).unwrap(), channel.as_str());
        let mut out = Vec::new();
        framing.write_ping(&mut out);
        prop_assert_eq!(object(framing, out), Some(json!({})));
    }
}
