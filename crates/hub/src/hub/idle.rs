//! Idle channels: remembered for a while, and not too many.

use super::Hub;
use crate::channel::Role;
use crate::table::{List, Table};
use crate::{Message, Outbox};

/// Steps of one tick; a step looks at a channel or drops a publication.
const STEPS_MAX: usize = 1024;

impl Hub {
    /// The channel is in use.
    pub(super) fn wake(&mut self, index: u32) {
        let (list, table) = self.idle_list(index);
        list.remove(table, index);
    }

    /// The idle list that the channel is in, if any.
    fn idle_list(&mut self, index: u32) -> (&mut List, &mut Table) {
        let channel = &self.table[index];
        let list = match channel.role {
            Role::Mirror(_) => &mut self.idle_mirrors,
            Role::Home(_) if channel.idle_blank => &mut self.idle_blanks,
            Role::Home(_) => &mut self.idle_homes,
        };
        (list, &mut self.table)
    }

    /// Marks the channel as idle, if it is. Others may be forgotten for it.
    pub(super) fn settle(&mut self, now_ms: u64, index: u32, out: &mut Outbox) {
        // The lists share their links: it is in one of them at most.
        if !self.table[index].is_idle() || self.idle_homes.contains(&self.table, index) {
            return;
        }
        self.make_room_for_idle(out);
        let channel = &mut self.table[index];
        channel.idle_since_ms = now_ms;
        channel.idle_blank = channel.log.head() == 0;
        let (list, table) = self.idle_list(index);
        list.push(table, index);
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
        if is_home && channel.log.is_empty() && channel.is_idle() {
            self.rejuvenate(now_ms, index);
        }
    }

    /// Makes an idle home the youngest in its list.
    fn rejuvenate(&mut self, now_ms: u64, index: u32) {
        self.table[index].idle_since_ms = now_ms;
        let (list, table) = self.idle_list(index);
        list.remove(table, index);
        list.push(table, index);
    }

    /// Channels without a publication go first, then mirrors, which can be had again. Any client
    /// can make both by asking for names, and that must not cost others their history.
    fn make_room_for_idle(&mut self, out: &mut Outbox) {
        while self.channels_idle() >= self.limits.channels_idle_max.max(1) {
            let oldest = [&self.idle_blanks, &self.idle_mirrors, &self.idle_homes]
                .into_iter()
                .find_map(List::first);
            let Some(index) = oldest else { return };
            self.forget(index, out);
        }
    }

    /// Forgets mirrors after `mirror_linger_ms`, and homes `meta_ttl_ms` after their logs are gone.
    pub(super) fn expire(&mut self, now_ms: u64, out: &mut Outbox) {
        let mut steps = 0;
        while steps < STEPS_MAX
            && let Some(index) = self.idle_mirrors.first()
            && self.is_over(now_ms, index, self.limits.mirror_linger_ms)
        {
            steps += 1 + self.table[index].log.len();
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
        steps = 0;
        while steps < STEPS_MAX
            && let Some(index) = self.idle_homes.first()
            && self.is_over(now_ms, index, self.limits.meta_ttl_ms)
        {
            steps += 1;
            if self.table[index].log.is_empty() {
                self.forget(index, out);
            } else {
                // Its history lives longer than that. When it ends, the time starts again.
                self.rejuvenate(now_ms, index);
            }
        }
    }

    fn is_over(&self, now_ms: u64, index: u32, ttl_ms: u64) -> bool {
        self.table[index].idle_since_ms.saturating_add(ttl_ms) <= now_ms
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
        self.table.remove(index);
    }
}
