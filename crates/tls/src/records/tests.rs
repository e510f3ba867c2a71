use proptest::prelude::*;

use super::*;
use crate::frame::sealed_bytes;

const ONE: [u8; SECRET_BYTES] = [1; SECRET_BYTES];
const OTHER: [u8; SECRET_BYTES] = [2; SECRET_BYTES];

/// Both sides of a connection: the client's is a server's with the secrets exchanged.
fn sides() -> (Records, Records) {
    (Records::new((&ONE, 1), (&OTHER, 0)), Records::new((&OTHER, 0), (&ONE, 1)))
}

/// One record with any type and any padding.
fn record(client: &mut Records, kind: u8, plaintext: &[u8], padding: usize) -> Vec<u8> {
    let mut inner = plaintext.to_vec();
    inner.push(kind);
    inner.resize(inner.len() + padding, 0);
    let head = header(inner.len() + TAG_BYTES);
    let tag = client.tx.seal(head, &mut inner).unwrap();
    [&head[..], &inner, &tag].concat()
}

fn data(plaintext: usize, used: usize) -> Decrypted {
    Decrypted { plaintext, used, end: None }
}

/// What the server makes of one record.
fn end_of(kind: u8, plaintext: &[u8], padding: usize) -> Option<End> {
    let (mut server, mut client) = sides();
    let mut bytes = record(&mut client, kind, plaintext, padding);
    server.decrypt(&mut bytes).end
}

fn failed(error: RecordError) -> End {
    End::Failed(error)
}

#[test]
fn a_connection_takes_139_bytes() {
    assert_eq!(size_of::<Records>(), 139);
}

#[test]
fn records_are_opened_in_place_and_their_plaintext_is_joined() {
    let (mut server, mut client) = sides();
    let mut bytes = Vec::new();
    client.seal(b"hello, ", &mut bytes);
    bytes.extend(record(&mut client, 23, b"wor", 100));
    client.seal(b"ld", &mut bytes);
    let whole = bytes.len();
    client.seal(b"later", &mut bytes);
    let partial = &mut bytes[..whole + 9];
    assert_eq!(server.decrypt(partial), data(12, whole));
    assert_eq!(&partial[..12], b"hello, world");
    let mut rest = bytes.split_off(whole);
    assert_eq!(server.decrypt(&mut rest), data(5, rest.len()));
    assert_eq!(&rest[..5], b"later");
    assert_eq!(server.decrypt(&mut []), data(0, 0));
}

#[test]
fn what_was_changed_on_its_way_is_not_opened() {
    let (_, mut client) = sides();
    let mut sealed = Vec::new();
    client.seal(b"hello", &mut sealed);
    for at in [0, 3, 4, 5, 9, sealed.len() - 1] {
        let (mut server, _) = sides();
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let decrypted = server.decrypt(&mut changed);
        match at {
            0 => assert_eq!(decrypted.end, Some(failed(RecordError::NotEncrypted))),
            // It is longer then, and the rest is waited for.
            3 | 4 => assert_eq!(decrypted, data(0, 0)),
            _ => assert_eq!(decrypted.end, Some(failed(RecordError::BadMac)), "byte {at}"),
        }
    }
    let (mut server, _) = sides();
    assert_eq!(server.decrypt(&mut sealed.clone()).plaintext, 5);
    assert_eq!(server.decrypt(&mut sealed).end, Some(failed(RecordError::BadMac)), "sent again");
}

#[test]
fn each_broken_rule_has_its_error_and_its_alert() {
    use RecordError as E;
    for (end, error, alert) in [
        (end_of(20, &[1], 0), E::NotEncrypted, Alert::UnexpectedMessage),
        (end_of(24, b"a", 0), E::NoType, Alert::UnexpectedMessage),
        (end_of(0, b"", 7), E::NoType, Alert::UnexpectedMessage),
        (end_of(22, b"", 0), E::Empty, Alert::UnexpectedMessage),
        (end_of(21, b"", 0), E::Empty, Alert::UnexpectedMessage),
        (end_of(21, &[1], 0), E::BadAlert, Alert::DecodeError),
        (end_of(21, &[1, 0, 1, 0], 0), E::BadAlert, Alert::DecodeError),
        (end_of(22, &[1, 0, 0, 0], 0), E::UnexpectedHandshake, Alert::UnexpectedMessage),
        (end_of(22, &[24, 0, 0, 2, 0, 0], 0), E::UnexpectedHandshake, Alert::UnexpectedMessage),
        (end_of(22, &[24, 0, 0, 1, 2], 0), E::BadKeyUpdate, Alert::IllegalParameter),
        (
            end_of(22, &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0], 0),
            E::UnalignedKeyUpdate,
            Alert::UnexpectedMessage,
        ),
        (end_of(23, &vec![7; 16_385], 0), E::TooMuchPlaintext, Alert::RecordOverflow),
        (end_of(23, &[7; 16_000], 385), E::TooMuchPlaintext, Alert::RecordOverflow),
        (end_of(23, &[7; 16_384], 240), E::TooLong, Alert::RecordOverflow),
    ] {
        assert_eq!((end, error.alert()), (Some(failed(error)), Some(alert)));
    }
    assert_eq!(end_of(23, &[7; 16_384], 0), None);
    assert_eq!(end_of(23, &[7; 16_000], 384), None);
    assert_eq!(end_of(21, &[2, 40], 0), Some(failed(E::PeerAlert(40))));
    assert_eq!(E::PeerAlert(40).alert(), None, "it knows");
    let (mut server, _) = sides();
    let end = |server: &mut Records, bytes: &[u8]| server.decrypt(&mut bytes.to_vec()).end.unwrap();
    assert_eq!(end(&mut server, b"GET / HTTP/1.1\r\n"), failed(E::UnknownType));
    assert_eq!(end(&mut server, &[22, 3, 3, 0, 1, 0]), failed(E::NotEncrypted));
    assert_eq!(end(&mut server, &[23, 3, 3, 0, 0]), failed(E::BadMac), "there is no tag");
    assert_eq!(end(&mut server, &[23, 3, 3, 0xff, 0xff]), failed(E::TooLong));
}

