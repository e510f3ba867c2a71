//! Every version and suite, both ways to keep records, and handshakes that fail.

use std::io::Write as _;

use rustls::CipherSuite;
use rustls::version::{TLS12, TLS13};
use switchboard_tls::{
    Acceptor, AcceptorConfig, ClientCertificates, End, HandshakeError, MinVersion, RecordError,
    RecordLayer,
};

use crate::support::{Authority, Connection};

const AES_128: CipherSuite = CipherSuite::TLS13_AES_128_GCM_SHA256;

/// Data both ways, and a close.
fn talk(mut connection: Connection) {
    assert_eq!(connection.send_to_server(b"GET / HTTP/1.1\r\n\r\n"), b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(connection.send_to_client(b"HTTP/1.1 101 \r\n\r\n"), b"HTTP/1.1 101 \r\n\r\n");
    let large: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    assert_eq!(connection.send_to_client(&large), large);
    assert_eq!(connection.send_to_server(&large[..60_000]), &large[..60_000]);
    connection.client.send_close_notify();
    connection.exchange().unwrap();
    assert_eq!(connection.end, Some(End::Closed));
    let state = connection.client.process_new_packets().unwrap();
    assert!(state.peer_has_closed(), "it was told, too");
}

#[test]
fn the_server_chooses_the_suite_that_costs_least() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    let mut connection = Connection::open(&acceptor, &authority.client(&TLS13, |_| true, None));
    assert_eq!(connection.client.negotiated_cipher_suite().unwrap().suite(), AES_128);
    assert!(connection.established().is_compact());
    talk(connection);
}

#[test]
fn other_suites_and_tls_1_2_stay_in_rustls() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    let others = [
        (&TLS13, CipherSuite::TLS13_AES_256_GCM_SHA384),
        (&TLS13, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        (&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        (&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ];
    for (version, suite) in others {
        let client = authority.client(version, |offered| offered == suite, None);
        let mut connection = Connection::open(&acceptor, &client);
        assert!(!connection.established().is_compact(), "{suite:?}");
        talk(connection);
    }
}

#[test]
fn rustls_keeps_the_records_where_the_operator_says_so() {
    let authority = Authority::new();
    let config = AcceptorConfig { layer: RecordLayer::Rustls, ..authority.config() };
    let acceptor = Acceptor::new(config).unwrap();
    let mut connection = Connection::open(&acceptor, &authority.client(&TLS13, |_| true, None));
    assert!(!connection.established().is_compact());
    talk(connection);
}

#[test]
fn keys_are_updated_in_both_layers() {
    let authority = Authority::new();
    for layer in [RecordLayer::Compact, RecordLayer::Rustls] {
        let config = AcceptorConfig { layer, ..authority.config() };
        let acceptor = Acceptor::new(config).unwrap();
        let mut connection = Connection::open(&acceptor, &authority.client(&TLS13, |_| true, None));
        for _ in 0..5 {
            connection.client.refresh_traffic_keys().unwrap();
            assert_eq!(connection.send_to_server(b"ping"), b"ping");
            assert_eq!(connection.send_to_client(b"pong"), b"pong");
        }
    }
}

#[test]
fn a_request_may_come_with_the_last_record_of_the_handshake() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    let mut connection = Connection::new(&acceptor, &authority.client(&TLS13, |_| true, None));
    // rustls holds it until it may be sent, and sends it right behind its Finished.
    connection.client.writer().write_all(b"early bird").unwrap();
    connection.exchange().unwrap();
    assert_eq!(connection.received, b"early bird");
    assert!(connection.established().is_compact());
}

#[test]
fn any_cut_of_the_handshake_is_good() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    for step in [1, 7, 100] {
        let mut connection = Connection::new(&acceptor, &authority.client(&TLS13, |_| true, None));
        for _ in 0..3 {
            let mut bytes = Vec::new();
            while connection.client.wants_write() {
                connection.client.write_tls(&mut bytes).unwrap();
            }
            for part in bytes.chunks(step) {
                let mut out = Vec::new();
                connection.receive(part, &mut out).unwrap();
                connection.tell_client(&out);
            }
        }
        assert_eq!(connection.send_to_server(b"a"), b"a", "{step} bytes at a time");
    }
}

