//! What is kept of the clients of connections that listen.

use std::sync::Arc;

use switchboard_auth::{Claims, TokenCache, Verifier};

use super::by_slot::{BySlot, Vacant};
use super::users::{NONE, Users};
use crate::time::Tick;

/// Bytes of verified tokens that a shard remembers, for polls.
const CACHE_BYTES_MAX: usize = 4 << 20;

/// One connection's client, in 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Identity {
    user: u32,
    /// When the connection is to end.
    expires: Tick,
    /// The connections of the same user before and after it.
    before: u32,
    next: u32,
}

impl Default for Identity {
    fn default() -> Self {
        Self { user: NONE, expires: Tick::NEVER, before: NONE, next: NONE }
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

/// The clients of a shard that have shown who they are.
#[derive(Debug)]
pub(crate) struct Identities {
    /// Checks tokens; none while the server takes none.
    pub(crate) verifier: Option<Arc<Verifier>>,
    pub(crate) cache: TokenCache,
    by_slot: BySlot<Identity>,
    /// What the tokens of connections say beside the user, where that is needed later.
    claims: BySlot<Option<Arc<Claims>>>,
    users: Users,
    open: u64,
}

impl Identities {
    pub(crate) fn new(verifier: Option<Arc<Verifier>>) -> Self {
        Self {
            verifier,
            cache: TokenCache::new(CACHE_BYTES_MAX),
            by_slot: BySlot::default(),
            claims: BySlot::default(),
            users: Users::default(),
            open: 0,
        }
    }

    /// The connection in this slot is that of the client with these claims, until `expires`.
    pub(crate) fn set(&mut self, slot: u32, claims: &Arc<Claims>, expires: Tick) {
        self.clear(slot);
        let user = self.users.intern(&claims.user);
        let next = self.users.first(user);
        if let Some(next) = self.by_slot.get_mut(next) {
            next.before = slot;
        }
        self.users.set_first(user, slot);
        self.by_slot.put(slot, Identity { user, expires, before: NONE, next });
        self.open += 1;
        if !claims.publish.is_empty() || claims.info.is_some() {
            self.claims.put(slot, Some(Arc::clone(claims)));
        }
    }

    /// The connection in this slot does not listen any more.
    pub(crate) fn clear(&mut self, slot: u32) {
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

    /// The slots of a page whose time is over.
    pub(super) fn due(&self, page: usize, now: Tick) -> impl Iterator<Item = u32> {
        let due = move |(_, identity): &(u32, &Identity)| identity.expires <= now;
        self.by_slot.page(page).filter(due).map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use switchboard_auth::Patterns;

    use super::*;

    fn claims(user: &str) -> Arc<Claims> {
        Arc::new(Claims {
            user: user.into(),
            expires_at_s: None,
            connection_expires_at_s: None,
            channels: Patterns::default(),
            publish: Patterns::default(),
            info: None,
        })
    }

    #[test]
    fn the_connections_of_each_user_are_those_that_were_set() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut identities = Identities::new(None);
        let mut model: BTreeMap<u32, String> = BTreeMap::new();
        for _ in 0..5_000 {
            let slot = random.u32(..900);
            let user = ["", "a", "b", "c"][random.usize(..4)];
            if random.bool() {
                identities.set(slot, &claims(user), Tick::NEVER);
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
    fn what_is_due_is_found_by_page() {
        let mut identities = Identities::new(None);
        let soon = Tick::at(0, 1_000);
        identities.set(300, &claims("a"), soon);
        identities.set(301, &claims("a"), soon.after_ms(200));
        let due = |page, now| identities.due(page, now).collect::<Vec<_>>();
        assert_eq!((due(1, Tick::at(0, 900)), due(0, soon)), (vec![], vec![]));
        assert_eq!((due(1, soon), due(1, soon.after_ms(200))), (vec![300], vec![300, 301]));
    }
}
