//! Checks what was written: every key against its bounds, then against the others and the machine.

use std::net::{IpAddr, SocketAddr};

use switchboard_ws::authority::Authority;
use switchboard_ws::handshake::is_origin;
use tracing_subscriber::EnvFilter;

use super::Config;
use super::capacity::{Capacity, bytes};
use super::error::{Problem, Value};
use super::hooks::Hooks;
use super::keys::{Settings, is_loopback};
use super::machine::Machine;
use super::namespaces;
use super::raw::Raw;
use super::table::Source;

/// Checks everything; all problems are returned together.
pub(crate) fn check(raw: &Raw, machine: &Machine) -> Result<Config, Vec<Problem>> {
    let mut problems = raw.problems.clone();
    let Some(mut settings) = Settings::collect(raw, &mut problems) else {
        return Err(problems);
    };
    settings.demo.get_or_insert(settings.is_local());
    let hooks = Hooks::collect(raw, &mut problems);
    let namespaces = namespaces::collect(raw, &settings, &mut problems);
    let mut checker = Checker { raw, machine, settings, problems, warnings: Vec::new() };
    let cpus = checker.cpus();
    checker.listen();
    checker.internal_listen();
    checker.allowed_origins();
    let verifier = checker.tokens(&hooks);
    checker.allowed_hosts();
    checker.sizes();
    checker.times();
    checker.log();
    checker.internal_connections();
    checker.engine(&hooks);
    let capacity = checker.capacity(cpus.len());
    let Checker { settings, problems, mut warnings, .. } = checker;
    let Some(namespaces) = namespaces.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    warnings.extend(hooks.warnings(&namespaces));
    let origins = Settings::KEYS.iter().map(|key| raw.find(key).map(|(_, origin)| origin));
    Ok(Config {
        origins: origins.collect(),
        settings,
        namespaces,
        hooks,
        verifier,
        cpus,
        capacity,
        warnings,
    })
}

