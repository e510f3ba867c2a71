//! Calls of Centrifugo's API that a connection is in the middle of.

use switchboard_api::centrifugo::{CallError, Calls, ErrorMode, Outcome};
use switchboard_hub::Published;

/// Calls, and what has become of their publications so far.
#[derive(Debug)]
pub(crate) struct Calling {
    pub(crate) calls: Calls,
    pub(crate) mode: ErrorMode,
    made: Vec<Made>,
    awaited: usize,
}

/// What has become of one publication.
#[derive(Debug)]
enum Made {
    /// Another shard is to tell. Whether its channel has a history.
    Awaited(bool),
    Done(Outcome),
}

impl Calling {
    pub(crate) fn new(calls: Calls, mode: ErrorMode) -> Self {
        Self { calls, mode, made: Vec::new(), awaited: 0 }
    }

    /// The number of the next publication; none when all were tried.
    pub(crate) fn next(&self) -> Option<usize> {
        Some(self.made.len()).filter(|next| *next < self.calls.len())
    }

    pub(crate) fn is_done(&self) -> bool {
        self.next().is_none() && self.awaited == 0
    }

    /// What became of the next one.
    pub(crate) fn push(&mut self, outcome: Outcome) {
        self.made.push(Made::Done(outcome));
    }

    /// The next one is told by another shard.
    pub(crate) fn push_awaited(&mut self, has_history: bool) {
        self.awaited += 1;
        self.made.push(Made::Awaited(has_history));
    }

    /// Another shard has told what became of one. False when it is not awaited.
    pub(crate) fn set(&mut self, number: u32, published: &Published) -> bool {
        let Some(made) = self.made.get_mut(number as usize) else {
            return false;
        };
        let Made::Awaited(has_history) = *made else {
            return false;
        };
        *made = Made::Done(match published {
            Ok(receipt) => Ok(has_history.then_some(receipt.position)),
            Err(error) => Err(CallError::unpublished(*error)),
        });
        self.awaited -= 1;
        true
    }

    /// What became of each. Those that are not known yet count as lost.
    pub(crate) fn outcomes(self) -> (Calls, ErrorMode, Vec<Outcome>) {
        let Self { calls, mode, mut made, .. } = self;
        let lost = || Made::Done(Err(CallError::no_answer()));
        made.resize_with(calls.len(), lost);
        let outcomes = made.into_iter().map(|made| match made {
            Made::Done(outcome) => outcome,
            Made::Awaited(_) => Err(CallError::no_answer()),
        });
        let outcomes = outcomes.collect();
        (calls, mode, outcomes)
    }
}

#[cfg(test)]
mod tests {
    use switchboard_api::ItemLimits;
    use switchboard_api::centrifugo::Method;
    use switchboard_hub::{Epoch, Position, Receipt};

    use super::*;

    #[test]
    fn receipts_find_their_publications_once() {
        let body = br#"{"channels":["a","b","c"],"data":1}"#;
        let limits = ItemLimits { payload_bytes_max: 9 };
        let calls = Calls::read(Method::Broadcast, body, limits).unwrap().unwrap();
        let mut calling = Calling::new(calls, ErrorMode::InBody);
        calling.push_awaited(true);
        calling.push_awaited(false);
        assert_eq!((calling.next(), calling.is_done()), (Some(2), false));
        let position = Position { epoch: Epoch::from_random(0), offset: 7 };
        let receipt = Ok(Receipt {
            position,
            subscribers: 0,
            subscribed: false,
            messages: 1,
            last_requested_ms: None,
        });
        assert!(calling.set(1, &receipt) && !calling.set(1, &receipt) && !calling.set(2, &receipt));
        assert!(calling.set(0, &receipt) && !calling.is_done());
        let (_, _, outcomes) = calling.outcomes();
        assert_eq!(outcomes, [Ok(Some(position)), Ok(None), Err(CallError::no_answer())]);
    }
}
