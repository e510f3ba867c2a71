//! Many clients ask for all that there is, at once: one turn must not build it all.

use switchboard_hub::{ChannelName, Draft, Kind, ShardId};
use switchboard_plane::sim::{SimConfig, SimNet};
use switchboard_shard::{Command, Shard};

use crate::http::Head;
use crate::plan::Plan;

const CLIENTS: usize = 100;
const PUBLICATIONS: usize = 600;
const ANSWER_BYTES: usize = 64 << 10;
/// Of one turn, as the shard has it, what the last answer goes beyond it, and heads.
const TURN_BYTES: usize = (1 << 20) + ANSWER_BYTES + 8_000;
/// What each of the polls gets that were held and are answered beyond that.
const BEYOND_BYTES: usize = (4 << 10) + 1_000;

/// Polls that are `held` wait when the news comes; others ask for what is there.
pub(crate) fn run(held: bool) {
    let plan = Plan { shards: 1, faults: false, ..Plan::roomy(0) };
    let common = plan.common();
    let (plane, net) = SimNet::new(1, SimConfig { room_bytes: 8 << 20, ..SimConfig::default() });
    let mut shard = Shard::new(plane, ShardId(0), &common, 1, 1_000);
    let name = ChannelName::new("news").unwrap();
    let publish = || {
        for _ in 0..PUBLICATIONS {
            let (name, draft) = (name.clone(), Draft::new(Kind::Text, &[1; 40]));
            common.handles[0].send(Command::Publish { name, draft, reply: Box::new(|_| ()) });
        }
    };
    let mut turn = |times| {
        (0..times).for_each(|_| {
            shard.turn(1_000).unwrap();
        });
    };
    let since = if held { "" } else { "?since=earliest" };
    let head =
        format!("GET /sub/news{since} HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
    if !held {
        publish();
        turn(20);
    }
    let ask = |_| {
        let client = net.connect(([127, 0, 0, 1], 1_024).into());
        net.write(client, head.as_bytes());
        client
    };
    let clients: Vec<_> = (0..CLIENTS).map(ask).collect();
    if held {
        turn(20);
        publish();
    }
    let mut received = vec![Vec::new(); CLIENTS];
    let mut most = 0;
    for _ in 0..200 {
        turn(1);
        let mut turn_bytes = 0;
        for (bytes, client) in received.iter_mut().zip(&clients) {
            let more = net.read(*client);
            turn_bytes += more.len();
            bytes.extend(more);
        }
        most = most.max(turn_bytes);
    }
    let bytes_max = if held { TURN_BYTES + CLIENTS * BEYOND_BYTES } else { TURN_BYTES };
    assert!(most <= bytes_max, "{most} bytes in one turn");
    for mut bytes in received {
        let head = Head::take(&mut bytes).unwrap();
        assert_eq!((head.status, bytes.len()), (200, head.body_bytes()), "a whole answer");
        assert!(bytes.len() <= ANSWER_BYTES);
        assert!(held || bytes.len() > ANSWER_BYTES / 2, "as much as one may have");
    }
}
