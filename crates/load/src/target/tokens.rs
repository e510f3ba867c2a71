//! The tokens that clients show: a file with one a line.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The largest file, in bytes: a token of 1 KiB for each of a million connections.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Tokens in the order of the connections that show them: the text of the file and where each line
/// begins and ends, so that a million of them are two allocations.
#[derive(Debug)]
pub(crate) struct Tokens {
    text: String,
    spans: Vec<(u32, u32)>,
}

/// What is wrong with a file of tokens. What stands in it is never shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("has more than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("is no text")]
    NoText,
    #[error("has no tokens")]
    Empty,
    #[error("line {0} is blank: each line is a token")]
    Blank(usize),
    #[error(
        "line {0} is no token: letters, digits and -._~+/ with = at the end, as after Authorization: \
         Bearer (RFC 6750, section 2.1)"
    )]
    Malformed(usize),
    #[error(
        "has {tokens} tokens for {connections} connections: each shows a line of its own, so a user \
         with several connections has as many lines"
    )]
    TooFew { tokens: usize, connections: u32 },
}

impl Tokens {
    /// Reads a file with a token for each of `connections`.
    pub(crate) fn read(path: &Path, connections: u32) -> Result<Self, TokensError> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(TokensError::TooLarge);
        }
        Self::parse(String::from_utf8(bytes).map_err(|_| TokensError::NoText)?, connections)
    }

    fn parse(text: String, connections: u32) -> Result<Self, TokensError> {
        let mut spans = Vec::new();
        let mut begin = 0;
        for (nth, line) in text.split_inclusive('\n').enumerate() {
            let token = line.trim_end_matches(['\r', '\n']);
            match token {
                "" => return Err(TokensError::Blank(nth + 1)),
                _ if !is_bearer_token(token) => return Err(TokensError::Malformed(nth + 1)),
                _ => spans.push((begin, begin + token.len() as u32)),
            }
            begin += line.len() as u32;
        }
        match spans.len() {
            0 => Err(TokensError::Empty),
            tokens if tokens < connections as usize => {
                Err(TokensError::TooFew { tokens, connections })
            }
            _ => Ok(Self { text, spans }),
        }
    }

    /// The token of connection `number`; after the last one, the first follows again: a client that
    /// comes when another has left may show the same.
    pub(crate) fn of(&self, number: u32) -> &str {
        let (begin, end) = self.spans[number as usize % self.spans.len()];
        &self.text[begin as usize..end as usize]
    }
}

/// Whether a text may follow `Bearer` (`b64token` of RFC 6750, section 2.1).
fn is_bearer_token(text: &str) -> bool {
    let letters = text.trim_end_matches('=');
    !letters.is_empty()
        && letters.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, connections: u32) -> Result<Tokens, String> {
        Tokens::parse(text.to_owned(), connections).map_err(|error| error.to_string())
    }

    #[test]
    fn each_connection_has_a_line_and_the_first_follows_the_last() {
        for text in ["a.b-c\nd+e/f==\n", "a.b-c\r\nd+e/f==", "a.b-c\nd+e/f==\r\n"] {
            let tokens = parse(text, 2).unwrap();
            let all: Vec<_> = (0..5).map(|number| tokens.of(number)).collect();
            assert_eq!(all, ["a.b-c", "d+e/f==", "a.b-c", "d+e/f==", "a.b-c"], "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_the_token() {
        for (text, connections, reason) in [
            ("", 1, "has no tokens"),
            ("a\n\nb\n", 1, "line 2 is blank"),
            ("a\nb\n\n", 1, "line 3 is blank"),
            ("a\nsecret secret\n", 1, "line 2 is no token"),
            ("Bearer secret\n", 1, "line 1 is no token"),
            ("a\n==\n", 1, "line 2 is no token"),
            ("secret\r\rb\n", 1, "line 1 is no token"),
            ("a\nb\n", 3, "has 2 tokens for 3 connections"),
        ] {
            let error = parse(text, connections).unwrap_err();
            assert!(error.contains(reason) && !error.contains("secret"), "{text:?}: {error}");
        }
    }
}
