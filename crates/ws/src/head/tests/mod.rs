//! Heads: what is accepted, what is refused and why, and that the split of the bytes is no matter.

mod refused;

use proptest::prelude::*;

use super::*;
use refused::refused;

const LIMITS: HeadLimits = HeadLimits { bytes_max: 512, headers_max: 16, target_bytes_max: 256 };

/// What a caller learns from a head, without borrowing it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    end: usize,
    method: String,
    path: String,
    query: Option<String>,
    version: Version,
    host: Option<String>,
    body: Body,
    keep_alive: bool,
}

/// Feeds `bytes` up to each of `lengths` in turn, as reads would; `Ok(None)`: the head is not whole.
fn feed(
    bytes: &[u8],
    lengths: impl IntoIterator<Item = usize>,
    limits: &HeadLimits,
) -> Result<Option<Seen>, HeadError> {
    let mut scanned = 0;
    for length in lengths {
        if let Some(end) = find_end(&bytes[..length], scanned, limits)? {
            let mut slots = HeaderSlots::new();
            let request = parse(&bytes[..end], &mut slots, limits)?;
            return Ok(Some(Seen {
                end,
                method: request.method().into(),
                path: request.path().into(),
                query: request.query().map(Into::into),
                version: request.version(),
                host: request.host().map(Into::into),
                body: request.body(),
                keep_alive: request.keep_alive(),
            }));
        }
        scanned = length;
    }
    Ok(None)
}

fn whole(bytes: &[u8]) -> Result<Option<Seen>, HeadError> {
    feed(bytes, [bytes.len()], &LIMITS)
}

fn accepted(head: &str) -> Seen {
    whole(head.as_bytes()).unwrap_or_else(|error| panic!("{head:?}: {error}")).expect(head)
}

/// Accepted heads, some with bytes behind them.
const ACCEPTED: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "GET / HTTP/1.1\r\nhoSt:\texample.com\r\nempty:\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: example.com\r\nX-Empty-Header: \r\n\r\n",
    "GET / HTTP/1.1\r\nHost: example.com\r\nExpect: 100-continue\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET /sub/a,b?since=1&x=? HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: a, CLOSE\r\n\r\n",
    "GET /?q={|}^`\"<> HTTP/1.1\r\nHost: a%20b:\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://A:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n\n\n\r\r",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "\r\nGET / HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\nHTTP/1.1\r\n\r\n",
];

#[test]
fn hostile_heads_are_refused_each_by_its_rule() {
    for (error, head) in refused() {
        let shown = String::from_utf8_lossy(&head);
        assert_eq!(whole(&head), Err(error), "{shown:?}");
    }
}

#[test]
fn the_split_never_changes_the_answer() {
    let refused = refused().into_iter().map(|(_, head)| head);
    let accepted = ACCEPTED.iter().map(|head| head.as_bytes().to_vec());
    for head in refused.chain(accepted) {
        let shown = String::from_utf8_lossy(&head);
        let expected = whole(&head);
        assert_eq!(feed(&head, 1..=head.len(), &LIMITS), expected, "byte by byte: {shown:?}");
        for cut in 0..=head.len() {
            assert_eq!(feed(&head, [cut, head.len()], &LIMITS), expected, "at {cut}: {shown:?}");
        }
    }
}

#[test]
fn an_unfinished_head_waits() {
    for head in &ACCEPTED[..9] {
        for length in 0..head.len() {
            let part = &head.as_bytes()[..length];
            assert_eq!(whole(part), Ok(None), "{:?}", &head[..length]);
        }
    }
}

