//! Calls that publish: read whole, made one publication after the other, answered together.

use switchboard_hub::Position;

use super::Method;
use super::batch::Batch;
use super::command::{Content, Publication, Written, read};
use super::error::{CallError, ErrorMode, Unread};
use super::reply::{Answer, Replies, write_error, write_position};
use crate::ItemLimits;

/// What became of a publication: where it is, unless its channel has no history.
pub type Outcome = Result<Option<Position>, CallError>;

/// The commands of a request, and the publications that they ask for, numbered from 0.
#[derive(Debug)]
pub struct Calls {
    is_batch: bool,
    commands: Vec<Command>,
    len: usize,
}

#[derive(Debug)]
struct Command {
    /// The number of its first publication.
    first: usize,
    is_broadcast: bool,
    content: Result<Content, CallError>,
}

impl Command {
    fn publications(&self) -> usize {
        self.content.as_ref().map_or(0, Content::channels)
    }
}

impl Calls {
    /// Reads a body. None for a batch with commands that do not publish.
    ///
    /// # Errors
    /// Where it is no JSON object of the method. A command that breaks another rule is answered in its
    /// place.
    pub fn read(method: Method, body: &[u8], limits: ItemLimits) -> Result<Option<Self>, Unread> {
        let mut calls = Self { is_batch: method == Method::Batch, commands: Vec::new(), len: 0 };
        match method {
            Method::Publish | Method::Broadcast => calls.push(method, body, limits)?,
            Method::Batch => {
                let batch = Batch::read(body)?;
                if !batch.only_publishes() {
                    return Ok(None);
                }
                for command in batch.commands {
                    let is_broadcast = command.method.as_deref() == Some("broadcast");
                    let method = if is_broadcast { Method::Broadcast } else { Method::Publish };
                    calls.push(method, command.params, limits)?;
                }
            }
        }
        Ok(Some(calls))
    }

    fn push(&mut self, method: Method, params: &[u8], limits: ItemLimits) -> Result<(), Unread> {
        let written: Written<'_> = read(params)?;
        let is_broadcast = method == Method::Broadcast;
        let content =
            if is_broadcast { written.broadcast(limits) } else { written.publish(limits) };
        let command = Command { first: self.len, is_broadcast, content };
        self.len += command.publications();
        self.commands.push(command);
        Ok(())
    }

    /// How many publications they ask for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// They ask for none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn command_of(&self, number: usize) -> Option<&Command> {
        let behind = self.commands.partition_point(|command| command.first <= number);
        self.commands.get(behind.checked_sub(1)?)
    }

    /// What a publication takes, in bytes.
    pub fn bytes(&self, number: usize) -> usize {
        let content = self.command_of(number).and_then(|command| command.content.as_ref().ok());
        content.map_or(0, Content::bytes)
    }

    /// The publication with this number.
    ///
    /// # Errors
    /// Where its channel has no name.
    pub fn publication(&self, number: usize) -> Result<Publication, CallError> {
        match self.command_of(number) {
            Some(Command { first, content: Ok(content), .. }) => {
                content.publication(number - first)
            }
            _ => Err(CallError::bad_request("channel is missing")),
        }
    }

    /// The answer to the request, from what became of each publication, in their order.
    pub fn answer(&self, outcomes: &[Outcome], mode: ErrorMode) -> Answer {
        if self.is_batch {
            let mut replies = Replies::default();
            for command in &self.commands {
                let method = if command.is_broadcast { "broadcast" } else { "publish" };
                replies.push(method, command.result(outcomes));
            }
            return replies.answer();
        }
        let Some(command) = self.commands.first() else {
            return Answer::json(b"{}".to_vec());
        };
        Answer::new(command.result(outcomes), mode)
    }

    /// The result of the only command.
    pub fn result(&self, outcomes: &[Outcome]) -> Result<Vec<u8>, CallError> {
        let command = self.commands.first();
        command.map_or_else(|| Ok(b"{}".to_vec()), |command| command.result(outcomes))
    }
}

