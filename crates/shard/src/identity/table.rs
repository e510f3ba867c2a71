//! What is kept of the clients of connections that listen.

use std::sync::Arc;

use switchboard_auth::{Claims, Patterns, TokenCache, Verifier};

use super::grants::Grants;
use super::users::{NONE, Users};
use crate::admission::Admission;
use crate::connection::{BySlot, Headers, Vacant};

/// Bytes of verified tokens that a shard remembers, for polls, and as many of verdicts of backends.
const CACHE_BYTES_MAX: usize = 4 << 20;

/// The end of a connection that has none.
pub(crate) const NEVER_S: u32 = u32::MAX;

/// The end of a connection that the backend wants gone: before every other.
const REVOKED_S: u32 = 0;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The time of its token is over.
    Expired,
    /// The backend wants its client gone.
    Revoked,
}

/// One connection's client, in 20 bytes.
#[derive(Clone, Copy, Debug)]
struct Identity {
    user: u32,
    /// When the connection is to end, in Unix seconds.
    expires_s: u32,
    /// Tells it from those that the connection had before.
    number: u32,
    /// The connections of the same user before and after it.
    before: u32,
    next: u32,
}

impl Identity {
    fn end(&self, now_s: u32) -> Option<End> {
        match self.expires_s {
            REVOKED_S => Some(End::Revoked),
            NEVER_S => None,
            expires_s => (expires_s <= now_s).then_some(End::Expired),
        }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self { user: NONE, expires_s: NEVER_S, number: 0, before: NONE, next: NONE }
    }
}

impl Vacant for Identity {
    fn is_vacant(&self) -> bool {
        self.user == NONE
    }
}

impl Vacant for Option<Arc<Claims>> {
    fn is_vacant(&self) -> bool {
        self.is_none()
    }
}

impl Vacant for Headers {
    fn is_vacant(&self) -> bool {
        self.is_empty()
    }
}

/// The clients of a shard that have shown who they are.
#[derive(Debug)]
pub(crate) struct Identities {
    /// Checks tokens; none while the server takes none.
    pub(crate) verifier: Option<Arc<Verifier>>,
    pub(crate) cache: TokenCache,
    /// What backends said of polls. Whoever changes a header at each request fills it, and does not make
    /// others show their tokens again.
    pub(crate) verdicts: TokenCache,
    by_slot: BySlot<Identity>,
    /// What the tokens of connections say beside the user, where that is needed later.
    claims: BySlot<Option<Arc<Claims>>>,
    /// Headers of the requests with which connections began, where backends want to see them later.
    headers: BySlot<Headers>,
    /// Subscriptions that stand on another word than their client's own.
    pub(crate) grants: Grants,
    users: Users,
    /// How many connections each user has on all shards.
    admission: Arc<Admission>,
    open: u64,
    /// How many clients there were, as the number of the next one.
    numbered: u32,
    /// Backends are asked about connections that listen, and are told what their tokens said.
    keeps_meta: bool,
}

impl Identities {
    pub(crate) fn new(
        verifier: Option<Arc<Verifier>>,
        admission: Arc<Admission>,
        keeps_meta: bool,
    ) -> Self {
        Self {
            verifier,
            admission,
            cache: TokenCache::new(CACHE_BYTES_MAX),
            verdicts: TokenCache::new(CACHE_BYTES_MAX),
            by_slot: BySlot::default(),
            claims: BySlot::default(),
            headers: BySlot::default(),
            grants: Grants::default(),
            users: Users::default(),
            open: 0,
            numbered: 0,
            keeps_meta,
        }
    }

    /// Checks tokens with other keys from now on. What was verified with those of before is forgotten: one of
    /// them may be gone for a reason.
    pub(crate) fn set_verifier(&mut self, verifier: Arc<Verifier>) {
        self.verifier = Some(verifier);
        self.cache.clear();
    }

    /// The connection in this slot is that of the client with these claims, until `expires_s`. False, and
    /// nothing changes, where its user has as many connections as it may.
    #[must_use]
    pub(crate) fn set(&mut self, slot: u32, claims: &Claims, expires_s: u32) -> bool {
        self.insert(slot, claims, expires_s, false)
    }

    /// The same of a client that asks for channels as it goes: those that are granted are kept.
    #[must_use]
    pub(crate) fn set_asking(&mut self, slot: u32, claims: &Claims, expires_s: u32) -> bool {
        self.insert(slot, claims, expires_s, true)
    }

    fn insert(&mut self, slot: u32, claims: &Claims, expires_s: u32, asks: bool) -> bool {
        if self.user(slot) == Some(&claims.user) {
            // It is counted already.
            self.take(slot);
        } else if self.admission.users().try_add(&claims.user) {
            self.forget(slot);
        } else {
            return false;
        }
        let user = self.users.intern(&claims.user);
        let next = self.users.first(user);
        let kept = self.kept(claims, next, asks);
        if let Some(next) = self.by_slot.get_mut(next) {
            next.before = slot;
        }
        self.users.set_first(user, slot);
        let number = self.numbered;
        self.numbered = number.wrapping_add(1);
        self.by_slot.put(slot, Identity { user, expires_s, number, before: NONE, next });
        self.open += 1;
        if kept.is_some() {
            self.claims.put(slot, kept);
        }
        true
    }

