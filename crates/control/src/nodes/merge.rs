//! What several nodes answer, as one answer.

use serde_json::{Number, Value};

/// Numbers that add up.
const SUMS: [&str; 7] = [
    "subscribers",
    "listed",
    "connections",
    "disconnected",
    "num_clients",
    "num_users",
    "num_subs",
];

/// Adds the answer of another node. Lists are joined, counts add up, objects are joined field by field, and of
/// anything else the first one counts: a position is the same on all nodes.
pub(super) fn merge(sum: &mut Value, other: Value) {
    match (sum, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for (name, other) in others {
                match fields.get_mut(&name) {
                    Some(Value::Number(number)) if SUMS.contains(&name.as_str()) => {
                        add(number, &other);
                    }
                    Some(field) => merge(field, other),
                    None => {
                        fields.insert(name, other);
                    }
                }
            }
        }
        (Value::Array(list), Value::Array(others)) => list.extend(others),
        _ => {}
    }
}

fn add(sum: &mut Number, other: &Value) {
    let total = sum.as_u64().unwrap_or(0).saturating_add(other.as_u64().unwrap_or(0));
    *sum = total.into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut sum: Value, other: Value) -> Value {
        merge(&mut sum, other);
        sum
    }

    #[test]
    fn counts_add_up_and_lists_are_joined() {
        let one =
            json!({"subscribers": 2, "listed": 1, "list": [{"user": "a"}], "position": "x-1"});
        let two =
            json!({"subscribers": 3, "listed": 1, "list": [{"user": "b"}], "position": "x-1"});
        let both = json!({
            "subscribers": 5, "listed": 2, "list": [{"user": "a"}, {"user": "b"}], "position": "x-1"
        });
        assert_eq!(merged(one, two), both);
    }

    #[test]
    fn objects_are_joined_by_their_names() {
        let one = json!({"result": {"channels": {"a": {"num_clients": 1}}}});
        let two =
            json!({"result": {"channels": {"a": {"num_clients": 2}, "b": {"num_clients": 9}}}});
        let both =
            json!({"result": {"channels": {"a": {"num_clients": 3}, "b": {"num_clients": 9}}}});
        assert_eq!(merged(one, two), both);
        let nodes =
            merged(json!({"nodes": [{"name": "one"}]}), json!({"nodes": [{"name": "two"}]}));
        assert_eq!(nodes, json!({"nodes": [{"name": "one"}, {"name": "two"}]}));
        assert_eq!(merged(json!({}), json!({})), json!({}));
        assert_eq!(
            merged(json!({"a": 1}), json!([1])),
            json!({"a": 1}),
            "another shape is passed over"
        );
    }
}
