//! What a publication is labelled with on one connection.

use switchboard_dialects::{Dialect, id};
use switchboard_hub::{ChannelName, Position};

use super::chain::Chain;

/// What surrounds a publication's own position in the position of its connection, and what else is
/// said with it. Nothing for those who listen to one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct PositionHeader {
    /// The positions in the channels before it.
    pub(crate) before: String,
    /// The positions in the channels behind it, each behind a comma.
    pub(crate) after: String,
    /// Named to those who listen to several, and always in a dialect that wants it.
    pub(crate) channel: Option<ChannelName>,
    /// What the publications follow.
    pub(crate) chain: Chain,
}

impl PositionHeader {
    /// For those who all get the same bytes.
    #[inline]
    pub(crate) fn shared(dialect: Dialect, channel: impl FnOnce() -> Option<ChannelName>) -> Self {
        let channel = if dialect.names_channel() { channel() } else { None };
        Self { channel, ..Self::default() }
    }

    /// The same for those whose publications follow others.
    #[inline]
    pub(crate) fn behind(self, chain: Chain) -> Self {
        Self { chain, ..self }
    }

    /// Writes the whole position of who has got this publication.
    pub(crate) fn write_id(&self, position: Position, out: &mut String) {
        out.clear();
        out.push_str(&self.before);
        id::push_position(out, position);
        out.push_str(&self.after);
    }
}
