//! How many connections fit, why no more, and what they cost in memory.

use std::fmt;

use super::keys::Settings;
use super::machine::Machine;
use switchboard_plane::Descriptors;
use switchboard_plane::choice::{Decision, decide_with};
use switchboard_plane::uring::RING_SLOTS_MAX;
use switchboard_shard::internal_slots;

/// User memory of an idle connection that shares a channel with many others, in bytes: a WebSocket,
/// an event stream or a held poll. All of these are bounds of what `scripts/idle_memory.py` measures.
const USER_BYTES: u64 = 128;
/// What each further shared channel of a connection adds.
const FURTHER_CHANNEL_BYTES: u64 = 40;
/// What a channel of its own adds, on its home.
const OWN_CHANNEL_BYTES: u64 = 160;
/// What it adds where its home is another shard: the mirror here, and the home's knowledge of it.
const MIRROR_BYTES: u64 = 240;
/// What the first publication of 128 bytes adds to such a channel.
const FIRST_PUBLICATION_BYTES: u64 = 420;
/// Kernel memory of an idle connection, in bytes: its socket, its file and its armed poll.
const KERNEL_BYTES: u64 = 4_300;
/// Receive arena, rings and tables of a shard, in bytes.
const SHARD_BYTES: u64 = 8 << 20;
/// What a shard remembers of a channel beside its publications, with its name and its places in the
/// tables, in bytes.
const CHANNEL_BYTES: u64 = 400;
/// What a limit on how often an address or a user may do something takes, in bytes.
const BUDGETS_BYTES: u64 = switchboard_shard::BUDGETS_BYTES;
/// What a limit on how many connections they may have takes for each that has some, in bytes: an entry of a
/// hash table that has just doubled.
const COUNT_BYTES: u64 = 39;
/// The program, its threads and the internal API when idle, in bytes.
const PROGRAM_BYTES: u64 = 32 << 20;
/// Descriptors of the program and the internal API that are not connections of clients.
const OWN_DESCRIPTORS: u64 = 64;
/// Listeners, wake-ups and the runtime of a shard.
const SHARD_DESCRIPTORS: u64 = 16;
/// Slots that a shard keeps to refuse with 503.
const RESERVED_SLOTS: u64 = switchboard_shard::RESERVED_SLOTS as u64;
/// The server does not start where fewer connections are possible: it would serve next to nobody.
const CONNECTIONS_USEFUL: u64 = 64;
/// Fewer possible connections than these are likely to be a mistake.
const CONNECTIONS_SENSIBLE: u64 = 1_000;
/// Connections that one index can address.
const SLOTS_MAX: u64 = 1 << 24;

/// What the configuration asks of this machine at full load.
#[derive(Clone, Debug)]
pub(crate) struct Capacity {
    /// Client connections of all shards together.
    pub connections_max: u32,
    /// Everything that bounds connections here, the tightest first.
    pub bounds: Vec<Bound>,
    /// What the channels of all shards may keep, in bytes.
    pub log_bytes: u64,
    /// Channels without subscribers, beside what they keep, in bytes.
    pub idle_channel_bytes: u64,
    /// Publications under way, arenas, and the program itself, in bytes.
    pub other_bytes: u64,
    /// Memory that may be used, in bytes.
    pub budget_bytes: u64,
    /// The plane that will serve the connections.
    pub plane: ExpectedPlane,
    /// Why the server cannot start with so few connections.
    pub shortage: Option<String>,
}

/// The plane that will serve the connections, as far as can be known before the start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ExpectedPlane {
    /// epoll, because it was asked for or because `io_uring` is refused for this reason.
    Epoll { refusal: Option<String> },
    /// `io_uring`, with these descriptors for this reason.
    IoUring { descriptors: Descriptors, reason: String },
    /// None: `io_uring` was asked for and cannot run for this reason.
    Refused(String),
}

impl ExpectedPlane {
    fn new(settings: &Settings, machine: &Machine) -> Self {
        match decide_with(settings.plane, settings.io_uring_descriptors, machine.io_uring) {
            Ok(Decision::IoUring { descriptors, reason }) => Self::IoUring { descriptors, reason },
            Ok(Decision::Epoll(refusal)) => {
                Self::Epoll { refusal: refusal.map(|refusal| refusal.to_string()) }
            }
            Err(refusal) => Self::Refused(refusal.to_string()),
        }
    }

