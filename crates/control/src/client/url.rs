//! Addresses of backends, as the configuration has them.

use std::fmt;

use axum::http::Uri;
use switchboard_ws::authority::Authority;
use thiserror::Error;

/// An absolute address: http or https, a host, and no credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url(Uri);

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum UrlError {
    /// It has another form.
    #[error(
        "must be an address such as http://127.0.0.1:8080/hooks or https://backend.example/hooks"
    )]
    Form,
    /// It names a user or a password.
    #[error("must not have a user or a password in it: put them into a header of `static_headers`")]
    Credentials,
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let authority = authority.ok_or(UrlError::Form)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let is_http = matches!(scheme, Some("http" | "https"));
        // A port that is no number is left out without a word by the library.
        let has_port = !authority.host().len().eq(&authority.as_str().len());
        if !is_http
            || authority.host().is_empty()
            || text.contains('#')
            || (has_port && uri.port_u16().is_none_or(|port| port == 0))
        {
            return Err(UrlError::Form);
        }
        Ok(Self(uri))
    }

    /// As the client wants it.
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    /// It needs TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// It is on this machine, by its address or as `localhost`.
    pub fn is_loopback(&self) -> bool {
        let authority = self.0.authority().map(|authority| authority.as_str().as_bytes());
        authority.and_then(Authority::parse).is_some_and(|authority| authority.is_loopback())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_absolute_and_without_credentials() {
        for (text, is_https, is_loopback) in [
            ("http://127.0.0.1:8080/hooks?a=b", false, true),
            ("https://localhost", true, true),
            ("http://[::1]:80/", false, true),
            ("https://backend.example/x", true, false),
            ("http://10.0.0.1/", false, false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.is_https(), url.is_loopback()), (is_https, is_loopback), "{text}");
        }
        for text in [
            "",
            "/hooks",
            "backend:80",
            "ftp://a/",
            "http://",
            "http:///x",
            "http://a:x/",
            "http://a:/",
            "http://a:0/",
            "http://a:70000/",
            "http://a b/",
            "http://a/#x",
            "*",
        ] {
            assert_eq!(Url::parse(text), Err(UrlError::Form), "{text}");
        }
        assert_eq!(Url::parse("https://me:secret@a/"), Err(UrlError::Credentials));
    }
}
