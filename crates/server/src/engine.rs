//! The engine by which nodes share channels: what it is told, its mail, and `switchboard engine`.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use switchboard_cluster::{Layout, NodeId, PublishingRules};
use switchboard_control::{
    Checked, Credentials, Engine, EngineConfig, EngineStats, EngineTls, LocalApi, ShardMail, ToHome,
};
use switchboard_gateway::{Gateway, Sharing};
use switchboard_hub::{Condition, Limits, Outbox};
use switchboard_shard::run::Clock;
use switchboard_shard::{Command, Common, GatewayMail, ToGateway};
use tokio::sync::Notify;

use crate::config::{Config, EngineChoice, EngineTask, Settings};
use crate::derive::hub_rules;

/// How the engine is reached, and what is made there.
fn config(config: &Config) -> EngineConfig {
    let settings = &config.settings;
    EngineConfig {
        servers: settings.engine_servers.clone(),
        credentials: credentials(settings),
        tls: tls(settings),
        replicas: settings.engine_replicas as usize,
        storage: settings.engine_storage,
        sharing: Sharing { prefix: settings.engine_prefix.0.clone(), layout: layout(settings) },
        node_name: node_name(settings).into(),
        rules: Arc::new(config.namespaces.map(hub_rules)),
    }
}

/// The bounds of the keys are those of a layout.
fn layout(settings: &Settings) -> Layout {
    let count = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    let (partitions, buckets) = (count(settings.engine_partitions), count(settings.engine_buckets));
    Layout::new(partitions, buckets).unwrap_or_default()
}

/// The name that was given, or that of the machine and where the internal API listens.
fn node_name(settings: &Settings) -> String {
    settings.engine_node_name.clone().unwrap_or_else(|| {
        let machine = rustix::system::uname();
        format!("{}:{}", machine.nodename().to_string_lossy(), settings.internal_listen.port())
    })
}

fn credentials(settings: &Settings) -> Credentials {
    if let Some(path) = &settings.engine_credentials_file {
        Credentials::File(path.into())
    } else if let Some(token) = &settings.engine_token {
        Credentials::Token(token.expose().to_owned())
    } else if let (Some(name), Some(password)) = (&settings.engine_user, &settings.engine_password)
    {
        Credentials::User { name: name.clone(), password: password.expose().to_owned() }
    } else {
        Credentials::None
    }
}

/// A certificate is of use with TLS only, so that it is named asks for it.
fn tls(settings: &Settings) -> Option<EngineTls> {
    let certificate =
        settings.engine_tls_certificate_file.as_ref().zip(settings.engine_tls_key_file.as_ref());
    let tls = EngineTls {
        ca: settings.engine_tls_ca_file.as_ref().map(Into::into),
        certificate: certificate.map(|(certificate, key)| (certificate.into(), key.into())),
    };
    (settings.engine_tls || tls.ca.is_some() || tls.certificate.is_some()).then_some(tls)
}

/// Starts the engine of a node, if it has one.
pub(crate) fn start(
    settings: &Config,
    common: &Common,
    clock: Clock,
    (api, stats): (LocalApi, Option<EngineStats>),
) -> io::Result<Option<Engine>> {
    let wake = Arc::new(Notify::new());
    let wakes = Arc::clone(&wake);
    let mail = GatewayMail::new(common, clock, move || wakes.notify_one());
    let (Some(mail), Some(stats)) = (mail, stats) else {
        return Ok(None);
    };
    let config = config(settings);
    // It has the histories that the shards would have.
    let shards = common.handles.len();
    let of_shard = &common.config.hub;
    let limits = Limits {
        shard_log_bytes_max: of_shard.shard_log_bytes_max.saturating_mul(shards),
        channels_idle_max: of_shard.channels_idle_max.saturating_mul(shards),
        ..of_shard.clone()
    };
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let seed = u64::from_ne_bytes(seed);
    let gateway = Gateway::new(
        mail.id(),
        (Arc::clone(&config.rules), limits),
        &config.sharing,
        PublishingRules::default(),
        seed,
        Arc::clone(&common.accounting),
        common.router.clone(),
    );
    let gateway = gateway.map_err(io::Error::other)?;
    // One id for what the node publishes and for what it says to others.
    let id = NodeId::from_random(seed);
    Engine::start(config, (id, gateway), Mail(mail), wake, (api, stats)).map(Some)
}

/// The mail between the gateway and the shards.
struct Mail(GatewayMail);

impl ShardMail for Mail {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn fine_us(&self) -> u32 {
        self.0.fine_us()
    }

    fn read(&mut self) -> Option<ToHome> {
        loop {
            return Some(match self.0.read()? {
                ToGateway::Hub(message) => ToHome::Hub(message),
                ToGateway::Command(command) => match to_home(command) {
                    Some(mail) => mail,
                    None => continue,
                },
            });
        }
    }

    fn post(&mut self, mail: &mut Outbox) {
        self.0.post(mail);
    }

    fn try_sleep(&self) -> bool {
        self.0.try_sleep()
    }

    fn awake(&self) {
        self.0.awake();
    }
}

/// What a program asks of the home of a channel; none of what it asks of shards.
fn to_home(command: Command) -> Option<ToHome> {
    Some(match command {
        Command::Publish { name, draft, reply } => {
            ToHome::Publish { name, draft, condition: Condition::default(), reply }
        }
        Command::PublishIf { name, draft, condition, reply } => {
            ToHome::Publish { name, draft, condition, reply }
        }
        Command::Delete { name, reply } => ToHome::Delete { name, reply },
        Command::RemoveHistory { reply, .. } => ToHome::RemoveHistory { reply },
        Command::History { name, query, reply } => ToHome::History { name, query, reply },
        Command::Report { name, reply } => ToHome::Report { name, reply },
        _ => return None,
    })
}

/// Looks at the streams of the engine, or makes them. Returns what it found, and whether all is good.
///
/// # Errors
/// A sentence why it could not look.
pub(crate) fn run(task: EngineTask, settings: &Config) -> Result<(String, bool), String> {
    if settings.settings.engine == EngineChoice::Memory {
        return Err("engine = \"memory\" has no streams; set engine = \"nats\"".to_owned());
    }
    let config = config(settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let found = runtime.block_on(async {
        match task {
            EngineTask::Check => switchboard_control::check_engine(&config).await,
            EngineTask::Create => switchboard_control::create_streams(&config).await,
        }
    });
    let streams = found.map_err(|error| error.to_string())?;
    let is_good =
        |(_, checked): &(String, Checked)| matches!(checked, Checked::Good | Checked::Made);
    Ok((described(&streams), streams.iter().all(is_good)))
}

fn described(streams: &[(String, Checked)]) -> String {
    let mut text = String::new();
    for (stream, checked) in streams {
        // Writing to a text cannot fail.
        let _ = match checked {
            Checked::Good => writeln!(text, "{stream}: good"),
            Checked::Made => writeln!(text, "{stream}: made"),
            Checked::Missing => {
                writeln!(text, "{stream}: missing (`switchboard engine create` makes it)")
            }
            Checked::Differs(differences) => writeln!(text, "{stream}: {differences}"),
        };
    }
    text
}
