//! Starts everything in order and waits for the end.
//!
//! The order: the plane is chosen, the internal API listens, then the public listener, so that a
//! backend that sees the public one open may publish at once.

use std::backtrace::Backtrace;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use switchboard_auth::Access;
use switchboard_control::{BackendsRuntime, Control, EngineStats, Inspect as _};
use switchboard_hub::{Accounting, Router, ShardId};
use switchboard_shard::run::Clock;
use switchboard_shard::{Admission, Api, Common, Handle, NoBackends};

use crate::broker::{Backends, Requests, Shards};
use crate::config::{Config, EngineChoice, ExpectedPlane, bytes};
use crate::derive;
use crate::engine;
use crate::keys;
use crate::listeners::{self, ListenError};
use crate::log;
use crate::shards::{Launch, PlaneKind, Threads};

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The plane that was asked for cannot run here.
    #[error("io_uring cannot run here: {0}; use --plane epoll, or auto to fall back by itself")]
    IoUringRefused(String),
    /// The machine allows so few connections that next to nobody could be served.
    #[error(
        "{0}; raise the hard limit of open files (ulimit -Hn, LimitNOFILE= of systemd, --ulimit \
         nofile= of containers), or set connections_max if so few are meant"
    )]
    TooFewConnections(String),
    /// An address of the public listener cannot be listened on.
    #[error("listen: {address}: {}", in_use(source))]
    Listen { address: SocketAddr, source: io::Error },
    /// The address of the internal API cannot be listened on.
    #[error("internal_listen: {address}: {}", in_use(source))]
    InternalListen { address: SocketAddr, source: io::Error },
    /// The machine refuses something that everything needs.
    #[error("{what}: {source}")]
    Machine { what: &'static str, source: io::Error },
}

fn in_use(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        "another program listens there; stop it or choose another port".to_owned()
    } else {
        error.to_string()
    }
}

impl From<ListenError> for StartError {
    fn from(ListenError { address, source }: ListenError) -> Self {
        Self::Listen { address, source }
    }
}

impl StartError {
    /// The exit code by sysexits: 69 for what is not available, 71 for what the system refuses.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::IoUringRefused(_)
            | Self::TooFewConnections(_)
            | Self::Listen { .. }
            | Self::InternalListen { .. } => 69,
            Self::Machine { .. } => 71,
        }
    }
}

/// Runs the server until a signal stops it.
pub(crate) fn run(config: &Config) -> Result<(), StartError> {
    abort_on_panic();
    derive::log(config, log::start().map_err(machine("log"))?);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    // Before the first thread, so that every thread leaves them to the one that waits for them.
    let signals = Signals::new([SIGINT, SIGTERM]).map_err(machine("signals"))?;
    let (plane, plane_described) = choose_plane(config)?;
    if let Some(shortage) = &config.capacity.shortage {
        return Err(StartError::TooFewConnections(shortage.clone()));
    }
    let shards = config.cpus.len();
    let options = derive::listen_options(&config.settings);
    // Who sees the public listener may publish at once.
    let (internal, internal_address) = listen_internal(config, shards)?;
    let (mut listeners, addresses) =
        listeners::listen_on(&config.settings.public_addresses(), shards, &options)?;
    for (of_shard, internal) in listeners.iter_mut().zip(internal) {
        of_shard.extend(internal);
    }

    let count = u16::try_from(shards).unwrap_or(u16::MAX);
    let handles = Handle::set(count);
    let engine = (config.settings.engine == EngineChoice::Nats).then(EngineStats::default);
    let (router, gateway) = match &engine {
        None => (Router::new(count), None),
        Some(_) => (Router::to(ShardId(count)), Some(Handle::beside(&handles))),
    };
    let home = gateway.clone().zip(engine.clone());
    let all = Arc::new(Shards::new(router.clone(), handles.clone(), home));
    let (broker, inspect) = (Arc::clone(&all) as Arc<_>, Arc::clone(&all) as Arc<_>);
    let needs_backends = !config.hooks.is_empty() || config.settings.token_jwks.is_some();
    let outgoing =
        needs_backends.then(BackendsRuntime::start).transpose().map_err(machine("backends"))?;
    let backends = start_backends(config, outgoing.as_ref())?;
    let stats = backends.as_ref().map(|backends| backends.stats()).unwrap_or_default();
    let control = derive::control_config(config, plane.name(), (stats, engine.clone()));
    let control = Control::start(control, broker, inspect).map_err(machine("internal API"))?;
    let local = control.local();
    let mut secret = [0; 32];
    let random = getrandom::fill(&mut secret).map_err(io::Error::other);
    random.map_err(machine("random numbers"))?;
    let mut shard_config = derive::shard_config(config, &secret);
    if let Some(runtime) = &outgoing {
        keys::fetch(config, &mut shard_config, &all, runtime.handle())
            .map_err(machine("token_jwks"))?;
    }
    let common = Common {
        config: Arc::new(shard_config),
        handles,
        gateway,
        router,
        admission: Arc::new(Admission::new(&derive::admission_rules(config))),
        api: Arc::new(Api::new(derive::api_config(config), Box::new(Requests(control)))),
        backends: match &backends {
            Some(backends) => Arc::clone(backends) as Arc<_>,
            None => Arc::new(NoBackends),
        },
        accounting: Arc::new(Accounting::new(shards * config.settings.shard_log_bytes_max)),
    };
    let clock = Clock::new();
    let engine = engine::start(config, &common, clock.clone(), (local, engine));
    let engine = engine.map_err(machine("engine"))?;
    let launch = Launch { common, clock, plane };
    let threads = Threads::start(&config.cpus, listeners, &launch).map_err(machine("shard"))?;
    all.started();
    announce(config, &addresses, internal_address, &plane_described);
    end_on_signals(signals, Arc::clone(&all), config.settings.drain_ms)?;
    threads.wait().map_err(machine("shard"))?;
    all.ended();
    drop(engine);
    // Clients that were cut off by the stop are among what is told.
    if let Some(backends) = backends {
        backends.stop(LAST_EVENTS);
    }
    tracing::info!("stopped");
    Ok(())
}

