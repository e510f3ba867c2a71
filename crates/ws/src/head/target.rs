//! Request targets (RFC 9112 section 3.2) and the host they are for.

use super::{HeadError, Version};
use crate::authority::Authority;

/// A request target in its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'h> {
    pub(super) path: &'h str,
    pub(super) query: Option<&'h str>,
    /// Of an absolute target.
    authority: Option<&'h str>,
}

impl<'h> Target<'h> {
    /// Accepts a path, `*` for OPTIONS, and an absolute http URI, which every server must
    /// understand. The parser underneath lets `#` and bytes over 0x7f pass; no target has them.
    pub(super) fn parse(method: &str, target: &'h str) -> Result<Self, HeadError> {
        if !target.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#') {
            return Err(HeadError::Target);
        }
        if target == "*" && method == "OPTIONS" {
            return Ok(Self { path: target, query: None, authority: None });
        }
        let (authority, path_and_query) = match target.split_once("://") {
            Some((scheme, rest)) if is_http(scheme) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, path_and_query) = rest.split_at(end);
                (Some(authority), path_and_query)
            }
            _ => (None, target),
        };
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let path = if path.is_empty() && authority.is_some() { "/" } else { path };
        if !path.starts_with('/') {
            return Err(HeadError::Target);
        }
        Ok(Self { path, query, authority })
    }

    /// The one host that the request is for. A target's authority must agree with the Host header,
    /// so that no proxy can have understood another one.
    pub(super) fn host(
        &self,
        header: Option<&'h [u8]>,
        version: Version,
    ) -> Result<Option<&'h str>, HeadError> {
        let header = match header {
            None if version == Version::Http11 => return Err(HeadError::HostMissing),
            None => None,
            Some([]) => Some(""),
            Some(value) => {
                Authority::parse(value).ok_or(HeadError::Host)?;
                Some(str::from_utf8(value).map_err(|_| HeadError::Host)?)
            }
        };
        let Some(authority) = self.authority else {
            return Ok(header);
        };
        Authority::parse(authority.as_bytes()).ok_or(HeadError::Target)?;
        match header {
            Some(host) if !host.eq_ignore_ascii_case(authority) => Err(HeadError::Host),
            _ => Ok(Some(authority)),
        }
    }
}

/// The schemes whose absolute targets mean this server.
fn is_http(scheme: &str) -> bool {
    ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}