#[test]
fn the_parts_of_a_request_are_found() {
    let seen = accepted(ACCEPTED[5]);
    assert_eq!(seen.path, "/sub/a,b");
    assert_eq!(seen.query.as_deref(), Some("since=1&x=?"));
    assert_eq!(seen.host.as_deref(), Some("[::1]:8000"));
    assert!(!seen.keep_alive);
    let absolute = accepted(ACCEPTED[8]);
    assert_eq!((absolute.path.as_str(), absolute.host.as_deref()), ("/x", Some("A:80")));
    let bare = accepted("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((bare.path.as_str(), bare.query.as_deref()), ("/", Some("q")));
    assert_eq!(accepted(ACCEPTED[9]).body, Body::Length(5));
    assert_eq!(accepted(ACCEPTED[10]).body, Body::Chunked);
    let empty = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(accepted(empty).body, Body::None);
    assert_eq!(accepted("GET / HTTP/1.0\r\n\r\n").host, None);
}

#[test]
fn a_pipelined_request_stays_for_the_next_turn() {
    let two = ACCEPTED[11];
    let first = accepted(two);
    assert_eq!(first.path, "/1");
    assert_eq!(accepted(&two[first.end..]).path, "/2");
}

#[test]
fn one_empty_line_may_precede_a_request() {
    let first = accepted(ACCEPTED[13]);
    assert_eq!((first.end, first.path.as_str()), (ACCEPTED[13].len(), "/"));
    assert_eq!(whole(b"\r"), Ok(None));
    assert_eq!(whole(b"\r\n"), Ok(None));
    assert_eq!(whole(b"\r\n\r"), Err(HeadError::NotHttp));
    let endless = [b"\r\n", "a".repeat(600).as_bytes()].concat();
    assert_eq!(whole(&endless), Err(HeadError::TargetTooLong));
}

#[test]
fn a_later_minor_version_counts_as_1_1() {
    let seen = accepted(ACCEPTED[14]);
    assert_eq!((seen.version, seen.host.as_deref()), (Version::Http11, Some("a")));
    assert!(seen.keep_alive);
    let seen = accepted(ACCEPTED[15]);
    assert!(!seen.keep_alive);
    assert_eq!(&ACCEPTED[15][seen.end..], "HTTP/1.1\r\n\r\n");
    let headers =
        |n: usize| format!("GET / HTTP/1.2\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(n - 1));
    assert!(whole(headers(16).as_bytes()).is_ok());
    assert_eq!(whole(headers(17).as_bytes()), Err(HeadError::TooManyHeaders));
}

#[test]
fn an_absolute_target_names_the_host_of_the_header() {
    for (target, host) in [
        ("http://a/", "a"),
        ("http://a/", "A:80"),
        ("http://a:80/", "a"),
        ("http://a:/", "a"),
        ("https://a:443/", "a"),
        ("ws://[::1]:80/", "[::1]"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(accepted(&head).path, "/", "{head:?}");
    }
}

#[test]
fn bytes_behind_the_head_are_not_parsed_as_part_of_it() {
    let head = ACCEPTED[11].as_bytes();
    let mut slots = HeaderSlots::new();
    let error = parse(head, &mut slots, &LIMITS).unwrap_err();
    assert_eq!(error, HeadError::RequestLine);
}

#[test]
fn keep_alive_follows_version_and_connection() {
    let table = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: x, Close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ];
    for (version, fields, expected) in table {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(accepted(&head).keep_alive, expected, "{head:?}");
    }
}

#[test]
fn headers_are_found_in_any_case_and_in_order() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:  2 \t\r\nX-B: \xff\r\n\r\n";
    let mut slots = HeaderSlots::new();
    let request = parse(head, &mut slots, &LIMITS).unwrap();
    assert_eq!(request.headers("x-A").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(request.header("X-a"), Some(&b"1"[..]));
    assert_eq!(request.header("x-b"), Some(&b"\xff"[..]));
    assert_eq!(request.header("x-c"), None);
}

#[test]
fn limits_hold_to_the_byte() {
    let fill = |bytes: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(bytes - frame))
    };
    assert_eq!(accepted(&fill(512)).end, 512);
    assert_eq!(whole(fill(513).as_bytes()), Err(HeadError::HeadTooLong));
    let target = |bytes: usize| {
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(bytes - 1)).into_bytes()
    };
    assert!(whole(&target(256)).is_ok());
    assert_eq!(whole(&target(257)), Err(HeadError::TargetTooLong));
    let headers =
        |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(n - 1));
    assert!(whole(headers(16).as_bytes()).is_ok());
    assert_eq!(whole(headers(17).as_bytes()), Err(HeadError::TooManyHeaders));
    let wide = HeadLimits { bytes_max: 8192, headers_max: 4096, ..LIMITS };
    let many = headers(HEADERS_CAPACITY + 1).into_bytes();
    assert_eq!(feed(&many, [many.len()], &wide), Err(HeadError::TooManyHeaders));
}

