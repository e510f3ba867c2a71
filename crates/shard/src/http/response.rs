//! What is answered, on the wire.

use std::borrow::Cow;
use std::io::Write as _;

use switchboard_api::{ApiError, Phase};
use switchboard_auth::TokenError;
use switchboard_dialects::{Cors, Date, write_cors_lines};

use crate::admission::Refusal;

/// Enough for any head written here.
pub(crate) const HEAD_BYTES: usize = 512;

/// One answer. Errors are `text/plain`, one sentence that names the rule.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    content_type: &'static str,
    extra: Cow<'a, str>,
    body: Cow<'a, [u8]>,
    upgrade: bool,
}

const TEXT: &str = "text/plain; charset=utf-8";

/// The page needs itself and its own server, nothing else.
const PAGE_POLICY: &str = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'\r\n";

impl<'a> Response<'a> {
    pub(crate) fn text(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: TEXT,
            extra: Cow::Borrowed(""),
            body: Cow::Owned(body.into_bytes()),
            upgrade: false,
        }
    }

    pub(crate) fn page(html: &'a str) -> Self {
        Self {
            status: 200,
            content_type: "text/html; charset=utf-8",
            extra: Cow::Borrowed(PAGE_POLICY),
            body: Cow::Borrowed(html.as_bytes()),
            upgrade: false,
        }
    }

    /// A body of the internal API.
    pub(crate) fn content(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            extra: Cow::Borrowed(""),
            body: Cow::Owned(body),
            upgrade: false,
        }
    }

    /// A refusal of the internal API.
    pub(crate) fn api_error(error: &ApiError) -> Self {
        let mut response = Self::content(error.status, "application/json", error.to_json());
        if let Some((name, value)) = error.header() {
            response.extra = Cow::Owned(format!("{name}: {value}\r\n"));
        }
        response
    }

    pub(crate) fn refusal(status: u16, sentence: String) -> Self {
        Self::text(status, sentence + "\n")
    }

    /// What a path allows.
    pub(crate) fn options(allow: &str) -> Self {
        Self::text(204, String::new()).with_allow(allow)
    }

    /// The same where pages of other origins ask whether they may send JSON.
    pub(crate) fn preflight(methods: &str) -> Self {
        let mut response = Self::options(methods);
        let allowed = format!(
            "Access-Control-Allow-Methods: {methods}\r\n\
             Access-Control-Allow-Headers: Content-Type, Authorization\r\n\
             Access-Control-Max-Age: 86400\r\n"
        );
        response.extra.to_mut().push_str(&allowed);
        response
    }

    /// 405 must say what is allowed (RFC 9110 section 15.5.6).
    pub(crate) fn with_allow(mut self, methods: &str) -> Self {
        self.extra = Cow::Owned(format!("Allow: {methods}\r\n"));
        self
    }

    /// Lets a page of this origin read the answer.
    pub(crate) fn with_cors(mut self, cors: Option<Cors<'_>>) -> Self {
        let mut lines = Vec::new();
        write_cors_lines(&mut lines, cors);
        self.extra.to_mut().push_str(&String::from_utf8_lossy(&lines));
        self
    }

    /// 426 must say to what (RFC 9110 section 15.5.22), and in which version (RFC 6455 section
    /// 4.4).
    pub(crate) fn upgrade_required(sentence: &str) -> Self {
        let mut response = Self::refusal(426, sentence.to_owned());
        response.extra = Cow::Borrowed("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        response.upgrade = true;
        response
    }

    /// Load balancers send clients elsewhere.
    pub(crate) fn leaving(phase: Phase) -> Self {
        Self::text(503, format!("{}\n", phase.name()))
    }

    /// 401 must say how to do better (RFC 9110 section 15.5.2): for a token that is not good, why (RFC 6750
    /// section 3.1).
    pub(crate) fn unauthorized(error: Option<TokenError>) -> Self {
        let (sentence, challenge) = match error {
            Some(error) => {
                let sentence = error.to_string();
                let why = format!(r#" error="invalid_token", error_description="{sentence}""#);
                (sentence, why.replace('`', "'"))
            }
            None => ("say who you are: this needs a token".to_owned(), String::new()),
        };
        let mut response = Self::refusal(401, sentence);
        response.extra = Cow::Owned(format!("WWW-Authenticate: Bearer{challenge}\r\n"));
        response
    }

    /// Not now: the client is told when to come back.
    pub(crate) fn try_later(refusal: Refusal) -> Self {
        let Refusal { status, sentence, retry_after_s } = refusal;
        Self::later(status, sentence.to_owned(), retry_after_s)
    }

    /// Not now, for another reason.
    pub(crate) fn later(status: u16, sentence: String, retry_after_s: u32) -> Self {
        let mut response = Self::refusal(status, sentence);
        response.extra = Cow::Owned(format!("Retry-After: {retry_after_s}\r\n"));
        response
    }

    /// Appends the answer. `head_only` is for HEAD: the length, but no body.
    pub(crate) fn write(&self, date: Date, out: &mut Vec<u8>, keep_alive: bool, head_only: bool) {
        let connection = match (keep_alive, self.upgrade) {
            (true, true) => "Upgrade, keep-alive",
            (false, true) => "Upgrade, close",
            (true, false) => "keep-alive",
            (false, false) => "close",
        };
        // Writing to a Vec cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        // A 204 has no content, and must not say how long it is (RFC 9110 section 8.6).
        if self.status != 204 {
            let (content_type, length) = (self.content_type, self.body.len());
            // Sentences name what the client sent: a browser must not take them for a document.
            let _ = write!(
                out,
                "Content-Type: {content_type}\r\nX-Content-Type-Options: nosniff\r\n\
                 Content-Length: {length}\r\n"
            );
        }
        let _ =
            write!(out, "Cache-Control: no-store\r\nConnection: {connection}\r\n{}", self.extra);
        date.push_line(out);
        out.extend_from_slice(b"\r\n");
        if !head_only {
            out.extend_from_slice(&self.body);
        }
    }
}

/// The reason phrase of every status that is used.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Reason;

    fn written(response: &Response<'_>, keep_alive: bool, head_only: bool) -> String {
        let mut out = Vec::new();
        response.write(Date::of_unix_ms(0), &mut out, keep_alive, head_only);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_answer_has_the_length_and_no_body() {
        let page = Response::page("<html>");
        let text = written(&page, true, true);
        assert!(text.contains("Content-Length: 6\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
        assert!(written(&page, true, false).ends_with("\r\n\r\n<html>"));
    }

    #[test]
    fn no_answer_is_taken_for_another_type() {
        for response in [
            Response::page(""),
            Response::text(404, "no".to_owned()),
            Response::try_later(Reason::Full.refusal(0)),
        ] {
            let text = written(&response, true, false);
            assert_eq!(
                text.matches("\r\nX-Content-Type-Options: nosniff\r\n").count(),
                1,
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_path_allows_has_no_content() {
        let text = written(&Response::options("GET"), true, false);
        let expected = "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\
                        Connection: keep-alive\r\nAllow: GET\r\n\
                        Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn upgrade_required_names_the_protocol_and_its_version() {
        let text = written(&Response::upgrade_required("no"), false, false);
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
        assert!(text.contains("Upgrade: websocket\r\n"));
        assert!(text.contains("Sec-WebSocket-Version: 13\r\n"));
        assert!(text.contains("Connection: Upgrade, close\r\n"));
    }
}
