//! Refused heads, each with the rule that refuses it.

use crate::head::HeadError as E;

/// A head on HTTP/1.1 with a Host and these header lines.
pub(super) fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// A head with this request line.
pub(super) fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n")
}

/// All of them. Made for limits of 512 bytes, 16 header lines and a target of 256 bytes.
pub(super) fn refused() -> Vec<(E, Vec<u8>)> {
    let raw = RAW.iter().map(|(error, head)| (*error, head.to_vec()));
    let lines = LINES.iter().map(|(error, text)| (*error, line(text).into_bytes()));
    let fields = FIELDS.iter().map(|(error, text)| (*error, get(text).into_bytes()));
    let hosts = HOSTS
        .iter()
        .map(|host| (E::Host, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()));
    let too_long = [
        (E::TargetTooLong, line(&format!("GET /{} HTTP/1.1", "a".repeat(256)))),
        (E::TargetTooLong, line(&format!("GET /{} HTTP/1.1", "a".repeat(1000)))),
        (E::TargetTooLong, "a".repeat(512)),
        (E::HeadTooLong, get(&format!("A: {}\r\n", "b".repeat(512)))),
        (E::HeadTooLong, get(&"A: b\r\n".repeat(100))),
        (E::TooManyHeaders, get(&"a: b\r\n".repeat(16))),
    ];
    let too_long = too_long.into_iter().map(|(error, head)| (error, head.into_bytes()));
    raw.chain(lines).chain(fields).chain(hosts).chain(too_long).collect()
}

