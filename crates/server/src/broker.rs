//! The internal API's access to the shards: it publishes to them and queries them.

use switchboard_control::{Broker, Inspect, Reply};
use switchboard_hub::{
    ChannelName, Draft, Receipt, Router, ShardReport, SlowClient, SubscriberInfo,
};
use switchboard_shard::{Command, Handle};

/// Finds the right shard for each request and passes it on.
#[derive(Debug)]
pub(crate) struct Shards {
    router: Router,
    handles: Vec<Handle>,
}

impl Shards {
    pub(crate) fn new(router: Router, handles: Vec<Handle>) -> Self {
        Self { router, handles }
    }

    /// Tells every shard to stop.
    pub(crate) fn stop(&self) {
        for handle in &self.handles {
            handle.send(Command::Stop);
        }
    }

    fn home(&self, name: &ChannelName) -> &Handle {
        &self.handles[usize::from(self.router.home(name).0)]
    }
}

impl Broker for Shards {
    fn publish(&self, name: ChannelName, draft: Draft, reply: Reply<Receipt>) {
        self.home(&name).send(Command::Publish { name, draft, reply });
    }

    fn delete(&self, name: ChannelName, reply: Reply<bool>) {
        self.home(&name).send(Command::Delete { name, reply });
    }
}

impl Inspect for Shards {
    fn shards(&self) -> usize {
        self.handles.len()
    }

    fn report(&self, shard: usize, name: ChannelName, reply: Reply<ShardReport>) {
        self.handles[shard].send(Command::Report { name, reply });
    }

    fn subscribers(
        &self,
        shard: usize,
        name: ChannelName,
        max: usize,
        reply: Reply<Vec<SubscriberInfo>>,
    ) {
        self.handles[shard].send(Command::Subscribers { name, max, reply });
    }

    fn slow(&self, shard: usize, max: usize, reply: Reply<Vec<SlowClient>>) {
        self.handles[shard].send(Command::Slow { max, reply });
    }

    fn counters(&self) -> Vec<Vec<(&'static str, u64)>> {
        self.handles.iter().map(Handle::counters).collect()
    }
}
