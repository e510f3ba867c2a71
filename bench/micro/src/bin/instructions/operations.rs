//! The hot paths, and how each is driven.
//!
//! Each has a process of its own, prepares what it needs, and warms up before it counts, so that
//! memory which is taken only once is not counted.

use std::hint::black_box;

use switchboard_bench::{Room, SimShard, sample};
use switchboard_hub::{ChannelName, Draft, Kind};
use switchboard_plane::sim::ClientId;
use switchboard_shard::AdmissionRules;
use switchboard_ws::frame::{self, HEADER_BYTES_MAX, Opcode, Role};
use switchboard_ws::handshake::{self, Rules};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};
use switchboard_ws::mask::unmask;
use switchboard_ws::message::{MessageLimits, Receiver};

use crate::callgrind::counted_by_callgrind;

/// One hot path.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What the count is for one of.
    pub(crate) unit: &'static str,
    /// Prepares, does it many times under [`counted_by_callgrind`], and returns how many.
    pub(crate) run: fn() -> u64,
}

impl Operation {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|operation| operation.name == name)
    }
}

const fn operation(name: &'static str, unit: &'static str, run: fn() -> u64) -> Operation {
    Operation { name, unit, run }
}

/// All of them, in the order of the table.
pub(crate) const ALL: &[Operation] = &[
    operation("unmask-64", "payload of 64 B", || unmasking(64)),
    operation("unmask-1024", "payload of 1 KiB", || unmasking(1 << 10)),
    operation("unmask-65536", "payload of 64 KiB", || unmasking(64 << 10)),
    operation("frame-decode", "header", frame_decode),
    operation("frame-encode", "header", frame_encode),
    operation("receive-64", "text message of 64 B", || receive(64, 70)),
    operation("receive-16384", "text message of 16 KiB", || receive(16 << 10, 16 << 11)),
    operation("receive-64-split", "text message of 64 B in two pieces", || receive(64, 40)),
    operation("head-parse", "browser's request head", head_parse),
    operation("handshake-check", "browser's handshake, parsed", handshake_check),
    operation("handshake", "head to 101", handshake_whole),
    operation("draft-64", "publication's frame", draft),
    operation("publish", "publication, 1 channel, 1 subscriber", || publish(1, 1, 1)),
    operation("publish-many-channels", "publication, 10,000 channels", || publish(10_000, 1, 1)),
    operation("fan-out", "subscriber of 10,000, a publication", || publish(1, 10_000, 1)),
    operation("fan-out-window-32", "subscriber of 10,000, 32 publications", || {
        publish(1, 10_000, 32)
    }),
    operation("replace-subscriber", "leave and join on a channel of 100,000", replace_subscriber),
    operation("turn-idle", "turn with nothing to do", turn_idle),
    operation("turn-fan-out", "subscriber of 10,000, a publication", turn_fan_out),
    operation("turn-fan-out-events", "event stream of 10,000, a publication", turn_fan_out_events),
    operation("turn-echo", "message of 64 B there and back", turn_echo),
    operation("turn-accept", "connection, from accept to 101", turn_accept),
    operation("turn-accept-limited", "connection, counted by address", turn_accept_limited),
    operation(
        "turn-publish",
        "publication by HTTP, answered and sent to a subscriber",
        turn_publish,
    ),
    operation("turn-publish-stream", "publication on a stream, the same", turn_publish_stream),
];

const TIMES: u64 = 1_000;

fn unmasking(bytes: usize) -> u64 {
    let mut payload = sample::text(bytes);
    counted_by_callgrind(TIMES, || {
        unmask(black_box(&mut payload), sample::KEY, 0);
    })
}

fn frame_decode() -> u64 {
    let frame = sample::masked_frame(Opcode::Text, 1_024);
    counted_by_callgrind(TIMES, || {
        black_box(frame::decode(black_box(&frame), Role::Server).unwrap());
    })
}

