//! What a backend says of a subscription in place of its namespace.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::value::object;

/// What a backend says of a subscription in place of its namespace; none for what stays as it is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Overrides {
    /// `presence`: it is listed.
    pub presence: Option<bool>,
    /// `join_leave`: others hear when it begins and ends.
    pub join_leave: Option<bool>,
    /// `force_push_join_leave`: its client hears who comes and goes, also where it has not asked for that.
    pub force_push_join_leave: Option<bool>,
    /// `force_recovery`: its client can go on where it was, also where it has not asked for that.
    pub force_recovery: Option<bool>,
    /// `force_positioning`: its client hears when something is lost, also where it has not asked for that.
    pub force_positioning: Option<bool>,
}

#[derive(Deserialize)]
struct Written {
    presence: Option<Flag>,
    join_leave: Option<Flag>,
    force_push_join_leave: Option<Flag>,
    force_recovery: Option<Flag>,
    force_positioning: Option<Flag>,
}

/// What is not there is false.
#[derive(Deserialize)]
struct Flag {
    value: Option<bool>,
}

impl Overrides {
    /// Reads an object such as `{"presence": {"value": false}}`. Other members are read over. None where it is
    /// none.
    pub(crate) fn of_json(json: &RawValue) -> Option<Self> {
        let written: Written = object(json.get().as_bytes())?;
        let value = |flag: Option<Flag>| flag.map(|flag| flag.value.unwrap_or(false));
        Some(Self {
            presence: value(written.presence),
            join_leave: value(written.join_leave),
            force_push_join_leave: value(written.force_push_join_leave),
            force_recovery: value(written.force_recovery),
            force_positioning: value(written.force_positioning),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Option<Overrides> {
        Overrides::of_json(&serde_json::from_str::<Box<RawValue>>(json).unwrap())
    }

    #[test]
    fn each_is_there_or_left_as_it_is() {
        let all = of(r#"{"presence":{"value":false},"join_leave":{"value":true},
            "force_push_join_leave":{"value":true},"force_recovery":{},"force_positioning":null,"x":1}"#);
        let expected = Overrides {
            presence: Some(false),
            join_leave: Some(true),
            force_push_join_leave: Some(true),
            force_recovery: Some(false),
            force_positioning: None,
        };
        assert_eq!(all, Some(expected));
        assert_eq!(of("{}"), Some(Overrides::default()));
        for json in ["[]", "1", "[null,null,null,null,null]", r#"{"presence":true}"#] {
            assert_eq!(of(json), None, "{json}");
        }
        assert_eq!(of(r#"{"presence":{"value":"x"}}"#), None);
    }
}