#[test]
fn close_notify_ends_the_reading_and_what_follows_is_not_looked_at() {
    let (mut server, mut client) = sides();
    let mut bytes = Vec::new();
    client.seal(b"bye", &mut bytes);
    client.seal_alert(Alert::CloseNotify, &mut bytes);
    let used = bytes.len();
    bytes.extend_from_slice(b"anything");
    let closed = Decrypted { plaintext: 3, used, end: Some(End::Closed) };
    assert_eq!(server.decrypt(&mut bytes), closed);
    // Whatever the level says.
    assert_eq!(end_of(21, &[2, 0], 0), Some(End::Closed));
    assert_eq!(end_of(21, &[1, 90], 0), None, "user_canceled: close_notify follows");
}

#[test]
fn keys_are_updated_both_ways_and_one_answer_is_owed() {
    let (mut server, mut client) = sides();
    let mut bytes = Vec::new();
    for _ in 0..3 {
        let update = record(&mut client, 22, &[24, 0, 0, 1, 1], 0);
        client.tx.update();
        bytes.extend(update);
    }
    client.seal(b"new key", &mut bytes);
    assert!(!server.owes_update());
    assert_eq!(server.decrypt(&mut bytes), data(7, bytes.len()));
    assert!(server.owes_update());
    let mut out = Vec::new();
    server.seal_update(&mut out);
    assert!(!server.owes_update(), "one for all");
    server.seal(b"answer", &mut out);
    assert_eq!(client.decrypt(&mut out), data(6, out.len()));
    assert!(!client.owes_update(), "no answer to an answer");
}

#[test]
fn a_key_update_may_be_spread_over_records_with_nothing_between() {
    let (mut server, mut client) = sides();
    let parts = [&[24_u8][..], &[0, 0], &[1, 0]];
    let mut bytes = parts.map(|part| record(&mut client, 22, part, 0)).concat();
    client.tx.update();
    client.seal(b"a", &mut bytes);
    assert_eq!(server.decrypt(&mut bytes), data(1, bytes.len()));
    let (mut server, mut client) = sides();
    let mut bytes = record(&mut client, 22, &[24, 0], 0);
    client.seal(b"a", &mut bytes);
    assert_eq!(server.decrypt(&mut bytes).end, Some(failed(RecordError::UnexpectedHandshake)));
}

#[test]
fn records_that_bring_nothing_are_bounded_in_a_row() {
    for (kind, plaintext) in [(23, &[][..]), (22, &[24, 0, 0, 1, 1]), (21, &[1, 90])] {
        let (mut server, mut client) = sides();
        let mut send = |server: &mut Records, kind, plaintext: &[u8]| {
            let mut bytes = record(&mut client, kind, plaintext, 0);
            if kind == 22 {
                client.tx.update();
            }
            server.decrypt(&mut bytes).end
        };
        for _ in 0..RECORDS_WITHOUT_DATA_MAX {
            assert_eq!(send(&mut server, kind, plaintext), None);
        }
        assert_eq!(send(&mut server, 23, b"a"), None, "data begins the count again");
        for _ in 0..RECORDS_WITHOUT_DATA_MAX {
            assert_eq!(send(&mut server, kind, plaintext), None);
        }
        let end = send(&mut server, kind, plaintext);
        assert_eq!(end, Some(failed(RecordError::TooManyWithoutData)), "of type {kind}");
    }
}

#[test]
fn a_worn_key_is_renewed() {
    let (mut server, mut client) = sides();
    server.tx.set_sequence(RECORDS_PER_KEY_MAX - 1);
    client.rx.set_sequence(RECORDS_PER_KEY_MAX - 1);
    let mut out = Vec::new();
    server.seal(b"last", &mut out);
    assert!(server.owes_update());
    server.seal_update(&mut out);
    server.seal(b" first", &mut out);
    assert!(!server.owes_update());
    assert_eq!(client.decrypt(&mut out), data(10, out.len()));
    assert_eq!(&out[..10], b"last first");
}