pub(super) struct Checker<'a> {
    raw: &'a Raw,
    machine: &'a Machine,
    pub(super) settings: Settings,
    problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Checker<'_> {
    /// Records that the value of a key conflicts with the others or with this machine.
    pub(super) fn refuse(&mut self, name: &str, right: impl Into<String>) {
        let key = Settings::KEYS.iter().find(|key| key.name == name);
        let written = key.and_then(|key| Some((key, self.raw.find(key)?)));
        let default = || key.and_then(|key| (key.default)()).map_or(Value::None, Value::Shown);
        let (value, origin) = written.map_or_else(
            || (default(), None),
            |(key, (value, origin))| (key.shown(&value), Some(origin)),
        );
        self.problems.push(Problem { key: name.to_owned(), value, origin, right: right.into() });
    }

    pub(super) fn is_default(&self, name: &str) -> bool {
        let key = Settings::KEYS.iter().find(|key| key.name == name);
        key.and_then(|key| self.raw.find(key)).is_none()
    }

    /// The core of each shard.
    fn cpus(&mut self) -> Vec<usize> {
        let allowed = &self.machine.cpus;
        if let Some(pin) = self.settings.pin.clone() {
            if self.settings.cores.is_some() {
                self.refuse("pin", "excludes `cores`: name the cores or their number, not both");
            }
            if let Some(cpu) = pin.0.iter().find(|cpu| !allowed.contains(cpu)) {
                let right =
                    format!("core {cpu} is not among those this process may use: {allowed:?}");
                self.refuse("pin", right);
            }
            return pin.0;
        }
        let count = self.settings.cores.map_or(allowed.len(), |cores| cores as usize);
        if count > allowed.len() {
            let right = format!("this process may use {} cores, so at most that", allowed.len());
            self.refuse("cores", right);
        }
        allowed.iter().copied().take(count).collect()
    }

    fn listen(&mut self) {
        if self.is_default("listen") {
            if !self.machine.ipv6_loopback {
                self.settings.listen.retain(SocketAddr::is_ipv4);
                self.warnings.push("no IPv6 on this machine: listening on IPv4 only".to_owned());
            }
        } else if !self.machine.ipv6
            && let Some(address) = self.settings.listen.iter().find(|a| a.is_ipv6())
        {
            let right = format!("this machine has no IPv6: leave {address} out");
            self.refuse("listen", right);
        }
        self.proxy_protocol_listen();
        if self.settings.listen.is_empty() {
            self.refuse("listen", "must name at least one address");
        }
        let addresses = self.settings.listen.clone();
        for (at, address) in addresses.iter().enumerate() {
            if addresses.iter().take(at).any(|other| overlap(*address, *other)) {
                self.refuse("listen", format!("covers {address} twice: name each once"));
            }
        }
    }

    fn proxy_protocol_listen(&mut self) {
        let addresses = self.settings.proxy_protocol_listen.clone();
        if addresses.is_empty() {
            return;
        }
        if self.settings.trusted_proxies.is_empty() {
            let right = "only trusted proxies may connect to it: name them in `trusted_proxies`";
            self.refuse("proxy_protocol_listen", right);
        }
        if let Some(address) = addresses.iter().find(|a| a.is_ipv6() && !self.machine.ipv6) {
            let right = format!("this machine has no IPv6: leave {address} out");
            self.refuse("proxy_protocol_listen", right);
        }
        let all = self.settings.public_addresses();
        for (at, address) in all.iter().enumerate().skip(self.settings.listen.len()) {
            if all.iter().take(at).any(|other| overlap(*address, *other)) {
                let right = format!("covers {address} twice, or `listen` does: name each once");
                self.refuse("proxy_protocol_listen", right);
            }
        }
    }

    fn internal_listen(&mut self) {
        let internal = self.settings.internal_listen;
        if !is_loopback(&internal) && self.settings.api_key.is_none() {
            self.refuse(
                "internal_listen",
                "everyone who reaches this address could publish: set `api_key`, or listen on \
                 loopback (127.0.0.1 or [::1])",
            );
        }
        match (&self.settings.metrics_key, &self.settings.api_key) {
            (Some(_), None) => self.refuse(
                "metrics_key",
                "without `api_key` every program of this machine may read the metrics: set it, too",
            ),
            (Some(reader), Some(keys)) if keys.all().contains(reader) => {
                self.refuse("metrics_key", "must differ from `api_key`, which opens everything");
            }
            _ => {}
        }
        if self.settings.public_addresses().iter().any(|public| overlap(internal, *public)) {
            let right = "must differ from the addresses in `listen` and `proxy_protocol_listen`";
            self.refuse("internal_listen", right);
        }
        if internal.is_ipv6() && !self.machine.ipv6 {
            self.refuse("internal_listen", "this machine has no IPv6: use an IPv4 address");
        }
    }

    fn allowed_origins(&mut self) {
        let origins = &self.settings.allowed_origins;
        if *origins == [EVERY_ORIGIN] {
            return;
        }
        let too_many = (origins.len() > ORIGINS_MAX).then(|| {
            format!("names {} origins; at most {ORIGINS_MAX} are possible", origins.len())
        });
        let wrong = origins.iter().find_map(|origin| wrong_origin(origin));
        if let Some(right) = too_many.or(wrong) {
            self.refuse("allowed_origins", right);
        }
    }

    fn allowed_hosts(&mut self) {
        let is_host = |host: &String| Authority::parse(host.as_bytes()).is_some();
        if let Some(host) = self.settings.allowed_hosts.iter().find(|host| !is_host(host)) {
            let right = format!(
                "must be hosts such as push.example.org, push.example.org:8443 or [2001:db8::1], \
                 without scheme and path; {host:?} is none"
            );
            self.refuse("allowed_hosts", right);
        }
    }

    /// What must fit into what.
    fn sizes(&mut self) {
        let settings = &self.settings;
        let sizes = [
            ("log_bytes_max", settings.log_bytes_max),
            ("shard_log_bytes_max", settings.shard_log_bytes_max),
            ("message_bytes_max", settings.message_bytes_max),
            ("publish_bytes_max", settings.publish_bytes_max),
            ("batch_bytes_max", settings.batch_bytes_max),
            ("publish_pending_bytes_max", settings.publish_pending_bytes_max),
        ];
        let size =
            |name| sizes.iter().find(|(known, _)| *known == name).map_or(0, |(_, size)| *size);
        let fits = [
            ("log_bytes_max", "shard_log_bytes_max"),
            ("message_bytes_max", "log_bytes_max"),
            ("publish_bytes_max", "log_bytes_max"),
            ("publish_bytes_max", "batch_bytes_max"),
            ("publish_bytes_max", "publish_pending_bytes_max"),
            ("batch_bytes_max", "publish_pending_bytes_max"),
        ];
        for (small, large) in fits {
            if size(small) > size(large) {
                let right = format!("must not be larger than `{large}`, which is {}", size(large));
                self.refuse(small, right);
            }
        }
    }

    fn times(&mut self) {
        let settings = &self.settings;
        if settings.close_timeout_ms > settings.stop_timeout_ms {
            let right = format!(
                "must not be longer than `stop_timeout_ms`, which is {}",
                settings.stop_timeout_ms
            );
            self.refuse("close_timeout_ms", right);
        }
    }

    fn log(&mut self) {
        if let Err(error) = EnvFilter::try_new(&self.settings.log) {
            let right = format!("must be a filter such as info or info,switchboard=debug: {error}");
            self.refuse("log", right);
        }
    }

    /// With few descriptors the internal API takes a quarter of them at most, unless it was told how
    /// many: the rest is for clients.
    fn internal_connections(&mut self) {
        let quarter = u32::try_from(self.machine.descriptors_max / 4).unwrap_or(u32::MAX).max(1);
        if quarter < self.settings.internal_connections_max
            && self.is_default("internal_connections_max")
        {
            self.settings.internal_connections_max = quarter;
        }
    }

    /// Where strangers can connect, no single one can take more than a quarter of the places, unless the
    /// configuration says how many.
    fn share_of_an_address(&mut self, connections_max: u32) {
        let settings = &mut self.settings;
        let has_strangers = !settings.is_local() || !settings.trusted_proxies.is_empty();
        let share = if has_strangers { (connections_max / 4).max(1) } else { 0 };
        settings.connections_per_address_max.get_or_insert(share);
    }

    fn capacity(&mut self, shards: usize) -> Capacity {
        let capacity = Capacity::new(&self.settings, self.machine, shards);
        self.share_of_an_address(capacity.connections_max);
        if let Some(wanted) = self.settings.connections_max {
            if let Some(bound) = capacity.broken_by(wanted, true) {
                let right = format!("at most {} are possible. {}", bound.connections, bound.reason);
                self.refuse("connections_max", right);
            } else if let Some(bound) = capacity.broken_by(wanted, false) {
                self.warnings.push(format!(
                    "connections_max = {wanted} is more than about {} that fit. {}",
                    bound.connections, bound.reason
                ));
            }
            if (wanted as usize) < shards {
                self.refuse(
                    "connections_max",
                    format!("must be at least one for each of {shards} shards"),
                );
            }
        }
        let unset = self.settings.connections_max.is_none() && capacity.shortage.is_none();
        if let Some(bound) = capacity.tight().filter(|_| unset) {
            self.warnings.push(format!("{bound}; {RAISE}"));
        }
        if capacity.fixed_bytes() > capacity.budget_bytes / 2 {
            self.warnings.push(format!(
                "what channels keep may come to {} of memory, and with all else that does not grow \
                 with connections to {}: more than half of the {} that may be used here; lower \
                 shard_log_bytes_max, channels_idle_max or publish_pending_bytes_max",
                bytes(capacity.log_bytes + capacity.idle_channel_bytes),
                bytes(capacity.fixed_bytes()),
                bytes(capacity.budget_bytes),
            ));
        }
        capacity
    }
}

