//! Questions to shards, with a deadline.

use switchboard_api::ApiError;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::reply::Reply;

/// An answer that a shard owes.
#[derive(Debug)]
pub(crate) struct Answer<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> Answer<T> {
    /// Asks, and passes on the means to answer.
    pub(crate) fn ask(question: impl FnOnce(Reply<T>)) -> Self {
        let (sender, receiver) = oneshot::channel();
        question(Box::new(move |answer| {
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
