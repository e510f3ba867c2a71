//! The bound on bytes in flight, and questions to shards with a deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::ApiError;
use crate::reply::Reply;

/// Counts bytes from the moment they are read until a shard has dealt with them.
#[derive(Debug)]
pub(crate) struct Pending {
    room: Arc<Semaphore>,
    wait: Duration,
}

/// Bytes that count as long as this value lives.
#[derive(Debug, Default)]
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl Pending {
    pub(crate) fn new(bytes_max: usize, wait: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))), wait }
    }

    /// Counts more bytes into `held`; waits for room, but not for long.
    pub(crate) async fn hold(&self, bytes: usize, held: &mut Held) -> Result<(), ApiError> {
        let permits = u32::try_from(bytes).map_err(|_| ApiError::busy())?;
        let room = Arc::clone(&self.room).acquire_many_owned(permits);
        match (timeout(self.wait, room).await, &mut held.0) {
            (Ok(Ok(more)), Some(permit)) => permit.merge(more),
            (Ok(Ok(more)), none) => *none = Some(more),
            _ => return Err(ApiError::busy()),
        }
        Ok(())
    }
}

impl Held {
    /// Splits off a part that can be released on its own.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        Self(self.0.as_mut().and_then(|permit| permit.split(bytes)))
    }
}

/// An answer that a shard owes.
#[derive(Debug)]
pub(crate) struct Answer<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> Answer<T> {
    /// Asks, and passes on the means to answer. What is held stays counted until the shard answers
    /// or drops the question, even if the caller no longer waits.
    pub(crate) fn ask(held: Held, question: impl FnOnce(Reply<T>)) -> Self {
        let (sender, receiver) = oneshot::channel();
        question(Box::new(move |answer| {
            drop(held);
            // The client may have left meanwhile.
            let _ = sender.send(answer);
        }));
        Self(receiver)
    }

    /// The answer, if it arrives in time.
    pub(crate) async fn by(self, deadline: Instant) -> Result<T, ApiError> {
        match timeout_at(deadline, self.0).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(ApiError::no_answer()),
        }
    }
}
