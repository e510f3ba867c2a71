//! One shard without faults, for what takes no schedule: bounds, and what one client is owed.

use std::sync::Arc;

use switchboard_hub::{ChannelName, Draft, Kind, ShardId};
use switchboard_plane::sim::{ClientId, SimConfig, SimNet, SimPlane};
use switchboard_shard::{Backends, Command, Common, Config, Handle, NoBackends, Shard};

use crate::plan::Plan;

/// One shard and its network.
pub(crate) struct Single {
    pub(crate) shard: Shard<SimPlane>,
    pub(crate) net: SimNet,
    pub(crate) handle: Handle,
    pub(crate) now_ms: u64,
}

impl Single {
    pub(crate) fn new(sim: &SimConfig, change: impl FnOnce(&mut Config)) -> Self {
        Self::with_backends(sim, Arc::new(NoBackends), change)
    }

    pub(crate) fn with_backends(
        sim: &SimConfig,
        backends: Arc<dyn Backends>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let plan = Plan { shards: 1, faults: false, ..Plan::roomy(0) };
        let mut config = plan.config();
        config.connections_max = 4_000;
        config.echo = true;
        change(&mut config);
        let common = Common { config: Arc::new(config), backends, ..plan.common() };
        let connections_max = sim.connections_max.max(4_000);
        let (plane, net) = SimNet::new(1, SimConfig { connections_max, ..sim.clone() });
        let shard = Shard::new(plane, ShardId(0), &common, 1, 1_000);
        Self { shard, net, handle: common.handles[0].clone(), now_ms: 1_000 }
    }

    pub(crate) fn turn(&mut self, times: usize) {
        for _ in 0..times {
            self.shard.turn(self.now_ms).unwrap();
        }
    }

    /// Clients with open WebSockets; what they were answered is read.
    pub(crate) fn open(&mut self, path: &str, count: usize) -> Vec<ClientId> {
        let head = upgrade(path);
        let connect = |_| {
            let client = self.net.connect(([127, 0, 0, 1], 1_024).into());
            self.net.write(client, head.as_bytes());
            client
        };
        let clients: Vec<_> = (0..count).map(connect).collect();
        self.turn(100);
        for client in &clients {
            assert!(self.net.read(*client).starts_with(b"HTTP/1.1 101 "));
        }
        clients
    }

    pub(crate) fn publish(&mut self, times: usize, bytes: usize) {
        for _ in 0..times {
            let (name, draft) =
                (ChannelName::new("news").unwrap(), Draft::new(Kind::Binary, &vec![7; bytes]));
            self.handle.send(Command::Publish { name, draft, reply: Box::new(|_| ()) });
        }
    }

    pub(crate) fn stop(&self) {
        self.handle.send(Command::Stop);
    }

    pub(crate) fn drain(&self) {
        self.handle.send(Command::Drain);
    }

    pub(crate) fn counter(&self, wanted: &str) -> usize {
        let counters = self.handle.counters();
        let found = counters.iter().find(|(name, _)| *name == wanted);
        found.unwrap().1 as usize
    }

    pub(crate) fn stall(&self, clients: &[ClientId], stalled: bool) {
        for client in clients {
            self.net.stall(*client, stalled);
        }
    }

    pub(crate) fn read(&self, clients: &[ClientId]) -> Vec<usize> {
        clients.iter().map(|client| self.net.read(*client).len()).collect()
    }
}

/// A handshake.
pub(crate) fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
