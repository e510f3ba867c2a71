//! What both servers have in common: one thread, the listener, the routes, the topics.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::broadcast;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages that a subscriber may be behind. Far more than any scenario has under way; who loses one
/// all the same is disconnected, so that a loss is seen.
const BEHIND_MAX: usize = 4096;

/// Connections that may wait to be accepted. The runtime's default of 128 is too few for thousands
/// that come at once: those that find no place try again after a second.
const BACKLOG: u32 = 4096;

/// What a path asks for.
pub enum Route {
    Echo,
    Subscribe(String),
    Publish(String),
}

impl Route {
    pub fn of(path: &str) -> Option<Self> {
        if path == "/echo" {
            Some(Self::Echo)
        } else if let Some(topic) = path.strip_prefix("/sub/") {
            Some(Self::Subscribe(topic.to_owned()))
        } else {
            path.strip_prefix("/pub/").map(|topic| Self::Publish(topic.to_owned()))
        }
    }
}

/// Who listens to what. A topic is a ring that its subscribers read at their own pace: a message is
/// stored once, and costs nothing for each subscriber until it is written.
pub struct Topics<T>(Mutex<HashMap<String, broadcast::Sender<T>>>);

impl<T: Clone> Topics<T> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(HashMap::new())))
    }

    pub fn subscribe(&self, topic: &str) -> broadcast::Receiver<T> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            return sender.subscribe();
        }
        // Topics that everybody has left go when a new one comes.
        topics.retain(|_, sender| sender.receiver_count() > 0);
        let (sender, receiver) = broadcast::channel(BEHIND_MAX);
        topics.insert(topic.to_owned(), sender);
        receiver
    }

    pub fn publish(&self, topic: &str, message: T) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            // Without subscribers there is nobody to tell.
            let _ = sender.send(message);
        }
    }
}

/// Runs the server on this thread: every accepted connection is handed to `serve`, with Nagle's
/// algorithm off. The address is the only argument of the program.
pub fn run(serve: impl Fn(TcpStream)) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddrV4 =
        std::env::args().nth(1).ok_or("usage: SERVER ADDRESS:PORT")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address.into())?;
        let listener = socket.listen(BACKLOG)?;
        eprintln!("listening on {address}");
        loop {
            // A connection that is gone before it is taken, or too many descriptors, ends nothing.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            if stream.set_nodelay(true).is_ok() {
                serve(stream);
            }
        }
    })
}
