//! What a client sends.

use serde::Serialize;

/// The answer to a ping.
pub(crate) const PONG: &[u8] = b"{}";

/// What the client says it is.
const NAME: &str = "switchboard-load";

#[derive(Serialize)]
struct Command<'a> {
    id: u32,
    #[serde(flatten)]
    method: Method<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Method<'a> {
    Connect {
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        name: &'static str,
    },
    Subscribe {
        channel: &'a str,
        #[serde(flatten)]
        behind: Option<Behind<'a>>,
    },
}

#[derive(Serialize)]
struct Behind<'a> {
    recover: bool,
    offset: u64,
    epoch: &'a str,
}

/// The first command, with a token where the client has one.
pub(crate) fn connect(token: Option<&str>) -> Vec<u8> {
    json(&Command { id: 1, method: Method::Connect { token, name: NAME } })
}

/// The second one. A client that was there before goes on behind an offset of an epoch.
pub(crate) fn subscribe(channel: &str, behind: Option<(u64, &str)>) -> Vec<u8> {
    let behind = behind.map(|(offset, epoch)| Behind { recover: true, offset, epoch });
    json(&Command { id: 2, method: Method::Subscribe { channel, behind } })
}

fn json(command: &Command<'_>) -> Vec<u8> {
    serde_json::to_vec(command).unwrap_or_else(|_| unreachable!("texts and numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_connects_and_subscribes() {
        for (command, expected) in [
            (connect(None), r#"{"id":1,"connect":{"name":"switchboard-load"}}"#),
            (
                connect(Some("a.b.c")),
                r#"{"id":1,"connect":{"token":"a.b.c","name":"switchboard-load"}}"#,
            ),
            (subscribe("a\"b", None), r#"{"id":2,"subscribe":{"channel":"a\"b"}}"#),
            (
                subscribe("c", Some((7, "abc"))),
                r#"{"id":2,"subscribe":{"channel":"c","recover":true,"offset":7,"epoch":"abc"}}"#,
            ),
        ] {
            assert_eq!(String::from_utf8(command).unwrap(), expected);
        }
    }
}