fn frame_encode() -> u64 {
    let mut out = [0; HEADER_BYTES_MAX];
    counted_by_callgrind(TIMES, || {
        black_box(frame::encode_header(&mut out, true, Opcode::Text, black_box(1_024), None));
        black_box(&mut out);
    })
}

/// A message that comes in pieces of at most so many bytes.
fn receive(payload_bytes: usize, piece_bytes: usize) -> u64 {
    let mut frame = sample::masked_frame(Opcode::Text, payload_bytes);
    let mut receiver = Receiver::default();
    let limits = MessageLimits::default();
    counted_by_callgrind(TIMES, || {
        let mut events = 0;
        for piece in frame.chunks_mut(piece_bytes) {
            let step = receiver.next(black_box(piece), Role::Server, &limits);
            events += u32::from(black_box(step.unwrap()).event.is_some());
        }
        assert_eq!(events, 1, "one message");
    })
}

fn head_parse() -> u64 {
    let limits = HeadLimits::default();
    counted_by_callgrind(TIMES, || {
        let bytes = black_box(sample::BROWSER_UPGRADE);
        let end = head::find_end(bytes, 0, &limits).unwrap().unwrap();
        let mut slots = HeaderSlots::new();
        black_box(&head::parse(&bytes[..end], &mut slots, &limits).unwrap());
    })
}

fn handshake_check() -> u64 {
    let (limits, rules) =
        (HeadLimits::default(), Rules { protocols: &[], allowed_origins: Some(&[]) });
    let mut slots = HeaderSlots::new();
    let request = head::parse(sample::BROWSER_UPGRADE, &mut slots, &limits).unwrap();
    counted_by_callgrind(TIMES, || {
        black_box(handshake::check(black_box(&request), &rules).unwrap());
    })
}

fn handshake_whole() -> u64 {
    let (limits, rules) =
        (HeadLimits::default(), Rules { protocols: &[], allowed_origins: Some(&[]) });
    let mut out = Vec::with_capacity(1_024);
    counted_by_callgrind(TIMES, || {
        let bytes = black_box(sample::BROWSER_UPGRADE);
        let end = head::find_end(bytes, 0, &limits).unwrap().unwrap();
        let mut slots = HeaderSlots::new();
        let request = head::parse(&bytes[..end], &mut slots, &limits).unwrap();
        out.clear();
        handshake::check(&request, &rules).unwrap().write_response(&mut out);
        black_box(&mut out);
    })
}

fn draft() -> u64 {
    let payload = sample::text(64);
    let make = || drop(black_box(Draft::new(Kind::Text, black_box(&payload))));
    make();
    counted_by_callgrind(TIMES, make)
}

/// Publishes `window` messages to each channel, then hands out what is to be sent; for each send.
fn publish(channels: usize, subscribers: usize, window: usize) -> u64 {
    let mut room = Room::new(channels, subscribers);
    let rounds = (TIMES as usize / (channels * subscribers)).max(2) as u64;
    // Made before, since that has a count of its own.
    let publications = rounds as usize * window * channels;
    let mut drafts = vec![sample::draft(64); publications].into_iter();
    let round = || {
        for _ in 0..window {
            drafts.by_ref().take(channels).enumerate().for_each(|(at, it)| room.publish(at, it));
        }
        assert_eq!(room.fan_out(), channels * subscribers, "one send to each");
    };
    counted_by_callgrind(rounds, round) * (channels * subscribers) as u64
}

fn replace_subscriber() -> u64 {
    let mut room = Room::new(1, 100_000);
    counted_by_callgrind(TIMES, || room.replace_one())
}

fn turn_idle() -> u64 {
    let mut shard = SimShard::new(1_000, "/sub/news");
    counted_by_callgrind(TIMES, || {
        black_box(shard.turn());
    })
}

const FAN_OUT_SUBSCRIBERS: usize = 10_000;

fn turn_fan_out() -> u64 {
    // A frame to each.
    count_fan_out(SimShard::new(FAN_OUT_SUBSCRIBERS, "/sub/news"), 66)
}

