//! What one shard has done since it started, as plain numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use switchboard_api::{Metric, Unit};

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

/// Makes the counters of a shard and the table that describes them. An entry gives a number its kind,
/// its name, its unit if it has one, and what exactly it counts:
///
/// ```text
/// counters! {
///     gauge polls_held: "Long polls held now.";
///     counter bytes_received in Bytes: "Bytes received from clients.";
/// }
/// ```
macro_rules! counters {
    ($($kind:ident $name:ident $(in $unit:ident)?: $help:literal;)+) => {
        /// Everything a shard counts.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $help] pub $name: Counter,)+
        }

        impl Counters {
            /// What each of them is, in the order of their declaration.
            pub const METRICS: &[Metric] =
                &[$(Metric::$kind(stringify!($name), $help)$(.in_unit(Unit::$unit))?,)+];

            /// All names and values, in the same order.
            pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)+]
            }
        }
    };
}

counters! {
    gauge connections_open: "Connections of clients open now, in whatever state.";
    gauge internal_connections_open: "Connections to the internal API now.";
    gauge publish_streams_open: "Publishing streams now.";
    gauge websockets_open: "WebSocket connections open now.";
    gauge event_streams_open: "Event streams open now.";
    gauge polls_held: "Long polls held now.";
    gauge centrifuge_streams_open:
        "Streams to Centrifuge SDKs open now: `http_stream` and SSE.";
    counter connections_accepted: "Connections accepted.";
    counter connections_closed: "Connections ended, by either side.";
    counter accepts_paused: "Times accepting was paused because descriptors or slots had run out.";
    counter refused_full: "Requests answered with 503 because the shard was full.";
    counter refused_memory: "Requests answered with 503 because memory was short.";
    counter refused_address:
        "Requests answered with 429 because their address had too many connections.";
    counter refused_user:
        "Requests answered with 429 because their user had too many connections.";
    counter refused_rate:
        "Connections closed at once because more came in a second than `accepts_per_second`.";
    counter refused_silent:
        "Connections without a whole request that were closed to make room for others.";
    counter refused_joins:
        "Requests to listen answered with 429 because their address or user made too many.";
    counter refused_publishes:
        "Publications of clients not made because their address or user made too many.";
    counter refused_proxy:
        "Connections to `proxy_protocol_listen` closed at once: not from a trusted proxy, or \
         without its header.";
    counter refused_request: "Requests refused with another 4xx or 5xx status.";
    counter refused_token: "Requests refused because their token was not good.";
    counter refused_right:
        "Requests refused because their client has no right to what they ask for.";
    counter tokens_verified: "Tokens whose signature was checked.";
    gauge identified_open: "Connections whose client has said who it is, now.";
    gauge users_open: "Users that these connections belong to, counted on each shard.";
    counter closed_right:
        "Connections that ended because a right was missing or their user was ended (4403).";
    counter backend_questions: "Questions to backends about clients, or of them.";
    counter presence_queries:
        "Questions of clients who listens to a channel that this shard has answered for its part.";
    counter refused_backend:
        "Requests to listen answered with 503 because a backend did not answer as it must.";
    counter closed_backend:
        "WebSocket connections closed because a backend did not answer as it must (1013).";
    counter refused_messages: "Messages of `switchboard.v1` clients that were refused.";
    counter closed_expired: "Connections that ended because the time of their token was over.";
    counter timed_out_head: "Handshakes or requests that did not arrive in time.";
    counter timed_out_message: "WebSocket messages that did not arrive in time.";
    counter closed_protocol:
        "WebSocket connections closed for breaking the protocol (1002, 1007, 1009).";
    counter closed_policy: "WebSocket connections closed by policy (1008).";
    counter closed_slow: "Subscribers closed for being too slow (WebSocket: 4008): resume.";
    counter closed_trickling:
        "Connections ended because they took less than `slow_reader_bytes_per_second_min`.";
    counter closed_memory:
        "Connections with full sockets that were cut because memory was short.";
    counter closed_lost:
        "WebSocket subscribers closed with 4010: what they asked for is lost and they cannot \
         be told.";
    counter closed_drain:
        "Connections of clients that a drain told to connect elsewhere (WebSocket: 1012).";
    counter closed_dead: "Peers that answered neither ping nor anything else in time.";
    counter handshakes: "WebSocket handshakes completed.";
    counter event_streams_opened: "Event streams opened.";
    counter emulations: "Requests to `/emulation` whose commands were taken.";
    counter refused_emulations:
        "Requests to `/emulation` that were refused: no such session, or too much waits for it.";
    counter polls_answered: "Polls of both kinds that were answered with news.";
    counter polls_empty: "Polls of both kinds that were answered without news.";
    counter gaps_announced: "Gaps that subscribers were told of.";
    counter published_by_clients: "Publications accepted from clients of this shard.";
    counter published_by_backends:
        "Publications of backends on this shard, by requests and on publishing streams.";
    counter publications: "Publications accepted by this shard as the home of their channel.";
    counter deliveries:
        "Publications handed to subscribers (one for each publication and subscriber).";
    counter delivery_sends:
        "Sends made to hand them over; less than `deliveries` when several went in one send.";
    counter bytes_received in Bytes: "Bytes received from clients.";
    counter sends_short: "Sends that took only a part of their bytes.";
    counter sends_refused: "Sends that found the socket full.";
    counter sends_failed: "Sends that failed, because the peer was gone.";
    gauge connections_blocked:
        "Connections that are held back now: their socket is full, or they have not begun yet.";
    counter pings_sent: "Pings sent to silent peers.";
    gauge channels: "Channels this shard knows.";
    gauge subscriptions: "Subscriptions now; a connection may have several.";
    gauge log_bytes in Bytes: "Bytes in the logs of channels that live on this shard.";
    counter history_evicted:
        "Publications that the shard's byte budget took from a history before its time.";
    counter history_shed:
        "Publications that were dropped before their time because memory was short.";
    counter join_leave_dropped:
        "Joins and leaves that were not announced, because a channel had more than \
         `join_leave_per_second`.";
    counter mailbox_messages: "Messages received from other shards and from the internal API.";
    counter wakeups_sent: "Times this shard had to wake another one.";
    counter turns: "Turns of the loop.";
    counter sleeps: "Times the loop went to sleep.";
    counter polls_rearmed: "Multishot polls that ended and were armed again (`io_uring` only).";
    counter completion_overflows: "Completion queue overflows (`io_uring` only).";
}

#[cfg(test)]
mod tests {
    use switchboard_api::Kind;

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

    #[test]
    fn the_table_describes_what_the_snapshot_names() {
        let named: Vec<_> = Counters::default().snapshot().iter().map(|(name, _)| *name).collect();
        let described: Vec<_> = Counters::METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(described, named);
        let metric = |name| Counters::METRICS.iter().find(|metric| metric.name == name).unwrap();
        assert_eq!(
            *metric("log_bytes"),
            Metric::gauge("log_bytes", "Bytes in the logs of channels that live on this shard.")
                .in_unit(Unit::Bytes)
        );
        assert_eq!(metric("deliveries").kind, Kind::Counter);
        assert_eq!(metric("deliveries").unit, None);
        for Metric { name, help, .. } in Counters::METRICS {
            assert!(help.ends_with('.') && !help.contains("  "), "{name}: {help}");
        }
    }
}
