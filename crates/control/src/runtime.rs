//! The thread that talks to backends.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Most threads that wait for the names of backends to be resolved, which nothing else can wait for.
const RESOLVERS_MAX: usize = 16;

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

impl Drop for BackendsRuntime {
    /// A name that nobody resolves must not hold up the end of the server.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
