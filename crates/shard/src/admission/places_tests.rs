//! The places of several shards against a plain list of connections.

use proptest::prelude::*;

use super::super::{AdmissionRules, ProxyRules};
use super::*;

const SHARDS: usize = 2;
const PLACES_MAX: usize = 4;
const ADDRESS_MAX: u32 = 3;

/// The first is a trusted proxy's; the second and the third are of one network.
const ADDRESSES: [&str; 6] =
    ["10.0.0.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2"];

fn address(nth: usize) -> IpAddr {
    ADDRESSES[nth].parse().unwrap()
}

/// Of whom `nth` counts as one, if it is limited.
fn subject(nth: usize) -> Option<usize> {
    [None, Some(1), Some(1), Some(3), Some(4), Some(5)][nth]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody connects to a shard.
    Accept { shard: usize, from: usize },
    /// A request of this client comes on a connection.
    Request { nth: usize, client: usize },
    /// A connection goes.
    Leave { nth: usize },
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: ConnId,
    shard: usize,
    client: usize,
    is_newcomer: bool,
}

/// All connections with a place, in the order in which they came.
#[derive(Debug, Default)]
struct Model(Vec<Known>);

impl Model {
    fn is_full(&self, shard: usize) -> bool {
        self.0.iter().filter(|known| known.shard == shard).count() >= PLACES_MAX
    }

    fn has_room_for(&self, client: usize) -> bool {
        let same = |known: &&Known| subject(known.client) == subject(client);
        subject(client).is_none() || self.0.iter().filter(same).count() < ADDRESS_MAX as usize
    }

    fn admits(&self, shard: usize, client: usize) -> Result<(), Reason> {
        if self.is_full(shard) {
            Err(Reason::Full)
        } else if self.has_room_for(client) {
            Ok(())
        } else {
            Err(Reason::Address)
        }
    }

    fn makes_room(&self, shard: usize, client: usize) -> Option<ConnId> {
        let newcomers = self.0.iter().filter(|known| known.shard == shard && known.is_newcomer);
        let same =
            |known: &&Known| Subject::from(address(known.client)) == Subject::from(address(client));
        let found = newcomers.clone().find(same).or_else(|| newcomers.clone().next());
        found.filter(|_| self.is_full(shard) && self.has_room_for(client)).map(|known| known.id)
    }

    fn newcomer(&self, id: ConnId) -> Option<(IpAddr, bool)> {
        let found = self.0.iter().find(|known| known.id == id && known.is_newcomer);
        found.map(|known| (address(known.client), true))
    }
}

fn shards() -> Vec<Places> {
    let rules = AdmissionRules {
        proxies: ProxyRules { trusted: vec![address(0).into()], ..ProxyRules::default() },
        connections_per_address_max: ADDRESS_MAX,
        ..AdmissionRules::default()
    };
    let shared = Arc::new(Admission::new(&rules));
    (0..SHARDS).map(|_| Places::new(Arc::clone(&shared), PLACES_MAX as u32)).collect()
}

fn leave(shards: &mut [Places], model: &mut Model, at: usize) {
    let gone = model.0.remove(at);
    shards[gone.shard].leave(address(gone.client), gone.is_newcomer);
}

fn step() -> impl Strategy<Value = Step> {
    let nth = any::<prop::sample::Index>().prop_map(|index| index.index(64));
    prop_oneof![
        3 => (0..SHARDS, 0..ADDRESSES.len()).prop_map(|(shard, from)| Step::Accept { shard, from }),
        2 => (nth.clone(), 0..ADDRESSES.len()).prop_map(|(nth, client)| Step::Request { nth, client }),
        1 => nth.prop_map(|nth| Step::Leave { nth }),
    ]
}

proptest! {
    #[test]
    fn shards_do_what_a_plain_list_says(steps in prop::collection::vec(step(), 0..300)) {
        let (mut shards, mut model) = (shards(), Model::default());
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Accept { shard, from } => {
                    let id = ConnId::new(number, 0);
                    let expected = model.admits(shard, from);
                    let mut entry = shards[shard].at_accept(id, address(from), 0);
                    prop_assert_eq!(entry == Entry::Serve, expected.is_ok());
                    if entry == Entry::Wait {
                        let victim = shards[shard]
                            .makes_room(address(from), |id| model.newcomer(id));
                        prop_assert_eq!(victim, model.makes_room(shard, from));
                        if let Some(victim) = victim {
                            let at = model.0.iter().position(|known| known.id == victim);
                            leave(&mut shards, &mut model, at.unwrap());
                            prop_assert!(shards[shard].let_in(id, address(from)));
                            entry = Entry::Serve;
                        }
                    }
                    if entry == Entry::Serve {
                        model.0.push(Known { id, shard, client: from, is_newcomer: true });
                    }
                }
                Step::Request { nth, client } if nth < model.0.len() => {
                    let known = model.0[nth];
                    if known.is_newcomer {
                        shards[known.shard].graduate();
                        model.0[nth].is_newcomer = false;
                    }
                    // While it is handed over it counts for neither.
                    model.0[nth].client = 0;
                    let may = subject(known.client) == subject(client) || model.has_room_for(client);
                    let done =
                        shards[known.shard].hand_over(address(known.client), address(client));
                    prop_assert_eq!(done.is_ok(), may);
                    model.0[nth].client = if may { client } else { 0 };
                }
                Step::Leave { nth } if nth < model.0.len() => leave(&mut shards, &mut model, nth),
                Step::Request { .. } | Step::Leave { .. } => {}
            }
            for places in &mut shards {
                places.tidy(|id| model.newcomer(id).is_some());
            }
        }
        // All is given back: as many as ever get in.
        while !model.0.is_empty() {
            leave(&mut shards, &mut model, 0);
        }
        for last in 0..ADDRESS_MAX {
            let id = ConnId::new(100_000 + last, 0);
            prop_assert_eq!(shards[0].at_accept(id, address(4), 0), Entry::Serve);
        }
        prop_assert_eq!(shards[1].at_accept(ConnId::new(100_010, 0), address(4), 0), Entry::Wait);
    }
}

#[test]
fn accepts_over_the_rate_are_closed_whoever_comes() {
    let rules = AdmissionRules { accepts_per_second: 2, ..AdmissionRules::default() };
    let shared = Arc::new(Admission::new(&rules));
    let mut shards: Vec<_> = (0..2).map(|_| Places::new(Arc::clone(&shared), 10)).collect();
    let mut accept =
        |shard: usize, now_ms| shards[shard].at_accept(ConnId::new(0, 0), address(4), now_ms);
    let first: Vec<_> = [0, 1, 0, 1].map(|shard| accept(shard, 10_000)).into();
    assert_eq!(first, [Entry::Serve, Entry::Serve, Entry::Close, Entry::Close]);
    assert_eq!([accept(0, 10_499), accept(1, 10_500)], [Entry::Close, Entry::Serve]);
}