fn turn_fan_out_events() -> u64 {
    let shard = SimShard::with_clients(FAN_OUT_SUBSCRIBERS, &sample::event_stream("/sub/news"));
    // A chunk to each: `56\r\n`, id, `data: `, the payload, two line ends, the end of the chunk.
    count_fan_out(shard, 4 + "id: 12345678-1\n".len() + 6 + 64 + 2 + 2)
}

fn count_fan_out(mut shard: SimShard, bytes_each: usize) -> u64 {
    let name = ChannelName::new("news").unwrap();
    let draft = sample::draft(64);
    let mut round = || {
        let before = shard.bytes_sent();
        shard.publish(&name, &draft);
        shard.run();
        assert_eq!(shard.bytes_sent() - before, (FAN_OUT_SUBSCRIBERS * bytes_each) as u64);
    };
    round();
    counted_by_callgrind(2, round) * FAN_OUT_SUBSCRIBERS as u64
}

/// With what the simulated network costs: it copies the message twice.
fn turn_echo() -> u64 {
    const CONNECTIONS: u64 = 100;
    let mut shard = SimShard::new(CONNECTIONS as usize, "/echo");
    let frame = sample::masked_frame(Opcode::Text, 64);
    let mut round = || {
        let before = shard.bytes_sent();
        shard.everybody_sends(&frame);
        shard.run();
        assert_eq!(shard.bytes_sent() - before, CONNECTIONS * 66, "an echo to each");
    };
    round();
    counted_by_callgrind(10, round) * CONNECTIONS
}

/// With what the simulated network costs.
fn turn_accept() -> u64 {
    accept(&AdmissionRules::default())
}

/// The same, with what is on by default where strangers can connect.
fn turn_accept_limited() -> u64 {
    accept(&AdmissionRules { connections_per_address_max: 2_000, ..AdmissionRules::default() })
}

fn accept(rules: &AdmissionRules) -> u64 {
    const CONNECTIONS: u64 = 1_000;
    let mut shard = SimShard::with_rules(CONNECTIONS as usize, rules);
    let head = sample::short_upgrade("/sub/news");
    counted_by_callgrind(1, || {
        (0..CONNECTIONS).for_each(|_| shard.connect(&head));
        shard.run();
        assert!(shard.bytes_sent() > CONNECTIONS * 100, "a response to each");
    }) * CONNECTIONS
}

const PUBLISHED_CHANNELS: usize = 1_000;

/// Clients with a channel each, and what is published to them one after another.
fn count_publications(shard: &mut SimShard, backend: ClientId, sent: &[Vec<u8>]) -> u64 {
    let mut round = || {
        for bytes in sent {
            let before = shard.bytes_sent();
            shard.send(backend, bytes);
            shard.run();
            assert!(shard.bytes_sent() - before > 66, "a frame and an answer");
        }
    };
    round();
    counted_by_callgrind(1, round) * sent.len() as u64
}

fn with_channels() -> SimShard {
    let mut shard = SimShard::without_clients(PUBLISHED_CHANNELS);
    for nth in 0..PUBLISHED_CHANNELS {
        shard.connect(&sample::short_upgrade(&format!("/sub/user-{nth}")));
    }
    shard.run();
    shard
}

/// With what the simulated network costs.
fn turn_publish() -> u64 {
    let mut shard = with_channels();
    let request = |nth| sample::publication(&format!("user-{nth}"), 64);
    let sent: Vec<_> = (0..PUBLISHED_CHANNELS).map(request).collect();
    let backend = shard.connect_backend(&sent[0]);
    count_publications(&mut shard, backend, &sent)
}

/// With what the simulated network costs.
fn turn_publish_stream() -> u64 {
    let mut shard = with_channels();
    let message = |nth| sample::published_frame(&format!("user-{nth}"), 64);
    let sent: Vec<_> = (0..PUBLISHED_CHANNELS).map(message).collect();
    let backend = shard.connect_backend(&sample::publishing_upgrade());
    count_publications(&mut shard, backend, &sent)
}
