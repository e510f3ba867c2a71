//! The options, checked, and what all modes make from them.

use std::sync::Arc;

use rustix::process::{Resource, getrlimit, setrlimit};
use switchboard_plane::Descriptors;
use switchboard_plane::choice::{self, Decision};

use super::{Failure, pin};
use crate::centrifuge;
use crate::cli::Common;
use crate::engine::pool::{Launch, PlaneKind};
use crate::engine::random::Random;
use crate::engine::{Dialect, Endpoint, Orders, Ramp, Upgrade};
use crate::target::{Target, Targets, Template, Tokens, local_ports};
use crate::watch;

/// Descriptors that are no connections.
const OTHER_DESCRIPTORS: u64 = 64;

/// What all modes need.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) mode: &'static str,
    pub(crate) common: Common,
    /// All connections that are held, those of the publishers apart.
    pub(crate) connections: u32,
    pub(crate) targets: Arc<Targets>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) plane: PlaneKind,
    /// Which plane, and why.
    pub(crate) plane_reason: String,
    cpus: Vec<Option<usize>>,
    pub(crate) run: u32,
    pub(crate) run_name: String,
    pub(crate) orders: Arc<Orders>,
}

impl Setup {
    /// Checks the options; `connections` are held, and `default_url` is where when nothing is said.
    pub(crate) fn new(
        mode: &'static str,
        common: &Common,
        connections: u32,
        default_url: &str,
    ) -> Result<Self, Failure> {
        positive("--connect-rate", common.connect_rate)?;
        if let Some(pid) = common.pid.iter().find(|pid| !watch::exists(**pid)) {
            return Err(usage(format!("--pid: there is no process {pid}")));
        }
        let default_url = match common.dialect {
            Dialect::Centrifuge => format!("ws://127.0.0.1:8000{}", centrifuge::PATH),
            Dialect::Plain | Dialect::V1 => default_url.to_owned(),
        };
        let default_url = [default_url];
        let urls = if common.urls.is_empty() { &default_url[..] } else { &common.urls };
        let targets = Arc::new(client_targets(common, urls, "ws", connections)?);
        let (plane, plane_reason) = choose_plane(common, connections)?;
        let cpus = pin::choose(common.pin.as_deref(), &pin::allowed(), common.threads);
        let mut random = Random::from_system();
        let run = random.next() as u32;
        let run_name = format!("{run:08x}");
        let upgrade = Upgrade {
            channel: Template::strict(&common.channel).map_err(usage)?,
            run: run_name.clone(),
            protocols: protocols("--subprotocol", &common.subprotocol)?,
            headers: headers("--header", &common.header)?,
            tokens: read_tokens(common, connections)?,
            dialect: Dialect::Plain,
            channel_names: Vec::new(),
            seed: random.next(),
        };
        // One more: that of a storm's survivors.
        let upgrade = upgrade.with_dialect(common.dialect, common.channels + 1);
        let endpoint = Endpoint { targets: Arc::clone(&targets), upgrade: Some(upgrade) };
        Ok(Self {
            mode,
            common: common.clone(),
            connections,
            targets,
            endpoint: Arc::new(endpoint),
            plane,
            plane_reason,
            cpus: cpus.map_err(usage)?,
            run,
            run_name,
            orders: Arc::new(Orders::default()),
        })
    }

    /// What thread `thread` is made from.
    pub(crate) fn launch(&self, thread: u32) -> Launch {
        Launch {
            name: format!("load-{thread}"),
            cpu: self.cpus[thread as usize % self.cpus.len()],
            plane: self.plane,
            // Those that are being closed keep their slots for a moment.
            connections_max: self.connections.div_ceil(self.common.threads) + 1_024,
            connect_timeout_ns: self.common.connect_timeout.ns(),
            endpoint: Arc::clone(&self.endpoint),
            orders: Arc::clone(&self.orders),
        }
    }

    /// The connects of thread `thread`.
    pub(crate) fn ramp(&self, thread: u32, connections: u32, rate_per_s: f64) -> Ramp {
        let which = (thread, self.common.threads);
        Ramp::new(which, 0..connections, rate_per_s, self.common.connecting_max)
    }

    /// The names of channels.
    pub(crate) fn channel_names(&self, channels: u32) -> Vec<String> {
        let upgrade = self.endpoint.upgrade.as_ref();
        let name = |channel| upgrade.map(|upgrade| upgrade.channel_name(channel));
        (0..channels).filter_map(name).collect()
    }
}

/// A rate or a number that must be above 0.
pub(crate) fn positive(flag: &str, value: f64) -> Result<(), Failure> {
    if value.is_finite() && value > 0.0 && value <= 1e9 {
        return Ok(());
    }
    Err(usage(format!("{flag} must be above 0")))
}

/// Any error of the command line.
#[allow(clippy::needless_pass_by_value)] // it is made for `map_err`
pub(crate) fn usage(error: impl ToString) -> Failure {
    Failure::Usage(error.to_string())
}

/// A URL that may be loaded.
pub(crate) fn checked_target(
    url: &str,
    scheme: &'static str,
    allow_remote: bool,
) -> Result<Target, Failure> {
    let target = Target::parse(url, scheme).map_err(usage)?;
    if !target.is_loopback() && !allow_remote {
        return Err(usage(format!(
            "{url} is not on this machine: load is for servers that are yours, and needs \
             --allow-remote then"
        )));
    }
    Ok(target)
}

