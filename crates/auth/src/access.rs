//! What a namespace asks of a client.

use switchboard_hub::ChannelName;

use crate::{Claims, Patterns};

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
    /// No client.
    Nobody,
}

/// Whether a client may do what `access` is about with a channel. `granted` are the patterns of its token
/// for this; `is_own` says whether the channel belongs to a user.
pub fn allows(
    access: Access,
    claims: Option<&Claims>,
    name: &ChannelName,
    granted: fn(&Claims) -> &Patterns,
    is_own: impl FnOnce(&str) -> bool,
) -> bool {
    match (access, claims) {
        (Access::Anyone, _) => true,
        (Access::Nobody, _) | (_, None) => false,
        (Access::Authenticated, Some(claims)) => !claims.user.is_empty(),
        (Access::Granted, Some(claims)) => {
            granted(claims).match_name(name) || (!claims.user.is_empty() && is_own(&claims.user))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(user: &str) -> Claims {
        Claims {
            user: user.into(),
            expires_at_s: None,
            connection_expires_at_s: None,
            channels: Patterns::new(["room:1".to_owned()]).unwrap(),
            publish: Patterns::default(),
            info: None,
        }
    }

    #[test]
    fn each_kind_of_access_lets_its_clients_through() {
        let name = ChannelName::new("room:1").unwrap();
        let other = ChannelName::new("room:2").unwrap();
        let (named, nameless) = (claims("7"), claims(""));
        let may = |access, claims, name| {
            allows(access, claims, name, |claims| &claims.channels, |user| user == "9")
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
        assert!(!may(Access::Granted, None, &name));
        assert!(may(Access::Granted, Some(&nameless), &name));
        assert!(!may(Access::Granted, Some(&named), &other));
        assert!(may(Access::Granted, Some(&claims("9")), &other), "its own");
    }

    #[test]
    fn a_client_without_a_name_owns_no_channel() {
        let name = ChannelName::new("user:").unwrap();
        let granted = |claims: &Claims| {
            allows(Access::Granted, Some(claims), &name, |claims| &claims.publish, |_| true)
        };
        assert!(!granted(&claims("")) && granted(&claims("a")));
    }
}
