//! The thread that talks to backends.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Most threads that wait for the names of backends to be resolved, which nothing else can wait for.
const RESOLVERS_MAX: usize = 16;

/// A runtime of one thread for what goes out. It has a thread of its own, since an answer of a backend may
/// take a moment to read, and what the internal API is asked must not wait for that.
pub fn backends_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(RESOLVERS_MAX)
        .thread_name("backends")
        .enable_all()
        .build()
}
