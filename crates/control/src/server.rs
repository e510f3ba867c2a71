//! The listener of the internal API and its thread.

use std::io;
use std::net::TcpListener as StdListener;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::access::Access;
use crate::broker::Broker;
use crate::config::ControlConfig;
use crate::inspect::Inspect;
use crate::router::router;
use crate::state::ApiState;

/// A running internal API, on a thread and a runtime of its own.
#[derive(Debug)]
pub struct Control {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Control {
    /// Starts to serve. Requests are answered once this returns.
    pub fn start(
        listener: StdListener,
        config: ControlConfig,
        broker: Arc<dyn Broker>,
        inspect: Arc<dyn Inspect>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers())
            .thread_name("control")
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("control".to_owned()).spawn(move || {
            let shutdown = async {
                // Dropping the `Control` stops it as well.
                let _ = stopped.await;
            };
            runtime.block_on(serve(listener, config, broker, inspect, shutdown))
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops: no new connections; requests in flight get a moment ([`crate::Timeouts::stop`]).
    pub fn stop(mut self) -> io::Result<()> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the internal API panicked")),
            None => Ok(()),
        }
    }
}

/// One worker: with a second one the runtime wakes it for nearly every request, which took 40 %
/// more CPU per publication on two cores. With plenty of cores, a second one may help.
fn workers() -> usize {
    const MANY_CORES: usize = 8;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    1 + usize::from(cores >= MANY_CORES)
}

/// Serves until `shutdown` is ready.
pub async fn serve(
    listener: StdListener,
    config: ControlConfig,
    broker: Arc<dyn Broker>,
    inspect: Arc<dyn Inspect>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let slots = Arc::new(Semaphore::new(config.connections_max));
    let timeouts = config.timeouts;
    let state = ApiState::new(config, broker, inspect);
    let routes = TowerToHyperService::new(router(state));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(timeouts.head).max_buf_size(HEAD_BYTES_MAX);

    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, slot) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut shutdown => break,
        };
        if let Err(error) = prepare(&stream, timeouts.write) {
            tracing::debug!(%error, "a connection to the internal API closed at once");
            continue;
        }
        let access = Access::default();
        let (routes, granted) = (routes.clone(), access.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(granted.clone());
            routes.call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            match until_end(connection, &access, timeouts.access).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "a connection to the internal API ended early");
                }
                None => tracing::debug!("a stranger's connection to the internal API was ended"),
            }
            drop(slot);
        });
    }
    drop(listener);
    if timeout(timeouts.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!("the stop cut off requests to the internal API");
    }
    Ok(())
}

/// Drives a connection to its end, which is now (`None`) if nobody with access has spoken in time.
/// Refusals and health checks do not move that time: otherwise a stranger could hold the connection for
/// ever with them.
async fn until_end<C: Future>(
    connection: C,
    access: &Access,
    within: Duration,
) -> Option<C::Output> {
    let mut connection = pin!(connection);
    match timeout(within, connection.as_mut()).await {
        Ok(ended) => Some(ended),
        Err(_) if access.is_granted() => Some(connection.await),
        Err(_) => None,
    }
}

/// Bytes buffered per request, so the largest head.
const HEAD_BYTES_MAX: usize = 32 * 1_024;

/// The next connection, once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    const PAUSE: Duration = Duration::from_millis(100);
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                // Out of descriptors or memory: without a pause this would spin.
                tracing::warn!(%error, "the internal API cannot accept");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Sends answers without delay, and drops clients that do not take theirs.
fn prepare(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    let timeout_ms = u32::try_from(write_timeout.as_millis()).unwrap_or(u32::MAX);
    stream.set_nodelay(true)?;
    set_tcp_user_timeout(stream, timeout_ms)?;
    Ok(())
}