impl Command {
    fn error<'a>(&'a self, outcomes: &'a [Outcome]) -> Option<&'a CallError> {
        match &self.content {
            Err(error) => Some(error),
            Ok(_) if self.is_broadcast => None,
            Ok(_) => outcomes.get(self.first)?.as_ref().err(),
        }
    }

    fn result(&self, outcomes: &[Outcome]) -> Result<Vec<u8>, CallError> {
        if let Some(error) = self.error(outcomes) {
            return Err(error.clone());
        }
        let mut result = Vec::new();
        self.write_result(&mut result, outcomes);
        Ok(result)
    }

    fn write_result(&self, out: &mut Vec<u8>, outcomes: &[Outcome]) {
        if !self.is_broadcast {
            let position = outcomes.get(self.first).and_then(|outcome| outcome.as_ref().ok());
            return write_position(out, position.copied().flatten());
        }
        out.extend_from_slice(b"{\"responses\":[");
        let own = outcomes.iter().skip(self.first).take(self.publications());
        for (number, outcome) in own.enumerate() {
            out.extend_from_slice(if number > 0 { b",{" } else { b"{" });
            match outcome {
                Ok(position) => {
                    out.extend_from_slice(b"\"result\":");
                    write_position(out, *position);
                }
                Err(error) => write_error(out, error),
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }
}

#[cfg(test)]
mod tests {
    use switchboard_hub::{Condition, Epoch, Kind, Version};

    use super::super::error::Code;
    use super::*;

    const LIMITS: ItemLimits = ItemLimits { payload_bytes_max: 20 };

    fn read(method: Method, body: &str) -> Calls {
        Calls::read(method, body.as_bytes(), LIMITS).unwrap().unwrap()
    }

    fn at(offset: u64) -> Position {
        Position { epoch: Epoch::from_random(0), offset }
    }

    fn body(answer: &Answer) -> &str {
        str::from_utf8(&answer.body).unwrap()
    }

    #[test]
    fn data_is_published_as_it_is_written_and_bytes_as_they_are() {
        for (data, kind, payload) in [
            (r#""data": {"a" : 1.50}"#, Kind::Text, &br#"{"a" : 1.50}"#[..]),
            (r#""data":null"#, Kind::Text, b"null"),
            (r#""data":"x""#, Kind::Text, br#""x""#),
            (r#""data":18446744073709551616"#, Kind::Text, b"18446744073709551616"),
            (r#""data":1,"b64data":"//4=""#, Kind::Binary, b"\xff\xfe"),
            (r#""data":1,"b64data":"""#, Kind::Text, b"1"),
        ] {
            let calls = read(Method::Publish, &format!(r#"{{"channel":"a",{data}}}"#));
            let publication = calls.publication(0).unwrap();
            assert_eq!(publication.draft.kind(), kind, "{data}");
            assert_eq!(publication.draft.payload(), payload, "{data}");
            assert_eq!(publication.condition, Condition::default());
        }
    }

    #[test]
    fn conditions_are_read_and_nulls_are_none() {
        let calls = read(
            Method::Publish,
            r#"{"channel":"a","data":1,"idempotency_key":"k","version":18446744073709551615,
                "version_epoch":"e","delta":true,"skip_history":null,"tags":null}"#,
        );
        let version = Version { number: u64::MAX, epoch: "e".into() };
        let expected = Condition { key: Some("k".into()), version: Some(version) };
        assert_eq!(calls.publication(0).unwrap().condition, expected);
        let skips = read(Method::Publish, r#"{"channel":"a","data":1,"skip_history":true}"#);
        assert!(skips.publication(0).unwrap().admit(false).is_ok());
        let error = skips.publication(0).unwrap().admit(true).unwrap_err();
        assert_eq!(error.code, Code::NotAvailable);
    }

    #[test]
    fn what_is_no_object_of_the_method_is_not_read() {
        for body in [
            "",
            "{",
            "[]",
            r#"["a"]"#,
            "null",
            r#"{"channel":1,"data":1}"#,
            r#"{"channel":"a","data":1} x"#,
            r#"{"channel":"a","data":1,"version":-1}"#,
            r#"{"channel":"a","data":1,"version":1.5}"#,
            r#"{"channel":"a","data":1,"version":18446744073709551616}"#,
            r#"{"channel":"a","data":1,"tags":{"a":1}}"#,
            r#"{"channel":"a","data":[}"#,
        ] {
            assert!(Calls::read(Method::Publish, body.as_bytes(), LIMITS).is_err(), "{body}");
        }
        let batch = br#"{"commands":[{"publish":["a"]}]}"#;
        assert!(Calls::read(Method::Batch, batch, LIMITS).is_err());
    }

    #[test]
    fn commands_that_break_a_rule_publish_nothing_and_say_which() {
        let long = "k".repeat(256);
        let key = format!(r#"{{"channel":"a","data":1,"idempotency_key":"{long}"}}"#);
        for (method, body) in [
            (Method::Publish, "{}"),
            (Method::Publish, r#"{"channel":"","data":1}"#),
            (Method::Publish, r#"{"channel":"a/b","data":1}"#),
            (Method::Publish, r#"{"channel":"a"}"#),
            (Method::Publish, r#"{"channel":"a","b64data":"?"}"#),
            (Method::Publish, r#"{"channel":"a","data":"1234567890123456789"}"#),
            (Method::Publish, &key),
            (Method::Broadcast, r#"{"data":1}"#),
            (Method::Broadcast, r#"{"channels":[],"data":1}"#),
        ] {
            let calls = read(method, body);
            assert!(calls.is_empty(), "{body}");
            let answer = calls.answer(&[], ErrorMode::InBody);
            assert_eq!(answer.status, 200);
            let start = r#"{"error":{"code":107,"message":"bad request: "#;
            assert!(self::body(&answer).starts_with(start), "{body}");
            let answer = calls.answer(&[], ErrorMode::Transport);
            assert_eq!(answer.status, 400);
            assert!(self::body(&answer).starts_with(r#"{"code":107,"#), "{body}");
        }
    }

    #[test]
    fn answers_stand_in_the_order_of_the_commands() {
        let calls = read(
            Method::Batch,
            r#"{"commands":[{"publish":{}},{"publish":{"channel":"a","data":1}},
                {"broadcast":{"channels":["b","c/d"],"data":2}},{"publish":{"channel":"e"}},
                {"publish":{"channel":"f","data":3}}],"parallel":true}"#,
        );
        assert_eq!(calls.len(), 4);
        let names: Vec<_> = (0..4).map(|n| calls.publication(n).map(|it| it.name)).collect();
        assert!(names[2].is_err());
        assert_eq!(names[3].as_ref().unwrap().as_str(), "f");
        let refused = names.into_iter().nth(2).unwrap().unwrap_err();
        let answer = calls.answer(
            &[Ok(Some(at(1))), Ok(Some(at(2))), Err(refused), Ok(None)],
            ErrorMode::Transport,
        );
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let replies = json["replies"].as_array().unwrap();
        assert_eq!(replies[0]["error"]["code"], 107);
        let one = serde_json::json!({"publish": {"offset": 1, "epoch": "00000000"}});
        assert_eq!(replies[1], one);
        let responses = &replies[2]["broadcast"]["responses"];
        assert_eq!(responses[0]["result"]["offset"], 2);
        assert_eq!(responses[1]["error"]["code"], 107);
        assert_eq!(replies[3]["error"]["code"], 107);
        assert_eq!(replies[4], serde_json::json!({"publish": {}}));
        assert_eq!(replies.len(), 5);
        let none = read(Method::Batch, "{}").answer(&[], ErrorMode::InBody);
        assert_eq!(body(&none), r#"{"replies":[]}"#);
    }
}
