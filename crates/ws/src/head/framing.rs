//! The header fields that say whose request this is and where it ends.

use super::{HeadError, Version};
use crate::list;

/// What follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Nothing.
    None,
    /// This many bytes, at least one.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// What [`Fields::read`] collects in one pass over the header lines.
#[derive(Debug, Default)]
pub(super) struct Fields<'h> {
    pub(super) host: Option<&'h [u8]>,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    content_length: Option<u64>,
    transfer_encoding: Option<TransferEncoding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransferEncoding {
    /// Chunked alone.
    Chunked,
    /// Other codings, and not yet chunked behind them.
    Endless,
    /// Other codings, then chunked.
    Unknown,
    /// Chunked and something behind it, or an empty line.
    Malformed,
}

impl<'h> Fields<'h> {
    pub(super) fn read(headers: &[httparse::Header<'h>]) -> Result<Self, HeadError> {
        let mut fields = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            // The length tells most headers apart without comparing names.
            match header.name.len() {
                4 if is("host") => set_once(&mut fields.host, header.value)
                    .map_err(|()| HeadError::HostRepeated)?,
                10 if is("connection") => fields.read_connection(header.value),
                14 if is("content-length") => {
                    let length = parse_length(header.value).ok_or(HeadError::ContentLength)?;
                    set_once(&mut fields.content_length, length)
                        .map_err(|()| HeadError::ContentLength)?;
                }
                17 if is("transfer-encoding") => fields.read_transfer_encoding(header.value),
                _ => {}
            }
        }
        Ok(fields)
    }

    /// How the request's body ends; refuses what two readers could understand differently.
    pub(super) fn body(&self, version: Version) -> Result<Body, HeadError> {
        match (self.transfer_encoding, self.content_length) {
            (None, None | Some(0)) => Ok(Body::None),
            (None, Some(length)) => Ok(Body::Length(length)),
            (Some(_), _) if version == Version::Http10 => Err(HeadError::TransferEncodingOnHttp10),
            (Some(_), Some(_)) => Err(HeadError::ContentLengthAndTransferEncoding),
            (Some(TransferEncoding::Malformed | TransferEncoding::Endless), None) => {
                Err(HeadError::TransferEncoding)
            }
            (Some(TransferEncoding::Unknown), None) => Err(HeadError::TransferCodingUnknown),
            (Some(TransferEncoding::Chunked), None) => Ok(Body::Chunked),
        }
    }

    fn read_connection(&mut self, value: &[u8]) {
        for element in list::elements(value) {
            self.close |= element.eq_ignore_ascii_case(b"close");
            self.keep_alive |= element.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Several lines count as one list. Only chunked alone is understood. A body whose codings do not
    /// end with chunked has no end (RFC 9112 section 6.3), which outweighs an unknown coding.
    fn read_transfer_encoding(&mut self, value: &[u8]) {
        use TransferEncoding::{Chunked, Endless, Malformed, Unknown};
        let mut codings = list::elements(value).peekable();
        if codings.peek().is_none() {
            self.transfer_encoding = Some(Malformed);
        }
        for coding in codings {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.transfer_encoding = Some(match (self.transfer_encoding, is_chunked) {
                (None, true) => Chunked,
                (Some(Endless), true) => Unknown,
                (None | Some(Endless), false) => Endless,
                // Something follows chunked, or an empty line came before.
                (Some(Chunked | Unknown | Malformed), _) => Malformed,
            });
        }
    }
}

/// Sets a field that may be there once only.
fn set_once<T>(field: &mut Option<T>, value: T) -> Result<(), ()> {
    if field.replace(value).is_some() { Err(()) } else { Ok(()) }
}

/// One to nineteen digits and nothing else: no sign, no list, no overflow.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0_u64, |length, byte| {
        byte.is_ascii_digit().then(|| length * 10 + u64::from(byte - b'0'))
    })
}
