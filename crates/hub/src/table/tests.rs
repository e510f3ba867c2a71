use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::links::Link;
use crate::role::{Home, Role};
use crate::{Epoch, NamespaceId, Router, SlowPolicy};

fn channel(name: &ChannelName, hash: u32) -> Channel {
    Channel::new(
        name.clone(),
        hash,
        Epoch::from_random(0),
        Role::Home(Home::default()),
        (NamespaceId::DEFAULT, SlowPolicy::Skip),
    )
}

fn name(number: usize) -> ChannelName {
    ChannelName::new(&format!("n{number}")).unwrap()
}

#[test]
fn finds_what_is_there_and_nothing_else() {
    let router = Router::new(1);
    let hash = |number| router.hash(&name(number)) as u32;
    let mut table = Table::new();
    let mut indices: Vec<u32> = Vec::new();
    for number in 0..5000 {
        assert_eq!(table.find(hash(number), &name(number)), None);
        indices.push(table.insert(channel(&name(number), hash(number))));
    }
    assert_eq!((table.len(), table.buckets.len()), (5000, 5000));
    for number in (0..5000).step_by(2) {
        table.remove(indices[number]);
        assert!(table.get(indices[number]).is_none());
    }
    for (number, &index) in indices.iter().enumerate() {
        let found = (number % 2 == 1).then_some(index);
        assert_eq!(table.find(hash(number), &name(number)), found);
    }
    assert_eq!(table.len(), 2500);
    let again = table.insert(channel(&name(0), hash(0)));
    assert!(indices.contains(&again), "a freed slot is used again");
}

#[test]
fn names_with_the_same_hash_are_told_apart() {
    let mut table = Table::new();
    let [a, b, c] = [0, 1, 2].map(|number| table.insert(channel(&name(number), 7)));
    table.remove(b);
    assert_eq!(table.find(7, &name(0)), Some(a));
    assert_eq!(table.find(7, &name(1)), None);
    assert_eq!(table.find(7, &name(2)), Some(c));
    table.remove(c);
    table.remove(a);
    assert_eq!(table.len(), 0);
}

#[test]
fn indices_out_of_range_name_nothing() {
    let table = Table::new();
    assert!(table.get(0).is_none());
    assert!(table.get(NONE).is_none());
}

#[derive(Clone, Debug)]
enum Op {
    Push(u32),
    Remove(u32),
    Pop,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => (0u32..8).prop_map(Op::Push),
        2 => (0u32..8).prop_map(Op::Remove),
        1 => Just(Op::Pop),
    ];
    prop::collection::vec(op, 0..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_behaves_like_a_queue_without_doubles(ops in ops()) {
        let mut table = Table::new();
        for number in 0..8 {
            table.insert(channel(&name(number), number as u32));
        }
        let mut list = List::new(Link::Waiting);
        let mut other = List::new(Link::Dirty);
        let mut model: BTreeMap<usize, u32> = BTreeMap::new();
        for (time, op) in ops.into_iter().enumerate() {
            match op {
                Op::Push(index) => {
                    list.push(&mut table, index);
                    other.push(&mut table, index);
                    if !model.values().any(|&listed| listed == index) {
                        model.insert(time, index);
                    }
                }
                Op::Remove(index) => {
                    list.remove(&mut table, index);
                    model.retain(|_, listed| *listed != index);
                }
                Op::Pop => {
                    if let Some(index) = list.first() {
                        list.remove(&mut table, index);
                        prop_assert_eq!(model.pop_first().map(|(_, index)| index), Some(index));
                    }
                }
            }
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(list.first(), model.values().next().copied());
        }
    }
}
