//! The other nodes of a cluster, for what is asked of all of them.
//!
//! A node answers a request of the internal API for itself, hands it to the others, and adds what they answer
//! ([`merge`]). They answer for themselves alone, as everybody is who asks with the header [`SCOPE`].

mod merge;

use axum::Json;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use switchboard_api::{ApiError, NODE_SCOPE, SCOPE};
use switchboard_cluster::Question;
use tokio::sync::{mpsc, oneshot};

use merge::merge;

/// Where an answer names the nodes that have not answered in time.
const SILENT: &str = "silent_nodes";

/// The other nodes.
#[derive(Clone, Debug)]
pub(crate) struct Nodes(mpsc::Sender<Asked>);

/// A question to all of them.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) reply: oneshot::Sender<Others>,
}

/// What they answered.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// The bodies of those that have something to say, as JSON.
    pub(crate) answers: Vec<Value>,
    /// The names of those that have not answered.
    pub(crate) silent: Vec<Box<str>>,
}

/// Questions that wait to be sent.
const WAITING_MAX: usize = 256;

impl Nodes {
    /// The nodes, and what they are asked.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, asked) = mpsc::channel(WAITING_MAX);
        (Self(sender), asked)
    }

    /// Asks all of them. Nobody is there where the engine has ended, or too much is asked.
    pub(crate) async fn ask(&self, question: Question) -> Others {
        let (reply, others) = oneshot::channel();
        if self.0.try_send(Asked { question, reply }).is_err() {
            let silent = vec!["all (too many questions are open)".into()];
            return Others { silent, ..Others::default() };
        }
        others.await.unwrap_or_default()
    }
}

impl Others {
    /// The answer of this node, with what they have to say. Its error where nobody knows better.
    pub(crate) fn answer(
        self,
        own: Result<impl Serialize, ApiError>,
    ) -> Result<Response, ApiError> {
        let fresh = [(header::CACHE_CONTROL, "no-store")];
        if self.is_empty() {
            return own.map(|own| (fresh, Json(own)).into_response());
        }
        let (own, error) = match own {
            Ok(own) => (Some(shown(&own)?), ApiError::no_answer()),
            Err(error) => (None, error),
        };
        let sum = self.added_to(own).ok_or(error)?;
        Ok((fresh, Json(sum)).into_response())
    }

    /// Nobody else was asked, or had anything to say.
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.silent.is_empty()
    }

    /// The results of those that answered a call of Centrifugo's API with one.
    pub(crate) fn results(self) -> Self {
        let result = |mut answer: Value| answer.get_mut("result").map(Value::take);
        Self { answers: self.answers.into_iter().filter_map(result).collect(), ..self }
    }

    /// How many subscribers they have.
    pub(crate) fn subscribers(&self) -> u64 {
        let all = self.answers.iter().filter_map(|answer| answer.get("subscribers")?.as_u64());
        all.fold(0, u64::saturating_add)
    }

    /// Adds what they answered to what this node has to say, which is nothing where it knows nothing.
    pub(crate) fn added_to(self, own: Option<Value>) -> Option<Value> {
        let mut all = own.into_iter().chain(self.answers);
        let mut sum = all.next()?;
        for other in all {
            merge(&mut sum, other);
        }
        if let Value::Object(fields) = &mut sum
            && !self.silent.is_empty()
        {
            fields.insert(SILENT.to_owned(), self.silent.into_iter().map(String::from).collect());
        }
        Some(sum)
    }
}

/// Whether a request asks this node alone.
pub(crate) fn is_for_this_node(headers: &HeaderMap) -> bool {
    headers.get(SCOPE).is_some_and(|scope| scope == NODE_SCOPE)
}

/// Path and query of a request.
pub(crate) fn target_of(uri: &Uri) -> String {
    uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

/// An answer as the value that those of other nodes are added to.
fn shown(answer: &impl Serialize) -> Result<Value, ApiError> {
    // Texts and numbers: nothing can fail.
    serde_json::to_value(answer).map_err(|_| ApiError::no_answer())
}
