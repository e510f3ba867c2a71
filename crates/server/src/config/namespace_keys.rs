//! The keys of a namespace, in one table. What stands before the first `:` of a channel's name says
//! which namespace holds.

use super::table::settings;
use super::value::SlowPolicy;

settings! {
    /// The rules of one namespace.
    #[derive(Clone, Debug)]
    struct NamespaceSettings;

    "Namespace" {
        /// Clients may publish to its channels over their WebSocket.
        publish: bool = false;
        /// Publications a second that one client may send, with a burst of as many. 0 is unlimited.
        publish_per_second: u32 = 0, 0..=10_000_000;
        /// Publications of a channel that are kept for clients that come back. 0 keeps none.
        history_publications: u32 = 1_024, 0..=1_048_576;
        /// Bytes of a channel that are kept for clients that come back. The server's `log_bytes_max`
        /// when unset.
        history_bytes: usize = 8_388_608, 1_024..=1_073_741_824;
        /// Age up to which publications are kept for clients that come back.
        history_ttl_ms: u32 = 3_600_000, 100..=2_592_000_000;
        /// Publications of a channel that a subscriber may be behind. The server's
        /// `log_publications_max` when unset.
        log_publications_max: u32 = 1_024, 1..=1_048_576;
        /// Bytes of a channel that a subscriber may be behind. The server's `log_bytes_max` when
        /// unset.
        log_bytes_max: usize = 8_388_608, 1_024..=1_073_741_824;
        /// What happens to a client that falls behind what is kept: `disconnect` with code 4008,
        /// `skip` to the oldest publication that is kept, or only the `latest`. The last two are told
        /// what they missed; raw WebSockets, which cannot be told, are closed unless `lossy_raw`.
        slow_policy: SlowPolicy = SlowPolicy::Disconnect;
        /// Raw WebSockets may miss publications without being told, when they are slow or when the
        /// position that they come back with is lost, instead of being closed with 4008 or 4010.
        lossy_raw: bool = false;
        /// The internal door lists who listens to its channels (`GET /subscribers/{channel}`).
        presence_list: bool = false;
        /// Who begins or ceases to listen to a channel NAME by WebSocket or event stream is told in
        /// the channel `presence:NAME`.
        join_leave: bool = false;
    }
}
