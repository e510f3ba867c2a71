//! The events of the publishers' connections, and what follows from them.

use switchboard_plane::{Close, ConnId};

use super::Publishers;
use crate::engine::clock::NS_PER_S;
use crate::engine::stats::Counter;
use crate::engine::{Connection, Core, End, Job};
use crate::http::Malformed;
use crate::publish::answers::Answers;
use crate::publish::means::Means;
use crate::publish::queue::Publisher;

impl Job for Publishers {
    type Data = ();

    fn opened(&mut self, core: &mut Core<()>, id: ConnId) {
        let Some(connection) = core.slab.get(id) else { return };
        let publisher = &mut self.members[connection.number as usize];
        publisher.connecting = false;
        publisher.is_unreachable = false;
        publisher.id = Some(id);
    }

    fn message(&mut self, core: &mut Core<()>, id: ConnId, message: &[u8]) {
        // What is published by WebSocket has no answers; a subscriber's connection gets deliveries.
        let Means::Stream { .. } = self.means else { return };
        let Some(connection) = core.slab.get(id) else { return };
        let number = connection.number as usize;
        let Publisher { answers, unanswered, .. } = &mut self.members[number];
        answers.read_message(message, unanswered.first());
        if !self.answered(core, number) {
            // Which answer belongs to which message is not known any more.
            let what = "the server answered a message that was not sent";
            core.fail(number as u32, Counter::Dropped, format!("publisher: {what}"));
            core.close(id, Close::Reset);
            self.disconnected(core.now_ns, number);
        }
    }

    fn bytes(&mut self, core: &mut Core<()>, id: ConnId, bytes: &[u8]) -> bool {
        let Some(connection) = core.slab.get(id) else { return true };
        let number = connection.number as usize;
        let is_batch = matches!(self.means, Means::HttpBatch { .. });
        self.members[number].answers.push(bytes);
        loop {
            let Publisher { answers, unanswered, .. } = &mut self.members[number];
            let is_last = match answers.read(is_batch, unanswered.first()) {
                Ok(None) => return true,
                Ok(Some(is_last)) => is_last,
                Err(Malformed) => return false,
            };
            if !self.answered(core, number) {
                return false;
            }
            if is_last {
                self.give_up_unanswered(core, number);
                core.close(id, Close::Fin);
                self.members[number].id = None;
                self.members[number].answers = Answers::default();
                return true;
            }
        }
    }

    fn ended(&mut self, core: &mut Core<()>, connection: &Connection<()>, end: &End) {
        let number = connection.number as usize;
        if self.members[number].answers.is_until_end() {
            self.answered(core, number);
        }
        let unanswered = self.members[number].unanswered.requests();
        self.give_up_unanswered(core, number);
        // A server may end a connection that is not in use, but not a stream.
        let is_stream = matches!(self.means, Means::Stream { .. });
        let why = format!("publisher: {end}");
        if !connection.was_open() {
            core.fail(connection.number, Counter::Failed, why);
            self.members[number].is_unreachable = true;
            self.pass_over(core, number);
        } else if is_stream && unanswered == 0 {
            core.fail(connection.number, Counter::Dropped, why);
        } else if *end != End::Eof || unanswered > 0 {
            core.error(connection.number, Counter::Refused, why);
        }
        self.disconnected(core.now_ns, number);
    }

    fn step(&mut self, core: &mut Core<()>) -> Option<u64> {
        self.connect(core);
        self.follow(core.now_ns);
        if self.context.orders.is_abandon() {
            self.give_up_due(core);
        }
        let more = self.take_due(core.now_ns);
        self.take_turns(core);
        for number in 0..self.members.len() {
            self.pump(core, number);
        }
        core.stats.is_done = self.is_over(core.now_ns);
        if more {
            return Some(core.now_ns);
        }
        let (start_ns, until_ns) = self.context.orders.work_times()?;
        if core.now_ns < start_ns {
            return Some(start_ns);
        }
        let next_ns = self.schedule.next_ns(start_ns).unwrap_or(core.now_ns + NS_PER_S);
        (next_ns < until_ns && self.left > 0).then_some(next_ns)
    }

    fn finish(&mut self, core: &mut Core<()>) {
        self.give_up_due(core);
        for number in 0..self.members.len() {
            self.give_up_unanswered(core, number);
        }
    }
}
