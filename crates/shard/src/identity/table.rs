//! What is kept of the clients of connections that listen.

use std::sync::Arc;

use switchboard_api::centrifugo::Ending;
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

impl Vacant for Option<Arc<Ending>> {
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
    /// How connections end that a backend wants gone, where it has said how or they have no user.
    endings: BySlot<Option<Arc<Ending>>>,
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
            endings: BySlot::default(),
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
        self.endings.take(slot);
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
        self.endings.get(slot).is_some()
            || self.by_slot.get(slot).is_some_and(|identity| identity.expires_s == REVOKED_S)
    }

    /// What others are told of the client of the connection in this slot from now on, if it has shown who it is.
    pub(crate) fn set_info(&mut self, slot: u32, info: &[u8]) {
        let Some(&Identity { user, before, .. }) = self.by_slot.get(slot) else {
            return;
        };
        let kept = self.claims.take(slot).flatten().map(|claims| (*claims).clone());
        let claims = kept.unwrap_or_else(|| Claims::of_user(self.users.name(user).into()));
        let claims = Claims { info: Some(info.into()), ..claims };
        // Where all connections of a user are told the same, each finds it with the one before it.
        let same = self.claims(before).filter(|other| ***other == claims).cloned();
        self.claims.put(slot, Some(same.unwrap_or_else(|| Arc::new(claims))));
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

    /// The connection in this slot is to end, and its client is told how; what clients are told otherwise if none.
    /// False where it was to already.
    pub(crate) fn revoke(&mut self, slot: u32, ending: Option<Arc<Ending>>) -> bool {
        if self.is_revoked(slot) {
            return false;
        }
        let identity = self.by_slot.get_mut(slot);
        let is_anonymous = identity.is_none();
        if let Some(identity) = identity {
            identity.expires_s = REVOKED_S;
        }
        if ending.is_some() || is_anonymous {
            let ending = ending.unwrap_or_else(|| Arc::new(Ending::force_disconnect()));
            self.endings.put(slot, Some(ending));
        }
        true
    }

    /// How the connection in this slot ends that a backend wants gone, where it has said so.
    pub(crate) fn take_ending(&mut self, slot: u32) -> Option<Arc<Ending>> {
        self.endings.take(slot).flatten()
    }

    /// The slots of a page that are to end by now.
    pub(super) fn due(&self, page: usize, now_s: u32) -> impl Iterator<Item = (u32, End)> {
        let identified = self.by_slot.page(page);
        let identified =
            identified.filter_map(move |(slot, identity)| Some((slot, identity.end(now_s)?)));
        let anonymous = self.endings.page(page).map(|(slot, _)| (slot, End::Revoked));
        identified.chain(anonymous.filter(|(slot, _)| self.by_slot.get(*slot).is_none()))
    }

    /// Whether, and why, the connection in this slot is to end by now.
    pub(super) fn end(&self, slot: u32, now_s: u32) -> Option<End> {
        match self.by_slot.get(slot) {
            Some(identity) => identity.end(now_s),
            None => self.endings.get(slot).map(|_| End::Revoked),
        }
    }
}

#[cfg(test)]
mod tests;
