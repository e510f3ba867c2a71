//! Where connections go, and what is said first.

use std::sync::Arc;

use switchboard_plane::ConnId;
use switchboard_ws::handshake::{ClientRequest, encode_key};

use super::dialect::{Dialect, V1};
use super::random::Random;
use crate::target::{Target, Targets, Template, Tokens, Values};

/// Where connections go. Shared by all threads.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) targets: Arc<Targets>,
    /// The handshake; none leaves TCP to the job.
    pub(crate) upgrade: Option<Upgrade>,
}

/// What the handshake request is made from, besides the target.
#[derive(Debug, Clone)]
pub(crate) struct Upgrade {
    /// The name of a channel.
    pub(crate) channel: Template,
    pub(crate) run: String,
    pub(crate) protocols: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// What each connection says who it is by.
    pub(crate) tokens: Option<Arc<Tokens>>,
    /// What is spoken on the WebSocket.
    pub(crate) dialect: Dialect,
    /// The names of all channels, where the dialect has them in messages: a client compares them
    /// with those in what it gets.
    pub(crate) channel_names: Vec<String>,
    /// Makes the keys.
    pub(crate) seed: u64,
}

impl Endpoint {
    /// What is spoken.
    pub(crate) fn dialect(&self) -> Dialect {
        self.upgrade.as_ref().map_or(Dialect::Plain, |upgrade| upgrade.dialect)
    }

    /// The name of a channel, where the dialect has it in messages.
    pub(crate) fn channel(&self, number: u32) -> Option<&str> {
        let names = &self.upgrade.as_ref()?.channel_names;
        names.get(number as usize).map(String::as_str)
    }
}

impl Upgrade {
    /// The same with another dialect, on so many channels.
    pub(crate) fn with_dialect(self, dialect: Dialect, channels: u32) -> Self {
        let named = if dialect == Dialect::Centrifuge { channels } else { 0 };
        let channel_names = (0..named).map(|channel| self.channel_name(channel)).collect();
        Self { dialect, channel_names, ..self }
    }

    /// The subprotocols that are offered, those of the dialect among them.
    pub(crate) fn offered(&self) -> Vec<&str> {
        let of_dialect = (self.dialect == Dialect::V1).then_some(V1);
        of_dialect.into_iter().chain(self.protocols.iter().map(String::as_str)).collect()
    }

    /// The Sec-WebSocket-Key of a connection; it need not be stored, it can be made again.
    pub(crate) fn key(&self, id: ConnId) -> [u8; 24] {
        let name = u64::from(id.index()) << 32 | u64::from(id.generation());
        let mut random = Random::new(self.seed ^ name);
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&random.next().to_be_bytes());
        nonce[8..].copy_from_slice(&random.next().to_be_bytes());
        encode_key(nonce)
    }

    /// The name of channel `channel`.
    pub(crate) fn channel_name(&self, channel: u32) -> String {
        let values = Values { channel_number: channel, run: &self.run, ..Values::default() };
        self.channel.render(&values)
    }

    /// Appends the request of connection `number` to a target.
    pub(crate) fn write_request(
        &self,
        target: &Target,
        id: ConnId,
        (number, channel): (u32, u32),
        out: &mut Vec<u8>,
    ) {
        let name = self.channel_name(channel);
        let values =
            Values { number, channel_number: channel, channel: &name, run: &self.run, payload: "" };
        let path = target.path.render(&values);
        let protocols = self.offered();
        let mut headers: Vec<_> =
            self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        // Where the dialect has a place for it, a token is there.
        let tokens = self.tokens.as_ref().filter(|_| self.dialect != Dialect::Centrifuge);
        let bearer = tokens.map(|tokens| format!("Bearer {}", tokens.of(number)));
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        let key = self.key(id);
        let request = ClientRequest {
            host: &target.host,
            target: &path,
            // Base64 is ASCII.
            key: str::from_utf8(&key).unwrap_or_default(),
            protocols: &protocols,
            headers: &headers,
        };
        request.write(out);
    }
}