/// Whole heads.
const RAW: &[(E, &[u8])] = &[
    // Bytes that are no HTTP at all.
    (E::NotHttp, b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::NotHttp, b"\r\n GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::BareCarriageReturn, b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::BareCarriageReturn, b"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::RequestLine, b"\r\nGET\r\n\r\n"),
    (E::Version, b"\r\nGET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    (E::NotHttp, b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::NotHttp, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::NotHttp, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfe\x03\x03"), // TLS
    (E::NotHttp, b"\x04\x01\x00\x50\x7f\x00\x00\x01"),             // SOCKS4
    (E::NotHttp, b"\x05\x01\x00"),                                 // SOCKS5
    (E::NotHttp, b"\x80\x2e\x01\x03\x01"),                         // SSL 2
    (E::Version, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    // Line ends.
    (E::BareLineFeed, b"GET / HTTP/1.1\nHost: a\n\n"),
    (E::BareLineFeed, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
    (E::BareLineFeed, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    (E::BareCarriageReturn, b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    (E::BareCarriageReturn, b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    (E::BareCarriageReturn, b"GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n"),
    // Host, and bytes that are not even UTF-8.
    (E::HostMissing, b"GET / HTTP/1.1\r\n\r\n"),
    (E::HostMissing, b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"),
    (E::HostMissing, b"GET http://a/ HTTP/1.1\r\n\r\n"),
    (E::HostMissing, b"GET / HTTP/1.2\r\n\r\n"),
    (E::Host, b"GET / HTTP/1.0\r\nHost:\r\n\r\n"),
    (E::HostRepeated, b"GET / HTTP/1.2\r\nHost: a\r\nHost: a\r\n\r\n"),
    (E::HeaderName, b"GET / HTTP/1.2\r\nHost: a\r\nA : b\r\n\r\n"),
    (E::HeaderName, b"GET / HTTP/1.2\r\n Host: a\r\n\r\n"),
    (E::HeaderName, b"GET / HTTP/1.2\r\nHost: a\r\nA: b\r\n c\r\n\r\n"),
    (E::HeaderValue, b"GET / HTTP/1.2\r\nHost: a\r\nA: b\0\r\n\r\n"),
    (E::HostRepeated, b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    (E::Host, b"GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n"),
    (E::RequestLine, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
    (E::RequestLine, b"GET\r\n\r\n"),
    (E::HeaderName, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    (E::TransferEncodingOnHttp10, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
];

/// Request lines.
const LINES: &[(E, &str)] = &[
    (E::RequestLine, "GET"),
    (E::RequestLine, "GET /"),
    (E::RequestLine, "GET / "),
    (E::RequestLine, "GET  / HTTP/1.1"),
    (E::RequestLine, "GET /  HTTP/1.1"),
    (E::RequestLine, "GET / HTTP/1.1 "),
    (E::RequestLine, "GET\t/ HTTP/1.1"),
    (E::RequestLine, "GET / http/1.1"),
    (E::RequestLine, "GET / HTTP/1."),
    (E::RequestLine, "GET / HTTP/11"),
    (E::RequestLine, "GET / HTTP/1.10"),
    (E::RequestLine, "GET / HTTPS/1.1"),
    (E::RequestLine, "GET /a b HTTP/1.1"),
    (E::RequestLine, "G(T / HTTP/1.1"),
    (E::RequestLine, "GET /\x07 HTTP/1.1"),
    (E::RequestLine, "GET /\x7f HTTP/1.1"),
    (E::RequestLine, "Extra lineGET / HTTP/1.1"),
    (E::Version, "GET / HTTP/0.9"),
    (E::RequestLine, "GET / HTTP/1.2 "),
    (E::RequestLine, "GET / HTTP/1.a"),
    (E::RequestLine, "GET  / HTTP/1.2"),
    (E::Version, "GET / HTTP/2.0"),
    (E::Version, "GET / HTTP/9.9"),
    (E::Target, "GET /a#b HTTP/1.1"),
    (E::Target, "GET /\u{e9} HTTP/1.1"),
    (E::Target, "GET sub/a HTTP/1.1"),
    (E::Target, "GET * HTTP/1.1"),
    (E::Target, "GET ?x HTTP/1.1"),
    (E::Target, "CONNECT a:80 HTTP/1.1"),
    (E::Target, "GET ftp://a/ HTTP/1.1"),
    (E::Target, "GET http:/// HTTP/1.1"),
    (E::Target, "GET http://u@a/ HTTP/1.1"),
    (E::Target, "GET http://a%zz/ HTTP/1.1"),
    (E::Host, "GET http://b/ HTTP/1.1"),
    (E::Host, "GET http://a:8000/ HTTP/1.1"),
    (E::Host, "GET https://a:80/ HTTP/1.1"),
];

/// Header lines after `Host: a`.
const FIELDS: &[(E, &str)] = &[
    (E::HeaderName, "A : b\r\n"),
    (E::HeaderName, "A\t: b\r\n"),
    (E::HeaderName, "A: b\r\n c\r\n"),
    (E::HeaderName, "A: b\r\n\tc\r\n"),
    (E::HeaderName, ": b\r\n"),
    (E::HeaderName, "no colon\r\n"),
    (E::HeaderName, "X-Invalid[]: b\r\n"),
    (E::HeaderName, "\u{e9}: b\r\n"),
    (E::HeaderValue, "A: b\x07\r\n"),
    (E::HeaderValue, "A: b\0c\r\n"),
    (E::HeaderValue, "A: b\x7f\r\n"),
    (E::HostRepeated, "Host: a\r\n"),
    (E::HostRepeated, "hOST: b\r\n"),
    // Bodies whose end is in doubt.
    (E::ContentLength, "Content-Length: +1\r\n"),
    (E::ContentLength, "Content-Length: -1\r\n"),
    (E::ContentLength, "Content-Length: 1,1\r\n"),
    (E::ContentLength, "Content-Length: 1 1\r\n"),
    (E::ContentLength, "Content-Length: 0x1\r\n"),
    (E::ContentLength, "Content-Length: abc\r\n"),
    (E::ContentLength, "Content-Length:\r\n"),
    (E::ContentLength, "Content-Length: 18446744073709551616\r\n"),
    (E::ContentLength, "Content-Length: 00000000000000000001\r\n"),
    (E::ContentLength, "Content-Length: -123456789123456789123456789\r\n"),
    (E::ContentLength, "Content-Length: 1\r\nContent-Length: 2\r\n"),
    (E::ContentLength, "Content-Length: 1\r\nContent-Length: 1\r\n"),
    (E::ContentLengthAndTransferEncoding, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    (E::ContentLengthAndTransferEncoding, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
    (E::ContentLengthAndTransferEncoding, "Transfer-Encoding: x\r\nContent-Length: 1\r\n"),
    (E::TransferEncoding, "Transfer-Encoding:\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: ,\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked, chunked\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"),
    (E::TransferEncoding, "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: gzip\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: identity\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked, gzip\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked, identity\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: gzip, chunked, gzip\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: gzip, chunked, chunked\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: chunked;q=1\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: xchunked\r\n"),
    (E::TransferEncoding, "Transfer-Encoding: \"chunked\"\r\n"),
    (E::TransferCodingUnknown, "Transfer-Encoding: gzip, chunked\r\n"),
    (E::TransferCodingUnknown, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    (E::TransferCodingUnknown, "Transfer-Encoding: gzip, br, chunked\r\n"),
    (E::HeaderValue, "Transfer-Encoding: \x0bchunked\r\n"),
];

/// Values of Host.
const HOSTS: &[&str] = &[
    "", "a b", "a/b", "a\\b", "u@a", "a,b:1:2", "a::", "a:b", "a:+1", "a:65536", ":80", ":",
    "[::1", "[::g]", "[::1]x", "[]", "::1", "a%", "a%4", "a%zz",
];
