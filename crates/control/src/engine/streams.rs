//! The streams: what they must be, whether they are, and making those that are missing.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, Republish, StorageType};
use switchboard_cluster::Subjects;
use switchboard_gateway::Sharing;
use switchboard_hub::Rules;

use super::config::{EngineConfig, Storage};
use super::connection::{connect_once, context};
use super::error::EngineError;

/// How long the engine knows the id of a message.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(5);
/// What has batched direct gets, `multi_last` and a time to live for each message.
const VERSION_MIN: (i64, i64) = (2, 11);

/// What was found of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is as it must be.
    Good,
    /// It was not there, and was made.
    Made,
    /// It is not there.
    Missing,
    /// It differs in this.
    Differs(String),
}

/// Looks at all streams. Changes nothing.
///
/// # Errors
/// When there is no connection, the server is too old, or a stream cannot be looked at.
pub async fn check(config: &EngineConfig) -> Result<Vec<(String, Checked)>, EngineError> {
    look(config, &context_of(config).await?, false).await
}

/// Makes the streams that are missing. Does not touch others.
///
/// # Errors
/// Those of [`check`], and when a stream cannot be made.
pub async fn create(config: &EngineConfig) -> Result<Vec<(String, Checked)>, EngineError> {
    look(config, &context_of(config).await?, true).await
}

async fn context_of(config: &EngineConfig) -> Result<Context, EngineError> {
    let client = connect_once(config).await?;
    check_server(&client)?;
    Ok(context(&client))
}

/// Makes what is missing, and refuses what cannot be used.
pub(super) async fn ensure(config: &EngineConfig, client: &Client) -> Result<(), EngineError> {
    check_server(client)?;
    for (stream, checked) in look(config, &context(client), true).await? {
        match checked {
            Checked::Differs(differences) => {
                return Err(EngineError::Differs { stream, differences });
            }
            Checked::Made => tracing::info!("the engine has a new stream {stream}"),
            Checked::Good | Checked::Missing => {}
        }
    }
    Ok(())
}

fn check_server(client: &Client) -> Result<(), EngineError> {
    let info = client.server_info();
    let (major, minor) = VERSION_MIN;
    if !client.is_server_compatible(major, minor, 0) {
        return Err(EngineError::Version { found: info.version });
    }
    if info.jetstream { Ok(()) } else { Err(EngineError::NoJetStream) }
}

async fn look(
    config: &EngineConfig,
    context: &Context,
    makes: bool,
) -> Result<Vec<(String, Checked)>, EngineError> {
    let mut all = Vec::new();
    let wanted = config.rules.map_named(|name, rules| {
        let subjects = config.sharing.subjects(name);
        let partitions = 0..config.sharing.layout.partitions();
        partitions.map(|partition| wanted(config, &subjects, partition, rules)).collect::<Vec<_>>()
    });
    for wanted in wanted.iter().flat_map(|(_, streams)| streams) {
        let stream = wanted.name.clone();
        let checked = match context.get_stream(&stream).await {
            Ok(found) => match differences(&found.cached_info().config, wanted) {
                None => Checked::Good,
                Some(differences) => Checked::Differs(differences),
            },
            Err(error) if !is_missing(&error) => {
                return Err(EngineError::Get { stream, source: error });
            }
            Err(_) if !makes => Checked::Missing,
            // Where another node makes it at the same time, NATS takes both for one.
            Err(_) => match context.create_stream(wanted).await {
                Ok(_) => Checked::Made,
                Err(source) => return Err(EngineError::Create { stream, source }),
            },
        };
        all.push((stream, checked));
    }
    Ok(all)
}

fn is_missing(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}

/// What a stream must be.
fn wanted(config: &EngineConfig, subjects: &Subjects, partition: u16, rules: &Rules) -> Config {
    let retention = Sharing::retention(rules);
    Config {
        name: subjects.stream(partition),
        subjects: vec![subjects.stored(partition)],
        max_messages: -1,
        max_bytes: -1,
        max_consumers: -1,
        max_messages_per_subject: i64::try_from(retention.messages_max).unwrap_or(i64::MAX),
        storage: match config.storage {
            Storage::File => StorageType::File,
            Storage::Memory => StorageType::Memory,
        },
        num_replicas: config.replicas,
        duplicate_window: DUPLICATE_WINDOW,
        allow_rollup: true,
        allow_direct: true,
        allow_message_ttl: true,
        republish: Some(Republish {
            source: subjects.stored(partition),
            destination: subjects.repeated(partition),
            headers_only: false,
        }),
        ..Config::default()
    }
}

/// In what a stream differs, where that matters: how many servers keep it, and where, is for its operator to
/// change.
fn differences(found: &Config, wanted: &Config) -> Option<String> {
    let mut all = Vec::new();
    let mut compare = |key: &str, found: String, wanted: String| {
        if found != wanted {
            all.push(format!("{key} is {found} and must be {wanted}"));
        }
    };
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    compare("subjects", text(&found.subjects), text(&wanted.subjects));
    let per_subject = |config: &Config| config.max_messages_per_subject.to_string();
    compare("max_msgs_per_subject", per_subject(found), per_subject(wanted));
    compare("max_msgs", text(&found.max_messages), text(&wanted.max_messages));
    compare("max_bytes", text(&found.max_bytes), text(&wanted.max_bytes));
    compare("max_age", text(&found.max_age), text(&wanted.max_age));
    compare("discard", text(&found.discard), text(&wanted.discard));
    compare("retention", text(&found.retention), text(&wanted.retention));
    compare("allow_direct", text(&found.allow_direct), text(&wanted.allow_direct));
    compare("allow_rollup_hdrs", text(&found.allow_rollup), text(&wanted.allow_rollup));
    compare("allow_msg_ttl", text(&found.allow_message_ttl), text(&wanted.allow_message_ttl));
    compare("republish", text(&found.republish), text(&wanted.republish));
    if found.duplicate_window < wanted.duplicate_window {
        compare("duplicate_window", text(&found.duplicate_window), text(&wanted.duplicate_window));
    }
    (!all.is_empty()).then(|| all.join("; "))
}
