//! Fan-out: from cursors behind the head to slices of work.

use super::Hub;
use crate::channel::{Channel, FIRST_MARK, WAITING};
use crate::start::missed;
use crate::{Served, SlowPolicy, Subscription, Work, WorkKind};

impl Hub {
    /// Fills `work` with the next slice: at most `sends_max` targets that all get the same
    /// publications, at most `bytes_max` of frames unless one publication alone is larger. False,
    /// with an empty `work`, when nothing is left to do.
    ///
    /// Channels take turns slice by slice. The cursors of the targets have moved already:
    /// [block](Hub::block) each target that could not be sent everything.
    pub fn next_work(&mut self, sends_max: usize, bytes_max: usize, work: &mut Work) -> bool {
        work.clear();
        self.accounting.evict_forms();
        let sends_max = sends_max.max(1);
        for _ in 0..self.dirty.len() {
            let Some(index) = self.dirty.first() else {
                break;
            };
            self.dirty.remove(&mut self.table, index);
            let channel = &mut self.table[index];
            work.channel = index;
            let served_to = channel.ready.floor();
            let found = serve_blocked(channel, sends_max, work)
                || serve_ready(channel, sends_max, bytes_max, work);
            note_served(channel, served_to, work);
            self.trim(index);
            self.mark_dirty(index);
            if found {
                return true;
            }
        }
        false
    }
}

/// Notes which publications have reached all ready subscribers: those above the lowest mark that they
/// had before, and up to the lowest that they have now.
fn note_served(channel: &Channel, before: u64, work: &mut Work) {
    let (before, now) = (before.max(channel.base), channel.ready.floor());
    // Those who are told that they missed it have not been served.
    let skips = matches!(work.kind, WorkKind::Skipped { .. }) && !work.targets.is_empty();
    // Nobody is ready, or the only one has been told something else.
    if now == u64::MAX || now <= before || skips {
        return;
    }
    let (after, until) = (before - channel.base, now - channel.base);
    let Work { publications, served, .. } = work;
    // Most often the slice has them all; looking them up in the log takes longer.
    if publications.first().is_some_and(|first| first.offset() > after) && work.after <= after {
        let reached = publications.iter().take_while(|publication| publication.offset() <= until);
        reached.for_each(|publication| Served::note(served, publication));
    } else {
        channel
            .log()
            .between(after, until)
            .for_each(|publication| Served::note(served, publication));
    }
}

/// A slice of the blocked subscribers that have something to hear: the home has answered, the
/// stream was deleted, or they fell off the log.
fn serve_blocked(channel: &mut Channel, sends_max: usize, work: &mut Work) -> bool {
    if !channel.blocked_has_work() {
        return false;
    }
    let (base, limit) = (channel.base, channel.blocked_limit());
    let Some(blocked) = &mut channel.blocked else {
        return false;
    };
    if !blocked.in_pass() {
        blocked.begin_pass(u64::MAX);
    }
    let Some(mark) = blocked.find(|mark| mark < limit) else {
        return false;
    };
    let index = work.channel;
    let subscription = |place| Subscription::blocked(index, place);
    if mark == WAITING && FIRST_MARK >= base {
        work.kind = WorkKind::Joined;
        blocked.leave_behind(FIRST_MARK);
        let treat = |mark: u64| (mark == WAITING).then_some(FIRST_MARK);
        blocked.take(treat, false, sends_max, subscription, &mut work.targets);
    } else if mark < base {
        work.kind = WorkKind::Deleted;
        let treat = |mark: u64| (mark < base).then_some(mark);
        blocked.take(treat, false, sends_max, subscription, &mut work.targets);
    } else {
        work.kind = WorkKind::Lagged;
        let treat = |mark: u64| (base <= mark && mark < limit).then_some(mark);
        blocked.take(treat, false, sends_max, subscription, &mut work.targets);
    }
    true
}

/// A slice of the subscribers behind the head as it is now. Publications that arrive during a pass
/// join it. So with many publications in flight a pass takes one send per subscriber, and each
/// publication reaches all within one pass.
fn serve_ready(channel: &mut Channel, sends_max: usize, bytes_max: usize, work: &mut Work) -> bool {
    let index = work.channel;
    let subscription = |place| Subscription::ready(index, place);
    let (base, kept, head) = (channel.base, channel.kept_mark(), channel.head_mark());
    while channel.ready_has_work() {
        if !channel.ready.in_pass() {
            channel.ready.begin_pass(head);
        }
        // Nobody is left: the pass is over. What was published behind it needs another one.
        let Some(mark) = channel.ready.find(|mark| mark < head) else {
            continue;
        };
        let after_lag = channel.mark_after_lag();
        if mark < base {
            work.kind = WorkKind::Deleted;
            let treat = |mark: u64| (mark < base).then_some(mark);
            channel.ready.take(treat, false, sends_max, subscription, &mut work.targets);
        } else if mark >= kept {
            work.kind = WorkKind::Deliver;
            work.after = mark - base;
            let until = head - base;
            let reached =
                base + channel.log().copy(work.after, until, bytes_max, &mut work.publications);
            work.reaches_head = reached == head;
            channel.ready.leave_behind(reached);
            let treat = |other: u64| (other == mark).then_some(reached);
            channel.ready.take(treat, false, sends_max, subscription, &mut work.targets);
        } else if channel.policy == SlowPolicy::Disconnect {
            work.kind = WorkKind::Lagged;
            let treat = |mark: u64| (base <= mark && mark < kept).then_some(mark);
            channel.ready.take(treat, false, sends_max, subscription, &mut work.targets);
        } else {
            work.kind = WorkKind::Skipped { missed: missed(mark - base, after_lag - base) };
            let treat = |other: u64| (other == mark).then_some(after_lag);
            channel.ready.take(treat, true, sends_max, subscription, &mut work.targets);
        }
        return true;
    }
    false
}
