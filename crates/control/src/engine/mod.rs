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
use std::time::Duration;

use switchboard_cluster::NodeId;
use switchboard_gateway::Gateway;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

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

/// How long a node that stops takes at most to tell the others.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);

/// The engine of a node that runs, under the id of this run.
#[derive(Debug)]
pub struct Engine {
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<()>>,
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
        let (stop, stopped) = watch::channel(false);
        let asked = api.share();
        let running = runtime.spawn(async move {
            let (heard, queue) = mpsc::channel(QUEUE_MAX);
            let connection = match Connection::open(&config, heard.clone()).await {
                Ok(connection) => connection,
                Err(error) => return tracing::error!("the engine cannot be used: {error}"),
            };
            let nodes = Nodes::new(&config, connection.client.clone(), api, id);
            let others = nodes.run(asked, stopped.clone());
            let driver = Driver::new(config, gateway, mail, connection, (heard, queue), stats);
            let (others, ()) = tokio::join!(others, driver.run(&wake, stopped));
            if let Err(error) = others {
                tracing::error!("other nodes cannot be heard: {error}");
            }
        });
        Ok(Self { runtime: Some(runtime), stop, running: Some(running) })
    }
}

impl Drop for Engine {
    /// What is under way to NATS is not waited for: its publishers have gone.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        let (Some(runtime), Some(running)) = (self.runtime.take(), self.running.take()) else {
            return;
        };
        // A NATS that is not there must not hold up the end of the server.
        let _ = runtime.block_on(async { timeout(LEAVE_WITHIN, running).await });
        runtime.shutdown_background();
    }
}
