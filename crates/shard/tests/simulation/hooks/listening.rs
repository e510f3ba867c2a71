//! Clients that listen, and what they ask backends.

use super::*;

const V1: &str = "Sec-WebSocket-Protocol: switchboard.v1\r\n";

fn open(single: &mut Single, desk: &Desk, protocol: &str) -> ClientId {
    let head = upgrade("/sub/asked:a").replace("Host: a\r\n", &format!("Host: a\r\n{protocol}"));
    let client = send(single, &head);
    answer(single, desk, Hook::Subscribe, Ok(Answer::Subscribed(None)));
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 101 "));
    client
}

pub(crate) fn publish() {
    let (mut single, desk) = single(|_| ());
    let plain = open(&mut single, &desk, "");
    say(&mut single, plain, &["one", "two", "three"]);
    assert_eq!(desk.waiting(), 1, "one after another");
    let question = answer(&mut single, &desk, Hook::Publish, Ok(Answer::Published(None)));
    let Question::Publish { channel, payload, .. } = question else { panic!() };
    assert_eq!((channel.as_str(), &payload.bytes[..]), ("asked:a", &b"one"[..]));
    assert_eq!(heard(&single, plain).0, ["one"]);
    let other = Payload { kind: Kind::Text, bytes: b"2".to_vec() };
    answer(&mut single, &desk, Hook::Publish, Ok(Answer::Published(Some(other))));
    answer(&mut single, &desk, Hook::Publish, Ok(Answer::Published(None)));
    assert_eq!(
        (heard(&single, plain), desk.waiting()),
        ((vec!["2".into(), "three".into()], None), 0)
    );

    let v1 = open(&mut single, &desk, V1);
    single.turn(5);
    single.net.read(v1);
    say(&mut single, v1, &["publish: a\n\nx", "publish: b\n\ny"]);
    answer(&mut single, &desk, Hook::Publish, Err(error(1_000)));
    answer(&mut single, &desk, Hook::Publish, Ok(Answer::Published(None)));
    let (said, code) = heard(&single, v1);
    assert_eq!(code, None);
    assert_eq!(said[0], "error: a\ncode: 1000\nreason: no such luck\n\n");
    assert!(said.iter().any(|text| text.starts_with("published: b\n")), "{said:?}");
    assert!(said.iter().any(|text| text.ends_with("\n\ny")), "{said:?}");
}

pub(crate) fn refused_publications() {
    for (refusal, code) in
        [(error(403), 4_403), (disconnect(), 4_501), (Refusal::Unavailable, 1_013)]
    {
        let (mut single, desk) = single(|_| ());
        let plain = open(&mut single, &desk, "");
        say(&mut single, plain, &["one", "two"]);
        answer(&mut single, &desk, Hook::Publish, Err(refusal));
        assert_eq!((heard(&single, plain), desk.waiting()), ((vec![], Some(code)), 0));
    }
}

pub(crate) fn messages() {
    let (mut single, desk) = single(|_| ());
    let client = open(&mut single, &desk, V1);
    single.turn(5);
    single.net.read(client);
    let texts: Vec<String> =
        (0..10).map(|nth| format!("request: {nth}\nmethod: m\n\n{nth}")).collect();
    say(&mut single, client, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(desk.waiting(), 8);
    let mut asked: Vec<_> = desk.asked.lock().unwrap().drain(..).collect();
    let (question, reply) = asked.remove(5);
    let Question::Message { method, payload, .. } = question else { panic!() };
    assert_eq!((&*method, &payload.bytes[..]), ("m", &b"5"[..]));
    reply(Ok(Answer::Message(Payload { kind: Kind::Text, bytes: b"five".to_vec() })));
    single.turn(5);
    assert_eq!(heard(&single, client).0, ["answer: 5\n\nfive"]);
    assert_eq!(desk.waiting(), 1, "a ninth");
    drop(asked);
    single.turn(5);
    let unavailable = |text: &String| text.contains("code: 503\n");
    assert_eq!(heard(&single, client).0.iter().filter(|text| unavailable(text)).count(), 7);
    assert_eq!(desk.waiting(), 2, "and the last");
    answer(&mut single, &desk, Hook::Message, Err(disconnect()));
    assert_eq!(heard(&single, client).1, Some(4_501));
}

pub(crate) fn refresh() {
    let (mut single, desk) = single(asks_who);
    let client = send(&mut single, &upgrade("/sub/room"));
    let who = claims(r#"{"user":"7","expire_at":11}"#);
    answer(&mut single, &desk, Hook::Connect, who);
    single.net.read(client);
    let pass = |single: &mut Single, seconds: u64| {
        for _ in 0..seconds * 20 {
            single.now_ms += 50;
            single.shard.set_wall(single.now_ms, 0);
            single.turn(1);
        }
    };
    pass(&mut single, 9);
    assert_eq!(desk.waiting(), 0);
    pass(&mut single, 4);
    let until = Ok(Answer::Refreshed(Refreshed::Until { end_s: Some(30), info: None }));
    let question = answer(&mut single, &desk, Hook::Refresh, until);
    assert_eq!(&*question.client().user, "7");
    pass(&mut single, 10);
    assert_eq!(desk.waiting(), 0);
    pass(&mut single, 10);
    answer(&mut single, &desk, Hook::Refresh, Err(Refusal::Unavailable));
    pass(&mut single, 50);
    assert_eq!(desk.waiting(), 0, "it has a minute");
    pass(&mut single, 15);
    assert_eq!(heard(&single, client), (vec![], None));
    answer(&mut single, &desk, Hook::Refresh, Ok(Answer::Refreshed(Refreshed::Expired)));
    assert_eq!(heard(&single, client).1, Some(4_401));
}

pub(crate) fn events() {
    let (mut single, desk) = single(asks_who);
    let client = send(&mut single, &upgrade("/sub/room,hall"));
    answer(&mut single, &desk, Hook::Connect, claims(r#"{"user":"7"}"#));
    let told = |desk: &Desk| -> Vec<String> {
        let line = |kind: EventKind| match &kind {
            EventKind::Connected { user, .. } | EventKind::Disconnected { user, .. } => {
                format!("{} {user}", kind.name())
            }
            EventKind::Subscribed { user, channel, .. }
            | EventKind::Unsubscribed { user, channel, .. } => {
                format!("{} {user} {channel}", kind.name())
            }
            EventKind::Occupied { channel } | EventKind::Vacated { channel } => {
                format!("{} {channel}", kind.name())
            }
        };
        desk.told().into_iter().map(line).collect()
    };
    let came =
        ["connected 7", "subscribed 7 room", "subscribed 7 hall", "occupied room", "occupied hall"];
    assert_eq!(told(&desk), came);
    let mut bytes = Vec::new();
    frame::write(&mut bytes, Opcode::Close, &[], MASK);
    single.net.write(client, &bytes);
    single.turn(5);
    let mut left = told(&desk);
    left.sort_unstable();
    let gone = [
        "disconnected 7",
        "unsubscribed 7 hall",
        "unsubscribed 7 room",
        "vacated hall",
        "vacated room",
    ];
    assert_eq!(left, gone);
    // Polls come and go, and only their channels are told of.
    let poll = "GET /sub/room HTTP/1.1\r\nHost: a\r\n\r\n";
    send(&mut single, poll);
    answer(&mut single, &desk, Hook::Connect, anonymous());
    assert_eq!(told(&desk), ["occupied room"]);
}
