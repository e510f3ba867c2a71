//! Clients that come back with a ticket.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use switchboard_tls::{Acceptor, AcceptorConfig, TicketKeys};

use crate::support::{Authority, Connection};

/// An acceptor of a server that was started with these secrets.
fn acceptor(config: &AcceptorConfig, secrets: &[[u8; 32]]) -> Acceptor {
    let tickets = TicketKeys::new(secrets.iter().map(|secret| &secret[..])).unwrap();
    Acceptor::new(AcceptorConfig { tickets: Arc::new(tickets), ..config.clone() }).unwrap()
}

/// Whether the client resumes. Tickets of TLS 1.3 come behind the handshake, so it must read something.
fn comes_back(acceptor: &Acceptor, client: &Arc<rustls::ClientConfig>) -> bool {
    let mut connection = Connection::open(acceptor, client);
    assert_eq!(connection.send_to_client(b"welcome"), b"welcome");
    assert_eq!(connection.send_to_server(b"thanks"), b"thanks");
    connection.is_resumed
}

#[test]
fn clients_resume_on_any_shard_and_after_a_restart() {
    let authority = Authority::new();
    let config = authority.config();
    for version in [&TLS13, &TLS12] {
        let client = authority.client(version, |_| true, None);
        let (before, after) = (acceptor(&config, &[[1; 32]]), acceptor(&config, &[[1; 32]]));
        assert!(!comes_back(&before, &client), "the first time");
        assert!(comes_back(&before, &client));
        assert!(comes_back(&after, &client), "another process with the same keys");
        let rotated = acceptor(&config, &[[2; 32], [1; 32]]);
        assert!(comes_back(&rotated, &client), "the key is the second one now");
        let forgotten = acceptor(&config, &[[3; 32]]);
        assert!(!comes_back(&forgotten, &client), "a whole handshake, and it works");
    }
}

#[test]
fn a_resumed_connection_is_compact_too() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    let client = authority.client(&TLS13, |_| true, None);
    comes_back(&acceptor, &client);
    let mut connection = Connection::open(&acceptor, &client);
    assert!(connection.is_resumed && connection.established().is_compact());
    connection.client.refresh_traffic_keys().unwrap();
    assert_eq!(connection.send_to_server(b"a"), b"a");
    assert_eq!(connection.send_to_client(b"b"), b"b");
}
