//! On what terms subscriptions are had that are not as their namespaces say.

use std::collections::HashMap;
use std::sync::Arc;

use switchboard_auth::{ChannelOptions, Overrides};
use switchboard_hub::ChannelName;

use super::by_slot::{BySlot, Vacant};

/// What others are told of clients in single channels, and what backends say of subscriptions in place of their
/// namespaces. A connection of which nothing is said takes nothing here.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    by_slot: BySlot<Box<[Term]>>,
    count: usize,
    /// How many subscriptions of a channel do not show to others.
    hidden: HashMap<ChannelName, u64>,
}

/// What is said of one of a connection's subscriptions, in 24 bytes.
#[derive(Clone, Debug, Default)]
struct Term {
    /// What others are told of the client.
    info: Option<Arc<[u8]>>,
    /// Which of the connection's.
    nth: u16,
    is_hidden: bool,
    join_leave: Option<bool>,
    pushes_joins: bool,
    is_unpositioned: bool,
}

const _: () = assert!(size_of::<Term>() == 24);

impl Vacant for Box<[Term]> {
    fn is_vacant(&self) -> bool {
        self.is_empty()
    }
}

impl Terms {
    /// Bytes of `info` that all subscriptions of a connection may have together.
    pub(crate) const INFO_BYTES_MAX: usize = 64 << 10;

    /// There are none at all.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Something is said of a subscription of the connection in this slot.
    pub(crate) fn has(&self, slot: u32) -> bool {
        !self.all(slot).is_empty()
    }

    /// What others are told of the client in the channel of this subscription.
    pub(crate) fn info(&self, slot: u32, nth: u16) -> Option<&[u8]> {
        self.get(slot, nth)?.info.as_deref()
    }

    /// The subscription does not show to others.
    pub(crate) fn is_hidden(&self, slot: u32, nth: u16) -> bool {
        self.get(slot, nth).is_some_and(|term| term.is_hidden)
    }

    /// Whether others hear of its beginning and its end, where a backend has said so.
    pub(crate) fn join_leave(&self, slot: u32, nth: u16) -> Option<bool> {
        self.get(slot, nth)?.join_leave
    }

    /// Its client hears who comes and goes because a backend wants that, whatever the client may.
    pub(crate) fn pushes_joins(&self, slot: u32, nth: u16) -> bool {
        self.get(slot, nth).is_some_and(|term| term.pushes_joins)
    }

    /// Its client does not hear when something is lost.
    pub(crate) fn is_unpositioned(&self, slot: u32, nth: u16) -> bool {
        self.get(slot, nth).is_some_and(|term| term.is_unpositioned)
    }

    /// How many subscriptions of a channel do not show to others.
    pub(crate) fn hidden(&self, channel: &ChannelName) -> u64 {
        self.hidden.get(channel).copied().unwrap_or(0)
    }

    /// Whether a subscription of the connection in this slot, an old one or a new one, may have so much `info`
    /// beside what the others have.
    pub(crate) fn has_room(&self, slot: u32, nth: Option<u16>, bytes: usize) -> bool {
        let others = self.all(slot).iter().filter(|term| Some(term.nth) != nth);
        let held: usize = others.filter_map(|term| term.info.as_deref()).map(<[u8]>::len).sum();
        bytes == 0 || held + bytes <= Self::INFO_BYTES_MAX
    }

    /// A subscription has begun of which this is said. Keeps what counts while it is there.
    pub(crate) fn add(
        &mut self,
        (slot, nth): (u32, u16),
        channel: &ChannelName,
        options: &ChannelOptions,
        is_unpositioned: bool,
    ) {
        let Overrides { presence, join_leave, force_push_join_leave, .. } = options.overrides;
        let term = Term {
            info: options.info.clone(),
            nth,
            is_hidden: presence == Some(false),
            join_leave,
            pushes_joins: force_push_join_leave == Some(true),
            is_unpositioned,
        };
        if term.says_something() {
            if term.is_hidden {
                *self.hidden.entry(channel.clone()).or_default() += 1;
            }
            self.push(slot, term);
        }
    }

    /// Others are told this of the client from now on; nothing if none.
    pub(crate) fn set_info(&mut self, slot: u32, nth: u16, info: Option<Arc<[u8]>>) {
        let has_more = |term: Term| Term { info: None, ..term }.says_something();
        match self.by_slot.get_mut(slot).and_then(|all| all.iter_mut().find(|it| it.nth == nth)) {
            Some(term) if info.is_some() || has_more(term.clone()) => term.info = info,
            Some(_) => {
                self.take(slot, nth);
            }
            None if info.is_some() => self.push(slot, Term { info, nth, ..Term::default() }),
            None => {}
        }
    }

