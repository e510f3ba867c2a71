//! A request head is read the same wherever it is split, and as a strict reader of lines understands it.

use switchboard_ws::head::{self, Body, HeadError, HeadLimits, HeaderSlots, Request, Version};

/// Small, so that inputs reach them.
const LIMITS: HeadLimits = HeadLimits { bytes_max: 1_024, headers_max: 12, target_bytes_max: 200 };

/// The input is what a connection begins with.
pub fn check(data: &[u8]) {
    let end = head::find_end(data, 0, &LIMITS);
    for size in [1, 3, 16] {
        assert_eq!(in_pieces(data, size), end, "in pieces of {size}");
    }
    let Ok(Some(end)) = end else { return };
    let bytes = &data[..end];
    assert!(bytes.ends_with(b"\r\n\r\n") && end <= LIMITS.bytes_max);
    let mut slots = HeaderSlots::new();
    let request = head::parse(bytes, &mut slots, &LIMITS);
    let lines = Lines::of(bytes);
    match request {
        Ok(request) => lines.check(&request),
        Err(error) => assert!(!lines.is_plain(), "{error:?} for a plain request: {lines:?}"),
    }
}

/// What is found when so many bytes come at a time, and nothing after the end was found.
fn in_pieces(data: &[u8], size: usize) -> Result<Option<usize>, HeadError> {
    let (mut scanned, mut end) = (0, 0);
    while end < data.len() {
        end = (end + size).min(data.len());
        match head::find_end(&data[..end], scanned, &LIMITS) {
            Ok(None) => scanned = end,
            decided => return decided,
        }
    }
    Ok(None)
}

/// A head by its lines.
#[derive(Debug)]
struct Lines<'a> {
    request: Vec<&'a [u8]>,
    /// Names in lower case and values; none of a line that is no header line (RFC 9112 section 5).
    headers: Vec<Option<(Vec<u8>, &'a [u8])>>,
}

impl<'a> Lines<'a> {
    fn of(head: &'a [u8]) -> Self {
        let head = head.strip_prefix(b"\r\n").unwrap_or(head);
        let text = head.strip_suffix(b"\r\n\r\n").unwrap();
        let mut lines = split(text);
        let request = lines.remove(0).split(|byte| *byte == b' ').collect();
        Self { request, headers: lines.into_iter().map(header).collect() }
    }

    fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + 'n {
        let named = self.headers.iter().flatten().filter(move |(it, _)| it == name.as_bytes());
        named.map(|(_, value)| *value)
    }

    /// Nothing is special about it, so it must not be refused.
    fn is_plain(&self) -> bool {
        let [method, target, b"HTTP/1.1"] = self.request[..] else { return false };
        let visible = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_graphic);
        let host: Vec<&[u8]> = self.all("host").collect();
        !method.is_empty()
            && method.iter().all(u8::is_ascii_uppercase)
            && target.starts_with(b"/")
            && target.len() <= LIMITS.target_bytes_max
            && visible(target)
            && !target.contains(&b'#')
            && self.headers.iter().all(Option::is_some)
            && self.headers.len() <= LIMITS.headers_max
            && matches!(host[..], [host] if !host.is_empty() && host.iter().all(u8::is_ascii_alphabetic))
            && self.all("content-length").chain(self.all("transfer-encoding")).next().is_none()
    }

    fn check(&self, request: &Request<'_>) {
        let [method, target, version] = self.request[..] else { panic!("{self:?}") };
        assert_eq!(request.method().as_bytes(), method);
        match version {
            b"HTTP/1.0" => assert_eq!(request.version(), Version::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => {
                assert_eq!(request.version(), Version::Http11);
            }
            other => panic!("{other:?} is served"),
        }
        self.check_target(request, target);
        assert!(self.headers.len() <= LIMITS.headers_max);
        for header in &self.headers {
            let (name, _) = header.as_ref().expect("a header line");
            let name = str::from_utf8(name).unwrap();
            assert!(request.headers(name).eq(self.all(name)), "{name}");
            assert_eq!(request.header(name), self.all(name).next());
        }
        let hosts = self.all("host").count();
        let is_http11 = request.version() == Version::Http11;
        assert!(hosts == 1 || hosts == 0 && !is_http11, "{hosts} hosts");
        assert_eq!(request.body(), self.body(), "{self:?}");
        let says = |word: &str| {
            self.all("connection")
                .flat_map(elements)
                .any(|it| it.eq_ignore_ascii_case(word.as_bytes()))
        };
        assert_eq!(request.keep_alive(), !says("close") && (is_http11 || says("keep-alive")));
    }

    fn check_target(&self, request: &Request<'_>, target: &[u8]) {
        assert!(target.len() <= LIMITS.target_bytes_max && !target.contains(&b'#'));
        assert!(target.iter().all(u8::is_ascii_graphic));
        let mut joined = request.path().to_owned();
        if let Some(query) = request.query() {
            joined = format!("{joined}?{query}");
        }
        if target == b"*" {
            assert_eq!((request.method(), &*joined), ("OPTIONS", "*"));
        } else if target.starts_with(b"/") {
            assert_eq!(joined.as_bytes(), target);
            let host = self.all("host").next();
            assert_eq!(request.host().map(str::as_bytes), host);
        } else {
            let target = str::from_utf8(target).unwrap();
            let (scheme, rest) = target.split_once("://").expect("an absolute target");
            assert!(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"));
            let host = request.host().expect("its authority");
            let behind = rest.strip_prefix(host).expect("it begins with its authority");
            assert!(joined == behind || joined == format!("/{behind}"), "{joined} of {target}");
        }
    }

    /// How the body ends (RFC 9112 section 6.3). Only what leaves no doubt is not refused.
    fn body(&self) -> Body {
        let lengths: Vec<&[u8]> = self.all("content-length").collect();
        let codings: Vec<&[u8]> = self.all("transfer-encoding").collect();
        match (&lengths[..], &codings[..]) {
            ([], []) => Body::None,
            ([length], []) => {
                assert!(length.iter().all(u8::is_ascii_digit));
                match str::from_utf8(length).unwrap().parse().expect("a length") {
                    0 => Body::None,
                    length => Body::Length(length),
                }
            }
            ([], [coding]) => {
                let coding: Vec<&[u8]> = elements(coding).collect();
                assert!(matches!(coding[..], [it] if it.eq_ignore_ascii_case(b"chunked")));
                Body::Chunked
            }
            other => panic!("{other:?} is served"),
        }
    }
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

fn header(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let value = &value[1..];
    let is_good = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
    let is_header = !name.is_empty() && name.iter().all(is_token) && value.iter().all(is_good);
    is_header.then(|| (name.to_ascii_lowercase(), value.trim_ascii()))
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|it| !it.is_empty())
}
