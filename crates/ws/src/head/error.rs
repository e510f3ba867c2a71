//! Why a request head is refused.

/// A rule of RFC 9112 or a limit that a request head broke. The connection must be closed after the
/// answer, since the beginning of the next request is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeadError {
    /// The first byte cannot begin a method: a TLS hello, SOCKS, a second empty line.
    #[error("this is not an HTTP request: the first byte cannot begin a method")]
    NotHttp,
    /// Lines end with CR LF (RFC 9112 section 2.2).
    #[error("a carriage return is not followed by a line feed")]
    BareCarriageReturn,
    /// Lines end with CR LF (RFC 9112 section 2.2).
    #[error("a line feed does not follow a carriage return")]
    BareLineFeed,
    /// [`bytes_max`](super::HeadLimits) passed without the end of the head.
    #[error("the request head is too long")]
    HeadTooLong,
    /// More header lines than [`headers_max`](super::HeadLimits).
    #[error("the request has too many header lines")]
    TooManyHeaders,
    /// The target is over [`target_bytes_max`](super::HeadLimits).
    #[error("the request target is too long")]
    TargetTooLong,
    /// The request line is not `method SP target SP version` (RFC 9112 section 3).
    #[error("the request line is not a method, a target and a version, each after one space")]
    RequestLine,
    /// The target has a byte that no URI has, or is in no form that its method allows (RFC 9112
    /// section 3.2).
    #[error("the request target is not a valid path or http URI")]
    Target,
    /// A major version of HTTP other than 1.
    #[error("only HTTP/1 is spoken here")]
    Version,
    /// Space before the colon, a folded line, a byte that is no token (RFC 9112 section 5).
    #[error("a header line does not begin with a name and a colon")]
    HeaderName,
    /// A control character in a value (RFC 9110 section 5.5).
    #[error("a header value has a control character")]
    HeaderValue,
    /// HTTP/1.1 needs a Host (RFC 9112 section 3.2).
    #[error("the Host header is missing")]
    HostMissing,
    /// There may be one Host only (RFC 9112 section 3.2).
    #[error("there is more than one Host header")]
    HostRepeated,
    /// Host is a host and, if need be, a port (RFC 9112 section 3.2); an absolute target must name
    /// the same.
    #[error("the Host header is not a host and port, or differs from the request target")]
    Host,
    /// Content-Length is one number, once (RFC 9112 section 6.3).
    #[error("Content-Length is not one plain number")]
    ContentLength,
    /// Content-Length and Transfer-Encoding exclude each other (RFC 9112 section 6.1).
    #[error("Content-Length and Transfer-Encoding are both present")]
    ContentLengthAndTransferEncoding,
    /// HTTP/1.0 has no Transfer-Encoding (RFC 9112 section 6.1).
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    TransferEncodingOnHttp10,
    /// Chunked is not there, not the last coding or there twice, so that nobody knows where the body
    /// ends (RFC 9112 sections 6.1 and 6.3).
    #[error("Transfer-Encoding does not end with chunked, or names it twice")]
    TransferEncoding,
    /// A transfer coding before chunked (RFC 9112 section 6.1).
    #[error("the transfer coding is not implemented")]
    TransferCodingUnknown,
    /// For the caller: the resource does not have this method.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// For the caller: the head was not whole when its time was up.
    #[error("the request head took too long to arrive")]
    Timeout,
    /// For the caller: the request has a body and none is taken.
    #[error("a request to this listener has no body")]
    BodyNotAccepted,
}

impl HeadError {
    /// The status code of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::NotHttp
            | Self::BareCarriageReturn
            | Self::BareLineFeed
            | Self::RequestLine
            | Self::Target
            | Self::HeaderName
            | Self::HeaderValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::Host
            | Self::ContentLength
            | Self::ContentLengthAndTransferEncoding
            | Self::TransferEncodingOnHttp10
            | Self::TransferEncoding => 400,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::BodyNotAccepted => 413,
            Self::TargetTooLong => 414,
            Self::HeadTooLong | Self::TooManyHeaders => 431,
            Self::TransferCodingUnknown => 501,
            Self::Version => 505,
        }
    }
}
