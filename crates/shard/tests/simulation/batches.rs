//! Backends that publish beside one whose batch takes many turns.

use switchboard_plane::sim::{ClientId, SimConfig};

use crate::plan::INTERNAL;
use crate::single::Single;

/// Lines of the long batch: 20 turns at 256 in each, and more beside deliveries.
const LINES: usize = 5_000;
/// A request that has just arrived waits for a turn at most, and is answered in the one behind it.
const TURNS: usize = 4;

fn backend(single: &Single) -> ClientId {
    single.net.connect_to(INTERNAL, ([127, 0, 0, 1], 1_024).into())
}

fn post(single: &Single, from: ClientId, path: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    single.net.write(from, (head + body).as_bytes());
}

fn lines(count: usize) -> String {
    let line = |number: usize| format!("{{\"channel\":\"{}\",\"data\":\"\"}}\n", number % 9);
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// A short publication and a short batch are through long before it.
pub(crate) fn beside_a_long_one() {
    let receive_bytes_max = 1 << 20;
    let sim = SimConfig { receive_bytes_max, ..SimConfig::default() };
    let mut single = Single::new(&sim, |_| ());
    let [long, one, short] = [(); 3].map(|()| backend(&single));
    single.turn(3);
    post(&single, long, "/pub", &lines(LINES));
    single.turn(3);
    for _ in 0..3 {
        post(&single, one, "/pub/news", "hello");
        post(&single, short, "/pub", &lines(30));
        single.turn(TURNS);
        for client in [one, short] {
            let answer = String::from_utf8(single.net.read(client)).unwrap();
            assert!(answer.starts_with("HTTP/1.1 20"), "{answer:?}");
        }
        assert!(single.net.read(long).is_empty(), "the long one is not through yet");
    }
    single.turn(60);
    assert!(single.net.read(long).starts_with(b"HTTP/1.1 200 "));
}
