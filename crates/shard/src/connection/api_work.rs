//! What a connection of the internal API is in the middle of.

use std::collections::VecDeque;

use switchboard_api::centrifugo::{ErrorMode, Method};
use switchboard_api::{ApiError, Meta, write_outcome};
use switchboard_hub::{ChannelName, Published, Receipt};
use switchboard_ws::body::BodyReader;

use super::calling::Calling;
use crate::api::Held;
use crate::time::Tick;

/// What a connection of the internal API is in the middle of.
#[derive(Debug)]
pub(crate) struct ApiWork {
    /// What it holds towards the bound of all.
    pub(crate) held: Held,
    pub(crate) stage: ApiStage,
}

#[derive(Debug)]
pub(crate) enum ApiStage {
    /// The body of a request arrives.
    Body(Box<Incoming>),
    /// Another shard has its publication and owes the receipt.
    Receipt(Answering),
    /// The publications of a batch are made.
    Batch(Box<Publications>, Answering),
    /// The publications of calls are made.
    Calls(Box<Calling>, Answering),
    /// The handler has the request.
    Handler(Answering),
    /// The messages of a publishing stream, oldest first.
    Stream(VecDeque<Publications>),
}

/// A request whose body arrives.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) target: Target,
    pub(crate) answering: Answering,
    pub(crate) reader: BodyReader,
    pub(crate) body: Vec<u8>,
    /// How much of it has arrived, whether or not it is kept.
    pub(crate) received_bytes: usize,
    /// When all of it must be there.
    pub(crate) due: Tick,
    /// There was no room for so many bytes more of it.
    pub(crate) awaits_room: Option<usize>,
}

/// What a request with access wants.
#[derive(Debug)]
pub(crate) enum Target {
    /// One publication.
    Publish { name: ChannelName, meta: Meta },
    /// Several, as lines.
    Batch,
    /// One or several, in the shapes of Centrifugo's API.
    Calls(Method, ErrorMode),
    /// Something that the shards do not answer themselves.
    Handler(Box<http::request::Parts>),
    /// Nothing that it may have. The body is read, so that the next request is found behind it.
    Refused(ApiError),
}

/// How a request is to be answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answering {
    pub(crate) keep_alive: bool,
    pub(crate) head_only: bool,
    /// The client takes JSON.
    pub(crate) as_json: bool,
}

/// How publications are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// As lines of JSON.
    Lines,
    /// In the binary form.
    Frames,
}

/// Several publications that arrived together.
#[derive(Debug)]
pub(crate) struct Publications {
    pub(crate) form: Form,
    pub(crate) bytes: Vec<u8>,
    /// Where the next one begins.
    pub(crate) at: usize,
    pub(crate) results: Results,
}

impl Publications {
    pub(crate) fn is_read(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_read() && self.results.awaited() == 0
    }
}

/// What became of publications, a line for each in their order, while some are still to be told by other
/// shards.
#[derive(Debug, Default)]
pub(crate) struct Results {
    written: Vec<u8>,
    /// Those from the first on that is awaited.
    waiting: VecDeque<Option<Result<Receipt, ApiError>>>,
    awaited: usize,
    /// The number of the first of them.
    first: u32,
    count: usize,
}

impl Results {
    /// How many bytes of results are written.
    pub(crate) fn written_bytes(&self) -> usize {
        self.written.len()
    }

    /// How many publications there were.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Results of publications that are numbered from `first` on.
    pub(crate) fn from(first: u32) -> Self {
        Self { first, ..Self::default() }
    }

    /// The number of the next publication, under which its receipt comes.
    pub(crate) fn next_number(&self) -> u32 {
        self.first.wrapping_add(self.waiting.len() as u32)
    }

    /// How many are to be told by other shards.
    pub(crate) fn awaited(&self) -> usize {
        self.awaited
    }

    /// The next result; none where another shard is to tell it.
    pub(crate) fn push(&mut self, result: Option<Result<Receipt, ApiError>>) {
        self.count += 1;
        match result {
            Some(result) if self.waiting.is_empty() => self.write(&result),
            result => {
                self.awaited += usize::from(result.is_none());
                self.waiting.push_back(result);
            }
        }
    }

