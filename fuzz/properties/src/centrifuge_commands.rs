//! What the Centrifuge SDKs send is read as the protocol has it, and nothing else is taken for a command.

use serde_json::value::RawValue;
use switchboard_dialects::centrifuge::{Command, CommandError, Frame, Method};
use switchboard_hub::Start;

use crate::json::Members;

/// A message has the commands that stand in its lines, and each line is read as by a reader of its own: refused for
/// the same reason, or the same command.
pub fn check(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((line, behind)) = Frame::next(data, at) {
        assert!(behind > at && behind <= data.len(), "{at}, then {behind}");
        found.push(line);
        at = behind;
    }
    assert_eq!(found, lines);
    for line in lines {
        check_line(line);
    }
}

fn check_line(line: &[u8]) {
    let shown = String::from_utf8_lossy(line);
    match (Command::parse(line), expected(line)) {
        (Ok(command), Ok(expected)) => check_command(&command, &expected, &shown),
        (Err(error), Err(expected)) => assert_eq!(error, expected, "{shown}"),
        (parsed, expected) => panic!("{parsed:?} instead of {expected:?}: {shown}"),
    }
}

/// A command as this reader sees it.
#[derive(Debug)]
struct Expected<'a> {
    id: u32,
    /// The name of the method, and what it is given; none for a pong.
    method: Option<(&'static str, Members<'a>)>,
}

fn expected(line: &[u8]) -> Result<Expected<'_>, CommandError> {
    let members = str::from_utf8(line).ok().and_then(Members::of).ok_or(CommandError::Malformed)?;
    let (mut id, mut found) = (0, Vec::new());
    for (name, value) in &members.0 {
        if name == "id" {
            id = serde_json::from_str(value.get()).map_err(|_| CommandError::Malformed)?;
        } else if let Some((name, fields)) = METHODS.iter().find(|(method, _)| method == name)
            && value.get() != "null"
        {
            let given = Type::Object(fields).is_met_by(value).then(|| Members::of(value.get()));
            found.push((*name, given.flatten().ok_or(CommandError::Malformed)?));
        }
    }
    match (found.len(), found.pop()) {
        (0, _) if members.0.is_empty() => Ok(Expected { id: 0, method: None }),
        (1, Some(method)) if method.0 == "send" => Ok(Expected { id: 0, method: Some(method) }),
        (1, Some(_)) if id == 0 => Err(CommandError::Id),
        (1, method) => Ok(Expected { id, method }),
        _ => Err(CommandError::Methods),
    }
}

/// What a member must be.
enum Type {
    Text,
    Flag,
    Unsigned,
    Offset,
    Signed,
    Any,
    /// An object all of whose members are this.
    Map(&'static Type),
    /// An object with these members, each once at most, and others.
    Object(&'static [(&'static str, Type)]),
    /// That or `null`.
    Maybe(&'static Type),
}

impl Type {
    fn is_met_by(&self, value: &RawValue) -> bool {
        let text = value.get();
        match self {
            Self::Text => serde_json::from_str::<String>(text).is_ok(),
            Self::Flag => matches!(text, "true" | "false"),
            Self::Unsigned => serde_json::from_str::<u32>(text).is_ok(),
            Self::Offset => serde_json::from_str::<u64>(text).is_ok(),
            Self::Signed => serde_json::from_str::<i32>(text).is_ok(),
            Self::Any => true,
            Self::Maybe(_) if text == "null" => true,
            Self::Maybe(inner) => inner.is_met_by(value),
            Self::Map(inner) => Members::of(text)
                .is_some_and(|all| all.0.iter().all(|(_, value)| inner.is_met_by(value))),
            Self::Object(fields) => Members::of(text).is_some_and(|all| {
                fields.iter().all(|(name, kind)| {
                    let mut own = all.0.iter().filter(|(it, _)| it == name);
                    let first = own.next();
                    own.next().is_none() && first.is_none_or(|(_, it)| kind.is_met_by(it))
                })
            }),
        }
    }
}

const PLACE: Type =
    Type::Object(&[("recover", Type::Flag), ("offset", Type::Offset), ("epoch", Type::Text)]);
const SINCE: Type = Type::Object(&[("offset", Type::Offset), ("epoch", Type::Text)]);

