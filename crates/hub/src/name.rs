//! Names of channels.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

const NAME_BYTES_MAX: usize = 255;

/// A channel's name: 1 to 255 bytes of UTF-8 without control characters and without `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// Checks a name that is not encoded.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if name.contains(char::is_control) {
            return Err(NameError::Control);
        }
        if name.contains('/') {
            return Err(NameError::Slash);
        }
        Ok(Self(name.into()))
    }

    /// Percent-decodes one segment of a path and checks it.
    pub fn decode(segment: &str) -> Result<Self, NameError> {
        // Three bytes encode one, so a longer segment is refused before it is decoded.
        if segment.len() > 3 * NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if !escapes_are_whole(segment) {
            return Err(NameError::Escape);
        }
        let name = percent_decode_str(segment).decode_utf8().map_err(|_| NameError::NotUtf8)?;
        Self::new(&name)
    }

    /// The part before the first `:`.
    pub fn namespace(&self) -> Option<&str> {
        self.0.split_once(':').map(|(namespace, _)| namespace)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ChannelName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// RFC 3986, section 2.1: `%` is always followed by two hexadecimal digits.
fn escapes_are_whole(segment: &str) -> bool {
    segment.split('%').skip(1).all(|rest| {
        rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Reads a list such as `a,b` from a path: splits it on `,`, then decodes each name (so `%2C` is
/// part of a name). At most `channels_max` names, none twice.
pub fn parse_list(segment: &str, channels_max: usize) -> Result<Vec<ChannelName>, NameError> {
    let mut names = Vec::new();
    for part in segment.split(',') {
        if names.len() == channels_max {
            return Err(NameError::TooMany);
        }
        let name = ChannelName::decode(part)?;
        if names.contains(&name) {
            return Err(NameError::Twice);
        }
        names.push(name);
    }
    Ok(names)
}

/// Why a text is not a channel name or a list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("a channel name must not be empty")]
    Empty,
    /// It has more than 255 bytes.
    #[error("a channel name has at most 255 bytes")]
    TooLong,
    /// A `%` without two hexadecimal digits.
    #[error("a % in a channel name must be followed by two hexadecimal digits")]
    Escape,
    /// The decoded bytes are not UTF-8.
    #[error("a channel name must be UTF-8")]
    NotUtf8,
    /// A control character.
    #[error("a channel name must not contain control characters")]
    Control,
    /// A slash, plain or encoded.
    #[error("a channel name must not contain /")]
    Slash,
    /// The list is longer than allowed.
    #[error("too many channels for one connection")]
    TooMany,
    /// The list has a name twice.
    #[error("a channel must not be named twice")]
    Twice,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(segment: &str) -> Result<Vec<String>, NameError> {
        Ok(parse_list(segment, 3)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lists_are_split_before_they_are_decoded() {
        assert_eq!(list("a,b").unwrap(), ["a", "b"]);
        assert_eq!(list("a%2Cb,c").unwrap(), ["a,b", "c"]);
        assert_eq!(list("chat%3aroom%20one").unwrap(), ["chat:room one"]);
        assert_eq!(list("%C3%A4,ä%25").unwrap(), ["ä", "ä%"]);
    }

    #[test]
    fn refuses_by_rule() {
        assert_eq!(list(""), Err(NameError::Empty));
        assert_eq!(list("a,"), Err(NameError::Empty));
        assert_eq!(list("a,,b"), Err(NameError::Empty));
        assert_eq!(list("a,%61"), Err(NameError::Twice));
        assert_eq!(list("a,b,c,d"), Err(NameError::TooMany));
        assert_eq!(list("a%2fb"), Err(NameError::Slash));
        assert_eq!(list("a/b"), Err(NameError::Slash));
        assert_eq!(list("a%0d%0ab"), Err(NameError::Control));
        assert_eq!(list("%7F"), Err(NameError::Control));
        assert_eq!(list("%C2%85"), Err(NameError::Control));
        assert_eq!(list("%ff"), Err(NameError::NotUtf8));
        assert_eq!(list("%ed%a0%80"), Err(NameError::NotUtf8));
        for cut in ["%", "a%4", "%zz", "%%41", "%é"] {
            assert_eq!(list(cut), Err(NameError::Escape), "{cut}");
        }
    }

    #[test]
    fn length_is_counted_in_decoded_bytes() {
        assert!(list(&"x".repeat(255)).is_ok());
        assert!(list(&"%78".repeat(255)).is_ok());
        assert_eq!(list(&"x".repeat(256)), Err(NameError::TooLong));
        assert_eq!(list(&"%78".repeat(256)), Err(NameError::TooLong));
        assert_eq!(list(&"x".repeat(1 << 20)), Err(NameError::TooLong));
    }

    #[test]
    fn namespace_stands_before_the_first_colon() {
        let namespace = |name| ChannelName::new(name).unwrap().namespace().map(str::to_owned);
        assert_eq!(namespace("chat:a:b"), Some("chat".into()));
        assert_eq!(namespace("chat"), None);
        assert_eq!(namespace(":a"), Some(String::new()));
    }
}
