use std::collections::BTreeMap;

use switchboard_auth::Patterns;

use super::*;
use crate::admission::AdmissionRules;

fn identities(connections_per_user_max: u32) -> Identities {
    let rules = AdmissionRules { connections_per_user_max, ..AdmissionRules::default() };
    Identities::new(None, Arc::new(Admission::new(&rules)), false)
}

fn claims(user: &str) -> Arc<Claims> {
    Arc::new(Claims::of_user(user.into()))
}

#[test]
fn the_connections_of_each_user_are_those_that_were_set() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut identities = identities(0);
    let mut model: BTreeMap<u32, String> = BTreeMap::new();
    for _ in 0..5_000 {
        let slot = random.u32(..900);
        let user = ["", "a", "b", "c"][random.usize(..4)];
        if random.bool() {
            assert!(identities.set(slot, &claims(user), NEVER_S));
            model.insert(slot, user.to_owned());
        } else {
            identities.clear(slot);
            model.remove(&slot);
        }
        let mut slots: Vec<u32> = identities.of_user(user).collect();
        slots.sort_unstable();
        let expected: Vec<u32> =
            model.iter().filter(|(_, of)| *of == user).map(|(slot, _)| *slot).collect();
        assert_eq!(slots, expected);
        assert_eq!(identities.user(slot), model.get(&slot).map(String::as_str));
        assert_eq!(identities.open(), model.len() as u64);
    }
}

#[test]
fn a_user_has_no_more_connections_than_it_may() {
    let mut identities = identities(2);
    for slot in 0..10 {
        assert_eq!(identities.set(slot, &claims("a"), NEVER_S), slot < 2);
        assert!(identities.set(100 + slot, &claims(""), NEVER_S), "nobody is not limited");
    }
    // A new token of the same user takes no place, another user's does.
    assert!(identities.set(0, &claims("a"), 5));
    assert!(identities.set(50, &claims("b"), NEVER_S));
    assert!(!identities.set(50, &claims("a"), NEVER_S));
    assert_eq!(identities.user(50), Some("b"), "nothing has changed");
    assert!(!identities.set(100, &claims("a"), NEVER_S));
    identities.clear(1);
    identities.clear(1);
    assert!(identities.set(100, &claims("a"), NEVER_S));
    assert!(!identities.set(3, &claims("a"), NEVER_S));
    // Another user's place in the same slot frees one.
    assert!(identities.set(0, &claims("c"), NEVER_S));
    assert!(identities.set(3, &claims("a"), NEVER_S));
}

#[test]
fn what_is_due_is_found_by_page() {
    let mut identities = identities(0);
    for (slot, user, expires_s) in [(300, "a", 10), (301, "b", 12), (302, "b", NEVER_S)] {
        assert!(identities.set(slot, &claims(user), expires_s));
    }
    let due =
        |identities: &Identities, page, now_s| identities.due(page, now_s).collect::<Vec<_>>();
    assert!(due(&identities, 1, 9).is_empty() && due(&identities, 0, 99).is_empty());
    let (first, second) = ((300, End::Expired), (301, End::Expired));
    assert_eq!(due(&identities, 1, 10), [first]);
    assert_eq!(due(&identities, 1, u32::MAX), [first, second]);
    let is_revoked = [301, 302, 301].map(|slot| identities.revoke(slot, None));
    assert_eq!(is_revoked, [true, true, false]);
    let revoked = [(301, End::Revoked), (302, End::Revoked)];
    assert_eq!(due(&identities, 1, 0), revoked);
}

#[test]
fn a_connection_ends_as_a_backend_says_whether_or_not_it_has_a_user() {
    let mut identities = identities(0);
    assert!(identities.set(3, &claims("a"), NEVER_S));
    let ending = Arc::new(Ending { code: 4_500, reason: "gone".into() });
    assert!(identities.revoke(3, Some(Arc::clone(&ending))) && identities.revoke(4, None));
    assert!(!identities.revoke(3, None) && !identities.revoke(4, Some(ending)));
    let due: Vec<_> = identities.due(0, 0).collect();
    assert_eq!(due, [(3, End::Revoked), (4, End::Revoked)]);
    assert_eq!(identities.end(4, 0), Some(End::Revoked));
    let codes = [3, 4, 5].map(|slot| identities.take_ending(slot).map(|ending| ending.code));
    assert_eq!(codes, [Some(4_500), Some(3_503), None]);
    assert_eq!((identities.end(3, 0), identities.end(4, 0)), (Some(End::Revoked), None));
    assert!(identities.revoke(9, None));
    identities.clear(9);
    assert_eq!(identities.end(9, 0), None);
}

#[test]
fn what_others_are_told_changes_for_all_connections_of_a_user_at_once() {
    let mut identities = identities(0);
    for slot in 0..4 {
        assert!(identities.set(slot, &claims("a"), NEVER_S));
    }
    for slot in identities.of_user("a").collect::<Vec<_>>() {
        identities.set_info(slot, b"1");
    }
    identities.set_info(9, b"1");
    assert_eq!((identities.info(0), identities.info(9)), (Some(&b"1"[..]), None));
    let kept = |slot| identities.claims(slot).unwrap();
    assert!(Arc::ptr_eq(kept(0), kept(1)) && Arc::ptr_eq(kept(0), kept(3)));
    assert_eq!(&*kept(0).user, "a");
}

#[test]
fn claims_are_kept_once_for_the_connections_of_a_user() {
    let mut identities = identities(0);
    let with = |user, info: &str| Claims {
        info: Some(info.as_bytes().into()),
        channels: Patterns::new(["x".to_owned()]).unwrap(),
        ..(*claims(user)).clone()
    };
    for slot in 0..4 {
        assert!(identities.set(slot, &with("a", if slot < 3 { "1" } else { "2" }), NEVER_S));
    }
    assert!(identities.set(4, &claims("a"), NEVER_S));
    let kept = |slot| identities.claims(slot).unwrap();
    assert!(Arc::ptr_eq(kept(0), kept(1)) && Arc::ptr_eq(kept(0), kept(2)));
    assert!(!Arc::ptr_eq(kept(0), kept(3)) && kept(0).channels.is_empty());
    assert!(identities.claims(4).is_none());
}
