//! The keys of `[hook.NAME]`: of the backends that are asked, and of the one that gets events.

use switchboard_control::Url;

use super::hook_values::{EventName, HeaderName, Headers};
use super::table::settings;
use super::value::Secret;

settings! {
    /// A backend that is asked.
    #[derive(Clone, Debug)]
    struct HookSettings;

    "Hook" {
        /// Where questions are posted. Must be set: http or https, and no credentials in it.
        url: Option<Url> = None;
        /// How long a client waits for the verdict, waiting in the queue and a second try included.
        timeout_ms: u32 = 1_000, 10..=60_000;
        /// Requests that the backend is sent at a time.
        concurrency_max: usize = 64, 1..=10_000;
        /// Questions that wait for their turn, up to 16 MiB together. Clients whose questions do not fit are
        /// told to come back later.
        queue_max: usize = 1_024, 0..=1_000_000;
        /// Longest answer of the backend, in bytes. A longer one is read no further, and counts as none.
        answer_bytes_max: usize = 65_536, 1_024..=1_048_576;
        /// Headers of the client's request that the backend gets, such as `cookie` or `authorization`. Only
        /// in `[hook.connect]` and `[hook.subscribe]`.
        headers: Vec<HeaderName> = Vec::new();
        /// Headers that the backend gets where a Centrifuge client says, in its `connect` command, that its request would
        /// have them: the client writes what it likes. Headers of the request win. Only in `[hook.connect]`.
        emulated_headers: Vec<HeaderName> = Vec::new();
        /// Headers of every request to the backend, as a table. They win over the client's.
        static_headers: Headers = Headers::default();
        /// Secret with which each request is signed, in the header `Switchboard-Signature`.
        secret: Option<Secret> = None;
    }
}

settings! {
    /// The backend that gets events.
    #[derive(Clone, Debug)]
    struct EventsSettings;

    "Events" {
        /// Where events are posted. Must be set: http or https, and no credentials in it.
        url: Option<Url> = None;
        /// How long the backend may take to answer. What it does not take is sent again.
        timeout_ms: u32 = 5_000, 10..=60_000;
        /// Events that wait until the backend has taken those before them. Those that do not fit are dropped,
        /// and counted.
        queue_max: usize = 65_536, 1_000..=1_000_000;
        /// What the backend is told.
        events: Vec<EventName> = EventName::all();
        /// How long an event waits for others that are sent with it.
        batch_ms: u32 = 100, 1..=60_000;
        /// How long it is not told that a channel was occupied or vacated: what is undone in that time is not
        /// told at all. 0 tells everything at once.
        debounce_ms: u32 = 1_000, 0..=600_000;
        /// Headers of every request to the backend, as a table.
        static_headers: Headers = Headers::default();
        /// Secret with which each request is signed, in the header `Switchboard-Signature`.
        secret: Option<Secret> = None;
    }
}