#[test]
fn old_versions_are_refused_where_the_configuration_says_so() {
    let authority = Authority::new();
    let config = AcceptorConfig { min_version: MinVersion::Tls13, ..authority.config() };
    let acceptor = Acceptor::new(config).unwrap();
    let mut connection = Connection::new(&acceptor, &authority.client(&TLS12, |_| true, None));
    let refused = connection.exchange().unwrap_err();
    assert!(matches!(refused, HandshakeError::Refused(_)), "{refused:?}");
    let told = connection.client.process_new_packets().unwrap_err();
    assert!(told.to_string().contains("ProtocolVersion"), "the client knows why: {told}");
}

#[test]
fn what_is_no_tls_is_known_at_once() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    let client = authority.client(&TLS13, |_| true, None);
    let first = |bytes: &[u8]| {
        let mut out = Vec::new();
        let result = Connection::new(&acceptor, &client).receive(bytes, &mut out);
        assert_eq!(out, [], "there is nobody to read an alert");
        result
    };
    assert_eq!(first(b"GET / HTTP/1.1\r\n"), Err(HandshakeError::PlainHttp));
    assert_eq!(first(b"P"), Err(HandshakeError::PlainHttp));
    assert_eq!(first(b"SSH-2.0-x\r\n"), Err(HandshakeError::PlainHttp), "letters, as a method has");
    assert_eq!(first(b"\x04\x01\x00\x50"), Err(HandshakeError::NotTls));
    assert_eq!(first(&[22, 3, 1, 0xff, 0xff]), Err(HandshakeError::TooLong));
    assert_eq!(first(&[22, 3, 1]), Ok(()), "it may become a hello");
    let mut out = Vec::new();
    let bad = Connection::new(&acceptor, &client).receive(&[22, 3, 1, 0, 4, 9, 0, 0, 0], &mut out);
    assert!(matches!(bad, Err(HandshakeError::Refused(_))));
    assert_eq!(out[0], 21, "an alert");
}

#[test]
fn a_handshake_that_is_not_complete_gives_no_connection() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.config()).unwrap();
    let handshake = switchboard_tls::Handshake::new(&acceptor).unwrap();
    assert!(!handshake.is_done() && handshake.finish().is_err());
}

#[test]
fn clients_show_certificates_where_they_must() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let clients = ClientCertificates::Required(authority.pem.clone().into_bytes());
    let acceptor = Acceptor::new(AcceptorConfig { clients, ..authority.config() }).unwrap();
    let client = |identity| authority.client(&TLS13, |_| true, identity);
    talk(Connection::open(&acceptor, &client(Some(authority.issue("backend")))));
    for identity in [None, Some(strangers.issue("backend"))] {
        let mut connection = Connection::new(&acceptor, &client(identity));
        assert!(matches!(connection.exchange(), Err(HandshakeError::Refused(_))));
    }
    let none = ClientCertificates::Required(Vec::new());
    assert!(Acceptor::new(AcceptorConfig { clients: none, ..authority.config() }).is_err());
}

#[test]
fn a_changed_record_ends_the_connection_and_the_client_hears_why() {
    let authority = Authority::new();
    for layer in [RecordLayer::Compact, RecordLayer::Rustls] {
        let config = AcceptorConfig { layer, ..authority.config() };
        let acceptor = Acceptor::new(config).unwrap();
        let mut connection = Connection::open(&acceptor, &authority.client(&TLS13, |_| true, None));
        let mut out = Vec::new();
        connection.receive(&[&[23, 3, 3, 0, 20][..], &[0; 20]].concat(), &mut out).unwrap();
        let end = connection.end.unwrap();
        match layer {
            RecordLayer::Compact => assert_eq!(end, End::Failed(RecordError::BadMac)),
            RecordLayer::Rustls => {
                assert!(matches!(end, End::Failed(RecordError::Rustls { .. })));
            }
        }
        connection.tell_client(&out);
        let told = connection.client.process_new_packets().unwrap_err();
        assert!(told.to_string().contains("BadRecordMac"), "{told}");
    }
}