#[test]
fn each_status_is_the_right_one() {
    use HeadError as E;
    let table = [
        (E::NotHttp, 400),
        (E::ContentLength, 400),
        (E::MethodNotAllowed, 405),
        (E::Timeout, 408),
        (E::BodyNotAccepted, 413),
        (E::TargetTooLong, 414),
        (E::HeadTooLong, 431),
        (E::TooManyHeaders, 431),
        (E::TransferCodingUnknown, 501),
        (E::Version, 505),
    ];
    for (error, status) in table {
        assert_eq!(error.status(), status, "{error}");
    }
}

/// The rules of `find_end`, byte by byte.
fn end_by_bytes(bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
    let mut seen: Vec<u8> = Vec::new();
    // One empty line may precede the first byte of the method.
    let first = if bytes.starts_with(b"\r") { 3 } else { 1 };
    for byte in bytes {
        let after_cr = seen.last() == Some(&b'\r');
        seen.push(*byte);
        match byte {
            _ if seen.len() == first && !crate::list::is_token(&seen[first - 1..]) => {
                return Err(HeadError::NotHttp);
            }
            b'\n' if !after_cr => return Err(HeadError::BareLineFeed),
            b'\n' if seen.ends_with(b"\r\n\r\n") => return Ok(Some(seen.len())),
            b'\n' => {}
            _ if after_cr => return Err(HeadError::BareCarriageReturn),
            _ => {}
        }
        if seen.len() == limits.bytes_max {
            let has_line = seen[first - 1..].contains(&b'\n');
            return Err(if has_line { HeadError::HeadTooLong } else { HeadError::TargetTooLong });
        }
    }
    Ok(None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_end_is_where_the_bytewise_oracle_finds_it(
        bytes in prop::collection::vec(prop::sample::select(&b"Gx: \r\n\r\n\0"[..]), 0..40),
        lines in prop::bool::ANY,
        cuts in prop::collection::vec(0_usize..80, 0..6),
        bytes_max in 3_usize..48,
    ) {
        // Half of the cases have proper line ends, or few would go beyond the first one.
        let bytes = if lines {
            let text = String::from_utf8(bytes).unwrap();
            text.replace('\r', "").replace('\n', "\r\n").into_bytes()
        } else {
            bytes
        };
        let limits = HeadLimits { bytes_max, ..LIMITS };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let mut scanned = 0;
        let mut answer = Ok(None);
        for cut in cuts {
            answer = find_end(&bytes[..cut], scanned, &limits);
            scanned = cut;
            if answer != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(answer, end_by_bytes(&bytes, &limits));
    }

    #[test]
    fn no_bytes_make_it_panic(head in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut slots = HeaderSlots::new();
        let _ = parse(&head, &mut slots, &LIMITS);
        let _ = whole(&head);
    }

    #[test]
    fn a_mutated_head_gets_one_answer_for_each_split(
        sample in 0..ACCEPTED.len(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut head = ACCEPTED[sample].as_bytes().to_vec();
        let at = at.index(head.len());
        head[at] = byte;
        let cut = cut.index(head.len() + 1);
        prop_assert_eq!(feed(&head, [cut, head.len()], &LIMITS), whole(&head));
    }
}
