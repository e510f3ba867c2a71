//! Ten thousand third-party clients subscribe, and each receives each of a hundred publications
//! exactly once and in order: on both planes, on one and on two shards.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says what it missed by panicking

mod common;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::Server;
use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

const CLIENTS: usize = 10_000;
const PUBLICATIONS: usize = 100;

/// Handshakes under way at the same time.
const CONNECTING_MAX: usize = 200;

/// For one publication to arrive; far more than it takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Two tests together would need more descriptors than one process may have.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn everyone_gets_everything(plane: &str, cores: &str) {
    everyone_gets_everything_with(&["--plane", plane, "--cores", cores]);
}

fn everyone_gets_everything_with(flags: &[&str]) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start(&[flags, &["--demo=false"]].concat());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut clients = connect_all(&server).await;
        let mut readers = JoinSet::new();
        for client in clients.drain(..) {
            readers.spawn(read_all(client));
        }
        let publisher = tokio::task::spawn_blocking(move || {
            for number in 0..PUBLICATIONS {
                server.publish("news", &payload(number));
            }
            server
        });
        while let Some(outcome) = readers.join_next().await {
            outcome.expect("every client gets everything");
        }
        let server = publisher.await.unwrap();
        assert_eq!(server.counter("deliveries"), (CLIENTS * PUBLICATIONS) as u64);
    });
}

async fn connect_all(server: &Server) -> Vec<WebSocketStream<TcpStream>> {
    let permits = std::sync::Arc::new(Semaphore::new(CONNECTING_MAX));
    let mut connecting = JoinSet::new();
    for _ in 0..CLIENTS {
        let permit = permits.clone().acquire_owned().await.unwrap();
        let address = server.public;
        connecting.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            // The usual 128 KiB a client would be more than a gigabyte.
            let config = WebSocketConfig::default().read_buffer_size(1_024).write_buffer_size(0);
            let url = format!("ws://{address}/sub/news");
            let (client, _) = client_async_with_config(url, stream, Some(config)).await.unwrap();
            drop(permit);
            client
        });
    }
    connecting.join_all().await
}

async fn read_all(mut client: WebSocketStream<TcpStream>) {
    for number in 0..PUBLICATIONS {
        let message = tokio::time::timeout(PATIENCE, client.next()).await.expect("it arrives");
        match message.expect("the connection stays open").expect("the frames are right") {
            Message::Text(text) => assert_eq!(text.as_str(), payload(number)),
            other => panic!("unexpected {other:?}"),
        }
    }
    client.close(None).await.unwrap();
    while let Some(message) = client.next().await {
        assert!(
            matches!(message, Ok(Message::Close(_)) | Err(_)),
            "nothing comes twice: {message:?}"
        );
    }
}

fn payload(number: usize) -> String {
    format!("publication {number} of {PUBLICATIONS}")
}

#[test]
fn epoll_one_shard() {
    everyone_gets_everything("epoll", "1");
}

#[test]
fn epoll_two_shards() {
    everyone_gets_everything("epoll", "2");
}

#[test]
fn io_uring_one_shard() {
    everyone_gets_everything("io_uring", "1");
}

#[test]
fn io_uring_two_shards() {
    everyone_gets_everything("io_uring", "2");
}

#[test]
fn io_uring_with_process_descriptors() {
    let descriptors = ["--io-uring-descriptors", "process"];
    everyone_gets_everything_with(
        &[&["--plane", "io_uring", "--cores", "1"][..], &descriptors].concat(),
    );
}
