use proptest::prelude::*;
use switchboard_hub::ChannelName;

use super::*;
use crate::Client;

fn payload(kind: Kind, bytes: &[u8]) -> Payload {
    Payload { kind, bytes: bytes.to_vec() }
}

fn questions() -> [Question; 5] {
    let client = Client::default;
    let channel = ChannelName::new("a").unwrap();
    let question = payload(Kind::Text, b"?");
    [
        Question::Connect { client: client(), channels: Vec::new(), data: None },
        Question::Refresh { client: client() },
        Question::Subscribe { client: client(), channels: vec![channel.clone()], data: None },
        Question::Publish { client: client(), channel, payload: question.clone() },
        Question::Message { client: client(), method: "".into(), payload: question },
    ]
}

fn read(question: usize, body: &str) -> Result<Verdict, Garbage> {
    read_response(&questions()[question], body.as_bytes(), 1_000)
}

#[test]
fn a_backend_without_an_opinion_lets_things_be_as_without_it() {
    let answers = [
        Answer::Connected(None),
        Answer::Refreshed(Refreshed::Expired),
        Answer::Subscribed(None),
        Answer::Published(None),
        Answer::Message(payload(Kind::Text, b"")),
    ];
    for (question, answer) in answers.into_iter().enumerate() {
        for body in ["{}", r#" {"result":null,"error":null,"disconnect":null} "#, r#"{"x":1}"#] {
            assert_eq!(read(question, body), Ok(Ok(answer.clone())), "{body}");
        }
    }
}

