//! Commands that come in requests of their own, since their connection is only sent to.

use std::borrow::Cow;

use serde::Deserialize;

/// The name in a query under which the first commands of a client stand.
const CONNECT: &str = "cf_connect";

/// Commands for a connection that is only sent to.
#[derive(Debug, Deserialize)]
pub struct Emulation<'a> {
    /// Which connection.
    #[serde(borrow, default)]
    pub session: Cow<'a, str>,
    /// The commands, as a message has them.
    #[serde(borrow, default)]
    pub data: Cow<'a, str>,
}

impl<'a> Emulation<'a> {
    /// Reads the body of a request; none where it is no object of this kind.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        // The library does not look at bytes that it reads over, and would also take an array for a struct.
        let body = str::from_utf8(body.trim_ascii()).ok()?;
        body.starts_with('{').then(|| serde_json::from_str(body).ok()).flatten()
    }
}

/// The first commands of a client that can only say them in a query; none where it has none.
pub fn commands_in(query: &str) -> Option<Cow<'_, str>> {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields.find(|(name, _)| name == CONNECT).map(|(_, commands)| commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_in_a_text() {
        let body = br#" {"session":"s","node":"n","data":"{\"id\":2}\n{\"id\":3}","more":[1]} "#;
        let Emulation { session, data } = Emulation::parse(body).unwrap();
        assert_eq!((&*session, &*data), ("s", "{\"id\":2}\n{\"id\":3}"));
        let Emulation { session, data } = Emulation::parse(b"{}").unwrap();
        assert!(session.is_empty() && data.is_empty());
        for body in [
            &b""[..],
            b"[]",
            br#"["s","d"]"#,
            b"null",
            br#"{"data":{}}"#,
            b"{} {}",
            b"\xff",
            b"{\"data\":\"\",\"x\":\"\xff\"}",
        ] {
            assert!(Emulation::parse(body).is_none(), "{body:?}");
        }
    }

    #[test]
    fn a_query_may_have_the_first_commands() {
        let query = "a=b&cf_connect=%7B%22id%22%3A1%7D+%0A&cf_connect=x";
        assert_eq!(commands_in(query).as_deref(), Some("{\"id\":1} \n"));
        assert!(commands_in("").is_none() && commands_in("cf_connec=1").is_none());
    }
}
