//! What a backend answers: a no never becomes a yes, and what reaches clients is within its bounds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use switchboard_auth::{ChannelOptions, Claims};
use switchboard_hooks::{
    Answer, Client, Garbage, Payload, Question, Refreshed, Refusal, read_response,
};
use switchboard_hub::{ChannelName, Kind};

use crate::json::Members;

const NOW_S: u64 = 1_000;
/// What fits a Close frame.
const REASON_BYTES_MAX: usize = 123;

/// The input is the body of a response, to each question.
pub fn check(data: &[u8]) {
    let members = str::from_utf8(data).ok().and_then(Members::of);
    for question in questions() {
        let verdict = read_response(&question, data, NOW_S);
        let Some(members) = &members else {
            assert_eq!(verdict, Err(Garbage::NotJson), "{question:?}");
            continue;
        };
        let is_twice = |name| members.all(name).count() > 1;
        if is_twice("result") || is_twice("error") || is_twice("disconnect") {
            assert_eq!(verdict, Err(Garbage::NotJson));
            continue;
        }
        let has_no = |name| members.given(name).is_some();
        match verdict {
            Ok(Ok(answer)) => {
                assert!(!has_no("error") && !has_no("disconnect"), "{answer:?}");
                let result = members.given("result");
                let result = result.map(|it| Members::of(it).expect("a result is an object"));
                check_answer(&question, &answer, result.as_ref());
            }
            Ok(Err(refusal)) => check_refusal(&refusal, &has_no),
            Err(garbage) => {
                assert_ne!(garbage, Garbage::NotJson);
                assert_eq!(
                    matches!(garbage, Garbage::Refusal(_)),
                    has_no("error") || has_no("disconnect")
                );
            }
        }
    }
}

fn questions() -> [Question; 6] {
    let channel = ChannelName::new("a").expect("a name");
    let payload = |kind| Payload { kind, bytes: b"?".to_vec() };
    let client = Client::default;
    let message =
        |kind| Question::Message { client: client(), method: "".into(), payload: payload(kind) };
    [
        Question::Connect { client: client(), channels: vec![channel.clone()], data: None },
        Question::Refresh { client: client() },
        Question::Subscribe { client: client(), channels: vec![channel.clone()], data: None },
        Question::Publish { client: client(), channel, payload: payload(Kind::Text) },
        message(Kind::Text),
        message(Kind::Binary),
    ]
}

fn check_refusal(refusal: &Refusal, has_no: &dyn Fn(&'static str) -> bool) {
    let sentence = match refusal {
        Refusal::Disconnect { code, reason } => {
            assert!(has_no("disconnect") && (4_000..=4_999).contains(code), "{code}");
            reason
        }
        Refusal::Error { code, message, .. } => {
            // What a connect or a subscribe hook grants may be over already.
            let is_expired = matches!(*code, 109 | 110) && !has_no("error");
            assert!(!has_no("disconnect") && (has_no("error") || is_expired));
            assert!((100..=1_999).contains(code), "{code}");
            message
        }
        Refusal::Unavailable => panic!("a backend that answers is there"),
    };
    assert!(!sentence.trim().is_empty() && sentence.len() <= REASON_BYTES_MAX, "{sentence:?}");
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
}

fn check_answer(question: &Question, answer: &Answer, result: Option<&Members<'_>>) {
    match (question, answer) {
        (Question::Connect { .. }, Answer::Connected(claims)) => {
            assert_eq!(claims.is_some(), result.is_some());
            if let Some(claims) = claims {
                check_claims(claims);
            }
        }
        (Question::Refresh { .. }, Answer::Refreshed(refreshed)) => match refreshed {
            Refreshed::Expired => {}
            Refreshed::Until { end_s, info } => {
                let result = result.expect("a backend that says so");
                assert_ne!(result.get("expired"), Some("true"));
                assert!(end_s.is_none_or(|end_s| end_s > NOW_S), "{end_s:?}");
                assert!(info.as_ref().is_none_or(|it| it.len() <= Claims::INFO_BYTES_MAX));
            }
        },
        (Question::Subscribe { .. }, Answer::Subscribed(told)) => {
            let Some(options) = told else { return };
            check_lengths(options);
            assert!(options.expires_at_s.is_none_or(|at| at > NOW_S));
            let data = options.data.as_deref().filter(|data| *data != b"null");
            if let Some(data) = data {
                assert_eq!(Some(data), payload(result, Kind::Text).as_ref().map(|it| &*it.bytes));
            }
        }
        (Question::Publish { payload: asked, .. }, Answer::Published(instead)) => {
            assert_eq!(*instead, payload(result, asked.kind));
        }
        (Question::Message { payload: asked, .. }, Answer::Message(answer)) => {
            let empty = || Payload { kind: Kind::Text, bytes: Vec::new() };
            assert_eq!(*answer, payload(result, asked.kind).unwrap_or_else(empty));
        }
        (question, answer) => panic!("{answer:?} to {question:?}"),
    }
}

fn check_claims(claims: &Claims) {
    assert!(claims.user.len() <= Claims::USER_BYTES_MAX && !claims.user.contains(char::is_control));
    assert!(claims.info.as_ref().is_none_or(|it| it.len() <= Claims::INFO_BYTES_MAX));
    assert!(claims.connection_expires_at_s.is_none_or(|at| at > NOW_S));
    let Some(opening) = &claims.opening else { return };
    let data = opening.data.as_ref();
    assert!(data.is_none_or(|data| data.len() <= ChannelOptions::DATA_BYTES_MAX));
    opening.channels.values().for_each(check_lengths);
}

fn check_lengths(options: &ChannelOptions) {
    let (data, info) = (options.data.as_ref(), options.info.as_ref());
    assert!(data.is_none_or(|data| data.len() <= ChannelOptions::DATA_BYTES_MAX));
    assert!(info.is_none_or(|info| info.len() <= ChannelOptions::INFO_BYTES_MAX));
}

/// The payload in a result: bytes in base64, else JSON as it was written. Text stays text on its way through base64.
fn payload(result: Option<&Members<'_>>, asked: Kind) -> Option<Payload> {
    let result = result?;
    let encoded = result.given("b64data").and_then(|_| result.text("b64data"));
    if let Some(encoded) = encoded.filter(|it| !it.is_empty()) {
        let bytes = STANDARD.decode(encoded).expect("base64");
        let is_text = asked == Kind::Text && str::from_utf8(&bytes).is_ok();
        return Some(Payload { kind: if is_text { Kind::Text } else { Kind::Binary }, bytes });
    }
    let json = result.given("data");
    json.map(|json| Payload { kind: Kind::Text, bytes: json.as_bytes().to_vec() })
}
