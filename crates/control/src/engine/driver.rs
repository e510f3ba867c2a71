//! The task that drives the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Event, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use switchboard_cluster::{Answer, Place, Request, Send, Subjects};
use switchboard_gateway::{Asker, Call, Gateway, Out, Stream};
use switchboard_hub::{NamespaceId, Namespaces};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::batch::pairs;
use super::config::EngineConfig;
use super::connection::{Connection, Heard};
use super::inbox::number_of;
use super::mail::{ShardMail, ToHome};
use super::publications::{Ack, Publications, headers_of};
use super::request::StreamRequests;
use super::stats::{EngineStats, add};
use super::streams;

/// What is heard in one go, before it is acted on.
const HEARD_MAX: usize = 256;
/// How long something may wait to be written before it is as good as lost.
const WRITE_TIMEOUT: Duration = Duration::from_millis(200);
/// The wait before streams are looked at again that could not be used.
const STREAMS_RETRY: Duration = Duration::from_secs(5);
/// The wait before NATS is asked again whether it knows a subscription.
const LIVE_RETRY: Duration = Duration::from_millis(500);

/// Drives the gateway of a node.
pub(super) struct Driver<M> {
    config: Arc<EngineConfig>,
    subjects: Namespaces<Subjects>,
    gateway: Gateway,
    mail: M,
    connection: Connection,
    /// For the tasks that tell it something.
    heard: mpsc::Sender<Heard>,
    queue: mpsc::Receiver<Heard>,
    publications: Publications,
    /// Those that listen to a bucket.
    listeners: BTreeMap<(NamespaceId, Place), JoinHandle<()>>,
    /// All streams are as they must be.
    has_streams: bool,
    stats: EngineStats,
}

impl<M: ShardMail> Driver<M> {
    pub(super) fn new(
        config: EngineConfig,
        gateway: Gateway,
        mail: M,
        connection: Connection,
        (heard, queue): (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
        stats: EngineStats,
    ) -> Self {
        Self {
            subjects: config.rules.map_named(|name, _| config.sharing.subjects(name)),
            config: Arc::new(config),
            gateway,
            mail,
            connection,
            heard,
            queue,
            publications: Publications::default(),
            listeners: BTreeMap::new(),
            has_streams: false,
            stats,
        }
    }

    /// Runs until it is stopped. `wake` says that there is mail.
    pub(super) async fn run(mut self, wake: &Notify, mut stop: watch::Receiver<bool>) {
        let mut heard = Vec::with_capacity(HEARD_MAX);
        loop {
            let may_be_more = self.turn(&mut heard).await;
            // Mail that waits for answers of NATS must not keep it awake.
            let sleeps = self.gateway.is_full() || (!may_be_more && self.mail.try_sleep());
            let due_ms = if sleeps { self.gateway.due_ms() } else { 0 };
            let pause = Duration::from_millis(due_ms.saturating_sub(self.mail.now_ms()));
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                _ = self.queue.recv_many(&mut heard, HEARD_MAX) => {}
                () = wake.notified() => {}
                () = sleep(pause) => {}
            }
            self.mail.awake();
        }
    }

    /// Hands in what there is, and does what follows. Whether there may be more mail.
    async fn turn(&mut self, heard: &mut Vec<Heard>) -> bool {
        let (now_ms, mut out) = (self.mail.now_ms(), Out::default());
        self.gateway.set_fine_time(self.mail.fine_us());
        for heard in heard.drain(..) {
            self.hear(now_ms, heard, &mut out);
        }
        let mut has_read = false;
        while !self.gateway.is_full()
            && let Some(mail) = self.mail.read()
        {
            has_read = true;
            self.obey(now_ms, mail, &mut out);
        }
        self.gateway.work(now_ms, &mut out);
        self.publications.expire(now_ms);
        self.stats
            .numbers()
            .is_ready
            .store(self.has_streams && self.gateway.is_ready(), Ordering::Relaxed);
        self.mail.post(&mut out.mail);
        for reply in out.replies {
            reply();
        }
        let mut may_write = true;
        for call in out.calls {
            match call {
                Call::Publish(send) => may_write = self.publish(now_ms, send, may_write).await,
                other => self.call(other),
            }
        }
        has_read
    }

    fn obey(&mut self, now_ms: u64, mail: ToHome, out: &mut Out) {
        match mail {
            ToHome::Hub(message) => self.gateway.handle(now_ms, message, out),
            ToHome::Publish { name, draft, condition, reply } => {
                self.gateway.publish(now_ms, name, (draft, condition), reply, out);
            }
            ToHome::Delete { name, reply } => self.gateway.delete(now_ms, &name, reply, out),
            ToHome::RemoveHistory { reply } => self.gateway.remove_history(reply, out),
            ToHome::History { name, query, reply } => {
                self.gateway.history(now_ms, &name, query, reply, out);
            }
            ToHome::Report { name, reply } => self.gateway.report(now_ms, &name, reply, out),
        }
    }

    fn hear(&mut self, now_ms: u64, heard: Heard, out: &mut Out) {
        match heard {
            Heard::Event(event) => self.event(now_ms, event),
            Heard::Streams(Ok(())) => {
                self.has_streams = true;
                let max_payload = self.connection.client.max_payload();
                self.gateway.on_connected(now_ms, max_payload, out);
            }
            Heard::Streams(Err(error)) => {
                tracing::error!("the engine cannot be used: {error}");
                self.look_at_streams(STREAMS_RETRY);
            }
            Heard::Live(namespace, place) => self.gateway.on_live(now_ms, namespace, place),
            Heard::Repeated(namespace, message) => {
                add(&self.stats.numbers().repeated);
                let headers = pairs(message.headers.as_ref());
                let subject = (namespace, message.subject.as_str());
                self.gateway.on_republished(now_ms, subject, &headers, &message.payload, out);
            }
            Heard::Acknowledged(message) => self.acknowledged(now_ms, &message, out),
            Heard::Answered(stream, asker, answer) => {
                if matches!(answer, Answer::Failed) {
                    add(&self.stats.numbers().failed);
                }
                self.gateway.on_answer(now_ms, stream, asker, answer, out);
            }
        }
    }