#[test]
fn records_that_were_taken_back_can_have_other_plaintext() {
    let (mut server, mut client) = sides();
    let mut refused = Vec::new();
    let records = server.seal(&vec![1; 20_000], &mut refused);
    assert_eq!((records, refused.len()), (2, sealed_bytes(20_000)));
    server.take_back(records);
    let mut sent = Vec::new();
    server.seal(b"other", &mut sent);
    assert_eq!(client.decrypt(&mut sent), data(5, sent.len()));
}

#[test]
fn no_secret_is_shown() {
    let (server, _) = sides();
    let shown = "Records { tx_sequence: 1, rx_sequence: 0, owes_update: false, .. }";
    assert_eq!(format!("{server:?}"), shown);
}

/// What a client sends.
#[derive(Clone, Debug)]
enum Sent {
    Data(Vec<u8>, usize),
    Update(bool),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        4 => (prop::collection::vec(any::<u8>(), 1..200), 0_usize..50)
            .prop_map(|(data, padding)| Sent::Data(data, padding)),
        1 => any::<bool>().prop_map(Sent::Update),
    ]
}

proptest! {
    /// However the stream is cut, what comes out is what went in.
    #[test]
    fn any_cut_of_the_stream_gives_the_same_plaintext(
        all in prop::collection::vec(sent(), 1..20),
        cuts in prop::collection::vec(1_usize..400, 1..40),
    ) {
        let (mut server, mut client) = sides();
        let (mut wire, mut expected, mut asked) = (Vec::new(), Vec::new(), false);
        for one in all {
            match one {
                Sent::Data(data, padding) => {
                    wire.extend(record(&mut client, 23, &data, padding));
                    expected.extend(data);
                }
                Sent::Update(is_requested) => {
                    let update = [24, 0, 0, 1, u8::from(is_requested)];
                    wire.extend(record(&mut client, 22, &update, 0));
                    client.tx.update();
                    asked |= is_requested;
                }
            }
        }
        let (mut held, mut got, mut cuts) = (Vec::new(), Vec::new(), cuts.into_iter().cycle());
        while !wire.is_empty() {
            let rest = wire.split_off(cuts.next().unwrap().min(wire.len()));
            held.extend(std::mem::replace(&mut wire, rest));
            let Decrypted { plaintext, used, end } = server.decrypt(&mut held);
            prop_assert_eq!(end, None);
            got.extend_from_slice(&held[..plaintext]);
            held.drain(..used);
        }
        prop_assert_eq!(got, expected);
        prop_assert_eq!(server.owes_update(), asked);
    }

    /// Sockets that take all, nothing, or a part of what is sealed: the client reads the stream, and no number
    /// seals two things of which a byte was sent.
    #[test]
    fn whatever_sockets_take_the_client_reads_the_stream(
        steps in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40_000), 0_u8..4), 1..12),
    ) {
        let (mut server, mut client) = sides();
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        let mut numbers = std::collections::HashSet::new();
        for (plaintext, taken) in steps {
            if taken == 3 {
                server.seal_update(&mut wire);
                numbers.clear();
            }
            let first = server.tx.sequence();
            let mut sealed = Vec::new();
            let records = server.seal(&plaintext, &mut sealed);
            match taken {
                0 => server.take_back(records),
                1 => {
                    // A part: up to the record that was begun, which must go out whole some time.
                    let cut = sealed.len() / 2;
                    let begun = (cut / (16_384 + 22)) as u64 + 1;
                    let kept = (begun as usize * (16_384 + 22)).min(sealed.len());
                    server.take_back(records - begun);
                    numbers.extend(first..first + begun);
                    wire.extend_from_slice(&sealed[..kept]);
                    expected.extend_from_slice(&plaintext[..plaintext.len().min(begun as usize * 16_384)]);
                }
                _ => {
                    for number in first..first + records {
                        prop_assert!(numbers.insert(number), "{} was used before", number);
                    }
                    wire.extend(sealed);
                    expected.extend(plaintext);
                }
            }
        }
        let Decrypted { plaintext, used, end } = client.decrypt(&mut wire);
        prop_assert_eq!((used, end), (wire.len(), None));
        prop_assert_eq!(&wire[..plaintext], &expected[..]);
    }

    /// Whatever comes, nothing panics, and what is used was there.
    #[test]
    fn any_bytes_are_an_end_or_wait_for_more(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut server, _) = sides();
        let length = bytes.len();
        let Decrypted { plaintext, used, end } = server.decrypt(&mut bytes);
        prop_assert!(plaintext == 0 && used <= length);
        prop_assert!(end.is_some() || used == 0);
    }
}
