//! Reports of subscriber numbers to the homes.

use super::Hub;
use crate::links::Link;
use crate::role::Role;
use crate::{Message, Outbox};

/// A changing number is reported at most this often.
const REPORT_INTERVAL_MS: u64 = 1000;

/// Reports per tick.
const REPORTS_MAX: usize = 1024;

impl Hub {
    /// Reports to the home at once when the first subscriber of a mirror comes or the last one
    /// leaves, and otherwise plans a report.
    pub(super) fn presence_changed(&mut self, now_ms: u64, index: u32, out: &mut Outbox) {
        let channel = &mut self.table[index];
        let Role::Mirror(mirror) = &channel.role else {
            return;
        };
        let reported = mirror.reported;
        let subscribers = channel.subscribers() as u32;
        let planned = channel.neighbours(Link::Waiting).are_in_list();
        if (reported == 0) != (subscribers == 0) {
            self.report_presence_of(index, out);
        } else if reported != subscribers && !planned {
            if let Role::Mirror(mirror) = &mut channel.role {
                mirror.report_due_ms = now_ms + REPORT_INTERVAL_MS;
            }
            self.presence.push(&mut self.table, index);
        }
    }

    /// Sends the reports that are due.
    pub(super) fn report_presence(&mut self, now_ms: u64, out: &mut Outbox) {
        for _ in 0..REPORTS_MAX {
            let Some(index) = self.presence.first() else {
                return;
            };
            match &self.table[index].role {
                Role::Mirror(mirror) if mirror.report_due_ms > now_ms => return,
                _ => self.report_presence_of(index, out),
            }
        }
    }

    fn report_presence_of(&mut self, index: u32, out: &mut Outbox) {
        self.presence.remove(&mut self.table, index);
        let channel = &mut self.table[index];
        let subscribers = channel.subscribers() as u32;
        let Role::Mirror(mirror) = &mut channel.role else {
            return;
        };
        if mirror.reported == subscribers {
            return;
        }
        mirror.reported = subscribers;
        let (name, generation) = (channel.name.clone(), mirror.generation);
        let report = Message::Presence { from: self.id, name, generation, subscribers };
        out.push((mirror.home, report));
    }
}
