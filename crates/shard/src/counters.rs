//! What one shard has done since it started, as plain numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number. Only its own shard writes it, anybody may read it, so an addition is a load and a
/// store without a locked instruction.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. To be called by the owning shard's thread only.
    pub fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes `n` from a gauge. To be called by the owning shard's thread only.
    pub fn sub(&self, n: u64) {
        self.0.store(self.get().saturating_sub(n), Ordering::Relaxed);
    }

    /// Sets a gauge. To be called by the owning shard's thread only.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Everything a shard counts. Gauges say so; all else only grows.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)+
        }

        impl Counters {
            /// All names and values, in the order of their declaration.
            pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)+]
            }
        }
    };
}

counters! {
    /// Gauge: connections open now, in whatever state.
    connections_open,
    /// Connections to the internal API now (gauge).
    internal_connections_open,
    /// Publishing streams now (gauge).
    publish_streams_open,
    /// Gauge: WebSocket connections open now.
    websockets_open,
    /// Gauge: event streams open now.
    event_streams_open,
    /// Gauge: long polls held now.
    polls_held,
    /// Connections accepted.
    connections_accepted,
    /// Connections ended, by either side.
    connections_closed,
    /// Times accepting was paused because descriptors or slots had run out.
    accepts_paused,
    /// Requests answered with 503 because the shard was full.
    refused_full,
    /// Requests refused with another 4xx or 5xx status.
    refused_request,
    /// Requests refused because their token was not good.
    refused_token,
    /// Requests refused because their client has no right to what they ask for.
    refused_right,
    /// Tokens whose signature was checked.
    tokens_verified,
    /// Gauge: connections whose client has said who it is.
    identified_open,
    /// Gauge: users that these connections belong to.
    users_open,
    /// Connections that ended because the time of their token was over.
    closed_expired,
    /// Handshakes or requests that did not arrive in time.
    timed_out_head,
    /// WebSocket connections closed for breaking the protocol (1002, 1007, 1009).
    closed_protocol,
    /// WebSocket connections closed by policy (1008).
    closed_policy,
    /// Subscribers closed for being too slow (WebSocket: 4008): resume.
    closed_slow,
    /// WebSocket subscribers closed with 4010: what they asked for is lost and they cannot be told.
    closed_lost,
    /// Peers that answered neither ping nor anything else in time.
    closed_dead,
    /// WebSocket handshakes completed.
    handshakes,
    /// Event streams opened.
    event_streams_opened,
    /// Polls of both kinds that were answered with news.
    polls_answered,
    /// Polls of both kinds that were answered without news.
    polls_empty,
    /// Gaps that subscribers were told of.
    gaps_announced,
    /// Publications accepted from clients of this shard.
    published_by_clients,
    /// Publications of backends on this shard, by requests and on publishing streams.
    published_by_backends,
    /// Publications accepted by this shard as the home of their channel.
    publications,
    /// Publications handed to subscribers (one for each publication and subscriber).
    deliveries,
    /// Sends made to hand them over; less than `deliveries` when several went in one send.
    delivery_sends,
    /// Bytes received from clients.
    bytes_received,
    /// Sends that took only a part of their bytes.
    sends_short,
    /// Sends that found the socket full.
    sends_refused,
    /// Sends that failed, because the peer was gone.
    sends_failed,
    /// Gauge: connections that are held back now: their socket is full, or they have not begun yet.
    connections_blocked,
    /// Pings sent to silent peers.
    pings_sent,
    /// Gauge: channels this shard knows.
    channels,
    /// Gauge: bytes in the logs of channels that live on this shard.
    log_bytes,
    /// Publications that the shard's byte budget took from a history before its time.
    history_evicted,
    /// Joins and leaves that were not announced, because a channel had more than
    /// `join_leave_per_second`.
    join_leave_dropped,
    /// Messages received from other shards and from the internal API.
    mailbox_messages,
    /// Times this shard had to wake another one.
    wakeups_sent,
    /// Turns of the loop.
    turns,
    /// Times the loop went to sleep.
    sleeps,
    /// Multishot polls that ended and were armed again (`io_uring` only).
    polls_rearmed,
    /// Completion queue overflows (`io_uring` only).
    completion_overflows,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshot_names_every_counter_with_its_value() {
        let counters = Counters::default();
        counters.deliveries.add(2);
        counters.deliveries.add(3);
        counters.connections_open.set(7);
        let snapshot = counters.snapshot();
        assert!(snapshot.contains(&("deliveries", 5)));
        assert!(snapshot.contains(&("connections_open", 7)));
    }
}
