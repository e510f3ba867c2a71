//! Echo and broadcast on fastwebsockets and hyper.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{
    FragmentCollector, Frame, OpCode, Role, WebSocketError, after_handshake_split,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use peer_common::{Route, Topics};
use tokio::io::{AsyncWriteExt as _, sink};
use tokio::sync::{Mutex, broadcast};

/// What is published is a whole frame: a server's frames are not masked, so one is for everybody.
type Hub = Arc<Topics<Bytes>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Topics::new();
    peer_common::run(move |stream| {
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&hub)));
            // A client that breaks HTTP loses its connection here.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    })
}

async fn answer(
    mut request: Request<Incoming>,
    hub: Hub,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let refuse = |status| {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = status;
        Ok(response)
    };
    let Some(route) = Route::of(request.uri().path()) else {
        return refuse(StatusCode::NOT_FOUND);
    };
    let Ok((response, socket)) = upgrade(&mut request) else {
        return refuse(StatusCode::BAD_REQUEST);
    };
    match route {
        Route::Echo => drop(tokio::spawn(echo(socket))),
        // Subscribed before the answer: who has it gets everything.
        Route::Subscribe(topic) => drop(tokio::spawn(subscribe(socket, hub.subscribe(&topic)))),
        Route::Publish(topic) => drop(tokio::spawn(publish(socket, hub, topic))),
    }
    Ok(response)
}

async fn echo(socket: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(socket.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

async fn publish(socket: UpgradeFut, hub: Hub, topic: String) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(socket.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => {
                hub.publish(&topic, encoded(frame));
            }
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

/// The frame as it goes over the wire.
fn encoded(mut frame: Frame<'_>) -> Bytes {
    Bytes::copy_from_slice(frame.write(&mut Vec::new()))
}

/// Sends what is published until the client leaves. Reading is a future of its own in the same task,
/// since a read of this library that was begun must not be dropped.
async fn subscribe(
    socket: UpgradeFut,
    mut messages: broadcast::Receiver<Bytes>,
) -> Result<(), WebSocketError> {
    let (reader, writer) = tokio::io::split(socket.await?.into_inner());
    let (mut reader, _) = after_handshake_split(reader, sink(), Role::Server);
    let writer = Mutex::new(writer);
    let mut answer = async |frame| writer.lock().await.write_all(&encoded(frame)).await;
    let reading = async {
        loop {
            let frame = reader.read_frame(&mut answer).await?;
            if frame.opcode == OpCode::Close {
                return Ok(());
            }
        }
    };
    let writing = async {
        // An error is the end of the topic, or a subscriber that is too far behind.
        while let Ok(first) = messages.recv().await {
            let bytes = with_what_waits(first, &mut messages);
            writer.lock().await.write_all(&bytes).await?;
        }
        Ok(())
    };
    let (reading, writing) = (pin!(reading), pin!(writing));
    tokio::select! {
        biased;
        result = writing => result,
        result = reading => result,
    }
}

/// One message, or all that wait in one piece, so that a burst is one write. Nothing is held for a
/// connection that is idle.
fn with_what_waits(first: Bytes, messages: &mut broadcast::Receiver<Bytes>) -> Bytes {
    let Ok(second) = messages.try_recv() else { return first };
    let mut all = [first, second].concat();
    while let Ok(message) = messages.try_recv() {
        all.extend_from_slice(&message);
    }
    Bytes::from(all)
}
