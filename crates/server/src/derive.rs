//! Derives the settings of each part from the checked configuration.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use switchboard_api::{AccessRules, ApiKey, ItemLimits};
use switchboard_auth::{Access, UserChannels};
use switchboard_control::{
    ApiRules, CallRules, ControlConfig, Endpoint, EngineStats, EventsConfig, HookConfig, HookStats,
    HooksConfig, Url,
};
use switchboard_hooks::{Hook, Signer};
use switchboard_hub::{Bounds, Limits as HubLimits, Rules};
use switchboard_plane::ListenOptions;
use switchboard_shard::{
    AdmissionRules, ApiConfig, ClientIds, ClientRules, Config as ShardConfig, EmulationKeys,
    EventRules, HeadLimits, HookRules, IdentityConfig, MessageLimits, NamespaceRules, ProxyRules,
    Timeouts,
};
use tracing_subscriber::EnvFilter;

use crate::config::{
    Config, EngineChoice, EventsSettings, Headers, HookSettings, Hooks, NamespaceSettings, Secret,
    Secrets, Settings,
};
use crate::log::Log;
use crate::page;

/// Logs go to standard error, through `log`.
pub(crate) fn log(config: &Config, log: Log) {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.settings.log))
        .with_writer(log)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // It would print them, and panic where standard error is gone.
        .log_internal_errors(false)
        .init();
}

pub(crate) fn listen_options(settings: &Settings) -> ListenOptions {
    let unless_zero = |value: u32| (value > 0).then_some(value);
    ListenOptions {
        backlog: settings.backlog,
        notsent_lowat_bytes: unless_zero(settings.notsent_lowat_bytes),
        send_buffer_bytes: unless_zero(settings.send_buffer_bytes),
        user_timeout_ms: unless_zero(settings.tcp_user_timeout_ms),
        ..ListenOptions::default()
    }
}

/// Answers of the internal API are not delayed, and a client that does not take its own is dropped by
/// the same rule as others.
pub(crate) fn internal_listen_options(settings: &Settings) -> ListenOptions {
    ListenOptions { notsent_lowat_bytes: None, send_buffer_bytes: None, ..listen_options(settings) }
}

pub(crate) fn shard_config(config: &Config, secret: &[u8; 32]) -> ShardConfig {
    let settings = &config.settings;
    ShardConfig {
        connections_max: config.connections_per_shard_max(),
        first_internal_listener: u16::try_from(settings.public_addresses().len()).ok(),
        first_proxy_listener: u16::try_from(settings.listen.len())
            .ok()
            .filter(|_| !settings.proxy_protocol_listen.is_empty()),
        head: HeadLimits {
            bytes_max: settings.head_bytes_max,
            headers_max: settings.headers_max,
            // A target with the names and positions of 128 channels fits.
            target_bytes_max: settings.head_bytes_max / 4 * 3,
        },
        message: MessageLimits {
            frame_bytes_max: settings.message_bytes_max as u64,
            message_bytes_max: settings.message_bytes_max,
            fragments_max: settings.fragments_max,
        },
        channels_per_connection_max: settings.channels_per_connection_max as usize,
        shares_channels: settings.engine != EngineChoice::Memory,
        hub: HubLimits {
            shard_log_bytes_max: settings.shard_log_bytes_max,
            channels_idle_max: settings.channels_idle_max as usize,
            meta_ttl_ms: settings.meta_ttl_ms.into(),
            offset_skip_max: settings.offset_skip_max,
            ..HubLimits::default()
        },
        namespaces: NamespaceRules::new(
            &config
                .namespaces
                .map_named(|name, namespace| (hub_rules(namespace), client_rules(name, namespace))),
        ),
        allowed_origins: settings.allowed_origins.clone(),
        identity: IdentityConfig {
            verifier: config.verifier.clone(),
            cookie: settings.token_cookie.clone(),
            expiry_spread_ms: settings.token_expiry_spread_ms.into(),
        },
        hooks: hook_rules(&config.hooks),
        allowed_hosts: settings.allowed_hosts.clone(),
        centrifuge: settings.centrifuge,
        client_ids: ClientIds::default(),
        emulation: EmulationKeys::new(secret),
        echo: settings.echo,
        page: page::render(config),
        long_poll_timeout_status: settings.long_poll_timeout_status.code(),
        event_stream_retry_ms: settings.event_stream_retry_ms,
        slow_reader_bytes_per_second_min: settings.slow_reader_bytes_per_second_min,
        timeouts: Timeouts {
            handshake_ms: settings.handshake_timeout_ms.into(),
            http_idle_ms: settings.http_idle_timeout_ms.into(),
            ping_interval_ms: settings.ping_interval_ms.into(),
            pong_ms: settings.pong_timeout_ms.into(),
            close_ms: settings.close_timeout_ms.into(),
            message_ms: settings.message_timeout_ms.into(),
            stall_ms: settings.stall_timeout_ms.into(),
            long_poll_ms: settings.long_poll_timeout_ms.into(),
            drain_ms: settings.drain_ms.into(),
            stop_ms: settings.stop_timeout_ms.into(),
        },
    }
}