    /// What is needed of claims once the connection listens: one copy for all connections of a user with the
    /// same, of which `other` is the newest.
    fn kept(&self, claims: &Claims, other: u32, asks: bool) -> Option<Arc<Claims>> {
        let meta = claims.meta.as_ref().filter(|_| self.keeps_meta);
        let channels = if asks { claims.channels.clone() } else { Patterns::default() };
        if claims.publish.is_empty()
            && claims.info.is_none()
            && meta.is_none()
            && channels.is_empty()
        {
            return None;
        }
        let is_same = |other: &&Arc<Claims>| {
            other.publish == claims.publish
                && other.info == claims.info
                && other.meta.as_ref() == meta
                && other.channels == channels
        };
        let same = self.claims(other).filter(is_same).cloned();
        Some(same.unwrap_or_else(|| {
            let meta = meta.cloned();
            Arc::new(Claims { channels, meta, opening: None, ..claims.clone() })
        }))
    }

    /// Backends want to see these headers when they are asked about the connection in this slot.
    pub(crate) fn set_headers(&mut self, slot: u32, headers: Headers) {
        self.headers.take(slot);
        if !headers.is_empty() {
            self.headers.put(slot, headers);
        }
    }

    /// Headers of the request with which the connection in this slot began.
    pub(crate) fn headers(&self, slot: u32) -> Headers {
        self.headers.get(slot).cloned().unwrap_or_default()
    }

    /// The connection in this slot does not listen any more.
    pub(crate) fn clear(&mut self, slot: u32) {
        self.headers.take(slot);
        self.forget(slot);
    }

    fn forget(&mut self, slot: u32) {
        if let Some(identity) = self.by_slot.get(slot) {
            self.admission.users().remove(self.users.name(identity.user));
            self.take(slot);
        }
    }

    fn take(&mut self, slot: u32) {
        let Some(Identity { user, before, next, .. }) = self.by_slot.take(slot) else {
            return;
        };
        self.open -= 1;
        self.claims.take(slot);
        if let Some(next) = self.by_slot.get_mut(next) {
            next.before = before;
        }
        if let Some(before) = self.by_slot.get_mut(before) {
            before.next = next;
        } else if next == NONE {
            self.users.remove(user);
        } else {
            self.users.set_first(user, next);
        }
    }

    /// The connection in this slot ends at another time, unless it is to end at once.
    pub(crate) fn prolong(&mut self, slot: u32, expires_s: u32) {
        if let Some(identity) = self.by_slot.get_mut(slot)
            && identity.expires_s != REVOKED_S
        {
            identity.expires_s = expires_s;
        }
    }

    /// The number of the client of the connection in this slot. One that shows a new token gets another.
    pub(crate) fn number(&self, slot: u32) -> Option<u32> {
        self.by_slot.get(slot).map(|identity| identity.number)
    }

    /// Whether a backend wants the client of the connection in this slot gone.
    pub(crate) fn is_revoked(&self, slot: u32) -> bool {
        self.by_slot.get(slot).is_some_and(|identity| identity.expires_s == REVOKED_S)
    }

    /// Connections whose clients have shown who they are.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// Users that they belong to.
    pub(crate) fn users(&self) -> u64 {
        self.users.len() as u64
    }

    /// The user of the connection in this slot; empty where the token names none.
    pub(crate) fn user(&self, slot: u32) -> Option<&str> {
        self.by_slot.get(slot).map(|identity| self.users.name(identity.user))
    }

    /// What others are told of it.
    pub(crate) fn info(&self, slot: u32) -> Option<&[u8]> {
        self.claims(slot)?.info.as_deref()
    }

    /// What its token says beside the user, as far as it is needed.
    pub(crate) fn claims(&self, slot: u32) -> Option<&Arc<Claims>> {
        self.claims.get(slot)?.as_ref()
    }

    /// The connections of a user, the newest first.
    pub(crate) fn of_user(&self, user: &str) -> impl Iterator<Item = u32> {
        let first = self.users.find(user).map_or(NONE, |user| self.users.first(user));
        std::iter::successors((first != NONE).then_some(first), |slot| {
            let next = self.by_slot.get(*slot)?.next;
            (next != NONE).then_some(next)
        })
    }

    /// The connection in this slot is to end. False where it was to already.
    pub(crate) fn revoke(&mut self, slot: u32) -> bool {
        let Some(identity) = self.by_slot.get_mut(slot) else {
            return false;
        };
        std::mem::replace(&mut identity.expires_s, REVOKED_S) != REVOKED_S
    }

    /// The slots of a page that are to end by now.
    pub(super) fn due(&self, page: usize, now_s: u32) -> impl Iterator<Item = (u32, End)> {
        let all = self.by_slot.page(page);
        all.filter_map(move |(slot, identity)| Some((slot, identity.end(now_s)?)))
    }

    /// Whether, and why, the connection in this slot is to end by now.
    pub(super) fn end(&self, slot: u32, now_s: u32) -> Option<End> {
        self.by_slot.get(slot)?.end(now_s)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use switchboard_auth::Patterns;

    use super::*;
    use crate::admission::AdmissionRules;

    fn identities(connections_per_user_max: u32) -> Identities {
        let rules = AdmissionRules { connections_per_user_max, ..AdmissionRules::default() };
        Identities::new(None, Arc::new(Admission::new(&rules)), false)
    }

    fn claims(user: &str) -> Arc<Claims> {
        Arc::new(Claims {
            user: user.into(),
            expires_at_s: None,
            connection_expires_at_s: None,
            channels: Patterns::default(),
            publish: Patterns::default(),
            info: None,
            meta: None,
            opening: None,
        })
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
        let is_revoked = [301, 302, 301, 303].map(|slot| identities.revoke(slot));
        assert_eq!(is_revoked, [true, true, false, false]);
        let revoked = [(301, End::Revoked), (302, End::Revoked)];
        assert_eq!(due(&identities, 1, 0), revoked);
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
}
