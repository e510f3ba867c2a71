//! The keys of a namespace, in one table. The part before the first `:` of a channel's name selects
//! the namespace.

use super::table::settings;
use super::value::{Access, SlowPolicy};

settings! {
    /// The rules of one namespace.
    #[derive(Clone, Debug)]
    struct NamespaceSettings;

    "Namespace" {
        /// Who may listen to its channels: `anyone`, `authenticated` (clients whose token names a user in
        /// `sub`), `granted` (clients whose token has the channel in `channels` or `subs`, and the user to
        /// whom `user_channels` gives it), `hook` (`[hook.subscribe]` is asked) or `nobody`.
        /// `authenticated` and `granted` need a token key or `[hook.connect]`.
        subscribe: Access = Access::Anyone;
        /// Who may publish to its channels over a WebSocket: the same words; for `granted`, the token has
        /// the channel in `publish`; for `hook`, `[hook.publish]` is asked. `true` is `anyone`, `false` is `nobody`.
        publish: Access = Access::Nobody;
        /// Who may listen to `presence:NAME` for its channels NAME, and ask who listens. When unset,
        /// whoever may listen to NAME; nobody where that is `hook`.
        presence: Option<Access> = None;
        /// Who may begin in the past of its channels, with a position, `since=` or a validator. All others
        /// begin with what is published from then on, and hear of a gap where they had a position and
        /// the channel has gone on. When unset, whoever may listen.
        history: Option<Access> = None;
        /// Channels that belong to one user, for every right that is `granted`: patterns such as
        /// `user:{sub}` or `user:{sub}:*`, in which `{sub}` stands for the user of the token.
        user_channels: Vec<String> = Vec::new();
        /// Publications per second that one client may send, with a burst of as many. 0 means no
        /// limit.
        publish_per_second: u32 = 0, 0..=10_000_000;
        /// Publications of a channel to keep for clients that come back. 0 keeps none.
        history_publications: u32 = 1_024, 0..=1_048_576;
        /// Bytes of a channel to keep for clients that come back. When unset, the server's
        /// `log_bytes_max`.
        history_bytes: usize = 8_388_608, 1_024..=1_073_741_824;
        /// Age up to which publications are kept for clients that come back.
        history_ttl_ms: u32 = 3_600_000, 100..=2_592_000_000;
        /// How many publications a subscriber may lag behind in a channel. When unset, the server's
        /// `log_publications_max`.
        log_publications_max: u32 = 1_024, 1..=1_048_576;
        /// How many bytes a subscriber may lag behind in a channel. When unset, the server's
        /// `log_bytes_max`.
        log_bytes_max: usize = 8_388_608, 1_024..=1_073_741_824;
        /// Percent of the server's `shard_log_bytes_max` and `channels_idle_max` that its channels may
        /// take together. 25 for `demo` and `presence`, which strangers fill, unless set.
        shard_share_percent: u32 = 100, 1..=100;
        /// What happens to a client that falls behind what its channel keeps: `disconnect` closes
        /// it with code 4008, `skip` moves it to the oldest publication that is kept, `latest` to
        /// the newest. With the last two, the client receives a notice of what it missed. A plain
        /// WebSocket has no such notice, so it is closed unless `lossy_plain` is set.
        slow_policy: SlowPolicy = SlowPolicy::Disconnect;
        /// Let a plain WebSocket miss publications without notice, instead of closing it with 4008
        /// when it is slow or with 4010 when it resumes from a position that is lost.
        lossy_plain: bool = false;
        /// List the subscribers of its channels in the internal API (`GET /subscribers/{channel}`), and to
        /// clients of Centrifuge that may know of them (`presence`).
        presence_list: bool = false;
        /// Publish each join and leave of a channel NAME, by WebSocket or event stream, in the
        /// channel `presence:NAME`, and tell them to clients of Centrifuge that want them with NAME.
        join_leave: bool = false;
        /// Joins and leaves of a channel that are published in a second, with a burst of as many;
        /// those beyond are not. 0 means no limit.
        join_leave_per_second: u32 = 100, 0..=1_000_000;
        /// Send SDKs of Centrifuge that ask for it (`delta: "fossil"`) only what has changed since the
        /// publication before. It takes up to a millisecond of processor time for a publication.
        delta: bool = false;
    }
}
