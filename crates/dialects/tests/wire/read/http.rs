//! Heads of responses, by httparse.

/// A head, and what follows it.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// In order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) rest: &'a [u8],
}

/// Reads one head from the front of `bytes`.
pub(crate) fn response(bytes: &[u8]) -> Response<'_> {
    let mut slots = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut slots);
    let used = response.parse(bytes).expect("a head").unwrap();
    assert_eq!(response.version, Some(1));
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("UTF-8");
    let headers = response.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect();
    Response { status: response.code.unwrap(), headers, rest: &bytes[used..] }
}

impl Response<'_> {
    /// The value of a header that must not appear twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    /// The names of all headers, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The body by its length, and what follows it.
    pub(crate) fn body(&self) -> (&[u8], &[u8]) {
        let length = self.header("content-length").expect("a length").parse().expect("a number");
        self.rest.split_at(length)
    }
}

/// The chunks of a body up to the last one, and what follows it.
pub(crate) fn chunks(mut bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut chunks = Vec::new();
    loop {
        let (line_bytes, size) = httparse::parse_chunk_size(bytes).expect("a size").unwrap();
        let size = usize::try_from(size).unwrap();
        let (chunk, rest) = bytes[line_bytes..].split_at(size);
        bytes = rest.strip_prefix(b"\r\n").expect("the end of a chunk");
        if size == 0 {
            return (chunks, bytes);
        }
        chunks.push(chunk);
    }
}