/// How long the stop waits for the backend that is told what happens.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// None where the configuration names none.
fn start_backends(
    config: &Config,
    runtime: Option<&BackendsRuntime>,
) -> Result<Option<Arc<Backends>>, StartError> {
    let hooks = derive::hooks_config(&config.hooks);
    let Some(runtime) = runtime.filter(|_| !hooks.is_empty()) else {
        return Ok(None);
    };
    let backends = Backends::start(hooks, runtime.handle()).map_err(machine("backends"))?;
    Ok(Some(Arc::new(backends)))
}

/// A panic is a bug of ours and could leave a shard half alive: end with its message. The usual
/// hook would wait for the reader of standard error.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        log::say(&format!("thread '{name}' {panic}\n{}", Backtrace::capture()));
        log::flush();
        std::process::abort();
    }));
}

fn machine(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Machine { what, source }
}

/// The plane that the check of the configuration found, and what the start-up line says of it.
fn choose_plane(config: &Config) -> Result<(PlaneKind, String), StartError> {
    let (plane, described) = match &config.capacity.plane {
        ExpectedPlane::Epoll { refusal: None } => {
            (PlaneKind::Epoll, "epoll (as configured)".to_owned())
        }
        ExpectedPlane::Epoll { refusal: Some(refusal) } => {
            (PlaneKind::Epoll, format!("epoll (io_uring cannot run here: {refusal})"))
        }
        ExpectedPlane::IoUring { descriptors, reason } => {
            (PlaneKind::IoUring(*descriptors), format!("io_uring with {descriptors} ({reason})"))
        }
        ExpectedPlane::Refused(reason) => {
            return Err(StartError::IoUringRefused(reason.clone()));
        }
    };
    Ok((plane, described))
}

/// The sockets of the internal API for each shard, and its address with its real port.
fn listen_internal(
    config: &Config,
    shards: usize,
) -> Result<(Vec<Vec<OwnedFd>>, SocketAddr), StartError> {
    let address = config.settings.internal_listen;
    let options = derive::internal_listen_options(&config.settings);
    let (listeners, bound) = listeners::listen_on(&[address], shards, &options).map_err(
        |ListenError { address, source }| StartError::InternalListen { address, source },
    )?;
    Ok((listeners, bound.first().copied().unwrap_or(address)))
}

/// The start-up line.
fn announce(config: &Config, addresses: &[SocketAddr], internal: SocketAddr, plane: &str) {
    let mut public: Vec<String> =
        addresses.iter().map(|address| format!("http://{address}")).collect();
    for proxied in public.iter_mut().skip(config.settings.listen.len()) {
        proxied.push_str(" (PROXY protocol)");
    }
    let demo = match config.namespaces.named("demo") {
        Some(demo) if demo.publish == Access::Anyone => {
            "; everyone may publish to demo:* (demo = false ends that)"
        }
        _ => "",
    };
    let reach = if config.settings.is_local() { ", for this machine only" } else { "" };
    let shards = match config.cpus.len() {
        1 => "1 shard".to_owned(),
        count => format!("{count} shards"),
    };
    tracing::info!(
        "listening on {}{reach}, internal API http://{internal}; {} on cores {:?}; plane \
         {plane}; {} connections at most, {} B a client message, {} kept in channels{demo}",
        public.join(" and "),
        shards,
        config.cpus,
        config.capacity.connections_max,
        config.settings.message_bytes_max,
        bytes(config.capacity.log_bytes),
    );
}

/// SIGTERM drains, for `drain_ms`; SIGINT, which a person at a terminal sends, stops. A second signal of either
/// kind ends the server at once.
fn end_on_signals(
    mut signals: Signals,
    shards: Arc<Shards>,
    drain_ms: u32,
) -> Result<(), StartError> {
    let wait = move || {
        for signal in signals.forever() {
            if shards.phase().is_leaving() {
                tracing::warn!("stopping at once");
                log::flush();
                std::process::exit(128 + signal);
            }
            if signal == SIGTERM && drain_ms > 0 {
                shards.drain();
                tracing::info!(
                    "draining: no new connections, clients are told to connect elsewhere within \
                     {drain_ms} ms (drain_ms); a second signal ends at once"
                );
            } else {
                shards.stop();
                tracing::info!("stopping: no new connections, WebSockets are closed with 1001");
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(wait);
    thread.map(drop).map_err(machine("signals"))
}
