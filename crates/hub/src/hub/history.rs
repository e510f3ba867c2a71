//! What the history of a channel has, for backends that ask for it.

use std::sync::Arc;

use super::Hub;
use crate::role::Role;
use crate::{ChannelName, Message, Outbox, Position, Publication};

/// Which publications of a history are asked for.
#[derive(Clone, Copy, Debug)]
pub struct HistoryQuery {
    /// Those after this offset; in reverse, those before it.
    pub since: Option<u64>,
    /// How many at most.
    pub limit: usize,
    /// The newest first.
    pub reverse: bool,
    /// Bytes of payloads at most, unless the first one alone has more.
    pub bytes_max: usize,
}

/// A part of a history.
#[derive(Clone, Debug)]
pub struct History {
    /// Where the stream stands.
    pub position: Position,
    /// What was asked for.
    pub publications: Vec<Arc<Publication>>,
}

/// Some of the channels that have subscribers on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenedTo {
    /// With the numbers of their subscribers.
    pub channels: Vec<(ChannelName, u64)>,
    /// Where to go on; none at the end.
    pub next: Option<u32>,
}

impl Hub {
    /// A part of the history of a channel; none where nobody knows it. Only for the channel's home, as
    /// [`publish_home`](Hub::publish_home).
    pub fn history_home(
        &self,
        now_ms: u64,
        name: &ChannelName,
        query: HistoryQuery,
    ) -> Option<History> {
        let channel = &self.table[self.find(name)?];
        let log = channel.log();
        let position = Position { epoch: channel.epoch, offset: log.head() };
        let before = log.history_before(now_ms, self.rules[channel.namespace].history_ttl_ms);
        let (mut bytes, HistoryQuery { since, limit, reverse, bytes_max }) = (0, query);
        let fits = |publication: &&Arc<Publication>| {
            let is_first = bytes == 0;
            bytes += publication.payload().len();
            is_first || bytes <= bytes_max
        };
        let publications = if reverse {
            let until = since.map_or(log.head(), |since| since.saturating_sub(1));
            log.shared(before, until).rev().take(limit).take_while(fits).cloned().collect()
        } else {
            let after = since.map_or(before, |since| since.max(before));
            log.shared(after, log.head()).take(limit).take_while(fits).cloned().collect()
        };
        Some(History { position, publications })
    }

    /// Removes the history of a channel: nobody can begin in it any more, and those who listen go on. False
    /// where there is none. Only for the channel's home, as [`publish_home`](Hub::publish_home).
    pub fn remove_history_home(&mut self, name: &ChannelName, out: &mut Outbox) -> bool {
        let Some(index) = self.find(name) else {
            return false;
        };
        if let Role::Home(home) = &self.table[index].role {
            out.extend(home.mirrors.iter().map(|mirror| {
                let (channel, generation) = (mirror.channel, mirror.generation);
                (mirror.shard, Message::HistoryRemoved { channel, generation })
            }));
        }
        let had_some = self.table[index].log().history_len() > 0;
        self.remove_history(index);
        had_some
    }

    /// Removes what is kept here for those who begin.
    pub(super) fn remove_history(&mut self, index: u32) {
        self.table[index].remove_history();
        self.trim(index);
        self.shares.count(&mut self.table, index);
        self.mark_dirty(index);
    }

    /// The channels that have subscribers on this shard, among so many places from one on.
    pub fn listened_to(&self, from: u32, places: u32) -> ListenedTo {
        let end = from.saturating_add(places).min(self.table.slots());
        let channels =
            (from..end).filter_map(|index| self.table.get(index)).filter_map(|channel| {
                let subscribers = channel.subscribers() as u64;
                (subscribers > 0).then(|| (channel.name.clone(), subscribers))
            });
        let next = (end < self.table.slots()).then_some(end);
        ListenedTo { channels: channels.collect(), next }
    }
}
