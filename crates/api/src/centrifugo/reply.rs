//! Answers to calls.

use std::io::Write as _;

use serde::Serialize;
use switchboard_hub::Position;
use utoipa::ToSchema;

use super::error::{CallError, ErrorMode, Unread};

/// A whole answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A body of JSON.
    pub fn json(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/json", body }
    }

    /// The answer to one call: `{"result":..}`, or the error.
    pub fn new(result: Result<Vec<u8>, CallError>, mode: ErrorMode) -> Self {
        match result {
            Ok(result) => Self::json([b"{\"result\":", &*result, b"}"].concat()),
            Err(error) => Self::error(&error, mode),
        }
    }

    /// The error in its place, or as a status.
    fn error(error: &CallError, mode: ErrorMode) -> Self {
        let mut body = Vec::new();
        match mode {
            ErrorMode::InBody => {
                body.push(b'{');
                write_error(&mut body, error);
                body.push(b'}');
                Self::json(body)
            }
            ErrorMode::Transport => {
                write_bare(&mut body, error);
                Self { status: error.code.status(), ..Self::json(body) }
            }
        }
    }

    /// 400 for a body that cannot be read.
    pub fn unread(error: &Unread) -> Self {
        let body = format!("{error}\n").into_bytes();
        Self { status: 400, content_type: "text/plain; charset=utf-8", body }
    }
}

/// The replies to the commands of a batch. Centrifugo does not wrap them in `result`.
#[derive(Debug, Default)]
pub struct Replies {
    written: Vec<u8>,
}

impl Replies {
    /// The next one: `{"<method>":..}`, or the error.
    pub fn push(&mut self, method: &str, result: Result<Vec<u8>, CallError>) {
        let out = &mut self.written;
        out.extend_from_slice(if out.is_empty() { b"{" } else { b",{" });
        match result {
            Ok(result) => {
                out.push(b'"');
                out.extend_from_slice(method.as_bytes());
                out.extend_from_slice(b"\":");
                out.extend_from_slice(&result);
            }
            Err(error) => write_error(out, &error),
        }
        out.push(b'}');
    }

    /// All of them.
    pub fn answer(self) -> Answer {
        Answer::json([b"{\"replies\":[", &*self.written, b"]}"].concat())
    }
}

/// An error as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallError)]
pub struct WrittenError<'a> {
    /// For programs, by Centrifugo's numbers.
    #[schema(minimum = 100, maximum = 113)]
    code: u16,
    /// For people.
    message: &'a str,
}

fn write_bare(out: &mut Vec<u8>, error: &CallError) {
    let bare = WrittenError { code: error.code as u16, message: &error.message };
    // Texts and numbers written to memory: nothing can fail.
    let _ = serde_json::to_writer(out, &bare);
}

/// Appends the member `error`.
pub(super) fn write_error(out: &mut Vec<u8>, error: &CallError) {
    out.extend_from_slice(b"\"error\":");
    write_bare(out, error);
}

/// Appends the result of a publication.
pub(super) fn write_position(out: &mut Vec<u8>, position: Option<Position>) {
    // Writing to a Vec cannot fail.
    let _ = match position {
        Some(Position { epoch, offset }) => {
            write!(out, "{{\"offset\":{offset},\"epoch\":\"{epoch}\"}}")
        }
        None => write!(out, "{{}}"),
    };
}