    /// Whether another shard is to tell what became of this one.
    pub(crate) fn awaits(&self, number: u32) -> bool {
        self.waiting.get(self.place(number)).is_some_and(Option::is_none)
    }

    fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.first) as usize
    }

    /// Another shard has told what became of one. False when it is not awaited here.
    pub(crate) fn set(&mut self, number: u32, published: Published) -> bool {
        let place = self.place(number);
        let Some(result @ None) = self.waiting.get_mut(place) else {
            return false;
        };
        *result = Some(published.map_err(ApiError::unpublished));
        self.awaited -= 1;
        while let Some(Some(_)) = self.waiting.front() {
            if let Some(Some(result)) = self.waiting.pop_front() {
                self.write(&result);
            }
            self.first = self.first.wrapping_add(1);
        }
        true
    }

    /// The other shards are not waited for any longer.
    pub(crate) fn give_up(&mut self) {
        for result in std::mem::take(&mut self.waiting) {
            self.write(&result.unwrap_or_else(|| Err(ApiError::no_answer())));
        }
        self.awaited = 0;
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    fn write(&mut self, result: &Result<Receipt, ApiError>) {
        write_outcome(&mut self.written, result.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use switchboard_hub::{Epoch, Position, Unpublished};

    use super::*;

    fn receipt(offset: u64) -> Receipt {
        Receipt {
            position: Position { epoch: Epoch::from_random(0), offset },
            subscribers: 0,
            subscribed: false,
            messages: offset,
            last_requested_ms: None,
        }
    }

    /// The offsets of the results that are written, 0 for refusals.
    fn written(results: &mut Results) -> Vec<u64> {
        let offset = |line: &str| line.split_once("00000000-").map(|(_, rest)| rest.to_owned());
        let digits = |rest: String| rest.split('"').next().and_then(|digits| digits.parse().ok());
        let text = String::from_utf8(results.take()).unwrap();
        text.lines().map(|line| offset(line).and_then(digits).unwrap_or(0)).collect()
    }

    #[test]
    fn results_keep_their_order_whoever_tells_them_first() {
        let mut results = Results::from(u32::MAX);
        results.push(Some(Ok(receipt(1))));
        assert_eq!((written(&mut results), results.next_number()), (vec![1], u32::MAX));
        results.push(None);
        assert_eq!(results.next_number(), 0, "numbers go round");
        results.push(None);
        results.push(Some(Err(ApiError::busy())));
        results.push(None);
        assert_eq!((written(&mut results), results.awaited()), (vec![], 3));
        assert!(results.set(0, Ok(receipt(3))) && !results.set(0, Ok(receipt(9))));
        assert!(!results.awaits(1) && !results.set(1, Ok(receipt(9))), "it was not awaited");
        assert_eq!(written(&mut results), Vec::<u64>::new());
        assert!(results.awaits(u32::MAX) && results.set(u32::MAX, Ok(receipt(2))));
        assert_eq!((written(&mut results), results.awaited()), (vec![2, 3, 0], 1));
        assert!(!results.set(7, Ok(receipt(9))) && results.set(2, Ok(receipt(4))));
        assert_eq!((written(&mut results), results.awaited()), (vec![4], 0));
    }

    #[test]
    fn what_the_home_could_not_take_is_a_refusal_in_its_place() {
        let mut results = Results::default();
        results.push(None);
        results.push(None);
        results.set(1, Err(Unpublished::Unanswered));
        results.set(0, Ok(receipt(1)));
        assert_eq!((written(&mut results), results.awaited()), (vec![1, 0], 0));
    }

    #[test]
    fn what_nobody_tells_is_given_up() {
        let mut results = Results::default();
        results.push(None);
        results.push(Some(Ok(receipt(2))));
        results.give_up();
        assert_eq!((written(&mut results), results.awaited()), (vec![0, 2], 0));
    }
}
