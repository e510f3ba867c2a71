//! Request targets (RFC 9112 section 3.2) and the host they are for.

use super::{HeadError, Version};
use crate::authority::{Authority, default_port};

/// A request target in its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'h> {
    pub(super) path: &'h str,
    pub(super) query: Option<&'h str>,
    /// Scheme and authority of an absolute target.
    origin: Option<(&'h str, &'h str)>,
}

impl<'h> Target<'h> {
    /// Accepts a path, `*` for OPTIONS, and an absolute http URI, which every server must
    /// understand. The parser underneath lets `#` and bytes over 0x7f pass; no target has them.
    pub(super) fn parse(method: &str, target: &'h str) -> Result<Self, HeadError> {
        if !target.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#') {
            return Err(HeadError::Target);
        }
        if target == "*" && method == "OPTIONS" {
            return Ok(Self { path: target, query: None, origin: None });
        }
        // Nearly all begin with their path, and need no search.
        let absolute = if target.starts_with('/') { None } else { target.split_once("://") };
        let (origin, path_and_query) = match absolute {
            Some((scheme, rest)) if is_http(scheme) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, path_and_query) = rest.split_at(end);
                (Some((scheme, authority)), path_and_query)
            }
            _ => (None, target),
        };
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let path = if path.is_empty() && origin.is_some() { "/" } else { path };
        if !path.starts_with('/') {
            return Err(HeadError::Target);
        }
        Ok(Self { path, query, origin })
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
            Some(value) => {
                let authority = Authority::parse(value).ok_or(HeadError::Host)?;
                Some((authority, str::from_utf8(value).map_err(|_| HeadError::Host)?))
            }
        };
        let Some((scheme, text)) = self.origin else {
            return Ok(header.map(|(_, host)| host));
        };
        let authority = Authority::parse(text.as_bytes()).ok_or(HeadError::Target)?;
        match header {
            Some((host, _)) if !host.is_same(&authority, default_port(scheme.as_bytes())) => {
                Err(HeadError::Host)
            }
            _ => Ok(Some(text)),
        }
    }
}

/// The schemes whose absolute targets mean this server.
fn is_http(scheme: &str) -> bool {
    ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}