/// Who is let in. Checked configurations say how many connections an address may have.
pub(crate) fn admission_rules(config: &Config) -> AdmissionRules {
    let settings = &config.settings;
    AdmissionRules {
        proxies: ProxyRules {
            trusted: settings.trusted_proxies.clone(),
            header: settings.forwarded_header,
        },
        connections_per_address_max: settings.connections_per_address_max.unwrap_or(0),
        accepts_per_second: settings.accepts_per_second,
        joins_per_second_per_address: settings.joins_per_second_per_address,
        publishes_per_second_per_address: settings.publishes_per_second_per_address,
        connections_per_user_max: settings.connections_per_user_max,
        joins_per_second_per_user: settings.joins_per_second_per_user,
        publishes_per_second_per_user: settings.publishes_per_second_per_user,
        memory_max: settings.memory_max.map_or(config.capacity.budget_bytes, |max| max as u64),
    }
}

pub(crate) fn hub_rules(namespace: &NamespaceSettings) -> Rules {
    Rules {
        slow_policy: namespace.slow_policy,
        tail: Bounds {
            publications: namespace.log_publications_max as usize,
            bytes: namespace.log_bytes_max,
        },
        history: Bounds {
            publications: namespace.history_publications as usize,
            bytes: namespace.history_bytes,
        },
        history_ttl_ms: namespace.history_ttl_ms.into(),
        share_percent: namespace.shard_share_percent,
    }
}

fn client_rules(name: Option<&str>, namespace: &NamespaceSettings) -> ClientRules {
    ClientRules {
        subscribe: namespace.subscribe,
        publish: namespace.publish,
        presence: namespace.presence.unwrap_or(match namespace.subscribe {
            // The backend was asked about a channel, not about who is in it.
            Access::Hook => Access::Nobody,
            access => access,
        }),
        presence_list: namespace.presence_list,
        history: namespace.history.unwrap_or(match namespace.subscribe {
            // Who listens is who the backend lets listen.
            Access::Hook => Access::Anyone,
            access => access,
        }),
        // They were checked.
        user_channels: UserChannels::new(name, &namespace.user_channels).unwrap_or_default(),
        publish_per_second: namespace.publish_per_second,
        lossy_plain: namespace.lossy_plain,
        join_leave: namespace.join_leave,
        delta: namespace.delta,
        join_leave_per_second: namespace.join_leave_per_second,
    }
}

/// What the shards ask backends.
fn hook_rules(hooks: &Hooks) -> HookRules {
    let headers = |hook| {
        let headers = hooks.asked.get(&hook)?.headers.iter();
        Some(headers.map(|header| header.name().into()).collect())
    };
    let emulated = |hook: &HookSettings| {
        hook.emulated_headers.iter().map(|header| header.name().into()).collect()
    };
    HookRules {
        connect: headers(Hook::Connect),
        emulated: hooks.asked.get(&Hook::Connect).map(emulated).unwrap_or_default(),
        subscribe: headers(Hook::Subscribe),
        refresh: hooks.asked.contains_key(&Hook::Refresh),
        publish: hooks.asked.contains_key(&Hook::Publish),
        message: hooks.asked.contains_key(&Hook::Message),
        events: event_rules(hooks.events.as_ref()),
    }
}

