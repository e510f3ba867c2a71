//! What shards and programs want of the home of a channel.

use switchboard_hub::{
    ChannelName, Condition, Draft, History, HistoryQuery, Message, Position, ReplyTo, ShardReport,
    Unpublished,
};

use super::Gateway;
use crate::channel::{Channel, Stage, Waiting};
use crate::out::{Out, Reply};
use crate::waiter::Waiter;

impl Gateway {
    /// Takes what a shard's hub has for the home of a channel. That of one shard must come in order.
    pub fn handle(&mut self, now_ms: u64, message: Message, out: &mut Out) {
        match message {
            Message::Publish { name, draft, reply_to } => {
                let waiter = reply_to.map_or(Waiter::Nobody, Waiter::Shard);
                self.send(now_ms, name, (draft, Condition::default()), waiter, out);
            }
            Message::PublishIf(conditional) => {
                let (name, draft, condition, reply_to) = conditional.into_parts();
                let waiter = reply_to.map_or(Waiter::Nobody, Waiter::Shard);
                self.send(now_ms, name, (draft, condition), waiter, out);
            }
            Message::Announce { name, draft, per_second } => {
                self.announce(now_ms, name, draft, per_second, out);
            }
            Message::Join { ref name, .. } => {
                let name = name.clone();
                self.open(&name, out).wait_mirror(message);
                self.settle(now_ms, &name, out);
            }
            Message::Leave { ref name, .. } | Message::Presence { ref name, .. } => {
                let name = name.clone();
                if self.hub.follows(&name) {
                    self.hub.handle(now_ms, message, &mut out.mail);
                } else if let Some(channel) = self.channels.get_mut(&name) {
                    channel.wait_mirror(message);
                }
            }
            Message::Reach { name, position, to } => self.reach(now_ms, &name, position, to, out),
            // What a home says, and nobody says to it.
            Message::Joined { .. }
            | Message::Deliver { .. }
            | Message::Published { .. }
            | Message::Reached { .. }
            | Message::HistoryRemoved { .. }
            | Message::Deleted { .. }
            | Message::Lost { .. } => {}
        }
    }

    /// A client wants to go on behind a position that another node gave out.
    fn reach(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        position: Position,
        to: ReplyTo,
        out: &mut Out,
    ) {
        let reader = Waiter::Reader(to);
        if !self.is_coming(name, position) {
            return reader.answer_reader(out);
        }
        // Nothing is asked of the engine for it: strangers can say any position.
        if let Some(reader) = self.hold(now_ms, name, position, reader) {
            reader.answer_reader(out);
        }
    }

    /// A program wants a part of a channel's history; none where nothing is known of it.
    pub fn history(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        query: HistoryQuery,
        reply: Reply<Option<History>>,
        out: &mut Out,
    ) {
        self.ask(now_ms, name, Waiting::History(query, reply), out);
    }

    /// A program wants to know how a channel stands.
    pub fn report(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        reply: Reply<ShardReport>,
        out: &mut Out,
    ) {
        self.ask(now_ms, name, Waiting::Report(reply), out);
    }

    /// A program deletes a channel, and hears whether there was one.
    pub fn delete(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        reply: Reply<Result<bool, Unpublished>>,
        out: &mut Out,
    ) {
        self.ask(now_ms, name, Waiting::Deletion(reply), out);
    }

    /// A program removes the history of a channel, which cannot be done.
    pub fn remove_history(&mut self, reply: Reply<Result<bool, Unpublished>>, out: &mut Out) {
        out.reply(reply, Err(Unpublished::HistoryStays));
    }

    /// A program asks something that waits until the channel is followed.
    fn ask(&mut self, now_ms: u64, name: &ChannelName, question: Waiting, out: &mut Out) {
        self.open(name, out).wait_question(question);
        self.settle(now_ms, name, out);
    }

    fn announce(
        &mut self,
        now_ms: u64,
        name: ChannelName,
        draft: Draft,
        per_second: u32,
        out: &mut Out,
    ) {
        if !self.hub.follows(&name)
            && let Some(channel) = self.channels.get_mut(&name)
        {
            channel.wait_announcement(draft, per_second);
        } else if self.hub.may_announce(now_ms, &name, per_second) {
            self.send(now_ms, name, (draft, Condition::default()), Waiter::Nobody, out);
        }
    }

    /// The channel, which is followed from now on.
    fn open(&mut self, name: &ChannelName, out: &mut Out) -> &mut Channel {
        if self.is_forgotten(name) {
            self.join_again(name);
        }
        self.begin(name, out)
    }

    /// Does what waits for a channel, if the hub has it.
    pub(super) fn settle(&mut self, now_ms: u64, name: &ChannelName, out: &mut Out) {
        if !self.hub.follows(name) {
            return;
        }
        let Some(channel) = self.channels.get_mut(name) else { return };
        for waiting in std::mem::take(&mut channel.waiting) {
            self.serve(now_ms, name, waiting, out);
        }
    }

    fn serve(&mut self, now_ms: u64, name: &ChannelName, waiting: Waiting, out: &mut Out) {
        match waiting {
            Waiting::Mirror { message, .. } => self.hub.handle(now_ms, message, &mut out.mail),
            Waiting::Announcement(draft, per_second) => {
                self.announce(now_ms, name.clone(), draft, per_second, out);
            }
            Waiting::History(query, reply) => {
                let history = self.hub.history_home(now_ms, name, query);
                out.reply(reply, history.filter(|history| history.position.offset > 0));
            }
            Waiting::Report(reply) => {
                let report = self.hub.report(now_ms, name);
                let is_known = self.is_known(now_ms, name);
                out.reply(reply, ShardReport { home: report.home.filter(|_| is_known), ..report });
            }
            Waiting::Deletion(reply) => self.delete_followed(now_ms, name, reply, out),
        }
    }

    /// Whether a channel that is followed has anything, or anybody.
    fn is_known(&self, now_ms: u64, name: &ChannelName) -> bool {
        let home = self.hub.report(now_ms, name).home;
        home.is_some_and(|home| home.last_publication_ms.is_some()) || self.hub.is_used(name)
    }

    /// The hub had to make room for others.
    fn is_forgotten(&self, name: &ChannelName) -> bool {
        let is_following = |channel: &Channel| matches!(channel.stage, Stage::Following);
        self.channels.get(name).is_some_and(is_following) && !self.hub.follows(name)
    }

    fn delete_followed(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        reply: Reply<Result<bool, Unpublished>>,
        out: &mut Out,
    ) {
        if self.is_known(now_ms, name) {
            self.send_deletion(now_ms, name, Waiter::Deleter(reply), out);
        } else {
            out.reply(reply, Ok(false));
        }
    }
}