    /// How many connections the descriptors of the process allow. Each connection takes one, or with
    /// direct descriptors each ring, whose table has as many entries as the process may have
    /// descriptors.
    fn descriptor_bound(
        &self,
        settings: &Settings,
        machine: &Machine,
        shards: u64,
    ) -> Option<Bound> {
        let direct = match self {
            Self::Epoll { .. } => false,
            Self::IoUring { descriptors, .. } => *descriptors == Descriptors::Direct,
            Self::Refused(_) => return None,
        };
        let max = machine.descriptors_max;
        let internal_max = settings.internal_connections_max;
        let internal = u64::from(internal_max);
        let own = OWN_DESCRIPTORS + internal + shards * SHARD_DESCRIPTORS;
        let reserved = shards * RESERVED_SLOTS;
        let (connections, reason) = if direct {
            let slots = max.min(u64::from(RING_SLOTS_MAX));
            // Each shard has its rings to itself.
            let rings = max.saturating_sub(own) / shards * shards;
            let reserved = reserved + shards * u64::from(internal_slots(internal_max));
            let reason = format!(
                "descriptors: each ring needs one of {max} (RLIMIT_NOFILE) and holds {slots} \
                 connections, {own} are kept for the server itself"
            );
            (rings.saturating_mul(slots).saturating_sub(reserved), reason)
        } else {
            let own = own + reserved;
            let reason = format!(
                "descriptors: each connection needs one of {max} (ulimit -n), {own} are kept for the \
                 server itself"
            );
            (max.saturating_sub(own), reason)
        };
        Some(Bound { connections, hard: true, reason })
    }
}

impl fmt::Display for ExpectedPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoll { refusal: None } => f.write_str("epoll"),
            Self::Epoll { refusal: Some(reason) } => {
                write!(f, "epoll, since io_uring cannot run here: {reason}")
            }
            Self::IoUring { descriptors, reason } => {
                write!(f, "io_uring with {descriptors}: {reason}")
            }
            Self::Refused(reason) => write!(f, "none, since io_uring cannot run here: {reason}"),
        }
    }
}

/// One thing that bounds the number of connections.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// Connections it allows.
    pub connections: u64,
    /// A configuration that asks for more cannot work; without it the figure is an estimate.
    pub hard: bool,
    /// Why this many.
    pub reason: String,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, reason, .. } = self;
        write!(f, "only {connections} connections are possible by {reason}")
    }
}

impl Capacity {
    /// What `settings` come to on `machine` with that many shards.
    pub(crate) fn new(settings: &Settings, machine: &Machine, shards: usize) -> Self {
        let shards = shards as u64;
        let log_bytes = shards * settings.shard_log_bytes_max as u64;
        let idle_channel_bytes = shards * u64::from(settings.channels_idle_max) * CHANNEL_BYTES;
        let pending_bytes = settings.publish_pending_bytes_max as u64;
        let other_bytes = shards * SHARD_BYTES + pending_bytes + PROGRAM_BYTES;
        let fixed_bytes = log_bytes + idle_channel_bytes + other_bytes;
        // A quarter is left to the rest of the machine and to buffers of busy connections.
        let budget_bytes = match settings.memory_max {
            Some(bytes) if bytes > 0 => bytes as u64,
            _ => machine.memory_bytes / 4 * 3,
        };
        // Logs are seldom full: they may not take more than half from connections.
        let memory = budget_bytes.saturating_sub(fixed_bytes).max(budget_bytes / 2);

        let plane = ExpectedPlane::new(settings, machine);
        let mut bounds = vec![
            Bound {
                connections: memory / (USER_BYTES + KERNEL_BYTES),
                hard: false,
                reason: format!(
                    "memory: {}, less {} for logs, channels and arenas, at {USER_BYTES} B user and \
                     {KERNEL_BYTES} B kernel memory each",
                    budget(settings, machine),
                    bytes(fixed_bytes.min(budget_bytes / 2)),
                ),
            },
            Bound {
                connections: machine.files_free / 20 * 19,
                hard: true,
                reason: "open files of the whole system (fs.file-max), less one in twenty".into(),
            },
            Bound { connections: SLOTS_MAX, hard: true, reason: "slots of the tables".into() },
        ];
        bounds.extend(plane.descriptor_bound(settings, machine, shards));
        bounds.sort_by_key(|bound| bound.connections);
        let possible = bounds.first().map_or(SLOTS_MAX, |bound| bound.connections).max(1);
        let connections_max =
            settings.connections_max.unwrap_or(u32::try_from(possible).unwrap_or(u32::MAX));
        let shortage = (settings.connections_max.is_none() && possible < CONNECTIONS_USEFUL)
            .then(|| bounds.first().map(Bound::to_string))
            .flatten();
        Self {
            connections_max,
            bounds,
            log_bytes,
            idle_channel_bytes,
            other_bytes,
            budget_bytes,
            plane,
            shortage,
        }
    }

