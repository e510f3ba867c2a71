//! Which nodes there are, and what they ask each other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use axum::http::{Request, header};
use futures_util::StreamExt;
use serde_json::Value;
use switchboard_api::{NODE_SCOPE, SCOPE};
use switchboard_cluster::{
    Answered, Change, Control, Fingerprint, Gathered, Member, Members, NodeId, Question,
    QuestionId, Questions, Say,
};
use switchboard_gateway::Sharing;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, interval};

use super::config::EngineConfig;
use super::error::EngineError;
use crate::nodes::{Asked, Others};
use crate::requests::LocalApi;

/// How often it looks after the others.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Questions of others that are answered at a time.
const ANSWERING_MAX: usize = 64;

/// This node among the others.
pub(super) struct Nodes {
    client: Client,
    prefix: String,
    api: LocalApi,
    members: Members,
    /// The names of those that were heard of.
    names: BTreeMap<NodeId, Box<str>>,
    questions: Questions,
    open: HashMap<QuestionId, oneshot::Sender<Others>>,
    answering: Arc<Semaphore>,
    began: Instant,
}

impl Nodes {
    pub(super) fn new(config: &EngineConfig, client: Client, api: LocalApi, id: NodeId) -> Self {
        let Sharing { prefix, layout } = &config.sharing;
        let retention = config.rules.map(Sharing::retention);
        let common = retention.iter().map(|(name, retention)| (name, *layout, *retention));
        let own = Member { id, name: config.node_name.clone() };
        Self {
            client,
            prefix: prefix.as_str().to_owned(),
            api,
            members: Members::new(0, own, Fingerprint::new(prefix, common)),
            names: BTreeMap::new(),
            questions: Questions::default(),
            open: HashMap::new(),
            answering: Arc::new(Semaphore::new(ANSWERING_MAX)),
            began: Instant::now(),
        }
    }

    /// Runs until it is stopped, and says so to the others.
    pub(super) async fn run(
        mut self,
        mut asked: mpsc::Receiver<Asked>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), EngineError> {
        let mut all = self.listen("all").await?;
        let mut own = self.listen(&self.members.own().to_string()).await?;
        let mut look = interval(LOOK_INTERVAL);
        loop {
            tokio::select! {
                Some(message) = all.next() => self.hear(&message),
                Some(message) = own.next() => self.hear(&message),
                Some(question) = asked.recv() => self.ask(question).await,
                _ = stop.changed() => return self.leave().await,
                _ = look.tick() => {}
            }
            self.look_after().await;
        }
    }

    async fn leave(&self) -> Result<(), EngineError> {
        self.say("all", &Control::new(self.members.own(), Say::Leaving)).await;
        self.client.flush().await.map_err(EngineError::connect)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn subject(&self, to: &str) -> String {
        format!("{}.ctl.{to}", self.prefix)
    }

    async fn listen(&self, to: &str) -> Result<Subscriber, EngineError> {
        Ok(self.client.subscribe(self.subject(to)).await?)
    }

    async fn say(&self, to: &str, control: &Control) {
        send(&self.client, self.subject(to), control).await;
    }

    async fn look_after(&mut self) {
        let now_ms = self.now_ms();
        if let Some(heartbeat) = self.members.heartbeat(now_ms) {
            self.say("all", &heartbeat).await;
        }
        let mut has_died = false;
        while let Some(change) = self.members.next_dead(now_ms) {
            has_died = true;
            self.note(change);
        }
        if has_died {
            self.questions.on_gone(&self.members);
        }
        while let Some(gathered) = self.questions.next_gathered(now_ms) {
            self.gathered(gathered);
        }
    }

    async fn ask(&mut self, Asked { question, reply }: Asked) {
        let now_ms = self.now_ms();
        // One that is refused is dropped, and the asker hears of nobody.
        if let Ok((id, control)) = self.questions.ask(now_ms, &self.members, question) {
            self.open.insert(id, reply);
            self.say("all", &control).await;
        }
    }

    fn gathered(&mut self, Gathered { id, answers, silent }: Gathered) {
        let Some(reply) = self.open.remove(&id) else { return };
        let good = answers.into_values().filter(|answer| answer.status == 200);
        let answers = good.filter_map(|answer| serde_json::from_str::<Value>(&answer.body).ok());
        let name =
            |id: NodeId| self.names.get(&id).cloned().unwrap_or_else(|| id.to_string().into());
        let silent = silent.into_iter().map(name).collect();
        // The asker may have gone.
        let _ = reply.send(Others { answers: answers.collect(), silent });
    }

    fn hear(&mut self, message: &Message) {
        // Another version, or a stranger.
        let Ok(Control { from, say, .. }) = Control::decode(&message.payload) else { return };
        let now_ms = self.now_ms();
        match say {
            Say::Heartbeat { name, fingerprint } => {
                let known = (name, fingerprint);
                if let Some(change) = self.members.on_heartbeat(now_ms, from, known) {
                    self.note(change);
                }
            }
            Say::Leaving => {
                if let Some(change) = self.members.on_leaving(from) {
                    self.note(change);
                }
                self.questions.on_gone(&self.members);
            }
            Say::Ask { id, question } => self.answer(from, id, question),
            Say::Answer { to, id, answer } if to == self.members.own() => {
                self.questions.on_answer(from, id, answer);
            }
            Say::Answer { .. } => {}
        }
    }

    /// Answers for this node, on a task of its own.
    fn answer(&self, to: NodeId, id: u64, question: Question) {
        if !self.members.is_live(to) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.answering).try_acquire_owned() else { return };
        let (client, api, own) = (self.client.clone(), self.api.clone(), self.members.own());
        let subject = self.subject(&to.to_string());
        tokio::spawn(async move {
            let answer = answer_of(&api, question).await;
            let control = Control::new(own, Say::Answer { to, id, answer });
            send(&client, subject, &control).await;
            drop(permit);
        });
    }

    fn note(&mut self, change: Change) {
        match change {
            Change::Came(Member { id, name }) => {
                tracing::info!("node {name} ({id}) is there");
                self.names.insert(id, name);
            }
            Change::Left(Member { id, name }) => {
                tracing::info!("node {name} ({id}) has left");
                self.names.remove(&id);
            }
            Change::Died(Member { id, name }) => {
                tracing::warn!("node {name} ({id}) is not heard any more");
                self.names.remove(&id);
            }
            Change::Refused(Member { id, name }, _) => tracing::error!(
                "node {name} ({id}) has other namespaces, history_publications, history_ttl_ms, \
                 engine_partitions or engine_buckets than this node: it is no part of the cluster"
            ),
        }
    }
}

/// What this node has to say.
async fn answer_of(api: &LocalApi, Question { method, target, body }: Question) -> Answered {
    let request = Request::builder().method(&*method).uri(&*target).header(SCOPE, NODE_SCOPE);
    // Others have another form without it.
    let request = request.header(header::ACCEPT, "application/json");
    let Ok(request) = request.body(String::from(body).into_bytes()) else {
        return Answered { status: 400, body: "".into() };
    };
    let response = api.answer(request).await;
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body).unwrap_or_default().into();
    Answered { status: parts.status.as_u16(), body }
}

/// What does not fit is not said, and what is not sent in time is as good as lost.
async fn send(client: &Client, subject: String, control: &Control) {
    match control.encode() {
        Ok(bytes) => {
            let sent = client.publish(subject, bytes.into());
            let _ = tokio::time::timeout(Duration::from_millis(200), sent).await;
        }
        Err(error) => tracing::warn!("another node cannot be told: {error}"),
    }
}
