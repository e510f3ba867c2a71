//! The channels that a request names.

use switchboard_hub::{ChannelName, parse_list};

use super::presence;
use crate::core::Core;

/// The channels of a request.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) names: Vec<ChannelName>,
}

/// Why nobody may listen to them.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// As a status of HTTP.
    pub(crate) status: u16,
    pub(crate) sentence: String,
}

impl Channels {
    /// Reads the list of a path and looks for the rules of each channel.
    pub(crate) fn parse(core: &Core, list: &str) -> Result<Self, Refusal> {
        let names = parse_list(list, core.config.channels_per_connection_max)
            .map_err(|error| Refusal { status: 400, sentence: error.to_string() })?;
        for name in &names {
            let Some(namespace) = core.config.namespaces.resolve(name) else {
                let sentence = format!("channel {name} is in no configured namespace");
                return Err(Refusal { status: 404, sentence });
            };
            if core.config.namespaces.rules(namespace).join_leave
                && presence::channel_of(name).is_none()
            {
                let sentence =
                    format!("channel {name} is too long a name for join and leave events");
                return Err(Refusal { status: 400, sentence });
            }
        }
        Ok(Self { names })
    }
}