#[test]
fn a_result_is_read_as_its_question_wants() {
    let Ok(Ok(Answer::Connected(Some(claims)))) =
        read(0, r#"{"result":{"user":"7","expire_at":2000,"meta":{}}}"#)
    else {
        panic!("no claims");
    };
    assert_eq!((&*claims.user, claims.expires_at_s), ("7", Some(2_000)));
    assert!(matches!(read(0, r#"{"result":{}}"#), Ok(Ok(Answer::Connected(Some(_))))));
    let until = |end_s, info: Option<&[u8]>| Refreshed::Until { end_s, info: info.map(Arc::from) };
    let expired = read(0, r#"{"result":{"expire_at":1000}}"#);
    assert!(matches!(expired, Ok(Err(Refusal::Error { code: 109, .. }))), "{expired:?}");
    for (result, refreshed) in [
        ("{}", until(None, None)),
        (r#"{"expire_at":0,"expired":false,"info":null}"#, until(None, None)),
        (r#"{"expire_at":1001}"#, until(Some(1_001), None)),
        (r#"{"info":{"n":1}}"#, until(None, Some(br#"{"n":1}"#))),
        (r#"{"expire_at":1000}"#, Refreshed::Expired),
        (r#"{"expire_at":2000,"expired":true}"#, Refreshed::Expired),
    ] {
        let body = format!(r#"{{"result":{result}}}"#);
        assert_eq!(read(1, &body), Ok(Ok(Answer::Refreshed(refreshed))), "{result}");
    }
    let told = |result: &str| read(2, &format!(r#"{{"result":{result}}}"#));
    assert_eq!(told(r#"{"info":null,"data":null}"#), Ok(Ok(Answer::Subscribed(None))));
    let options = ChannelOptions {
        data: Some(b"[1]"[..].into()),
        info: Some(Arc::from(&b"2"[..])),
        expires_at_s: Some(1_001),
        ..ChannelOptions::default()
    };
    let said = Ok(Ok(Answer::Subscribed(Some(Box::new(options)))));
    assert_eq!(told(r#"{"data":[1],"info":2,"expire_at":1001}"#), said);
    let expired = told(r#"{"expire_at":1000}"#);
    assert!(matches!(expired, Ok(Err(Refusal::Error { code: 110, .. }))), "{expired:?}");
    let long = format!(r#"{{"data":"{}"}}"#, "x".repeat(ChannelOptions::DATA_BYTES_MAX));
    assert_eq!(told(&long), Err(Garbage::Claim("data")));
    assert_eq!(told(r#"{"override":[]}"#), Err(Garbage::Claim("override")));
    for (result, data) in [
        ("{}", None),
        (r#"{"data": {"a": 1}}"#, Some(payload(Kind::Text, br#"{"a": 1}"#))),
        (r#"{"data":1,"b64data":"aGk="}"#, Some(payload(Kind::Text, b"hi"))),
        (r#"{"data":1,"b64data":""}"#, Some(payload(Kind::Text, b"1"))),
        (r#"{"b64data":"/w=="}"#, Some(payload(Kind::Binary, b"\xff"))),
    ] {
        let body = format!(r#"{{"result":{result}}}"#);
        assert_eq!(read(3, &body), Ok(Ok(Answer::Published(data.clone()))), "{result}");
        let data = data.unwrap_or(payload(Kind::Text, b""));
        assert_eq!(read(4, &body), Ok(Ok(Answer::Message(data))), "{result}");
    }
    let binary = Question::Message {
        client: Client::default(),
        method: "".into(),
        payload: payload(Kind::Binary, b"?"),
    };
    let answer = read_response(&binary, br#"{"result":{"b64data":"aGk="}}"#, 0);
    assert_eq!(answer, Ok(Ok(Answer::Message(payload(Kind::Binary, b"hi")))));
}

#[test]
fn a_no_stays_a_no_whatever_its_code() {
    let error = |code, message: &str, is_temporary| {
        Ok(Err(Refusal::Error { code, message: message.to_owned(), is_temporary }))
    };
    let disconnect =
        |code, reason: &str| Ok(Err(Refusal::Disconnect { code, reason: reason.to_owned() }));
    let long = "é".repeat(100);
    for (body, expected) in [
        (r#"{"error":{"code":1000,"message":"no","temporary":true}}"#, error(1_000, "no", true)),
        (r#"{"error":{"code":103}}"#, error(103, "the backend refuses it", false)),
        (r#"{"error":{"code":-1,"message":"a\nb"}}"#, error(400, "a b", false)),
        (r#"{"error":{"code":2000,"message":" "}}"#, error(400, "the backend refuses it", false)),
        (r#"{"disconnect":{"code":4400,"reason":"go"}}"#, disconnect(4_400, "go")),
        (r#"{"disconnect":{"code":3503}}"#, disconnect(4_500, "the backend ends this")),
        (
            r#"{"disconnect":{"code":99999,"reason":"\u0000"}}"#,
            disconnect(4_500, "the backend ends this"),
        ),
        (
            &format!(r#"{{"error":{{"code":1,"message":"{long}"}}}}"#),
            error(400, &long[..122], false),
        ),
        (
            r#"{"result":{},"error":{"code":400},"disconnect":{"code":4000,"reason":"x"}}"#,
            disconnect(4_000, "x"),
        ),
    ] {
        for question in 0..5 {
            assert_eq!(read(question, body), expected, "{body}");
        }
    }
}

#[test]
fn anything_else_is_garbage() {
    for question in questions() {
        let not_utf8 = read_response(&question, b"{\"result\":null,\"x\":\"\xff\"}", 1_000);
        assert_eq!(not_utf8, Err(Garbage::NotJson));
    }
    for question in 0..5 {
        for body in
            ["", "null", "[]", "[null,null,null]", "<html>", "{", "{}x", r#"{"result":{}} {}"#]
        {
            assert_eq!(read(question, body), Err(Garbage::NotJson), "{body}");
        }
        for body in [r#"{"error":{}}"#, r#"{"error":"no"}"#, r#"{"error":[400,"",false]}"#] {
            assert_eq!(read(question, body), Err(Garbage::Refusal("error")), "{body}");
        }
        let disconnect = read(question, r#"{"disconnect":{"code":"x"}}"#);
        assert_eq!(disconnect, Err(Garbage::Refusal("disconnect")));
        for result in ["[]", "1", "\"a\"", "true"] {
            let body = format!(r#"{{"result":{result}}}"#);
            assert_eq!(read(question, &body), Err(Garbage::Result), "{body}");
        }
    }
    assert_eq!(read(0, r#"{"result":{"user":7}}"#), Err(Garbage::Claim("user")));
    assert_eq!(read(1, r#"{"result":{"expire_at":"x"}}"#), Err(Garbage::Result));
    assert_eq!(read(3, r#"{"result":{"b64data":"*"}}"#), Err(Garbage::Result));
}

proptest! {
    #[test]
    fn no_response_breaks_the_reader(body in ".{0,64}", json in r#"\{"(result|error|disconnect)":.{0,40}\}"#) {
        for question in 0..5 {
            let _ = read(question, &body);
            if let Ok(Err(Refusal::Error { message, .. } | Refusal::Disconnect { reason: message, .. })) = read(question, &json) {
                prop_assert!(message.len() <= REASON_BYTES_MAX && !message.contains(char::is_control));
            }
        }
    }
}
