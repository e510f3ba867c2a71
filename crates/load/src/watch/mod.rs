//! What the system says about processes, threads and its own memory.

mod kernel;
mod process;
mod threads;

pub(crate) use kernel::Kernel;
pub(crate) use process::{Memory, exists, name};
pub(crate) use threads::{Busy, Threads};
