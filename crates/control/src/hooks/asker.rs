//! Questions to one backend: how many wait, how many are asked at a time, for how long, and how often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use switchboard_hooks::{
    Answer, Breaker, BreakerRules, Hook, Outcome, Question, Refusal, Verdict, read_response,
    request_body,
};
use switchboard_hub::ChannelName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::call::{Admitted, Failure, lock, ms_since, request};
use super::config::HookConfig;
use super::stats::AskStats;
use super::turns::Turns;
use super::waiting::Waiting;
use crate::client::{Connector, HttpClient};
use crate::clock::unix_ms;
use crate::reply::Reply;

/// Takes the questions of all shards to one backend.
#[derive(Debug)]
pub(super) struct Asker {
    backend: Arc<Backend>,
    /// Bounded by what the backend lets in.
    questions: UnboundedSender<Asked>,
}

/// Channels of one question that are asked about at a time.
const CHANNELS_TOGETHER: usize = 16;
/// How long before a request is made again, at most; it is spread over this time.
const RETRY_WITHIN: Duration = Duration::from_millis(100);

impl Asker {
    pub(super) fn start(
        hook: Hook,
        config: HookConfig,
        connector: &Connector,
        runtime: &Handle,
    ) -> Self {
        let client = HttpClient::new(connector, config.concurrency_max, config.endpoint.timeout);
        let backend = Arc::new(Backend {
            hook,
            client,
            turns: Turns::new(config.concurrency_max),
            breaker: Mutex::new(Breaker::new(BreakerRules::default())),
            began: Instant::now(),
            waiting: Mutex::new(Waiting::default()),
            stats: Arc::new(AskStats::default()),
            config,
        });
        let (questions, asked) = unbounded_channel();
        runtime.spawn(pass_on(Arc::clone(&backend), asked));
        Self { backend, questions }
    }

    /// Costs the caller little: the request is written elsewhere.
    pub(super) fn ask(&self, question: Question, reply: Reply<Verdict>) {
        self.backend.stats.asked();
        let Some(place) = self.backend.enter(&question) else {
            self.backend.stats.failed(self.backend.hook, &Failure::Queue);
            return reply(Err(Refusal::Unavailable));
        };
        let asked = Asked { question, reply, since: Instant::now(), place };
        // It is closed only when the server ends; a reply that is dropped is none.
        let _ = self.questions.send(asked);
    }

    pub(super) fn stats(&self) -> Arc<AskStats> {
        Arc::clone(&self.backend.stats)
    }
}

/// A question, and who waits for the verdict.
struct Asked {
    question: Question,
    reply: Reply<Verdict>,
    since: Instant,
    place: Place,
}

/// Gives each question a task of its own.
async fn pass_on(backend: Arc<Backend>, mut questions: UnboundedReceiver<Asked>) {
    while let Some(asked) = questions.recv().await {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move { backend.answer(asked).await });
    }
}

#[derive(Debug)]
struct Backend {
    hook: Hook,
    config: HookConfig,
    client: HttpClient,
    turns: Turns,
    breaker: Mutex<Breaker>,
    began: Instant,
    waiting: Mutex<Waiting>,
    stats: Arc<AskStats>,
}

/// A question's part of what may wait, until it has its verdict.
struct Place {
    backend: Arc<Backend>,
    share: u64,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.backend.waiting).leave(self.share, self.bytes);
    }
}

impl Backend {
    /// A place for a question, unless too many wait.
    fn enter(self: &Arc<Self>, question: &Question) -> Option<Place> {
        let (share, bytes) = (question.client().share, question.bytes());
        let HookConfig { concurrency_max, queue_max, .. } = self.config;
        let fits = lock(&self.waiting).enter(share, bytes, concurrency_max, queue_max);
        fits.then(|| Place { backend: Arc::clone(self), share, bytes })
    }

