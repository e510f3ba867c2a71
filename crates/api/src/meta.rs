//! What is kept with a payload for clients that listen by HTTP.

use switchboard_hub::{Draft, Kind};

use crate::ApiError;

/// The labels of a publication.
#[derive(Debug, Default)]
pub struct Meta {
    content_type: Option<String>,
    event: Option<String>,
}

/// What `curl -d` says about every body: it describes the tool, not the payload.
const FORM: &str = "application/x-www-form-urlencoded";
const BINARY: &str = "application/octet-stream";
const LABEL_BYTES_MAX: usize = 255;
/// The server's and the browser's own event names in an event stream.
const OWN_EVENTS: [&str; 4] = ["gap", "binary", "open", "error"];

impl Meta {
    /// Checks what will be in response heads and event streams, where a line break would
    /// begin something else.
    ///
    /// # Errors
    /// 400 for a content type that is not 1 to 255 bytes of ASCII without control characters, and for
    /// an event that is not 1 to 255 bytes without them or that is a name of the server's own.
    pub fn new(content_type: Option<String>, event: Option<String>) -> Result<Self, ApiError> {
        let wrong = |label: &str| {
            label.is_empty() || label.len() > LABEL_BYTES_MAX || label.contains(char::is_control)
        };
        if content_type.as_deref().is_some_and(|label| wrong(label) || !label.is_ascii()) {
            return Err(ApiError::bad_request(
                "bad_content_type",
                "the content type must be 1 to 255 visible ASCII characters",
            ));
        }
        if event.as_deref().is_some_and(wrong) {
            return Err(ApiError::bad_request(
                "bad_event",
                "the event must be 1 to 255 bytes of UTF-8 without control characters",
            ));
        }
        if event.as_deref().is_some_and(|event| OWN_EVENTS.contains(&event)) {
            return Err(ApiError::bad_request(
                "bad_event",
                "the events gap and binary of an event stream are the server's own; name it otherwise",
            ));
        }
        let content_type = content_type.filter(|label| media_type(label) != FORM);
        Ok(Self { content_type, event })
    }

    /// The labels in the headers `Content-Type` and `X-EventSource-Event`, where they are given.
    ///
    /// # Errors
    /// As [`Meta::new`], and 400 for what is not UTF-8.
    pub fn of_headers(content_type: Option<&[u8]>, event: Option<&[u8]>) -> Result<Self, ApiError> {
        let text = |name: &str, value: Option<&[u8]>, code| match value.map(str::from_utf8) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Err(_)) => Err(ApiError::bad_request(code, format!("{name} must be UTF-8"))),
        };
        let content_type = text("content-type", content_type, "bad_content_type")?;
        Self::new(content_type, text("x-eventsource-event", event, "bad_event")?)
    }

    /// Text, unless the publisher says otherwise or the bytes do.
    pub fn kind_of(&self, payload: &[u8]) -> Kind {
        let binary = self.content_type.as_deref().is_some_and(|label| media_type(label) == BINARY);
        if binary || str::from_utf8(payload).is_err() { Kind::Binary } else { Kind::Text }
    }

    /// The publication to make.
    pub fn draft(&self, kind: Kind, payload: &[u8]) -> Draft {
        let mut draft = Draft::new(kind, payload);
        if let Some(content_type) = &self.content_type {
            draft = draft.with_content_type(content_type);
        }
        if let Some(event) = &self.event {
            draft = draft.with_event(event);
        }
        draft
    }
}

/// A content type without its parameters, in lower case.
pub fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_binary_are_told_apart() {
        let json = "application/json; charset=utf-8";
        let octets = "Application/Octet-Stream";
        let cases: [(&str, &[u8], Kind, Option<&str>); 6] = [
            (FORM, b"a=1", Kind::Text, None),
            ("text/plain", "ä".as_bytes(), Kind::Text, Some("text/plain")),
            (json, b"{}", Kind::Text, Some(json)),
            (octets, b"a", Kind::Binary, Some(octets)),
            ("text/plain", b"\xff", Kind::Binary, Some("text/plain")),
            ("", b"", Kind::Text, None),
        ];
        for (content_type, payload, kind, kept) in cases {
            let meta = Meta::of_headers(Some(content_type.as_bytes()), Some(b" tick ")).unwrap();
            assert_eq!(meta.kind_of(payload), kind, "{content_type}");
            let draft = meta.draft(kind, payload);
            assert_eq!(draft.payload(), payload);
            assert_eq!(meta.content_type.as_deref(), kept);
            assert_eq!(meta.event.as_deref(), Some("tick"));
        }
    }

    #[test]
    fn labels_cannot_break_lines_or_pass_for_the_servers_own() {
        for event in ["a\tb", "gap", "binary", "x\ny"] {
            let error = Meta::of_headers(None, Some(event.as_bytes())).unwrap_err();
            assert_eq!(error.code, "bad_event", "{event:?}");
        }
        for label in ["täxt/plain".as_bytes(), b"\xff", b"x\r\ny"] {
            let error = Meta::of_headers(Some(label), None).unwrap_err();
            assert_eq!((error.status, error.code), (400, "bad_content_type"));
        }
    }
}