/// URLs that may be loaded together, of connections that are spread over `channels`.
pub(crate) fn checked_targets(
    urls: &[String],
    scheme: &'static str,
    allow_remote: bool,
    channels: u32,
) -> Result<Targets, Failure> {
    let all = urls.iter().map(|url| checked_target(url, scheme, allow_remote));
    Targets::new(all.collect::<Result<_, _>>()?, channels).map_err(usage)
}

/// Where clients connect, and the local addresses that they come from.
pub(crate) fn client_targets(
    common: &Common,
    urls: &[String],
    scheme: &'static str,
    connections: u32,
) -> Result<Targets, Failure> {
    let targets = checked_targets(urls, scheme, common.allow_remote, common.channels)?;
    if targets.count() > connections {
        return Err(usage(format!(
            "--connections: {connections} are less than one for each of {} targets",
            targets.count()
        )));
    }
    targets.with_sources(common.sources.as_deref(), connections, local_ports()).map_err(usage)
}

/// Header lines; they are written as they are.
pub(crate) fn headers(flag: &str, lines: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let split = |line: &String| {
        let (name, value) = line.split_once(':')?;
        let clean = is_token(name) && !value.contains(|c: char| c.is_control());
        clean.then(|| (name.to_owned(), value.trim().to_owned()))
    };
    lines
        .iter()
        .map(|line| split(line).ok_or_else(|| usage(format!("{flag}: {line} is no Name: value"))))
        .collect()
}

/// The tokens of the clients, if they have some.
fn read_tokens(common: &Common, connections: u32) -> Result<Option<Arc<Tokens>>, Failure> {
    let Some(path) = &common.tokens else { return Ok(None) };
    let is_authorization = |line: &String| {
        line.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("authorization"))
    };
    if common.header.iter().any(is_authorization) {
        return Err(usage("--tokens and --header Authorization cannot both say who a client is"));
    }
    let tokens = Tokens::read(path, connections);
    let tokens = tokens.map_err(|error| usage(format!("--tokens: {} {error}", path.display())))?;
    Ok(Some(Arc::new(tokens)))
}

fn protocols(flag: &str, items: &[String]) -> Result<Vec<String>, Failure> {
    match items.iter().find(|item| !is_token(item)) {
        Some(item) => Err(usage(format!("{flag}: {item} is no token"))),
        None => Ok(items.to_vec()),
    }
}

/// A token of HTTP.
pub(crate) fn is_token(text: &str) -> bool {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_tchar)
}

fn choose_plane(common: &Common, connections: u32) -> Result<(PlaneKind, String), Failure> {
    raise_descriptor_limit();
    let decision = choice::decide(common.plane, common.io_uring_descriptors)
        .map_err(|refusal| Failure::Unavailable(format!("io_uring cannot run here: {refusal}")))?;
    let kind = match decision {
        Decision::IoUring { descriptors, .. } => PlaneKind::IoUring(descriptors),
        Decision::Epoll(_) => PlaneKind::Epoll,
    };
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if kind != PlaneKind::IoUring(Descriptors::Direct)
        && u64::from(connections) + OTHER_DESCRIPTORS > limit
    {
        return Err(usage(format!(
            "{connections} connections need as many descriptors on {decision}. This process may \
             have {limit} (ulimit -n): raise the limit, or use io_uring with direct descriptors, \
             which it does not bound"
        )));
    }
    Ok((kind, decision.to_string()))
}

/// Takes what the hard limit allows. If not, the check that follows says what is missing.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_unless_asked_for() {
        for (url, remote, allowed) in [
            ("ws://127.0.0.1:1/", false, true),
            ("ws://[::1]:1/", false, true),
            ("ws://192.0.2.1:1/", false, false),
            ("ws://192.0.2.1:1/", true, true),
        ] {
            let checked = checked_target(url, "ws", remote);
            assert_eq!(checked.is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn each_of_several_targets_is_checked() {
        let checked = |second: &str| {
            let urls = ["ws://127.0.0.1:1/".to_owned(), second.to_owned()];
            checked_targets(&urls, "ws", false, 1).map_err(|failure| failure.to_string())
        };
        assert_eq!(checked("ws://127.0.0.1:2/").unwrap().count(), 2);
        for (second, reason) in [
            ("ws://127.0.0.1:1/", "is there twice"),
            ("ws://192.0.2.1:1/", "ws://192.0.2.1:1/ is not on this machine"),
            ("http://127.0.0.1:2/", "http://127.0.0.1:2/: the URL must begin with ws://"),
        ] {
            assert!(checked(second).unwrap_err().contains(reason), "{second}");
        }
    }

    #[test]
    fn headers_cannot_smuggle() {
        let all = |line: &str| headers("--header", &[line.to_owned()]);
        assert_eq!(all("X-Key:  a b ").unwrap(), [("X-Key".to_owned(), "a b".to_owned())]);
        for wrong in ["", "X", ": v", "X Y: v", "X: a\r\nEvil: b"] {
            assert!(all(wrong).is_err(), "{wrong}");
        }
        assert!(protocols("--subprotocol", &["a, b".to_owned()]).is_err());
    }
}
