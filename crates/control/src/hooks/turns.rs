//! Who is next where a backend is asked as often at a time as it may be: each address in its turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::call::lock;

/// So many permits at a time. Those who wait for one are in a queue for each share (an address), and the shares
/// take turns: an address that asks a lot waits for its own questions, and others do not.
#[derive(Debug)]
pub(super) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// The shares with a queue, each once, in the order of their turns.
    order: VecDeque<u64>,
    queues: HashMap<u64, VecDeque<oneshot::Sender<Permit>>>,
}

/// Goes to the next one that waits when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Option<Arc<Mutex<State>>>);

impl Turns {
    pub(super) fn new(permits: usize) -> Self {
        let state = State { free: permits, order: VecDeque::new(), queues: HashMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a permit. A caller that gives up takes no permit from the others.
    pub(super) async fn acquire(&self, share: u64) -> Option<Permit> {
        let turn = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                state.free -= 1;
                return Some(Permit(Some(Arc::clone(&self.0))));
            }
            state.wait(share)
        };
        turn.await.ok()
    }
}

impl State {
    fn wait(&mut self, share: u64) -> oneshot::Receiver<Permit> {
        let (sender, turn) = oneshot::channel();
        let queue = self.queues.entry(share).or_insert_with(|| {
            self.order.push_back(share);
            VecDeque::new()
        });
        // Those who came first give up first, so what is here is of questions that wait.
        while queue.front().is_some_and(oneshot::Sender::is_closed) {
            queue.pop_front();
        }
        queue.push_back(sender);
        turn
    }

    /// The one whose turn it is. When nobody waits, the permit is free.
    fn next_or_free(&mut self) -> Option<oneshot::Sender<Permit>> {
        while let Some(share) = self.order.pop_front() {
            let Some(queue) = self.queues.get_mut(&share) else {
                continue;
            };
            let next = std::iter::from_fn(|| queue.pop_front()).find(|next| !next.is_closed());
            if queue.is_empty() {
                self.queues.remove(&share);
            } else {
                self.order.push_back(share);
            }
            if next.is_some() {
                return next;
            }
        }
        self.free += 1;
        None
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(state) = self.0.take() else {
            return;
        };
        loop {
            let next = lock(&state).next_or_free();
            let Some(next) = next else {
                return;
            };
            match next.send(Self(Some(Arc::clone(&state)))) {
                Ok(()) => return,
                // It gave up just now, and this permit is for the one behind it.
                Err(mut permit) => permit.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn shares_have_turns_and_permits_are_never_lost() {
        let turns = Arc::new(Turns::new(1));
        let (order, mut got) = tokio::sync::mpsc::unbounded_channel();
        let first = turns.acquire(1).await;
        for (nth, share) in [1, 1, 1, 2, 1, 3].into_iter().enumerate() {
            let (turns, order) = (Arc::clone(&turns), order.clone());
            tokio::spawn(async move {
                let permit = turns.acquire(share).await;
                order.send((nth, share)).unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
                drop(permit);
            });
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            let waits = Duration::from_micros(1);
            assert!(timeout(waits, turns.acquire(4)).await.is_err(), "it gives up");
        }
        drop((first, order));
        let mut all = Vec::new();
        while let Some(one) = got.recv().await {
            all.push(one);
        }
        assert_eq!(all, [(0, 1), (3, 2), (5, 3), (1, 1), (2, 1), (4, 1)]);
        let state = lock(&turns.0);
        assert_eq!((state.free, state.order.len(), state.queues.len()), (1, 0, 0));
    }
}
