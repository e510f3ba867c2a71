//! Echo and broadcast on tokio-tungstenite.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use peer_common::{Route, Topics};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

type Hub = Arc<Topics<Message>>;
type Socket = WebSocketStream<TcpStream>;

/// What is read at once, as the library recommends for many connections: by default it is 128 KiB,
/// allocated for each of them.
const READ_BUFFER_BYTES: usize = 4096;

/// What a connection turned out to be in its handshake.
enum Role {
    Echo,
    Subscriber(broadcast::Receiver<Message>),
    Publisher(String),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Topics::new();
    peer_common::run(move |stream| {
        let hub = Arc::clone(&hub);
        // An error is the end of the connection, and of nothing else.
        tokio::spawn(async move { serve(stream, hub).await.ok() });
    })
}

// The error of the handshake's callback is a whole response; its type is the library's.
#[allow(clippy::result_large_err)]
async fn serve(stream: TcpStream, hub: Hub) -> Result<(), Error> {
    let mut role = None;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let route = |request: &Request, response: Response| {
        role = Some(match Route::of(request.uri().path()) {
            Some(Route::Echo) => Role::Echo,
            // Subscribed before the answer: who has it gets everything.
            Some(Route::Subscribe(topic)) => Role::Subscriber(hub.subscribe(&topic)),
            Some(Route::Publish(topic)) => Role::Publisher(topic),
            None => return Err(not_found()),
        });
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, route, Some(config)).await?;
    match role {
        Some(Role::Echo) => echo(socket).await,
        Some(Role::Subscriber(messages)) => subscribe(socket, messages).await,
        Some(Role::Publisher(topic)) => publish(socket, &hub, &topic).await,
        None => Ok(()),
    }
}

fn not_found() -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn publish(mut socket: Socket, hub: &Hub, topic: &str) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            hub.publish(topic, message);
        }
    }
    Ok(())
}

/// Sends what is published until the client leaves.
async fn subscribe(
    mut socket: Socket,
    mut messages: broadcast::Receiver<Message>,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            biased;
            message = messages.recv() => {
                // An error is the end of the topic, or a subscriber that is too far behind.
                let Ok(message) = message else { return socket.close(None).await };
                socket.feed(message).await?;
                while let Ok(message) = messages.try_recv() {
                    socket.feed(message).await?;
                }
                socket.flush().await?;
            }
            received = socket.next() => match received {
                None => return Ok(()),
                Some(received) => drop(received?),
            },
        }
    }
}
