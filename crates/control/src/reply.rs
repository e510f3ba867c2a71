//! How a shard answers the internal API.

/// Takes the answer, on whichever thread has it. Dropping it without a call means no answer.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;
