//! The mail of a turn: read and obeyed.

use switchboard_dialects::WallTime;
use switchboard_hub::Message;
use switchboard_plane::{ConnId, Plane};

use super::{Shard, inspect, presence};
use crate::command::Command;
use crate::connection::InputReason;
use crate::core::{Announcement, Core};
use crate::exchange::Mail;
use crate::session;
use crate::session::api::body::offer_room;

/// Channels that are looked at in a turn for those who list them.
const PLACES_MAX: u32 = 4_096;

/// Connections that are answered in one batch. It is searched for each further one.
const ANSWERED_MAX: usize = 64;

impl<P: Plane> Shard<P> {
    /// Takes what other threads sent.
    pub(super) fn read_mail(&mut self) {
        while let Some(mail) = self.core.exchange.read() {
            match mail {
                Mail::Hub(Message::Published { to, published }) => {
                    let id = ConnId::new(to.conn, to.generation);
                    self.make_way(id);
                    session::on_published(&mut self.core, id, to.request, published);
                }
                Mail::Hub(Message::Reached { to }) => {
                    let id = ConnId::new(to.conn, to.generation);
                    self.make_way(id);
                    session::on_reached(&mut self.core, id);
                }
                Mail::Hub(message) => {
                    let Core { hub, exchange, now_ms, .. } = &mut self.core;
                    hub.handle(*now_ms, message, &mut exchange.outbox);
                }
                Mail::Presence(query) => {
                    if query.is_done() {
                        self.make_way(query.id);
                    }
                    presence::received(&mut self.core, query);
                }
                Mail::Command(command) => self.obey(command),
                Mail::Verdict(id, ticket, verdict) => {
                    self.make_way(id);
                    session::on_verdict(&mut self.core, id, ticket, *verdict);
                }
                Mail::Answer(id, response) => {
                    self.make_way(id);
                    session::on_answered(&mut self.core, id, *response);
                }
                Mail::Emulate(emulate) => {
                    self.make_way(emulate.session.id);
                    session::on_emulate(&mut self.core, &emulate);
                }
                Mail::Emulated(id, emulated) => {
                    self.make_way(id);
                    session::on_emulated(&mut self.core, id, emulated);
                }
            }
        }
        let Core { hub, exchange, announcements, now_ms, .. } = &mut self.core;
        for Announcement { channel, draft, per_second } in announcements.drain(..) {
            hub.announce(*now_ms, &channel, draft, per_second, &mut exchange.outbox);
        }
        let has_read = exchange.end_reading();
        exchange.give_receipts();
        if has_read {
            self.end_stage();
        }
    }

    /// A connection is about to be answered, perhaps not for the first time. What goes to it in one batch stands
    /// together: where others were answered since, that goes out first.
    fn make_way(&mut self, id: ConnId) {
        let outgoing = &self.core.outgoing;
        if outgoing.len() >= ANSWERED_MAX || outgoing.is_apart(id) {
            self.end_stage();
        }
    }

    fn obey(&mut self, command: Command) {
        let wall = self.core.wall.time();
        let Core { hub, exchange, now_ms, .. } = &mut self.core;
        match command {
            Command::Publish { name, draft, reply } => {
                let mut receipt = hub.publish_home(*now_ms, &name, draft, &mut exchange.outbox);
                show(wall, &mut receipt.last_requested_ms);
                exchange.owe(reply, receipt);
            }
            Command::PublishIf { name, draft, condition, reply } => {
                let out = &mut exchange.outbox;
                let mut receipt = hub.publish_home_if(*now_ms, &name, (draft, condition), out);
                show(wall, &mut receipt.last_requested_ms);
                exchange.owe(reply, receipt);
            }
            Command::Delete { name, reply } => {
                reply(Ok(hub.delete_home(&name, &mut exchange.outbox)));
            }
            Command::Report { name, reply } => {
                let mut report = hub.report(*now_ms, &name);
                show(wall, &mut report.last_requested_ms);
                if let Some(home) = &mut report.home {
                    show(wall, &mut home.last_publication_ms);
                }
                reply(report);
            }
            Command::Subscribers { name, max, reply } => {
                reply(inspect::list(&self.core, &name, max));
            }
            Command::Slow { max, reply } => reply(inspect::slowest(&self.core, max)),
            Command::OfUser { user, max, reply } => reply(inspect::of_user(&self.core, &user, max)),
            Command::Disconnect { user, only, ending, reply } => {
                reply(inspect::disconnect(&mut self.core, &user, &only, ending.as_ref()));
            }
            Command::Refresh { user, only, until_s, info, reply } => {
                let news = (until_s, info.as_ref());
                reply(inspect::refresh(&mut self.core, &user, &only, news));
            }
            Command::Give { user, only, given, reply } => {
                reply(inspect::give(&mut self.core, &user, &only, &given));
            }
            Command::TakeAway { user, only, name, reply } => {
                inspect::take_away(&mut self.core, &user, &only, &name);
                reply(());
            }
            Command::History { name, query, reply } => {
                reply(hub.history_home(*now_ms, &name, query));
            }
            Command::RemoveHistory { name, reply } => {
                reply(Ok(hub.remove_history_home(&name, &mut exchange.outbox)));
            }
            Command::Channels { from, reply } => reply(hub.listened_to(from, PLACES_MAX)),
            Command::Verifier(verifier) => self.core.identities.set_verifier(verifier),
            Command::Drain => self.begin_drain(),
            Command::Stop => self.begin_stop(),
        }
    }

    /// Reads publishers again once no mailbox is over its bound, and bodies once there is room for them.
    pub(super) fn release_publishers(&mut self) {
        let Self { core, .. } = self;
        if !core.exchange.check_bound() && !core.held_publishers.is_empty() {
            for id in std::mem::take(&mut core.held_publishers) {
                core.unpark_input(id, &[InputReason::Mailbox]);
                core.revisit(id);
            }
            self.end_stage();
        }
        if !self.core.awaiting_room.is_empty() {
            offer_room(&mut self.core);
        }
    }
}

/// The internal API compares it with the wall clock.
fn show(wall: WallTime, stamp_ms: &mut Option<u64>) {
    *stamp_ms = stamp_ms.map(|stamp_ms| wall.of_stamp_ms(stamp_ms));
}
