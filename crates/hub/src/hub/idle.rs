//! Idle channels: remembered for a while, and not too many.

use super::Hub;
use crate::channel::Idle;
use crate::role::Role;
use crate::{Message, Outbox};

/// Steps of one tick; a step looks at a channel or drops a publication.
const STEPS_MAX: usize = 1024;

impl Hub {
    /// The channel is in use.
    pub(super) fn wake(&mut self, index: u32) {
        match std::mem::replace(&mut self.table[index].idle, Idle::Not) {
            Idle::Not => {}
            Idle::Mirror => self.idle_mirrors.remove(&mut self.table, index),
            Idle::Blank => self.idle_blanks.remove(&mut self.table, index),
            Idle::Home => self.shares.remove_idle(&mut self.table, index),
        }
    }

    /// Marks the channel as idle, if it is. Others may be forgotten for it.
    pub(super) fn settle(&mut self, now_ms: u64, index: u32, out: &mut Outbox) {
        let channel = &self.table[index];
        if !channel.is_idle() || channel.idle != Idle::Not {
            return;
        }
        let list = match channel.role {
            Role::Mirror(_) => Idle::Mirror,
            Role::Home(_) if channel.log().head() == 0 => Idle::Blank,
            Role::Home(_) => Idle::Home,
        };
        self.make_room_for_idle(index, list, out);
        self.push_idle(now_ms, index, list);
    }

    /// Makes a channel the youngest in a list of idle ones.
    fn push_idle(&mut self, now_ms: u64, index: u32, list: Idle) {
        self.table[index].set_idle(now_ms, list);
        match list {
            Idle::Not => {}
            Idle::Mirror => self.idle_mirrors.push(&mut self.table, index),
            Idle::Blank => self.idle_blanks.push(&mut self.table, index),
            Idle::Home => self.shares.push_idle(&mut self.table, index),
        }
    }

    /// Something happened to a channel that may be idle: its time starts again.
    pub(super) fn renew_idle(&mut self, now_ms: u64, index: u32, out: &mut Outbox) {
        self.wake(index);
        self.settle(now_ms, index, out);
    }

    /// What is remembered of an idle channel outlives its log: when the last publication is gone,
    /// the time starts again.
    pub(super) fn restart_ttl(&mut self, now_ms: u64, index: u32) {
        let channel = &self.table[index];
        let is_home = matches!(channel.role, Role::Home(_));
        if is_home && channel.log().is_empty() && channel.is_idle() {
            self.wake(index);
            self.push_idle(now_ms, index, Idle::Home);
        }
    }

    /// A namespace that has its share of idle channels forgets its own oldest. Where all together
    /// are too many, channels without a publication go first, then mirrors, which can be had again,
    /// then those of the namespace that has most. Any client can make channels by asking for names,
    /// and in some namespaces publications too, and that must not cost others their history.
    fn make_room_for_idle(&mut self, index: u32, list: Idle, out: &mut Outbox) {
        let channel = &self.table[index];
        if list == Idle::Home
            && let Some(oldest) = self.shares.oldest_idle_beyond(channel.namespace)
        {
            self.forget(oldest, out);
        }
        while self.channels_idle() >= self.limits.channels_idle_max.max(1) {
            let oldest = [self.idle_blanks.first(), self.idle_mirrors.first()];
            let oldest = oldest.into_iter().flatten().next().or_else(|| self.shares.oldest_idle());
            let Some(oldest) = oldest else { return };
            self.forget(oldest, out);
        }
    }

    /// Forgets mirrors after `mirror_linger_ms`, and homes `meta_ttl_ms` after their logs are gone.
    pub(super) fn expire(&mut self, now_ms: u64, out: &mut Outbox) {
        let mut steps = 0;
        while steps < STEPS_MAX
            && let Some(index) = self.idle_mirrors.first()
            && self.is_over(now_ms, index, self.limits.mirror_linger_ms)
        {
            steps += 1 + self.table[index].log().len();
            self.forget(index, out);
        }
        steps = 0;
        while steps < STEPS_MAX
            && let Some(index) = self.idle_blanks.first()
            && self.is_over(now_ms, index, self.limits.meta_ttl_ms)
        {
            steps += 1;
            self.forget(index, out);
        }
        let due = |index: &u32| self.is_over(now_ms, *index, self.limits.meta_ttl_ms);
        let mut oldest: Vec<u32> = self.shares.oldest_idle_of_each().filter(due).collect();
        steps = 0;
        while steps < STEPS_MAX
            && let Some(index) = oldest.pop()
        {
            steps += 1;
            let namespace = self.table[index].namespace;
            if self.table[index].log().is_empty() {
                self.forget(index, out);
            } else {
                // Its history lives longer than that. When it ends, the time starts again.
                self.wake(index);
                self.push_idle(now_ms, index, Idle::Home);
            }
            let next = self.shares.oldest_idle_in(namespace);
            oldest.extend(next.filter(|next| self.is_over(now_ms, *next, self.limits.meta_ttl_ms)));
        }
    }

    pub(super) fn is_over(&self, now_ms: u64, index: u32, ttl_ms: u64) -> bool {
        self.table[index].idle_ms(now_ms) >= ttl_ms
    }

    /// Removes an idle channel; a mirror leaves its home.
    pub(super) fn forget(&mut self, index: u32, out: &mut Outbox) {
        self.clear_log(index);
        self.wake(index);
        self.dirty.remove(&mut self.table, index);
        let channel = &self.table[index];
        assert!(channel.is_idle(), "channel {} is still in use", channel.name);
        if let Role::Mirror(mirror) = &channel.role {
            let (name, generation) = (channel.name.clone(), mirror.generation);
            out.push((mirror.home, Message::Leave { from: self.id, name, generation }));
        }
        self.recall.forget_channel(index);
        self.table.remove(index);
    }
}