    /// The bound that allows so few connections that it is likely to be a mistake.
    pub(crate) fn tight(&self) -> Option<&Bound> {
        self.bounds.first().filter(|bound| bound.connections < CONNECTIONS_SENSIBLE)
    }

    /// The tightest bound of the kind that `wanted` connections would break.
    pub(crate) fn broken_by(&self, wanted: u32, hard: bool) -> Option<&Bound> {
        let wanted = u64::from(wanted);
        self.bounds.iter().find(|bound| bound.hard == hard && bound.connections < wanted)
    }

    /// User and kernel memory of all connections, in bytes.
    pub(crate) fn connection_bytes(&self) -> (u64, u64) {
        let connections = u64::from(self.connections_max);
        (connections * USER_BYTES, connections * KERNEL_BYTES)
    }

    /// The tables of addresses and users that limits need, when each connection is of another one, in bytes.
    pub(crate) fn limits_bytes(&self, settings: &Settings) -> u64 {
        let budgets = [
            settings.joins_per_second_per_address,
            settings.publishes_per_second_per_address,
            settings.joins_per_second_per_user,
            settings.publishes_per_second_per_user,
        ];
        let counts =
            [settings.connections_per_address_max.unwrap_or(0), settings.connections_per_user_max];
        let count = |limits: &[u32]| limits.iter().filter(|limit| **limit > 0).count() as u64;
        let connections = u64::from(self.connections_max);
        count(&budgets) * BUDGETS_BYTES + count(&counts) * connections * COUNT_BYTES
    }

    /// Memory that does not grow with connections, when all of it is used, in bytes.
    pub(crate) fn fixed_bytes(&self) -> u64 {
        self.log_bytes + self.idle_channel_bytes + self.other_bytes
    }

    /// All memory at full load, in bytes.
    pub(crate) fn full_load_bytes(&self) -> u64 {
        let (user, kernel) = self.connection_bytes();
        self.fixed_bytes() + user + kernel
    }
}

/// User memory of one idle connection of each kind, for people.
pub(crate) fn connection_kinds(shards: u64) -> String {
    // Of so many shards all but one are not the home.
    let mirror = MIRROR_BYTES * shards.saturating_sub(1) / shards.max(1);
    let own = USER_BYTES + OWN_CHANNEL_BYTES + mirror;
    format!(
        "up to {USER_BYTES} B where it shares its channel with others, and {FURTHER_CHANNEL_BYTES} B \
         for each further such channel; {own} B with a channel of its own, {} B after a first \
         publication of 128 B there. WebSockets, event streams and held polls take the same",
        own + FIRST_PUBLICATION_BYTES
    )
}

/// The memory that may be used, for people.
fn budget(settings: &Settings, machine: &Machine) -> String {
    match settings.memory_max {
        Some(memory_max) if memory_max > 0 => format!("{} (memory_max)", bytes(memory_max as u64)),
        _ => format!("three quarters of {}", bytes(machine.memory_bytes)),
    }
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut scaled = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if scaled < 1_024.0 {
            break;
        }
        scaled /= 1_024.0;
        unit = next;
    }
    if unit == "B" { format!("{count} B") } else { format!("{scaled:.1} {unit}") }
}
