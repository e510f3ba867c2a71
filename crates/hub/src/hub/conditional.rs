//! Publications under a condition, which the channel's home checks: it sees all of them, one by one.

use super::Hub;
use crate::role::Role;
use crate::{
    ChannelName, Condition, Conditional, Draft, Message, NamespaceId, Outbox, Position, Receipt,
    ReplyTo,
};

impl Hub {
    /// As [`publish`](Hub::publish), if the condition holds. If not, the receipt is that of the publication
    /// that was made under the same key, or has the position of the last one.
    pub fn publish_if(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        (draft, condition): (Draft, Condition),
        reply_to: Option<ReplyTo>,
        out: &mut Outbox,
    ) -> Option<Receipt> {
        let home = self.router.home(name);
        if home == self.id {
            return Some(self.publish_home_if(now_ms, name, (draft, condition), out));
        }
        let publication = Conditional { name: name.clone(), draft, condition, reply_to };
        out.push((home, Message::PublishIf(Box::new(publication))));
        None
    }

    /// As [`publish_home`](Hub::publish_home), if the condition holds. If not, the receipt is as that of
    /// [`publish_if`](Hub::publish_if).
    pub fn publish_home_if(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        (draft, condition): (Draft, Condition),
        out: &mut Outbox,
    ) -> Receipt {
        let key = condition.key.map(|key| self.recall.hash(name, &key));
        let index = self.find_or_open_home(name);
        if let Some(position) = key.and_then(|key| self.recall.find(key)) {
            return self.receipt(now_ms, index, position, out);
        }
        let is_new = condition.version.is_none_or(|version| self.recall.advance(index, &version));
        let receipt = if is_new {
            self.publish_home(now_ms, name, draft, out)
        } else {
            let channel = &self.table[index];
            let head = Position { epoch: channel.epoch, offset: channel.log().head() };
            self.receipt(now_ms, index, head, out)
        };
        if let Some(key) = key {
            self.recall.remember(now_ms, key, receipt.position);
        }
        receipt
    }

    /// Whether channels of this namespace have a history.
    pub fn keeps_history(&self, namespace: NamespaceId) -> bool {
        self.rules[namespace].history.publications > 0
    }

    /// What is to be said of a channel in which nothing was published now.
    pub(super) fn receipt(
        &mut self,
        now_ms: u64,
        index: u32,
        position: Position,
        out: &mut Outbox,
    ) -> Receipt {
        let channel = &self.table[index];
        let ttl_ms = self.rules[channel.namespace].history_ttl_ms;
        let remote = match &channel.role {
            Role::Home(home) => home.remote_subscribers(),
            Role::Mirror(_) => 0,
        };
        let subscribers = channel.subscribers() as u64 + remote;
        let receipt = Receipt {
            position,
            subscribers,
            subscribed: subscribers > 0,
            messages: channel.log().history_len_at(now_ms, ttl_ms) as u64,
            last_requested_ms: channel.last_requested_ms(),
        };
        // It may have been made just now.
        self.settle(now_ms, index, out);
        receipt
    }
}
