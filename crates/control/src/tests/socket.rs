//! The internal API on a real socket: slow clients, the bound on connections, the stop.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Shards, short};
use crate::config::{ApiKey, ControlConfig, Timeouts};
use crate::server::Control;

fn start(config: ControlConfig) -> (Control, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shards = Arc::new(Shards::default());
    (Control::start(listener, config, Arc::clone(&shards) as _, shards).unwrap(), address)
}

fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn until_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

const PUBLISH: &str = "POST /pub/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                       Content-Length: 2\r\n\r\nhi";

#[test]
fn serves_until_it_is_stopped() {
    let (control, address) = start(ControlConfig::default());
    assert!(until_end(connect(address, PUBLISH)).starts_with("HTTP/1.1 202 "));
    let idle = connect(address, "");
    let begun = Instant::now();
    control.stop().unwrap();
    assert_eq!(until_end(idle), "");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn slow_heads_and_idle_connections_are_cut_off() {
    let (control, address) = start(ControlConfig { timeouts: short(), ..ControlConfig::default() });
    let silent = connect(address, "");
    let slow = connect(address, "GET /health HTTP/1.1\r\nHost: loc");
    let idle = connect(address, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let begun = Instant::now();
    until_end(silent);
    until_end(slow);
    assert!(until_end(idle).ends_with(r#"{"status":"ok"}"#));
    assert!(begun.elapsed() < Duration::from_secs(5));
    control.stop().unwrap();
}

#[test]
fn strangers_are_cut_off_and_the_others_stay() {
    let api_key = Some(ApiKey::new("correct horse"));
    let timeouts = Timeouts { access: Duration::from_millis(200), ..Timeouts::default() };
    let (control, address) = start(ControlConfig { api_key, timeouts, ..ControlConfig::default() });
    let health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let begun = Instant::now();
    for stranger in ["", "GET /health HTT", health, "GET /counters HTTP/1.1\r\nHost: a\r\n\r\n"] {
        until_end(connect(address, stranger));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "they had the time of a head");
    let key = "X-API-Key: correct horse\r\n\r\n";
    let request = health.replace("\r\n\r\n", &format!("\r\n{key}")).replace("health", "slow");
    let mut friend = connect(address, &request);
    let mut read = [0; 1024];
    assert!(friend.read(&mut read).unwrap() > 0);
    // One that came later is cut off first.
    until_end(connect(address, ""));
    friend.write_all(request.as_bytes()).unwrap();
    assert!(friend.read(&mut read).unwrap() > 0);
    control.stop().unwrap();
}

#[test]
fn connections_beyond_the_bound_wait_for_their_turn() {
    let config =
        ControlConfig { connections_max: 1, timeouts: short(), ..ControlConfig::default() };
    let (control, address) = start(config);
    let held = connect(address, "");
    let waiting = connect(address, PUBLISH);
    assert!(until_end(waiting).starts_with("HTTP/1.1 202 "));
    drop(held);
    control.stop().unwrap();
}
