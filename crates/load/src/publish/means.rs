//! The ways to publish, and the bytes that each of them sends.

use std::sync::Arc;

use super::frame;
use super::queue::Pending;
use super::request::Request;
use crate::engine::Orders;
use crate::engine::random::Random;
use crate::load::Sizes;
use crate::target::{Target, Template, Values};
use crate::verify::{Excused, Progress, Stamp};

/// Unanswered messages of a publishing stream; Switchboard reads no further beyond them.
pub(crate) const STREAM_MESSAGES_MAX: u32 = 64;

/// How publications go out.
#[derive(Debug)]
pub(crate) enum Means {
    /// One request each, at most so many unanswered on one connection.
    Http { request: Request, body: Template, pipeline: usize },
    /// `batch` lines in each request, answered by as many.
    HttpBatch { request: Request, line: Template, batch: usize, pipeline: usize },
    /// One message each on a publishing stream, in the binary form, and an answer to each.
    Stream { payload: Template },
    /// One text message each, without an answer.
    WebSocket { message: Template },
}

impl Means {
    /// Publications that go out together.
    pub(super) fn batch(&self) -> usize {
        match self {
            Self::HttpBatch { batch, .. } => *batch,
            Self::Http { .. } | Self::Stream { .. } | Self::WebSocket { .. } => 1,
        }
    }

    /// Whether several targets take turns in each channel: where each publication has an answer of
    /// its own, so that the next can wait for it. Else all of a channel's go to one target.
    pub(super) fn takes_turns(&self) -> bool {
        matches!(self, Self::Http { .. } | Self::Stream { .. })
    }

    /// Requests or messages of one publisher that may be unanswered; none where there are no answers.
    pub(super) fn unanswered_max(&self) -> Option<usize> {
        match self {
            Self::Http { pipeline, .. } | Self::HttpBatch { pipeline, .. } => Some(*pipeline),
            Self::Stream { .. } => Some(STREAM_MESSAGES_MAX as usize),
            Self::WebSocket { .. } => None,
        }
    }
}

/// The source of a publication, and the recipient of its result.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) run: u32,
    pub(crate) run_name: String,
    pub(crate) channel_names: Vec<String>,
    pub(crate) sizes: Sizes,
    pub(crate) progress: Arc<Progress>,
    pub(crate) excused: Arc<Excused>,
    pub(crate) orders: Arc<Orders>,
    /// How long the stragglers of a publication are waited for.
    pub(crate) patience_ns: u64,
}

/// Makes the requests and messages. Its memory is used again for each.
#[derive(Debug, Default)]
pub(super) struct Writer {
    payload: Vec<u8>,
    /// A body, or a message.
    body: Vec<u8>,
    /// A whole request, or the payload in its envelope.
    request: Vec<u8>,
}

impl Writer {
    /// The request or message of publisher `number` to a target for publications.
    pub(super) fn write<'a>(
        &mut self,
        means: &Means,
        context: &Context,
        random: &mut Random,
        publications: impl Iterator<Item = &'a Pending>,
        (number, target): (u32, &Target),
    ) -> &[u8] {
        self.body.clear();
        let mut channel = 0;
        for pending in publications {
            channel = pending.channel;
            self.payload.clear();
            context.stamp(pending).write(context.sizes.pick(random), &mut self.payload);
            // The stamp is made of letters.
            let payload = str::from_utf8(&self.payload).unwrap_or_default();
            let values = context.values(number, channel, payload);
            match means {
                Means::Http { body: text, .. } | Means::WebSocket { message: text } => {
                    text.write(&values, &mut self.body);
                }
                Means::HttpBatch { line, .. } => {
                    line.write(&values, &mut self.body);
                    self.body.push(b'\n');
                }
                Means::Stream { payload: text } => {
                    self.request.clear();
                    text.write(&values, &mut self.request);
                    frame::write(values.channel, &self.request, &mut self.body);
                }
            }
        }
        match means {
            Means::Http { request, .. } | Means::HttpBatch { request, .. } => {
                self.request.clear();
                // The channel of a batch is in its lines only.
                let values = context.values(number, channel, "");
                request.write(target, &values, &self.body, &mut self.request);
                &self.request
            }
            Means::Stream { .. } | Means::WebSocket { .. } => &self.body,
        }
    }
}

impl Context {
    /// A publication that nobody has to get any more.
    pub(super) fn excuse(&self, pending: Pending) {
        self.excused.add(pending.channel, pending.sequence);
        self.progress.abandon(pending.channel, pending.sequence);
    }

    fn stamp(&self, pending: &Pending) -> Stamp {
        let Pending { channel, sequence, due_ns, .. } = *pending;
        Stamp { run: self.run, channel, sequence, due_ns }
    }

    fn values<'a>(&'a self, number: u32, channel: u32, payload: &'a str) -> Values<'a> {
        Values {
            number,
            channel_number: channel,
            channel: &self.channel_names[channel as usize],
            run: &self.run_name,
            payload,
        }
    }
}