/// What the shards tell the backend.
fn event_rules(settings: Option<&EventsSettings>) -> EventRules {
    let any = |names: [&str; 2]| {
        settings.is_some_and(|it| it.events.iter().any(|event| names.contains(&event.0)))
    };
    EventRules {
        connections: any(["connected", "disconnected"]),
        subscriptions: any(["subscribed", "unsubscribed"]),
        channels: any(["occupied", "vacated"]),
    }
}

/// Where backends are. Checked configurations have all addresses.
pub(crate) fn hooks_config(hooks: &Hooks) -> HooksConfig {
    let asked = |(hook, settings): (&Hook, &HookSettings)| {
        let HookSettings { url, timeout_ms, static_headers, secret, .. } = settings;
        let endpoint = endpoint(url.as_ref()?, *timeout_ms, static_headers, secret.as_ref());
        let HookSettings { concurrency_max, queue_max, answer_bytes_max, .. } = *settings;
        Some((*hook, HookConfig { endpoint, concurrency_max, queue_max, answer_bytes_max }))
    };
    HooksConfig {
        asked: hooks.asked.iter().filter_map(asked).collect(),
        events: hooks.events.as_ref().and_then(events_config),
    }
}

fn events_config(settings: &EventsSettings) -> Option<EventsConfig> {
    let EventsSettings { url, timeout_ms, static_headers, secret, .. } = settings;
    Some(EventsConfig {
        endpoint: endpoint(url.as_ref()?, *timeout_ms, static_headers, secret.as_ref()),
        wanted: settings.events.iter().map(|event| event.0).collect(),
        batch: Duration::from_millis(settings.batch_ms.into()),
        debounce: Duration::from_millis(settings.debounce_ms.into()),
        queue_max: settings.queue_max,
    })
}

fn endpoint(url: &Url, timeout_ms: u32, headers: &Headers, secret: Option<&Secret>) -> Endpoint {
    Endpoint {
        url: url.clone(),
        timeout: Duration::from_millis(timeout_ms.into()),
        static_headers: headers.expose().clone(),
        signer: secret.map(|secret| Signer::new(secret.expose().as_bytes())),
    }
}

pub(crate) fn control_config(
    config: &Config,
    plane: &'static str,
    (hooks, engine): (HookStats, Option<EngineStats>),
) -> ControlConfig {
    ControlConfig {
        namespaces: config.namespaces.map(api_rules),
        calls: CallRules {
            item_limits: ItemLimits { payload_bytes_max: config.settings.publish_bytes_max },
            ..CallRules::default()
        },
        plane,
        hooks,
        engine,
        ..ControlConfig::default()
    }
}

pub(crate) fn api_config(config: &Config) -> ApiConfig {
    let settings = &config.settings;
    ApiConfig {
        access: access_rules(settings),
        publish_bytes_max: settings.publish_bytes_max,
        batch_bytes_max: settings.batch_bytes_max,
        pending_bytes_max: settings.publish_pending_bytes_max,
        connections_max: settings.internal_connections_max,
        ..ApiConfig::default()
    }
}

fn access_rules(settings: &Settings) -> AccessRules {
    let key = |secret: &Secret| ApiKey::new(secret.expose());
    AccessRules {
        keys: settings.api_key.iter().flat_map(Secrets::all).map(key).collect(),
        metrics_key: settings.metrics_key.as_ref().map(key),
    }
}

fn api_rules(namespace: &NamespaceSettings) -> ApiRules {
    ApiRules {
        presence_list: namespace.presence_list,
        has_history: namespace.history_publications > 0,
    }
}