    /// A subscription is over.
    pub(crate) fn remove(&mut self, slot: u32, nth: u16, channel: Option<&ChannelName>) {
        let is_hidden = self.take(slot, nth).is_some_and(|term| term.is_hidden);
        if is_hidden
            && let Some(channel) = channel
            && let Some(hidden) = self.hidden.get_mut(channel)
        {
            *hidden -= 1;
            if *hidden == 0 {
                self.hidden.remove(channel);
            }
        }
    }

    fn get(&self, slot: u32, nth: u16) -> Option<&Term> {
        self.all(slot).iter().find(|term| term.nth == nth)
    }

    fn all(&self, slot: u32) -> &[Term] {
        if self.is_empty() {
            return &[];
        }
        self.by_slot.get(slot).map_or(&[], |all| &**all)
    }

    fn push(&mut self, slot: u32, term: Term) {
        let mut all = self.by_slot.take(slot).unwrap_or_default().into_vec();
        all.push(term);
        self.by_slot.put(slot, all.into());
        self.count += 1;
    }

    fn take(&mut self, slot: u32, nth: u16) -> Option<Term> {
        if self.is_empty() {
            return None;
        }
        let mut all = self.by_slot.take(slot)?.into_vec();
        let at = all.iter().position(|term| term.nth == nth);
        let taken = at.map(|at| all.swap_remove(at));
        self.count -= usize::from(taken.is_some());
        if !all.is_empty() {
            self.by_slot.put(slot, all.into());
        }
        taken
    }
}

impl Term {
    fn says_something(&self) -> bool {
        self.info.is_some()
            || self.is_hidden
            || self.join_leave.is_some()
            || self.pushes_joins
            || self.is_unpositioned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(info: &str, overrides: Overrides) -> ChannelOptions {
        let info = (!info.is_empty()).then(|| Arc::from(info.as_bytes()));
        ChannelOptions { info, overrides, ..ChannelOptions::default() }
    }

    #[test]
    fn what_is_said_is_kept_as_long_as_its_subscription() {
        let (mut terms, name) = (Terms::default(), ChannelName::new("a").unwrap());
        let plain = ChannelOptions { data: Some(b"1"[..].into()), ..ChannelOptions::default() };
        terms.add((3, 0), &name, &plain, false);
        assert!(terms.is_empty() && !terms.has(3));
        let hides = Overrides { presence: Some(false), ..Overrides::default() };
        let loud = Overrides {
            join_leave: Some(true),
            force_push_join_leave: Some(true),
            ..Overrides::default()
        };
        terms.add((3, 1), &name, &options("1", hides), false);
        terms.add((3, 2), &name, &options("", loud), true);
        terms.add((700, 0), &name, &options("", hides), false);
        assert_eq!((terms.info(3, 1), terms.info(3, 2)), (Some(&b"1"[..]), None));
        assert!(terms.is_hidden(3, 1) && !terms.is_hidden(3, 2) && !terms.is_hidden(4, 1));
        assert_eq!((terms.join_leave(3, 1), terms.join_leave(3, 2)), (None, Some(true)));
        assert!(terms.pushes_joins(3, 2) && terms.is_unpositioned(3, 2));
        assert_eq!(terms.hidden(&name), 2);
        for _ in 0..2 {
            terms.remove(3, 1, Some(&name));
        }
        assert_eq!((terms.hidden(&name), terms.info(3, 1)), (1, None));
        assert!(terms.pushes_joins(3, 2));
        terms.remove(3, 2, Some(&name));
        terms.remove(700, 0, Some(&name));
        assert!(terms.is_empty() && terms.hidden.is_empty() && terms.by_slot.get(3).is_none());
    }

    #[test]
    fn info_changes_and_is_bounded() {
        let (mut terms, name) = (Terms::default(), ChannelName::new("a").unwrap());
        let info = |bytes: usize| Some(Arc::from(vec![b'1'; bytes]));
        terms.set_info(0, 5, None);
        assert!(terms.is_empty());
        terms.set_info(0, 5, info(2));
        terms.set_info(0, 5, info(3));
        assert_eq!((terms.count, terms.info(0, 5)), (1, Some(&b"111"[..])));
        let quiet = Overrides { join_leave: Some(false), ..Overrides::default() };
        terms.add((0, 6), &name, &options("1", quiet), false);
        terms.set_info(0, 6, None);
        assert_eq!((terms.info(0, 6), terms.join_leave(0, 6)), (None, Some(false)));
        let all = Terms::INFO_BYTES_MAX;
        assert!(terms.has_room(0, None, all - 3) && !terms.has_room(0, None, all - 2));
        assert!(terms.has_room(0, Some(5), all) && terms.has_room(1, None, all));
        terms.set_info(0, 5, None);
        assert!(terms.has(0) && !terms.is_empty());
        terms.remove(0, 6, Some(&name));
        assert!(terms.is_empty());
    }
}
