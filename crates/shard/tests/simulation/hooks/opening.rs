//! Clients about whom a backend is asked before they listen.

use super::*;

pub(crate) fn connect() {
    let (mut single, desk) = single(asks_who);
    let head = upgrade("/sub/room").replace("Host: a\r\n", "Host: a\r\nCookie: a=b\r\nX: y\r\n");
    let client = send(&mut single, &head);
    // What follows the handshake waits as well.
    assert_eq!((desk.waiting(), single.net.read(client).len()), (1, 0));
    single.turn(50);
    assert_eq!(desk.waiting(), 1, "it is asked once");
    let who = claims(r#"{"user":"7","meta":{"a":1}}"#);
    let question = answer(&mut single, &desk, Hook::Connect, who);
    let Question::Connect { client: asked, channels, .. } = question else { panic!() };
    assert_eq!((asked.transport, &*asked.user), ("websocket", ""));
    assert_eq!(asked.headers, [("cookie".into(), b"a=b"[..].into())]);
    assert_eq!((channels.len(), channels[0].as_str()), (1, "room"));
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 101 "));
    single.now_ms += 100;
    single.turn(1);
    assert_eq!((single.counter("identified_open"), single.counter("users_open")), (1, 1));

    let stranger = send(&mut single, &upgrade("/sub/room"));
    answer(&mut single, &desk, Hook::Connect, anonymous());
    assert!(single.net.read(stranger).starts_with(b"HTTP/1.1 101 "));
    single.now_ms += 100;
    single.turn(1);
    assert_eq!(single.counter("identified_open"), 1);
    assert_eq!(desk.waiting(), 0);
}

pub(crate) fn refusals() {
    let (mut single, desk) = single(asks_who);
    let poll = "GET /sub/room HTTP/1.1\r\nHost: a\r\n\r\n";
    let temporary = Refusal::Error { code: 100, message: "later".to_owned(), is_temporary: true };
    for (refusal, of_websocket, of_poll) in [
        (Refusal::Unavailable, "503", "503"),
        (temporary, "503", "503"),
        (error(401), "401", "401"),
        (error(404), "404", "404"),
        (error(1_000), "403", "403"),
        (disconnect(), "101", "403"),
    ] {
        for (request, status) in [(upgrade("/sub/room"), of_websocket), (poll.to_owned(), of_poll)]
        {
            let client = send(&mut single, &request);
            answer(&mut single, &desk, Hook::Connect, Err(refusal.clone()));
            let said = single.net.read(client);
            let text = String::from_utf8_lossy(&said);
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{refusal:?}: {text}");
            assert_eq!(text.contains("Retry-After: "), status == "503", "{text}");
            if status == "101" {
                let end = said.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
                assert_eq!(frames(&said[end..]), (vec![], Some(4_501)));
            } else if status == "403" || status == "404" {
                assert!(text.ends_with("no such luck\n") || text.ends_with("go away\n"), "{text}");
            }
        }
    }
    let client = send(&mut single, poll);
    drop(desk.take(Hook::Connect));
    single.turn(5);
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 503 "), "a reply that is dropped");
    // A refusal is of one request, not of its connection.
    single.net.write(client, poll.as_bytes());
    single.turn(5);
    answer(&mut single, &desk, Hook::Connect, anonymous());
    assert_eq!(single.counter("polls_held"), 1);
}

pub(crate) fn polls() {
    let (mut single, desk) = single(asks_who);
    let ask = |cookie: &str| {
        format!("GET /sub/asked:a?poll=1 HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n")
    };
    let client = send(&mut single, &ask("one"));
    let who = claims(r#"{"user":"7"}"#);
    answer(&mut single, &desk, Hook::Connect, who.clone());
    answer(&mut single, &desk, Hook::Subscribe, Ok(Answer::Subscribed(None)));
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 304 "));
    for _ in 0..59 {
        single.now_ms += 1_000;
        single.shard.set_wall(single.now_ms, 0);
        single.net.write(client, ask("one").as_bytes());
        single.turn(5);
        assert!(single.net.read(client).starts_with(b"HTTP/1.1 304 "));
    }
    assert_eq!(desk.waiting(), 0);
    single.net.write(client, ask("two").as_bytes());
    single.turn(5);
    answer(&mut single, &desk, Hook::Connect, Err(error(403)));
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 403 "), "another client");
    single.now_ms += 2_000;
    single.shard.set_wall(single.now_ms, 0);
    single.net.write(client, ask("one").as_bytes());
    single.turn(5);
    answer(&mut single, &desk, Hook::Connect, who);
    assert_eq!(desk.waiting(), 1, "the channel is asked about again, too");
}

pub(crate) fn subscribe() {
    let (mut single, desk) = single(asks_who);
    let client = send(&mut single, &upgrade("/sub/room,asked:mine,asked:a,asked:b"));
    let who = claims(r#"{"user":"7","channels":["asked:mine"],"meta":{"plan":"free"}}"#);
    answer(&mut single, &desk, Hook::Connect, who);
    assert_eq!(single.net.read(client), b"");
    let question = answer(&mut single, &desk, Hook::Subscribe, Ok(Answer::Subscribed(None)));
    let Question::Subscribe { client: asked, channels, .. } = question else { panic!() };
    assert_eq!((&*asked.user, asked.meta.as_deref()), ("7", Some(&br#"{"plan":"free"}"#[..])));
    assert_eq!(
        channels.iter().map(ChannelName::as_str).collect::<Vec<_>>(),
        ["asked:a", "asked:b"]
    );
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 101 "));
    // A half-closed client still gets its answer.
    let poll = "GET /sub/asked:a?poll=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let client = send(&mut single, poll);
    single.net.half_close(client);
    single.turn(5);
    answer(&mut single, &desk, Hook::Connect, anonymous());
    answer(&mut single, &desk, Hook::Subscribe, Err(error(403)));
    single.turn(5);
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 403 "));
    assert_eq!(single.net.state(client), ClientState::Finished);
}

pub(crate) fn clients_that_leave() {
    let (mut single, desk) = single(asks_who);
    for _ in 0..3 {
        let gone = send(&mut single, &upgrade("/sub/room"));
        single.net.reset(gone);
        single.turn(5);
        // Another takes its slot, and gets no answer that was for the first.
        let next = send(&mut single, &upgrade("/sub/room"));
        assert_eq!(desk.waiting(), 2);
        let who = claims(r#"{"user":"first"}"#);
        answer(&mut single, &desk, Hook::Connect, who);
        assert_eq!(single.net.read(next), b"");
        answer(&mut single, &desk, Hook::Connect, anonymous());
        assert!(single.net.read(next).starts_with(b"HTTP/1.1 101 "));
        single.net.reset(next);
        single.turn(5);
    }
    // One that a control side never answers is not held for ever.
    let client = send(&mut single, &upgrade("/sub/room"));
    for _ in 0..63 * 20 {
        single.now_ms += 50;
        single.turn(1);
    }
    assert!(single.net.read(client).starts_with(b"HTTP/1.1 503 "));
}

/// Who waits for a backend is told to go once that has answered.
pub(crate) fn drain() {
    let (mut single, desk) = single(|config| {
        asks_who(config);
        config.timeouts.drain_ms = 4_000;
    });
    let client = send(&mut single, &upgrade("/sub/room"));
    assert_eq!(desk.waiting(), 1);
    single.drain();
    for _ in 0..20 {
        single.turn(2);
        single.now_ms += 100;
    }
    assert_eq!(single.net.state(client), ClientState::Open);
    answer(&mut single, &desk, Hook::Connect, anonymous());
    single.now_ms += 100;
    single.turn(2);
    let said = single.net.read(client);
    assert!(said.starts_with(b"HTTP/1.1 101 "));
    let end = said.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(frames(&said[end..]), (vec![], Some(1012)));
}
