//! What the engine does when it is asked.

use std::sync::Arc;

use switchboard_cluster::{
    Direction, Named, Place, Request, Standing, epoch_marker_headers, headers,
};
use switchboard_hub::{ChannelName, Epoch};

use crate::broker::{Accepted, View, Wire};
use crate::log::serial_of;
use crate::network::{Asker, Call, Delivery, Happening, Line, RawAnswer};
use crate::plan::{Planted, subjects};
use crate::record::Fact;
use crate::world::World;

impl World {
    pub(crate) fn call(&mut self, line: Line, call: Call) {
        match call {
            Call::Publish { id, outgoing } => {
                let Ok(Named::Channel { place, .. }) =
                    subjects().parse(Direction::In, &outgoing.subject)
                else {
                    panic!("{outgoing:?}");
                };
                let has_leader = self.has_leader(place.partition);
                // Some are stored, and nobody hears of it; some are not.
                if !has_leader && self.random.percent(60) {
                    if self.random.percent(50) {
                        self.reply(line, Delivery::Refused { id, status: 503, code: 10_008 });
                    }
                    return;
                }
                let owned = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
                let headers = outgoing.headers.iter().map(owned).collect();
                let wire = Wire { headers, payload: outgoing.payload.to_vec() };
                let accepted = self.store(place.partition, &outgoing.subject, wire).unwrap();
                if has_leader {
                    self.reply(line, Delivery::Stored { id, sequence: accepted.sequence });
                }
            }
            Call::Ask { partition, asker, request } => self.ask(line, partition, asker, request),
            Call::Subscribe(place) => {
                self.subscriptions.push((line, place));
                // What a connection says of itself is lost only with it.
                self.deliver(line.node, Delivery::Live(place), false);
            }
            Call::Unsubscribe(place) => self.subscriptions.retain(|it| *it != (line, place)),
        }
    }

    fn has_leader(&self, partition: u16) -> bool {
        self.leaderless_until_ms[usize::from(partition)] <= self.now_ms
    }

    /// Stores a message, notes it, and repeats it to all that listen.
    pub(crate) fn store(
        &mut self,
        partition: u16,
        subject: &str,
        wire: Wire,
    ) -> Result<Accepted, (u16, u32)> {
        let limits = (self.plan.duplicate_window_ms(), self.plan.retention.messages_max);
        let (life, stream) = &mut self.streams[usize::from(partition)];
        let life = *life;
        let mut accepted = stream.store(self.now_ms, (subject, wire), limits)?;
        let Some(wire) = accepted.republished.take() else { return Ok(accepted) };
        let named = subjects().parse(Direction::In, subject).unwrap();
        let place = match &named {
            Named::EpochMarker { .. } => {
                let epoch = str::from_utf8(&wire.payload).unwrap().parse().unwrap();
                self.record.note_epoch(epoch, (partition, life));
                None
            }
            Named::Channel { channel, place } => {
                let fact = fact(&wire);
                self.record.note((partition, life), channel.as_str(), accepted.sequence, fact);
                Some(*place)
            }
        };
        let out = subject.replacen(".in.", ".out.", 1);
        self.repeat(place, &out, &wire);
        Ok(accepted)
    }

