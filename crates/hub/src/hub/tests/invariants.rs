//! What must hold in a hub between any two calls.

use super::*;
use crate::subscriber_set::SubscriberSet;

pub(super) fn assert_sound(hub: &Hub) {
    let channels: Vec<(u32, &Channel)> = (0..hub.table.len() as u32 * 4 + 256)
        .filter_map(|index| Some((index, hub.table.get(index)?)))
        .collect();
    assert_eq!(channels.len(), hub.table.len());
    let bytes: usize = channels.iter().map(|(_, channel)| channel.bytes_to_count()).sum();
    assert_eq!(hub.log_bytes(), bytes);
    assert!(bytes <= hub.limits.shard_log_bytes_max);
    let idle = channels.iter().filter(|(_, channel)| channel.is_idle()).count();
    assert_eq!(hub.channels_idle(), idle);
    assert!(idle <= hub.limits.channels_idle_max);
    for (index, channel) in channels {
        assert_eq!(hub.find(&channel.name), Some(index));
        assert_channel_sound(hub, index, channel);
    }
}

fn assert_channel_sound(hub: &Hub, index: u32, channel: &Channel) {
    let has_work = channel.ready_has_work() || channel.blocked_has_work();
    assert!(!has_work || hub.dirty.contains(&hub.table, index), "work that nobody will find");
    assert_eq!(channel.counted_bytes(), channel.bytes_to_count());
    assert_eq!(channel.neighbours(Link::Size).are_in_list(), channel.counted_bytes() > 0);
    assert!(channel.head_mark() >= channel.base);
    assert_marks(&channel.ready, channel.head_mark());
    if let Some(blocked) = &channel.blocked {
        assert!(!blocked.is_empty());
        assert_marks(blocked, channel.head_mark());
    }
    if let Role::Home(home) = &channel.role
        && hub.limits.watches_occupancy
    {
        let is_occupied = channel.subscribers() > 0 || home.remote_subscribers() > 0;
        assert_eq!(hub.occupied.is_occupied(index), is_occupied);
    }
    let (log, rules) = (channel.log(), &hub.rules[channel.namespace]);
    log.assert_sound(&rules.history);
    let over = log.len() > rules.tail.publications || log.bytes() > rules.tail.bytes;
    if channel.ready.is_empty() && log.len() > 1 && !log.oldest_is_history() {
        assert!(!over || hub.dirty.contains(&hub.table, index), "too much is kept for laggards");
    }
}

fn assert_marks(subscribers: &SubscriberSet, head: u64) {
    for index in 0..subscribers.len() as u32 {
        let mark = subscribers.get(index).mark;
        assert!(subscribers.floor() <= mark && mark <= head, "a mark out of bounds");
    }
}