    async fn answer(&self, Asked { question, reply, since, place }: Asked) {
        let deadline = since + self.config.endpoint.timeout;
        let verdict = match &question {
            Question::Subscribe { channels, .. } => {
                self.ask_about_each(&question, channels, deadline).await
            }
            _ => self.ask_once_or_twice(&question, None, deadline).await,
        };
        let verdict = verdict.unwrap_or_else(|failure| {
            self.stats.failed(self.hook, &failure);
            Err(Refusal::Unavailable)
        });
        self.stats.answered(&verdict, since.elapsed());
        drop(place);
        reply(verdict);
    }

    /// All must agree; the first that does not decides. What the client is told of several is nobody's.
    async fn ask_about_each(
        &self,
        question: &Question,
        channels: &[ChannelName],
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        let mut rest = channels.iter();
        let ask = |name| self.ask_once_or_twice(question, Some(name), deadline);
        let mut under_way: FuturesUnordered<_> =
            rest.by_ref().take(CHANNELS_TOGETHER).map(ask).collect();
        while let Some(verdict) = under_way.next().await {
            match verdict? {
                Ok(_) if channels.len() > 1 => under_way.extend(rest.next().map(ask)),
                decided => return Ok(decided),
            }
        }
        Ok(Ok(Answer::Subscribed(None)))
    }

    async fn ask_once_or_twice(
        &self,
        question: &Question,
        channel: Option<&ChannelName>,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        let failure = match self.ask_once(question, channel, deadline).await {
            Err(failure) if self.may_repeat(&failure) => failure,
            done => return done,
        };
        let pause = RETRY_WITHIN.mul_f64(fastrand::f64());
        if Instant::now() + pause >= deadline {
            return Err(failure);
        }
        tokio::time::sleep(pause).await;
        match self.ask_once(question, channel, deadline).await {
            // The second try was not made, so the first one says what is wrong.
            Err(Failure::Breaker) => Err(failure),
            done => done,
        }
    }

    /// To publish twice, or to do twice what a client asks for, is worse than not at all; who a client is and
    /// what it may do can be asked again.
    fn may_repeat(&self, failure: &Failure) -> bool {
        match self.hook {
            Hook::Connect | Hook::Refresh | Hook::Subscribe => failure.is_passing(),
            Hook::Publish | Hook::Message => matches!(failure, Failure::NotConnected(_)),
        }
    }

    async fn ask_once(
        &self,
        question: &Question,
        channel: Option<&ChannelName>,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        // Nobody waits in the queue of a backend that is not asked.
        if lock(&self.breaker).is_open(ms_since(self.began)) {
            return Err(Failure::Breaker);
        }
        let permit = timeout_at(deadline, self.turns.acquire(question.client().share)).await;
        let Ok(Some(_permit)) = permit else {
            return Err(Failure::Timeout);
        };
        let call = Admitted::new(&self.breaker, self.began).ok_or(Failure::Breaker)?;
        let asked_at = Instant::now();
        let body = Bytes::from(request_body(question, channel));
        let request = request(&self.config.endpoint, &question.client().headers, body);
        // Its state is large, and of most questions there are many that wait for one that is asked.
        let sent = Box::pin(self.client.send(request, self.config.answer_bytes_max));
        let answer = match timeout_at(deadline, sent).await {
            Err(_) => Err(Failure::Timeout),
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok((status, body))) if status.as_u16() == 200 => {
                read_response(question, &body, unix_ms() / 1_000)
                    .map_err(|garbage| Failure::Garbage(garbage.to_string()))
            }
            Ok(Ok((status, _))) => Err(Failure::Status(status)),
        };
        let is_open = call.end(self.outcome(answer.as_ref().err(), deadline - asked_at));
        self.stats.set_open(is_open);
        answer
    }

    /// A backend that was given little of the time, since the question had waited, is not to blame.
    fn outcome(&self, failure: Option<&Failure>, given: Duration) -> Outcome {
        match failure {
            Some(Failure::Timeout) if given < self.config.endpoint.timeout / 2 => {
                Outcome::Abandoned
            }
            Some(failure) if failure.is_overload() => Outcome::Failed,
            _ => Outcome::Answered,
        }
    }
}
