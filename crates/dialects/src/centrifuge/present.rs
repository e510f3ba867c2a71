//! Those who listen to a channel, as a client is told of them.

use serde_json::value::RawValue;

use super::info::Info;
use crate::json::push_json;

/// Those who listen to a channel, by the names of their connections: the members of a JSON object, as they are
/// written one after another.
#[derive(Debug, Default)]
pub struct Present {
    members: Vec<u8>,
}

impl Present {
    /// Adds a client. False, and nothing changes, where that would be more than `bytes_max`; a first one always
    /// has room.
    pub fn push(&mut self, client: &str, info: &Info<'_>, bytes_max: usize) -> bool {
        let before = self.members.len();
        if before > 0 {
            self.members.push(b',');
        }
        push_json(&mut self.members, &client);
        self.members.push(b':');
        push_json(&mut self.members, info);
        let has_room = before == 0 || self.members.len() <= bytes_max;
        if !has_room {
            self.members.truncate(before);
        }
        has_room
    }

    /// How many bytes they are.
    pub fn bytes(&self) -> usize {
        self.members.len()
    }

    /// The object.
    pub fn to_json(&self) -> Box<RawValue> {
        let mut json = Vec::with_capacity(self.members.len() + 2);
        json.push(b'{');
        json.extend_from_slice(&self.members);
        json.push(b'}');
        // Members of an object, as they were written above.
        serde_json::from_slice(&json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_stand_by_their_names() {
        let mut present = Present::default();
        assert_eq!(present.to_json().get(), "{}");
        assert!(present.push("a\"b", &Info::new("7", "a\"b", Some(b"{\"x\":\n1}")), 0));
        assert!(present.push("c", &Info::new("", "c", None), 1_000));
        let expected = r#"{"a\"b":{"user":"7","client":"a\"b","conn_info":{"x":1}},"c":{"user":"","client":"c"}}"#;
        assert_eq!(present.to_json().get(), expected);
    }

    #[test]
    fn what_has_no_room_is_left_out_whole() {
        let mut present = Present::default();
        let client = Info::new("", "c", None);
        assert!(present.push("c", &client, 60) && present.push("d", &client, 60));
        let bytes = present.bytes();
        assert!(bytes <= 60 && !present.push("e", &client, 60));
        assert_eq!(present.bytes(), bytes);
        assert_eq!(present.to_json().get().matches("client").count(), 2);
    }
}