    /// To those that listen; a marker to all.
    fn repeat(&mut self, place: Option<Place>, subject: &str, wire: &Wire) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let line = Line { node: index, connection: node.connection };
            let listens = place.is_none_or(|place| self.subscriptions.contains(&(line, place)));
            if listens && node.is_connected {
                let delivery =
                    Delivery::Republished { subject: subject.to_owned(), wire: wire.clone() };
                self.deliver(index, delivery, true);
            }
        }
    }

    /// Answers come on a connection that may break.
    fn reply(&mut self, line: Line, delivery: Delivery) {
        let is_lost = self.calm_since_ms.is_none() && self.random.percent(self.plan.loss / 2);
        if !is_lost && self.nodes[line.node].connection == line.connection {
            self.deliver(line.node, delivery, false);
        }
    }

    /// What the one that answers knows: the leader all, if it was not deposed, and others all or less.
    fn view(&mut self, partition: u16, is_leader: bool) -> View {
        let index = usize::from(partition);
        let may_lag = !is_leader || self.deposed_until_ms[index] > self.now_ms;
        let last = self.streams[index].1.last;
        let lag = if may_lag && self.calm_since_ms.is_none() && self.random.percent(40) {
            self.random.below(5) as u64
        } else {
            0
        };
        View { last: last.saturating_sub(lag), now_ms: self.now_ms }
    }

    fn trusts_replicas(&self) -> bool {
        self.plan.planted == Planted::ReplicasTrusted
    }

    fn standing(&self, partition: u16, view: View) -> Standing {
        let marker = subjects().epoch_marker(Direction::In, partition);
        let stream = &self.streams[usize::from(partition)].1;
        let last = if self.trusts_replicas() { stream.last } else { view.last };
        Standing { epoch: stream.epoch(view, &marker), last }
    }

    fn newest(&self, partition: u16, view: View, channel: &ChannelName) -> Option<u64> {
        let subject = subjects().channel(Direction::In, channel);
        let stream = &self.streams[usize::from(partition)].1;
        stream.newest(view, &subject).map(|stored| stored.sequence)
    }

    fn ask(&mut self, line: Line, partition: u16, asker: Asker, request: Arc<Request>) {
        let is_of_leader =
            matches!(&*request, Request::Standing | Request::Head { .. } | Request::MarkEpoch);
        if is_of_leader && !self.has_leader(partition) {
            return;
        }
        match &*request {
            Request::Standing => {
                let view = self.view(partition, true);
                let answer = RawAnswer::Standing(self.standing(partition, view));
                self.reply(line, Delivery::Answer { partition, asker, answer });
            }
            Request::Head { channel } => {
                let view = self.view(partition, true);
                let head = self.newest(partition, view, channel);
                self.finish_later(line, (partition, asker), request, (Vec::new(), 0, head));
            }
            Request::Fetch { channel, fetch } => {
                let view = self.view(partition, false);
                let subject = subjects().channel(Direction::In, channel);
                let stream = &self.streams[usize::from(partition)].1;
                let held = stream.held(view, &subject).filter(|it| it.sequence >= fetch.from);
                let mut messages: Vec<Wire> = held.map(crate::broker::Stored::fetched).collect();
                let batch = fetch.batch as usize;
                let pending = messages.len().saturating_sub(batch) as u64;
                messages.truncate(batch);
                self.finish_later(line, (partition, asker), request, (messages, pending, None));
            }
            Request::Check { channels } => {
                let view = self.view(partition, false);
                let newest = channels.iter().map(|it| self.newest(partition, view, it)).collect();
                let answer = RawAnswer::Checked(self.standing(partition, view), newest);
                self.reply(line, Delivery::Answer { partition, asker, answer });
            }
            Request::MarkEpoch => {
                let owned = |(name, value): (&str, String)| (name.to_owned(), value);
                let headers = epoch_marker_headers().into_iter().map(owned).collect();
                let epoch = Epoch::from_random(self.random.next());
                let wire = Wire { headers, payload: epoch.to_string().into_bytes() };
                let subject = subjects().epoch_marker(Direction::In, partition);
                if let Err((status, code)) = self.store(partition, &subject, wire) {
                    assert_eq!((status, code), (400, 10_071));
                }
                self.reply(line, Delivery::Answer { partition, asker, answer: RawAnswer::Marked });
            }
        }
    }

    fn finish_later(
        &mut self,
        line: Line,
        (partition, asker): (u16, Asker),
        request: Arc<Request>,
        (messages, pending, head): (Vec<Wire>, u64, Option<u64>),
    ) {
        let at_ms = self.now_ms + self.random.below(20) as u64;
        let finish = Happening::Finish { line, partition, asker, request, messages, pending, head };
        self.network.put(at_ms, finish);
    }

    /// Says how the stream stands, as another one that answers knows it.
    pub(crate) fn finish(&mut self, happening: Happening) {
        let Happening::Finish { line, partition, asker, request, messages, pending, head } =
            happening
        else {
            panic!("{happening:?}");
        };
        let answer = if let Request::Fetch { channel, .. } = &*request {
            let view = self.view(partition, false);
            let head = self.newest(partition, view, channel);
            RawAnswer::Fetched { standing: self.standing(partition, view), head, messages, pending }
        } else {
            let view = self.view(partition, true);
            RawAnswer::Head(self.standing(partition, view), head)
        };
        self.reply(line, Delivery::Answer { partition, asker, answer });
    }
}

/// What a stored message is, read from its headers by other means than ours.
fn fact(wire: &Wire) -> Fact {
    let kind = wire.headers.iter().find(|(name, _)| name == headers::KIND);
    match kind.map(|(_, value)| value.as_str()) {
        Some("text") => Fact::Publication(serial_of(&wire.payload)),
        Some("deletion") => Fact::Deletion,
        _ => Fact::Foreign,
    }
}