    fn event(&mut self, now_ms: u64, event: Event) {
        let numbers = self.stats.numbers();
        match event {
            Event::Connected => {
                numbers.is_connected.store(true, Ordering::Relaxed);
                add(&numbers.connections);
                tracing::info!(
                    "connected to NATS {}",
                    self.connection.client.server_info().server_name
                );
                self.look_at_streams(Duration::ZERO);
            }
            Event::Disconnected | Event::Closed => {
                numbers.is_connected.store(false, Ordering::Relaxed);
                tracing::warn!(
                    "the connection to NATS is lost: nothing can be published until it is back"
                );
                self.has_streams = false;
                self.gateway.on_disconnected();
            }
            Event::SlowConsumer(_) => {
                add(&numbers.dropped);
                self.gateway.on_lost(now_ms);
            }
            Event::ServerError(error) => tracing::warn!("NATS: {error}"),
            Event::ClientError(error) => tracing::warn!("the client of NATS: {error}"),
            Event::LameDuckMode | Event::Draining => {}
        }
    }

    /// Looks at the streams after a while, and says so.
    fn look_at_streams(&self, after: Duration) {
        let (config, client) = (Arc::clone(&self.config), self.connection.client.clone());
        let heard = self.heard.clone();
        tokio::spawn(async move {
            sleep(after).await;
            let streams = streams::ensure(&config, &client).await.map_err(Arc::new);
            let _ = heard.send(Heard::Streams(streams)).await;
        });
    }

    fn acknowledged(&mut self, now_ms: u64, message: &Message, out: &mut Out) {
        let number = number_of(message);
        let answered = number.and_then(|number| self.publications.answered(now_ms, number));
        let Some((id, after_ms)) = answered else { return };
        match Ack::of(message) {
            Ack::Stored(sequence) => {
                self.stats.stored(after_ms);
                self.gateway.on_stored(now_ms, id, sequence, out);
            }
            Ack::Refused(status, code) => {
                add(&self.stats.numbers().refused);
                self.gateway.on_refused(now_ms, id, (status, code), out);
            }
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Publish(_) => {}
            Call::Ask { stream, asker, request } => self.ask(stream, asker, request),
            Call::Subscribe(namespace, place) => self.listen(namespace, place),
            Call::Unsubscribe(namespace, place) => {
                if let Some(listener) = self.listeners.remove(&(namespace, place)) {
                    listener.abort();
                }
            }
        }
    }

    /// Sends a message, if it may. False where that took too long: it may not for the rest of the turn, for what is
    /// not sent is not answered, and sent again.
    async fn publish(&mut self, now_ms: u64, Send { id, outgoing }: Send, may_write: bool) -> bool {
        if !may_write {
            return false;
        }
        let number = self.publications.send(now_ms, id);
        add(&self.stats.numbers().sent);
        let reply = self.connection.inbox.acknowledgement(number);
        let payload = Bytes::copy_from_slice(&outgoing.payload);
        let headers = headers_of(&outgoing.headers);
        let subject = outgoing.subject.clone();
        let client = &self.connection.client;
        let sent = client.publish_with_reply_and_headers(subject, reply, headers, payload);
        timeout(WRITE_TIMEOUT, sent).await.is_ok()
    }

    fn ask(&self, stream: Stream, asker: Asker, request: Request) {
        add(&self.stats.numbers().asked);
        let requests = StreamRequests {
            connection: self.connection.clone(),
            subjects: self.subjects[stream.namespace].clone(),
            partition: stream.partition,
            random: fastrand::u64(..),
        };
        let heard = self.heard.clone();
        tokio::spawn(async move {
            let answer = requests.ask(request).await;
            let _ = heard.send(Heard::Answered(stream, asker, answer)).await;
        });
    }

    /// Subscribes to a bucket, unless that is done, and says when NATS knows: what was subscribed to is subscribed
    /// to again by itself when a connection is new.
    fn listen(&mut self, namespace: NamespaceId, place: Place) {
        let (connection, heard) = (self.connection.clone(), self.heard.clone());
        if self.listeners.contains_key(&(namespace, place)) {
            tokio::spawn(tell_when_live(connection, heard, namespace, place));
            return;
        }
        let subject = self.subjects[namespace].bucket(place);
        let listener = tokio::spawn(async move {
            let mut all = loop {
                match connection.client.subscribe(subject.clone()).await {
                    Ok(all) => break all,
                    Err(_) => sleep(LIVE_RETRY).await,
                }
            };
            tokio::spawn(tell_when_live(connection, heard.clone(), namespace, place));
            while let Some(message) = all.next().await {
                if heard.send(Heard::Repeated(namespace, message)).await.is_err() {
                    return;
                }
            }
        });
        self.listeners.insert((namespace, place), listener);
    }
}

async fn tell_when_live(
    connection: Connection,
    heard: mpsc::Sender<Heard>,
    namespace: NamespaceId,
    place: Place,
) {
    while !connection.round_trip().await {
        sleep(LIVE_RETRY).await;
    }
    let _ = heard.send(Heard::Live(namespace, place)).await;
}
