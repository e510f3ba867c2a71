//! Publications of calls, a few at a time.

use std::collections::VecDeque;

use switchboard_api::centrifugo::{CallError, Calls, Outcome};
use switchboard_hub::Published;

use crate::question::Answer;
use crate::state::ApiState;

/// What is under way to the shards at a time: enough that nobody waits for a single answer, and little
/// beside what the mailboxes of shards hold.
const AWAITED_MAX: usize = 64;
const AWAITED_BYTES_MAX: usize = 1 << 20;

/// Makes the publications of a command, and gives its result.
pub(super) async fn make(state: &ApiState, calls: &Calls) -> Result<Vec<u8>, CallError> {
    let publications_max = state.config.calls.publications_max;
    if calls.len() > publications_max {
        let rule = format!("a request may publish to at most {publications_max} channels");
        return Err(CallError::bad_request(rule));
    }
    let mut outcomes = Vec::with_capacity(calls.len());
    let mut awaited = Awaited::default();
    for number in 0..calls.len() {
        let bytes = calls.bytes(number);
        while awaited.is_full(bytes)
            && let Some(outcome) = awaited.next(state).await
        {
            outcomes.push(outcome);
        }
        awaited.push(bytes, begin(state, calls, number));
    }
    while let Some(outcome) = awaited.next(state).await {
        outcomes.push(outcome);
    }
    calls.result(&outcomes)
}

type Begun = Result<(Answer<Published>, bool), CallError>;

/// Hands one over. Says also whether its channel has a history.
fn begin(state: &ApiState, calls: &Calls, number: usize) -> Begun {
    let publication = calls.publication(number)?;
    let name = publication.name.clone();
    let rules =
        state.config.namespaces.of(&name).ok_or_else(|| CallError::unknown_channel(&name))?;
    let (draft, condition) = publication.admit(rules.has_history)?;
    let answer = Answer::ask(|reply| state.broker.publish(name, draft, condition, reply));
    Ok((answer, rules.has_history))
}

/// Publications under way, the first one first.
#[derive(Default)]
struct Awaited {
    queue: VecDeque<(usize, Begun)>,
    bytes: usize,
}

impl Awaited {
    /// Others must be done before one of so many bytes.
    fn is_full(&self, bytes: usize) -> bool {
        self.queue.len() >= AWAITED_MAX
            || (!self.queue.is_empty() && self.bytes.saturating_add(bytes) > AWAITED_BYTES_MAX)
    }

    fn push(&mut self, bytes: usize, begun: Begun) {
        self.bytes += bytes;
        self.queue.push_back((bytes, begun));
    }

    /// What became of the first one.
    async fn next(&mut self, state: &ApiState) -> Option<Outcome> {
        let (bytes, begun) = self.queue.pop_front()?;
        self.bytes -= bytes;
        Some(match begun {
            Ok((answer, has_history)) => {
                let published = answer.by(state.deadline()).await;
                let published = published.map_err(|_| CallError::no_answer());
                let receipt = published.and_then(|it| it.map_err(CallError::unpublished));
                receipt.map(|receipt| has_history.then_some(receipt.position))
            }
            Err(error) => Err(error),
        })
    }
}
