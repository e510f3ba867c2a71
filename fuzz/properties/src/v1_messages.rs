//! What clients of `switchboard.v1` send is read as it is written, and the answers are messages of the same form.

use switchboard_dialects::v1::{
    Request, RequestError, RequestKind, write_answer, write_error, write_published, write_refreshed,
};
use switchboard_hub::{ChannelName, Epoch, Kind, Position};

use crate::encoded::percent_encoded;
use crate::wire;

/// The input is a message.
pub fn check(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let request = match (Request::parse(data), end) {
        (Ok(request), Some(end)) => {
            assert_eq!(request.payload, &data[end + 2..]);
            request
        }
        (Ok(request), None) => panic!("{request:?} without an empty line"),
        (Err(error), None) => return assert_eq!(error, RequestError::Form),
        (Err(error), Some(end)) => return check_refused(&error, &data[..end]),
    };
    assert!((1..=64).contains(&request.id.len()));
    assert!(request.id.bytes().all(|byte| byte.is_ascii_graphic()));
    let written = written(&request);
    assert_eq!(Request::parse(&written).as_ref(), Ok(&request), "written as {written:?}");
    check_answers(&request);
}

/// A first line as it must be, and nothing behind it, is never refused.
fn check_refused(error: &RequestError, head: &[u8]) {
    let Some((name, id)) = str::from_utf8(head).ok().and_then(|head| head.split_once(": ")) else {
        return assert_eq!(*error, RequestError::Form);
    };
    let is_id = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(
        !matches!(name, "publish" | "request" | "refresh") || !is_id,
        "{error:?} for {name}: {id}"
    );
}

/// The message as another client would write it.
fn written(request: &Request<'_>) -> Vec<u8> {
    let mut head = String::new();
    let mut line = |name: &str, value: &str| head.extend([name, ": ", value, "\n"]);
    match &request.kind {
        RequestKind::Publish { channel, content_type, event } => {
            line("publish", request.id);
            // In another order than most.
            if let Some(event) = event {
                is_label(event);
                line("event", &percent_encoded(event));
            }
            if let Some(content_type) = content_type {
                is_label(content_type);
                line("content-type", content_type);
            }
            if let Some(channel) = channel {
                assert_eq!(ChannelName::new(channel.as_str()).as_ref(), Ok(channel));
                line("channel", &percent_encoded(channel.as_str()));
            }
        }
        RequestKind::Ask { method } => {
            line("request", request.id);
            if !method.is_empty() {
                is_label(method);
                line("method", &percent_encoded(method));
            }
        }
        RequestKind::Refresh => line("refresh", request.id),
    }
    [head.as_bytes(), b"\n", request.payload].concat()
}

fn is_label(label: &str) {
    assert!((1..=255).contains(&label.len()) && !label.contains(char::is_control), "{label:?}");
}

fn check_answers(request: &Request<'_>) {
    let position = Position { epoch: Epoch::from_random(5), offset: 17 };
    let is_text = str::from_utf8(request.payload).is_ok();
    let (kind, first) = if is_text { (Kind::Text, 0x81) } else { (Kind::Binary, 0x82) };
    let message = |write: &dyn Fn(&mut Vec<u8>), first: u8| {
        let mut out = Vec::new();
        write(&mut out);
        let (found, message) = wire::frame(&out);
        assert_eq!(found, first);
        let end = message.windows(2).position(|two| two == b"\n\n").expect("an empty line");
        let lines = str::from_utf8(&message[..end]).unwrap().split('\n');
        (lines.map(str::to_owned).collect::<Vec<_>>(), message[end + 2..].to_vec())
    };
    let id = request.id;
    assert_eq!(
        message(&|out| write_answer(id, kind, request.payload, out), first),
        (vec![format!("answer: {id}")], request.payload.to_vec())
    );
    let lines = vec![format!("published: {id}"), format!("position: {position}")];
    assert_eq!(message(&|out| write_published(id, position, out), 0x81), (lines, Vec::new()));
    let lines = vec![format!("error: {id}"), "code: 400".to_owned(), "reason: no".to_owned()];
    assert_eq!(message(&|out| write_error(id, 400, "no", out), 0x81), (lines, Vec::new()));
    let lines = vec![format!("refreshed: {id}")];
    assert_eq!(message(&|out| write_refreshed(id, out), 0x81), (lines, Vec::new()));
}
