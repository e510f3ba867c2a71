//! The HTTP request that publishes.

use crate::target::{Target, Values};

/// What a request is made from, besides its target and its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// Appends a whole request.
    pub(crate) fn write(
        &self,
        target: &Target,
        values: &Values<'_>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        target.path.write(values, out);
        out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        out.extend_from_slice(target.host.as_bytes());
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
            headers: vec![("X-API-Key".to_owned(), "k".to_owned())],
        };
        let target = Target::parse("http://127.0.0.1:8001/api/{channel}", "http").unwrap();
        let values = Values { channel: "c", ..Values::default() };
        let mut out = b"before".to_vec();
        request.write(&target, &values, br#"{"data":"hello"}"#, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "beforePOST /api/c HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nContent-Length: 16\r\n\
             X-API-Key: k\r\n\r\n{\"data\":\"hello\"}"
        );
    }
}
