//! The ways to publish, and the bytes that each of them sends.

use std::sync::Arc;

use super::queue::Pending;
use super::request::Request;
use crate::engine::Orders;
use crate::engine::random::Random;
use crate::load::Sizes;
use crate::target::{Template, Values};
use crate::verify::{Excused, Progress, Stamp};

/// How publications go out.
#[derive(Debug)]
pub(crate) enum Means {
    /// One request each, at most so many unanswered on one connection.
    Http { request: Request, pipeline: usize },
    /// One text message each.
    WebSocket { message: Template },
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
    body: Vec<u8>,
    bytes: Vec<u8>,
}

impl Writer {
    /// The request or message of publisher `number` for a publication.
    pub(super) fn write(
        &mut self,
        means: &Means,
        context: &Context,
        random: &mut Random,
        pending: Pending,
        number: u32,
    ) -> &[u8] {
        let Self { payload, body, bytes } = self;
        payload.clear();
        bytes.clear();
        let Pending { channel, sequence, due_ns, .. } = pending;
        let stamp = Stamp { run: context.run, channel, sequence, due_ns };
        stamp.write(context.sizes.pick(random), payload);
        let values = Values {
            number,
            channel_number: channel,
            channel: &context.channel_names[channel as usize],
            run: &context.run_name,
            // The stamp is made of letters.
            payload: str::from_utf8(payload).unwrap_or_default(),
        };
        match means {
            Means::Http { request, .. } => request.write(&values, body, bytes),
            Means::WebSocket { message } => message.write(&values, bytes),
        }
        bytes
    }
}
