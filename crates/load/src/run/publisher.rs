//! The publishers' thread, from the options.

use std::sync::Arc;

use super::Failure;
use super::setup::{self, Setup, usage};
use crate::cli::Publish;
use crate::engine::pool::{self, Launch, Thread};
use crate::engine::{Dialect, Endpoint, Upgrade};
use crate::publish::{Context, Means, Publishers, Request, Schedule};
use crate::target::{Target, Targets, Template, local_ports};
use crate::verify::{Excused, Progress};

/// The name of the thread.
pub(super) const PUBLISHER: &str = "load-publish";

/// What is published.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) schedule: Schedule,
    pub(super) left: u64,
    pub(super) channels: u32,
}

/// The running thread, and where it publishes.
#[derive(Debug)]
pub(super) struct Publishing {
    pub(super) thread: Thread,
    pub(super) targets: Arc<Targets>,
}

/// Starts the thread.
pub(super) fn spawn(
    setup: &Setup,
    publish: &Publish,
    Publication { schedule, left, channels }: Publication,
    progress: &Arc<Progress>,
    excused: &Arc<Excused>,
) -> Result<Publishing, Failure> {
    let body = Template::loose(publish.body());
    if !body.has_payload() {
        return Err(usage("--publish-body: {payload} must be in it"));
    }
    let publishers = publish.publishers.min(channels);
    let (means, endpoint) = if !publish.publish_ws.is_empty() {
        (Means::WebSocket { message: body }, websocket_endpoint(setup, &publish.publish_ws)?)
    } else if !publish.publish_stream.is_empty() {
        (Means::Stream { payload: body }, stream_endpoint(setup, publish)?)
    } else {
        http(setup, publish, body)?
    };
    let targets = Arc::clone(&endpoint.targets);
    let count = match &means {
        Means::WebSocket { .. } => channels,
        _ => publishers * targets.count(),
    };
    let context = Context {
        run: setup.run,
        run_name: setup.run_name.clone(),
        channel_names: setup.channel_names(channels),
        sizes: publish.size.clone(),
        progress: Arc::clone(progress),
        excused: Arc::clone(excused),
        orders: Arc::clone(&setup.orders),
        patience_ns: publish.drain.ns(),
    };
    let is_closed = schedule.is_closed();
    let launch = Launch {
        name: PUBLISHER.to_owned(),
        cpu: None,
        plane: setup.plane,
        connections_max: count + 64,
        connect_timeout_ns: setup.common.connect_timeout.ns(),
        endpoint: Arc::new(endpoint),
        orders: Arc::clone(&setup.orders),
    };
    let count = (count, targets.count());
    let thread = pool::spawn(launch, Publishers::new(means, schedule, count, left, context))?;
    if is_closed {
        progress.listen(thread.waker.clone());
    }
    Ok(Publishing { thread, targets })
}

/// URLs to publish at.
fn targets(setup: &Setup, urls: &[String], scheme: &'static str) -> Result<Targets, Failure> {
    setup::checked_targets(urls, scheme, setup.common.allow_remote, 1)
}

fn http(setup: &Setup, publish: &Publish, body: Template) -> Result<(Means, Endpoint), Failure> {
    let targets = targets(setup, &publish.publish_url, "http")?;
    let in_url = |target: &Target| target.path.tells_channels_apart();
    let in_body = body.tells_channels_apart();
    if publish.publish_batch.is_some() && (targets.iter().any(in_url) || !in_body) {
        return Err(usage(
            "--publish-batch: its lines go to many channels, so {channel} or {k} must be in \
             --publish-body and not in --publish-url, such as http://127.0.0.1:8001/pub",
        ));
    }
    if setup.common.channels > 1 && !targets.iter().all(in_url) && !in_body {
        return Err(usage("--publish-url: {channel} or {k} must be in it, or in --publish-body"));
    }
    if !setup::is_token(&publish.publish_method) {
        return Err(usage("--publish-method is no method"));
    }
    let mut request = Request {
        method: publish.publish_method.clone(),
        headers: setup::headers("--publish-header", &publish.publish_header)?,
    };
    let pipeline = publish.pipeline as usize;
    let means = match publish.publish_batch {
        None => Means::Http { request, body, pipeline },
        Some(batch) => {
            set_default(&mut request.headers, "Content-Type", "application/x-ndjson");
            Means::HttpBatch { request, line: body, batch: batch as usize, pipeline }
        }
    };
    let connections = publish.publishers * targets.count();
    let targets = targets.with_sources(None, connections, local_ports()).map_err(usage)?;
    Ok((means, Endpoint { targets: Arc::new(targets), upgrade: None }))
}

/// A header, unless it was given.
fn set_default(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
        headers.push((name.to_owned(), value.to_owned()));
    }
}

/// As clients connect: with their subprotocols, headers and tokens.
fn websocket_endpoint(setup: &Setup, urls: &[String]) -> Result<Endpoint, Failure> {
    let to_targets = urls.iter().any(String::is_empty);
    if to_targets && setup.common.dialect != Dialect::Plain {
        return Err(usage(
            "--publish-ws: what is published by WebSocket are plain messages, which the target does \
             not take with --dialect; name a URL that does, such as ws://127.0.0.1:8000/sub/{channel}",
        ));
    }
    let ours = setup.targets.iter().filter(|_| to_targets).map(|target| target.url.clone());
    let given = urls.iter().filter(|url| !url.is_empty()).cloned();
    let targets = targets(setup, &ours.chain(given).collect::<Vec<_>>(), "ws")?;
    let upgrade = setup.endpoint.upgrade.as_ref().map(|ours| Upgrade {
        protocols: ours.protocols.clone(),
        headers: ours.headers.clone(),
        tokens: ours.tokens.clone(),
        ..plain_upgrade(ours)
    });
    Ok(Endpoint { targets: Arc::new(targets), upgrade })
}

/// As a backend connects: with headers of its own.
fn stream_endpoint(setup: &Setup, publish: &Publish) -> Result<Endpoint, Failure> {
    let targets = targets(setup, &publish.publish_stream, "ws")?;
    if targets.iter().any(|target| target.path.tells_channels_apart()) {
        return Err(usage(
            "--publish-stream: a stream publishes to many channels, which its messages name, so \
             {channel} and {k} have no place in its URL, such as ws://127.0.0.1:8001/publish",
        ));
    }
    let headers = setup::headers("--publish-header", &publish.publish_header)?;
    let ours = setup.endpoint.upgrade.as_ref();
    let upgrade = ours.map(|ours| Upgrade { headers, ..plain_upgrade(ours) });
    Ok(Endpoint { targets: Arc::new(targets), upgrade })
}

/// An upgrade to other targets, with keys of its own.
fn plain_upgrade(ours: &Upgrade) -> Upgrade {
    Upgrade {
        channel: ours.channel.clone(),
        run: ours.run.clone(),
        protocols: Vec::new(),
        headers: Vec::new(),
        tokens: None,
        dialect: Dialect::Plain,
        channel_names: Vec::new(),
        seed: !ours.seed,
    }
}
