//! Calls of Centrifugo's API: what is published is what was written, each command is answered in its place, and every
//! answer is JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use switchboard_api::centrifugo::{
    Answer, CallError, Calls, ErrorMode, METHODS, Method, Outcome, Request,
};
use switchboard_hub::{Epoch, Kind, Position};

use crate::json::Members;
use crate::published::{LIMITS, Published};

/// The first line is a method, the rest is what it is given.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (name, params) = (String::from_utf8_lossy(&data[..end]), data[end..].trim_ascii());
    check_any(&name, params);
    check_calls(Method::Publish, params);
    check_calls(Method::Broadcast, params);
    check_calls(Method::Batch, params);
}

fn object(json: &[u8]) -> Option<Members<'_>> {
    Members::of(str::from_utf8(json).ok()?)
}

/// Known methods take objects only.
fn check_any(name: &str, params: &[u8]) {
    for method in METHODS.iter().copied().chain([name]) {
        match Request::read(method, params, LIMITS) {
            // A batch is read by itself.
            Ok(None) => assert!(method == "batch" || !METHODS.contains(&method), "{method}"),
            Ok(Some(_)) => assert!(object(params).is_some(), "{method} of {params:?}"),
            Err(error) => assert_eq!(Answer::unread(&error).status, 400),
        }
    }
}

fn check_calls(method: Method, params: &[u8]) {
    let Ok(Some(calls)) = Calls::read(method, params, LIMITS) else { return };
    let members = object(params).expect("an object");
    let commands = commands(method, &members);
    let mut outcomes = Vec::new();
    let mut expected = commands.iter().flat_map(|(_, given)| channels(given));
    for number in 0..calls.len() {
        let outcome = match calls.publication(number) {
            Ok(publication) => {
                let bytes = calls.bytes(number);
                let item = Published::of(&publication.name, publication.draft);
                assert_eq!(bytes, item.payload.len() + item.tags.as_ref().map_or(0, String::len));
                check_publication(&item, &mut expected);
                Ok(Some(Position { epoch: Epoch::from_random(1), offset: number as u64 + 1 }))
            }
            Err(error) => Err(error),
        };
        outcomes.push(outcome);
    }
    check_answers(method, &calls, &outcomes, commands.len());
}

/// The commands and what each is given.
fn commands<'a>(method: Method, members: &Members<'a>) -> Vec<(String, Members<'a>)> {
    let of =
        |name: &str, params: &'a str| (name.to_owned(), Members::of(params).expect("an object"));
    match method {
        Method::Publish => vec![("publish".to_owned(), Members(members.0.clone()))],
        Method::Broadcast => vec![("broadcast".to_owned(), Members(members.0.clone()))],
        Method::Batch => {
            let list = members.given("commands").unwrap_or("[]");
            let list: Vec<Members<'a>> = serde_json::from_str(list).expect("a list of objects");
            // The last of several with one name counts.
            let command = |all: &Members<'a>| of(&all.0[0].0, all.get(&all.0[0].0).unwrap());
            list.iter().map(command).collect()
        }
    }
}

/// What may be published to a channel: the channel, the kind and the payload.
fn channels(given: &Members<'_>) -> Vec<(String, Kind, Vec<u8>)> {
    let payload = match given.given("b64data").and_then(|_| given.text("b64data")) {
        Some(encoded) if !encoded.is_empty() => {
            STANDARD.decode(encoded).ok().map(|bytes| (Kind::Binary, bytes))
        }
        _ => given.get("data").map(|data| (Kind::Text, data.as_bytes().to_vec())),
    };
    let Some((kind, payload)) = payload else { return Vec::new() };
    let list =
        given.given("channels").and_then(|list| serde_json::from_str::<Vec<String>>(list).ok());
    let one = given.given("channel").and_then(|_| given.text("channel"));
    let names = one.into_iter().chain(list.unwrap_or_default());
    names.map(|name| (name, kind, payload.clone())).collect()
}

/// Publications are some of those that were asked for, in their order.
fn check_publication(
    item: &Published,
    expected: &mut impl Iterator<Item = (String, Kind, Vec<u8>)>,
) {
    let found = expected.find(|(name, kind, payload)| {
        (name, kind, payload) == (&item.channel, &item.kind, &item.payload)
    });
    assert!(found.is_some(), "{item:?} was not asked for there");
    if let Some(tags) = &item.tags {
        let tags: Value = serde_json::from_str(tags).expect("JSON");
        assert!(tags.as_object().is_some_and(|tags| tags.values().all(Value::is_string)));
    }
}

fn check_answers(method: Method, calls: &Calls, outcomes: &[Outcome], commands: usize) {
    let failed: Vec<Outcome> =
        outcomes.iter().map(|_| Err(CallError::bad_request("\"a\nrule\\"))).collect();
    for outcomes in [outcomes, &failed] {
        for mode in [ErrorMode::InBody, ErrorMode::Transport] {
            let answer = calls.answer(outcomes, mode);
            let value: Value = serde_json::from_slice(&answer.body).expect("JSON");
            assert!(!answer.body.contains(&b'\n'));
            let is_error = value.get("error").is_some() || value.get("code").is_some();
            assert_eq!(answer.status != 200, is_error && mode == ErrorMode::Transport, "{value}");
            if method == Method::Batch {
                assert_eq!(value["replies"].as_array().map(Vec::len), Some(commands), "{value}");
            } else {
                assert_ne!(value.get("result").is_some(), is_error, "{value}");
            }
            if method == Method::Broadcast && !is_error {
                let responses = value["result"]["responses"].as_array().map(Vec::len);
                assert_eq!(responses, Some(calls.len()), "{value}");
            }
        }
    }
}