/// The methods, and what they are given.
const METHODS: &[(&str, &[(&str, Type)])] = &[
    (
        "connect",
        &[
            ("token", Type::Text),
            ("data", Type::Any),
            ("headers", Type::Map(&Type::Text)),
            ("subs", Type::Map(&PLACE)),
        ],
    ),
    (
        "subscribe",
        &[
            ("channel", Type::Text),
            ("token", Type::Text),
            ("data", Type::Any),
            ("recover", Type::Flag),
            ("offset", Type::Offset),
            ("epoch", Type::Text),
            ("join_leave", Type::Flag),
            ("flag", Type::Unsigned),
            ("type", Type::Unsigned),
            ("delta", Type::Text),
            ("tf", Type::Any),
        ],
    ),
    ("unsubscribe", &[("channel", Type::Text)]),
    ("publish", &[("channel", Type::Text), ("data", Type::Any)]),
    ("presence", &[("channel", Type::Text)]),
    ("presence_stats", &[("channel", Type::Text)]),
    (
        "history",
        &[
            ("channel", Type::Text),
            ("limit", Type::Signed),
            ("since", Type::Maybe(&SINCE)),
            ("reverse", Type::Flag),
        ],
    ),
    ("rpc", &[("method", Type::Text), ("data", Type::Any)]),
    ("send", &[("data", Type::Any)]),
    ("refresh", &[("token", Type::Text)]),
    ("sub_refresh", &[("channel", Type::Text), ("token", Type::Text)]),
    ("ping", &[]),
];

fn check_command(command: &Command<'_>, expected: &Expected<'_>, shown: &str) {
    assert_eq!(command.id, expected.id, "{shown}");
    let Some((name, given)) = &expected.method else {
        assert!(matches!(command.method, Method::Pong), "{command:?}: {shown}");
        return;
    };
    let text = |name| given.text(name).unwrap_or_default();
    let same_data = |data: Option<&RawValue>| {
        assert_eq!(data.map(RawValue::get), given.get("data"), "{shown}");
    };
    let read = match &command.method {
        Method::Connect(it) => {
            same_data(it.data);
            assert_eq!(it.token, text("token"), "{shown}");
            let subs = given.get("subs").and_then(Members::of);
            let names = |all: &Members<'_>| all.0.iter().map(|(name, _)| name.clone()).collect();
            let mut names: Vec<String> = subs.as_ref().map(names).unwrap_or_default();
            names.sort_unstable();
            names.dedup();
            assert!(it.subs.keys().eq(&names), "{shown}");
            "connect"
        }
        Method::Subscribe(it) => {
            same_data(it.data);
            assert_eq!((&*it.channel, &*it.token), (&*text("channel"), &*text("token")));
            let goes_on = given.get("recover") == Some("true");
            assert_eq!(it.start() != Start::Now, goes_on, "{shown}");
            "subscribe"
        }
        Method::Unsubscribe(channel) => same_channel(channel, given, "unsubscribe"),
        Method::Presence(channel) => same_channel(channel, given, "presence"),
        Method::PresenceStats(channel) => same_channel(channel, given, "presence_stats"),
        Method::Publish(it) => {
            same_data(it.data);
            same_channel(&it.channel, given, "publish")
        }
        Method::History(it) => {
            assert_eq!(it.limit.to_string(), given.get("limit").unwrap_or("0"), "{shown}");
            assert_eq!(it.since.is_some(), given.given("since").is_some(), "{shown}");
            same_channel(&it.channel, given, "history")
        }
        Method::Rpc(it) => {
            same_data(it.data);
            assert_eq!(it.method, text("method"), "{shown}");
            "rpc"
        }
        Method::Send(data) => {
            same_data(*data);
            "send"
        }
        Method::Refresh(token) => {
            assert_eq!(*token, text("token"), "{shown}");
            "refresh"
        }
        Method::SubRefresh(it) => {
            assert_eq!(it.token, text("token"), "{shown}");
            same_channel(&it.channel, given, "sub_refresh")
        }
        Method::Ping => "ping",
        Method::Pong => "pong",
    };
    assert_eq!(read, *name, "{shown}");
}

fn same_channel(channel: &str, given: &Members<'_>, method: &'static str) -> &'static str {
    assert_eq!(channel, given.text("channel").unwrap_or_default());
    method
}