/// What helps where few connections are possible.
const RAISE: &str = "raise the hard limit of open files (ulimit -Hn, LimitNOFILE= of systemd, \
                     --ulimit nofile= of containers) if it is that";

/// Two listeners would get in each other's way. The families never do: IPv6 sockets take IPv6 only.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified();
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip() == other.ip() || any(one.ip()) || any(other.ip()))
}

/// A connection keeps the number of its origin in a byte.
const ORIGINS_MAX: usize = 255;

/// Allows every origin; must be alone.
pub(super) const EVERY_ORIGIN: &str = "*";

/// What is wrong with an origin, if anything. Browsers send scheme and authority, for http in lower case
/// and without the scheme's own port, and it is compared exactly. Apps and browser extensions have
/// schemes of their own, some of them without a host or with capital letters: `file://`,
/// `capacitor://localhost`, `safari-web-extension://0A1B...`.
fn wrong_origin(origin: &str) -> Option<String> {
    let shape = "must be origins such as https://example.org, http://localhost:3000, \
                 capacitor://localhost or file://";
    if origin == EVERY_ORIGIN {
        return Some(format!("\"{EVERY_ORIGIN}\" allows every origin: leave the others out"));
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Some(format!("{shape}; {origin:?} has no scheme"));
    };
    let own_port = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(":80"),
        "https" | "wss" => Some(":443"),
        _ => None,
    };
    let is_web = own_port.is_some();
    let why = if origin.contains(EVERY_ORIGIN) {
        "patterns are not supported, name each origin or allow all with \"*\" alone"
    } else if authority.contains(['/', '?', '#', '@']) {
        "an origin ends after host and port, without a path or a slash"
    } else if scheme.is_empty() || (is_web && authority.is_empty()) {
        "scheme and host must not be empty"
    } else if !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
        "browsers send it in ASCII (xn-- for other scripts)"
    } else if is_web && origin.bytes().any(|byte| byte.is_ascii_uppercase()) {
        "browsers send it in lower case"
    } else if own_port.is_some_and(|port| authority.ends_with(port)) {
        "browsers leave the usual port of the scheme out"
    } else if !is_origin(origin.as_bytes()) {
        "what follows the scheme is not a host and port"
    } else {
        return None;
    };
    Some(format!("{shape}; in {origin:?}: {why}"))
}
