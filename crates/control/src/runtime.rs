//! The thread that talks to backends.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Most threads that wait for the names of backends to be resolved, which nothing else can wait for.
const RESOLVERS_MAX: usize = 16;

/// A thread of this niceness has a tenth of the weight of a shard's.
const NICE: i32 = 10;

/// A runtime of one thread for what goes out. It has a thread of its own, since an answer of a backend may
/// take a moment to read, and what the internal API is asked must not wait for that.
#[derive(Debug)]
pub struct BackendsRuntime(Option<Runtime>);

impl BackendsRuntime {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(RESOLVERS_MAX)
            .thread_name("backends")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// What tasks are started with.
    ///
    /// # Panics
    /// Never: it is there until the runtime is dropped.
    #[expect(clippy::expect_used, reason = "only `drop` takes it")]
    pub fn handle(&self) -> &Handle {
        self.0.as_ref().expect("a runtime that is not dropped").handle()
    }
}

/// Where it has to share a core, shards go first: a backend that floods its answers takes time to read, and
/// nobody who listens may wait for that. Linux counts it for the thread that asks (setpriority(2), BUGS).
fn give_way() {
    // Without it, it is only less fair.
    let _ = rustix::process::setpriority_process(None, NICE);
}

impl Drop for BackendsRuntime {
    /// A name that nobody resolves must not hold up the end of the server.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
