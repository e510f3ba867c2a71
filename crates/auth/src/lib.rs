//! Who a client is: from a token to the claims that it makes, and to what they allow.
//!
//! It has no socket, clock or thread: keys and time come in as arguments. A request shows a token
//! ([`Presented`]), a [`Verifier`] with the server's keys checks it and gives [`Claims`], which a shard may
//! keep by the token's bytes ([`TokenCache`]). An [`Access`] says what a namespace asks of a client, and
//! [`allows`] whether its claims are enough.
//!
//! Nothing that a token says chooses a key's address or an algorithm: the keys are the server's own, each
//! with the algorithms that it is for (RFC 8725 section 3.1).
#![forbid(unsafe_code)]

mod access;
mod cache;
mod channel_options;
mod claims;
mod error;
mod keys;
mod opening;
mod overrides;
mod pattern;
mod presented;
mod registered;
mod subscription;
mod user_channels;
mod value;
mod verifier;

pub use access::{Access, allows};
pub use cache::TokenCache;
pub use channel_options::{ChannelOptions, WrittenOptions};
pub use claims::{Claims, Who};
pub use error::{KeyError, TokenError};
pub use keys::KeySet;
pub use opening::Opening;
pub use overrides::Overrides;
pub use pattern::Patterns;
pub use presented::{Place, Presented};
pub use subscription::SubscriptionClaims;
pub use user_channels::{UserChannels, UserChannelsError};
pub use value::object;
pub use verifier::{OnUnknownKey, Unverified, Verifier};
