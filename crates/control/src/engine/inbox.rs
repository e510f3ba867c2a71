//! One subscription for all answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Client, Message, SubscribeError};
use futures_util::StreamExt;
use tokio::sync::mpsc;

/// Messages of one answer that wait to be read: a batch, and its end.
const ANSWER_MAX: usize = 1_024;

/// Where answers go that may be several messages.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    prefix: Arc<str>,
    asked: Arc<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, mpsc::Sender<Message>>>,
}

/// The messages of one answer.
#[derive(Debug)]
pub(super) struct Answer {
    number: u64,
    asked: Arc<Asked>,
    messages: mpsc::Receiver<Message>,
}

impl Inbox {
    /// Subscribes once.
    pub(super) async fn open(client: &Client) -> Result<Self, SubscribeError> {
        let (prefix, asked) = (Arc::<str>::from(client.new_inbox()), Arc::<Asked>::default());
        let mut all = client.subscribe(format!("{prefix}.q.*")).await?;
        let inbox = Self { prefix, asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Some(message) = all.next().await {
                asked.take(message);
            }
        });
        Ok(inbox)
    }

    /// The subjects to which NATS answers for publications.
    pub(super) fn acknowledgements(&self) -> String {
        format!("{}.p.*", self.prefix)
    }

    /// The subject to which it answers for the one with this number.
    pub(super) fn acknowledgement(&self, number: u64) -> String {
        format!("{}.p.{number}", self.prefix)
    }

    /// A subject for an answer, and the answer.
    pub(super) fn ask(&self) -> (String, Answer) {
        let number = self.asked.last.fetch_add(1, Ordering::Relaxed);
        let (sender, messages) = mpsc::channel(ANSWER_MAX);
        self.asked.waiting().insert(number, sender);
        let asked = Arc::clone(&self.asked);
        (format!("{}.q.{number}", self.prefix), Answer { number, asked, messages })
    }
}

impl Asked {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::Sender<Message>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, message: Message) {
        if let Some(number) = number_of(&message)
            && let Some(sender) = self.waiting().get(&number)
        {
            // Who gets more than it asked for does not hear the end of it, and asks again.
            let _ = sender.try_send(message);
        }
    }
}

impl Answer {
    /// The next message of the answer.
    pub(super) async fn recv(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.asked.waiting().remove(&self.number);
    }
}

/// The number at the end of the subject of an answer.
pub(super) fn number_of(message: &Message) -> Option<u64> {
    message.subject.as_str().rsplit_once('.')?.1.parse().ok()
}
