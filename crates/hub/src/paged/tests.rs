use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Push(u8),
    Remove(prop::sample::Index),
    PopMany(u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => any::<u8>().prop_map(Op::Push),
        3 => any::<prop::sample::Index>().prop_map(Op::Remove),
        1 => (0u16..40).prop_map(Op::PopMany),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn behaves_like_a_vec(start in 0usize..600, ops in prop::collection::vec(op(), 0..400)) {
        let mut set = Paged::default();
        let mut model: Vec<u32> = Vec::new();
        for i in 0..start as u32 {
            set.push(i);
            model.push(i);
        }
        for (step, op) in ops.into_iter().enumerate() {
            match op {
                Op::Push(value) => {
                    let value = (step as u32) << 8 | u32::from(value);
                    prop_assert_eq!(set.push(value), model.len());
                    model.push(value);
                }
                Op::Remove(_) if model.is_empty() => {}
                Op::Remove(index) => {
                    let index = index.index(model.len());
                    model.swap_remove(index);
                    prop_assert_eq!(set.swap_remove(index), model.get(index).copied());
                }
                Op::PopMany(count) => {
                    for _ in 0..usize::from(count).min(model.len()) {
                        model.pop();
                        prop_assert_eq!(set.swap_remove(model.len()), None);
                    }
                }
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(set.is_empty(), model.is_empty());
        }
        prop_assert_eq!(downwards(&mut set), model.into_iter().rev().collect::<Vec<_>>());
    }
}

fn downwards(set: &mut Paged<u32>) -> Vec<u32> {
    let mut entries = Vec::new();
    let mut end = set.len();
    while end > 0 {
        let (start, page) = set.page_before(end);
        entries.extend(page.iter().rev());
        end = start;
    }
    entries
}

#[test]
fn pages_are_made_and_freed_one_by_one() {
    let mut set = Paged::default();
    for i in 0..=3 * PAGE {
        set.push(i);
        assert!(set.pages.iter().all(|page| page.capacity() <= PAGE));
    }
    assert_eq!(set.pages.len(), 4);
    set.swap_remove(0);
    assert_eq!(set.pages.len(), 3);
    assert_eq!(set.get(0), 3 * PAGE);
    while !set.is_empty() {
        set.swap_remove(0);
    }
    assert_eq!(set.pages.capacity(), 0);
    set.push(7);
    assert_eq!((set.pages.capacity(), set.pages[0].capacity()), (1, 1));
}
