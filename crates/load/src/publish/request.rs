//! The HTTP request that publishes.

use crate::target::{Template, Values};

/// What a request is made from.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: Template,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Template,
}

impl Request {
    /// Appends a whole request; `body` is memory to be used again.
    pub(crate) fn write(&self, values: &Values<'_>, body: &mut Vec<u8>, out: &mut Vec<u8>) {
        body.clear();
        self.body.write(values, body);
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        self.path.write(values, out);
        out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        out.extend_from_slice(self.host.as_bytes());
        out.extend_from_slice(b"\r\nContent-Length: ");
        out.extend_from_slice(body.len().to_string().as_bytes());
        for (name, value) in &self.headers {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_its_place() {
        let request = Request {
            method: "POST".to_owned(),
            host: "127.0.0.1:8001".to_owned(),
            path: Template::strict("/api/{channel}").unwrap(),
            headers: vec![("X-API-Key".to_owned(), "k".to_owned())],
            body: Template::loose(r#"{"data":"{payload}"}"#),
        };
        let values = Values { channel: "c", payload: "hello", ..Values::default() };
        let (mut body, mut out) = (Vec::new(), b"before".to_vec());
        request.write(&values, &mut body, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "beforePOST /api/c HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nContent-Length: 16\r\n\
             X-API-Key: k\r\n\r\n{\"data\":\"hello\"}"
        );
    }
}
