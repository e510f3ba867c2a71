//! What a namespace asks of a client.

/// Who may do something with the channels of a namespace.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// Everybody.
    #[default]
    Anyone,
    /// Clients with a token that names a user.
    Authenticated,
    /// Clients whose token grants the channel, and the user whose channel it is.
    Granted,
    /// Clients whose token grants the channel, the user whose channel it is, and those for which a backend
    /// says so. It is asked only about others than the former.
    Hook,
    /// No client.
    Nobody,
}

/// Whether a client may do what `access` is about, as far as that is known without a backend. `user` is that
/// of its token, empty where that names none; `is_granted` says whether the token grants the channel, and
/// `is_own` whether it belongs to a user.
pub fn allows(
    access: Access,
    user: Option<&str>,
    is_granted: impl FnOnce() -> bool,
    is_own: impl FnOnce(&str) -> bool,
) -> bool {
    match (access, user) {
        (Access::Anyone, _) => true,
        (Access::Nobody, _) | (_, None) => false,
        (Access::Authenticated, Some(user)) => !user.is_empty(),
        (Access::Granted | Access::Hook, Some(user)) => {
            is_granted() || (!user.is_empty() && is_own(user))
        }
    }
}

#[cfg(test)]
mod tests {
    use switchboard_hub::ChannelName;

    use super::*;
    use crate::{Claims, Patterns};

    fn claims(user: &str) -> Claims {
        Claims {
            user: user.into(),
            expires_at_s: None,
            connection_expires_at_s: None,
            channels: Patterns::new(["room:1".to_owned()]).unwrap(),
            publish: Patterns::default(),
            info: None,
            meta: None,
            opening: None,
        }
    }

    #[test]
    fn each_kind_of_access_lets_its_clients_through() {
        let name = ChannelName::new("room:1").unwrap();
        let other = ChannelName::new("room:2").unwrap();
        let (named, nameless) = (claims("7"), claims(""));
        let may = |access, claims: Option<&Claims>, name| {
            let is_granted = || claims.is_some_and(|claims| claims.channels.match_name(name));
            allows(access, claims.map(|claims| &*claims.user), is_granted, |user| user == "9")
        };
        for (access, of_anonymous, of_nameless, of_named) in [
            (Access::Anyone, true, true, true),
            (Access::Authenticated, false, false, true),
            (Access::Nobody, false, false, false),
        ] {
            assert_eq!(may(access, None, &name), of_anonymous, "{access:?}");
            assert_eq!(may(access, Some(&nameless), &name), of_nameless, "{access:?}");
            assert_eq!(may(access, Some(&named), &name), of_named, "{access:?}");
        }
        for access in [Access::Granted, Access::Hook] {
            assert!(!may(access, None, &name) && may(access, Some(&nameless), &name));
            assert!(!may(access, Some(&named), &other));
            assert!(may(access, Some(&claims("9")), &other), "its own");
        }
    }

    #[test]
    fn a_client_without_a_name_owns_no_channel() {
        let granted = |user| allows(Access::Granted, Some(user), || false, |_| true);
        assert!(!granted("") && granted("a"));
    }
}
