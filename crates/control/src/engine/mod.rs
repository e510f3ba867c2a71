//! The engine by which nodes share channels: NATS with JetStream, 2.11 or newer.
//!
//! One task drives the [`Gateway`](switchboard_gateway::Gateway): it hands in what the shards and NATS have for it, and does what it
//! says. It never waits for NATS. What is asked is asked by tasks of their own ([`request`]), and what comes of
//! that, the acknowledgements of publications and what NATS repeats come in through one bounded queue. Where
//! that is full, NATS is read more slowly, and what its client drops then is looked for like what got lost on the
//! way.
//!
//! [`streams`] makes the streams and compares those that there are with what they must be.

mod batch;
mod config;
mod connection;
mod driver;
mod error;
mod inbox;
mod mail;
mod nodes;
mod publications;
mod request;
mod stats;
mod streams;

use std::io;
use std::sync::Arc;

use switchboard_cluster::NodeId;
use switchboard_gateway::Gateway;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};

pub use config::{Credentials, EngineConfig, EngineTls, Storage};
pub use error::EngineError;
pub use mail::{ShardMail, ToHome};
pub use stats::{ENGINE_METRICS, EngineStats};
pub use streams::{Checked, check, create};

use connection::Connection;
use driver::Driver;
use nodes::Nodes;

use crate::requests::LocalApi;

/// What waits for the driver.
const QUEUE_MAX: usize = 16_384;

/// The engine of a node that runs, under the id of this run.
#[derive(Debug)]
pub struct Engine {
    runtime: Option<Runtime>,
    stop: Arc<Notify>,
}

impl Engine {
    /// Starts what talks to NATS, on a thread of its own. It connects, again and again where that fails, makes the
    /// streams that are missing, and then serves the mail of the shards. `wake` ends its sleep. `api` is what other
    /// nodes ask.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        config: EngineConfig,
        (id, gateway): (NodeId, Gateway),
        mail: impl ShardMail,
        wake: Arc<Notify>,
        (api, stats): (LocalApi, EngineStats),
    ) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("engine")
            .enable_all()
            .build()?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let asked = api.share();
        runtime.spawn(async move {
            let (heard, queue) = mpsc::channel(QUEUE_MAX);
            match Connection::open(&config, heard.clone()).await {
                Ok(connection) => {
                    let nodes = Nodes::new(&config, connection.client.clone(), api, id);
                    tokio::spawn(async move {
                        if let Err(error) = nodes.run(asked).await {
                            tracing::error!("other nodes cannot be heard: {error}");
                        }
                    });
                    let driver =
                        Driver::new(config, gateway, mail, connection, (heard, queue), stats);
                    driver.run(&wake, &stopped).await;
                }
                Err(error) => tracing::error!("the engine cannot be used: {error}"),
            }
        });
        Ok(Self { runtime: Some(runtime), stop })
    }
}

impl Drop for Engine {
    /// What is under way to NATS is not waited for: its publishers have gone.
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
