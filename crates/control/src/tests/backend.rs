//! A backend that does what a test wants, and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::client::Url;
use crate::hooks::Endpoint;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Seen {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What it does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reaction {
    /// Answers with a status and a body.
    Answer(u16, String),
    /// The same, after this time.
    Later(Duration, String),
    /// Sends the client elsewhere.
    Redirect(String),
    /// Never answers.
    Hang,
    /// Closes the connection.
    Die,
    /// Sends a body without end.
    Flood,
}

impl Reaction {
    pub(super) fn ok(body: &str) -> Self {
        Self::Answer(200, body.to_owned())
    }
}

type Handler = dyn Fn(usize, &Seen) -> Reaction + Send + Sync;

/// Listens on a port of its own until the runtime of the test ends.
#[derive(Clone)]
pub(super) struct Backend {
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Requests under way, and how many there were at most.
    now: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Backend {
    /// The handler gets the number of the request, from 0.
    pub(super) async fn start(
        react: impl Fn(usize, &Seen) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let backend = Self { port, seen: Arc::default(), now: Arc::default() };
        let (this, react): (_, Arc<Handler>) = (backend.clone(), Arc::new(react));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (this, react) = (this.clone(), Arc::clone(&react));
                tokio::spawn(async move { this.serve(stream, &*react).await });
            }
        });
        backend
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn most_together(&self) -> usize {
        self.now.1.load(Ordering::Relaxed)
    }

    pub(super) fn url(&self) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}/hook", self.port)).unwrap()
    }

    pub(super) fn endpoint(&self, timeout_ms: u64) -> Endpoint {
        Endpoint {
            url: self.url(),
            timeout: Duration::from_millis(timeout_ms),
            static_headers: HeaderMap::new(),
            signer: None,
        }
    }

    async fn serve(&self, stream: TcpStream, react: &Handler) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let seen = read(&mut stream).await?;
            let number = {
                let mut all = self.seen.lock().unwrap();
                all.push(seen.clone());
                all.len() - 1
            };
            let now = self.now.0.fetch_add(1, Ordering::Relaxed) + 1;
            self.now.1.fetch_max(now, Ordering::Relaxed);
            let done = answer(&mut stream, react(number, &seen)).await;
            self.now.0.fetch_sub(1, Ordering::Relaxed);
            done?;
        }
    }
}

/// None when the connection is to end.
async fn answer(stream: &mut BufReader<TcpStream>, reaction: Reaction) -> Option<()> {
    let (status, location, body) = match reaction {
        Reaction::Answer(status, body) => (status, String::new(), body),
        Reaction::Later(after, body) => {
            tokio::time::sleep(after).await;
            (200, String::new(), body)
        }
        Reaction::Redirect(to) => (302, format!("location: {to}\r\n"), String::new()),
        Reaction::Die => return None,
        Reaction::Hang => {
            // Until the client has had enough.
            let _ = stream.read(&mut [0]).await;
            return None;
        }
        Reaction::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(&[b' '; 4_096]).await.ok()?;
            }
        }
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\n{location}content-length: {length}\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).await.ok()
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut headers = HeaderMap::new();
    for line in str::from_utf8(&head).unwrap().lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    let length = headers.get("content-length").map_or("0", |length| length.to_str().unwrap());
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { headers, body })
}
