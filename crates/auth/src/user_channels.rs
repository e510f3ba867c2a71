//! Channels that belong to one user, by their names.

use switchboard_hub::ChannelName;
use thiserror::Error;

/// Stands for the user in a pattern.
const USER: &str = "{sub}";

/// Which channels of a namespace belong to one user: `user:{sub}` is the channel `user:7` of the user with
/// the `sub` 7, and `user:{sub}:*` all those that begin with `user:7:`.
///
/// `{sub}` is a whole part of the name, between colons, and always the same one; a user with a colon in the
/// `sub` has no channel where something follows it. So no user can be named in such a way that the channel
/// of another becomes theirs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserChannels {
    before: Box<str>,
    after: Vec<After>,
}

/// What stands behind the user.
#[derive(Clone, Debug, Eq, PartialEq)]
enum After {
    /// This.
    Exactly(Box<str>),
    /// Whatever begins with this.
    Anything(Box<str>),
}

/// Why patterns cannot be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum UserChannelsError {
    /// `{sub}` is missing, or there twice.
    #[error("each must have `{{sub}}` once, such as `user:{{sub}}`")]
    Once,
    /// `{sub}` is a part of a part.
    #[error("`{{sub}}` must stand between colons or at the end, such as `user:{{sub}}:inbox`")]
    Part,
    /// A user could be named so that a channel is that of two.
    #[error("all must begin alike up to `{{sub}}`")]
    Alike,
    /// The table is never asked about such a channel.
    #[error("each must begin with the name of the namespace and a colon")]
    Namespace,
}

impl UserChannels {
    /// Reads the patterns of a namespace; `namespace` is none for the default one.
    ///
    /// # Errors
    /// When a channel could be that of two users, or is never one of the namespace.
    pub fn new(namespace: Option<&str>, patterns: &[String]) -> Result<Self, UserChannelsError> {
        let mut all = Self::default();
        for pattern in patterns {
            let (before, after) = pattern.split_once(USER).ok_or(UserChannelsError::Once)?;
            if after.contains(USER) {
                return Err(UserChannelsError::Once);
            }
            if !(before.is_empty() || before.ends_with(':'))
                || !(after.is_empty() || after.starts_with(':'))
            {
                return Err(UserChannelsError::Part);
            }
            if !all.after.is_empty() && *all.before != *before {
                return Err(UserChannelsError::Alike);
            }
            let is_of = |name| before.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
            if namespace.is_some_and(|name| !is_of(name)) {
                return Err(UserChannelsError::Namespace);
            }
            all.before = before.into();
            all.after.push(match after.strip_suffix('*') {
                Some(start) => After::Anything(start.into()),
                None => After::Exactly(after.into()),
            });
        }
        Ok(all)
    }

    /// Whether the channel belongs to this user.
    pub fn is_own(&self, user: &str, name: &ChannelName) -> bool {
        let Some(rest) = name.as_str().strip_prefix(&*self.before) else {
            return false;
        };
        let Some(after) = rest.strip_prefix(user) else {
            return false;
        };
        let only_users = self.after.iter().all(|own| *own == After::Exactly(Box::default()));
        (only_users || !user.contains(':'))
            && self.after.iter().any(|own| match own {
                After::Exactly(own) => **own == *after,
                After::Anything(start) => after.starts_with(&**start),
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channels(patterns: &[&str]) -> Result<UserChannels, UserChannelsError> {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        UserChannels::new(Some("user"), &patterns)
    }

    fn is_own(patterns: &[&str], user: &str, name: &str) -> bool {
        channels(patterns).unwrap().is_own(user, &ChannelName::new(name).unwrap())
    }

    #[test]
    fn a_channel_belongs_to_the_user_that_its_name_has() {
        for (pattern, user, name, expected) in [
            ("user:{sub}", "7", "user:7", true),
            ("user:{sub}", "7", "user:77", false),
            ("user:{sub}", "7", "user:7:inbox", false),
            ("user:{sub}", "a:b", "user:a:b", true),
            ("user:{sub}", "7*", "user:7*", true),
            ("user:{sub}:*", "7", "user:7:inbox", true),
            ("user:{sub}:*", "7", "user:7", false),
            ("user:{sub}:*", "7", "user:77:inbox", false),
            ("user:{sub}:*", "7:a", "user:7:a:b", false),
            ("user:{sub}:in", "7", "user:7:in", true),
            ("user:{sub}:in", "7", "user:7:inbox", false),
        ] {
            assert_eq!(is_own(&[pattern], user, name), expected, "{pattern} {user} {name}");
        }
        assert!(!UserChannels::default().is_own("", &ChannelName::new("user:").unwrap()));
    }

    #[test]
    fn patterns_that_could_make_a_channel_that_of_two_are_refused() {
        for (patterns, error) in [
            (&["user:7"][..], UserChannelsError::Once),
            (&["user:{sub}:{sub}"], UserChannelsError::Once),
            (&["user:a{sub}"], UserChannelsError::Part),
            (&["user:{sub}*"], UserChannelsError::Part),
            (&["user:{sub}", "user:in:{sub}"], UserChannelsError::Alike),
            (&["{sub}"], UserChannelsError::Namespace),
            (&["users:{sub}"], UserChannelsError::Namespace),
        ] {
            assert_eq!(channels(patterns), Err(error), "{patterns:?}");
        }
    }

    proptest! {
        #[test]
        fn no_channel_belongs_to_two_users(
            users in proptest::collection::vec("[ab:*]{1,4}", 2),
            name in "user(:[ab*]{0,2}){1,4}",
            which in 1_usize..16,
        ) {
            let all = ["user:{sub}", "user:{sub}:a", "user:{sub}:*", "user:{sub}:b:*"];
            let patterns: Vec<&str> =
                all.iter().enumerate().filter(|(at, _)| which >> at & 1 == 1).map(|(_, p)| *p).collect();
            let owners = users.iter().filter(|user| is_own(&patterns, user, &name)).count();
            prop_assert!(owners <= 1 || users[0] == users[1], "{patterns:?} {users:?} {name}");
        }
    }
}
