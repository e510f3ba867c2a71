//! What comes to a node from the engine and from other nodes.

use switchboard_cluster::{
    Answer, Answered, Control, Direction, Event, Fetched, Message, Named, Question, Republished,
    Say, Standing,
};
use switchboard_hub::ChannelName;

use crate::broker::Wire;
use crate::network::{Asker, Delivery, RawAnswer};
use crate::node::{Node, Out};
use crate::plan::{Planted, channel};

impl Node {
    pub(crate) fn take(&mut self, now_ms: u64, delivery: Delivery, out: &mut Vec<Out>) {
        let now_ms = self.clock(now_ms);
        match delivery {
            Delivery::Republished { subject, wire } => {
                match self.subjects.parse(Direction::Out, &subject).unwrap() {
                    Named::EpochMarker { partition } => {
                        self.partitions[usize::from(partition)].check_now(now_ms);
                    }
                    Named::Channel { channel, place } => {
                        let partition = usize::from(place.partition);
                        if self.partitions[partition].mirrors(&channel) {
                            let republished =
                                Republished::parse(&wire.pairs(), &wire.payload).unwrap();
                            self.hear(now_ms, partition, &channel, republished);
                        }
                    }
                }
            }
            Delivery::Stored { id, sequence } => {
                if self.publishing.on_stored(id)
                    && let Some(serial) = self.serials.remove(&id)
                {
                    out.push(Out::Acknowledged { serial, sequence });
                }
            }
            Delivery::Refused { id, status, code } => {
                let failure = self.publishing.on_refused(now_ms, id, (status, code));
                assert_eq!(failure, None, "only leaders are missing here");
            }
            Delivery::Answer { partition, asker, answer } => {
                self.answer(now_ms, partition, asker, answer, out);
            }
            Delivery::Live(place) => {
                self.interest.on_live(place);
                let partition = &mut self.partitions[usize::from(place.partition)];
                for channel in self.logs.keys().filter(|it| self.layout.place(it) == place) {
                    partition.join(channel);
                }
                // What was stored before it was live has not come.
                partition.check_now(now_ms);
            }
            Delivery::Control(bytes) => self.hear_node(now_ms, &bytes, out),
        }
    }

    fn hear(&mut self, now_ms: u64, partition: usize, channel: &ChannelName, mut it: Republished) {
        if self.planted == Planted::GapsUnseen {
            it.previous = it.previous.min(self.logs[channel].head);
        }
        let mut events = Vec::new();
        self.partitions[partition].on_republished(now_ms, channel, it, &mut events);
        self.note(events);
    }

    fn note(&mut self, events: Vec<(ChannelName, Event)>) {
        for (channel, event) in events {
            self.logs.get_mut(&channel).unwrap().take(event);
        }
    }

    fn answer(
        &mut self,
        now_ms: u64,
        partition: u16,
        asker: Asker,
        answer: RawAnswer,
        out: &mut Vec<Out>,
    ) {
        let answer = match answer {
            RawAnswer::Standing(standing) => Answer::Standing(self.seen(partition, standing)),
            RawAnswer::Head(standing, head) => Answer::Head(self.seen(partition, standing), head),
            RawAnswer::Fetched { standing, head, messages, pending } => {
                let parse = |wire: &Wire| Message::parse(&wire.pairs(), &wire.payload).unwrap();
                let messages = messages.iter().map(parse).collect();
                let standing = self.seen(partition, standing);
                Answer::Fetched(Fetched { standing, head, messages, pending })
            }
            RawAnswer::Checked(standing, mut newest) => {
                if self.planted == Planted::ChecksOff {
                    newest.fill(None);
                }
                Answer::Checked(self.seen(partition, standing), newest)
            }
            RawAnswer::Marked => Answer::Marked,
        };
        match (asker, answer) {
            (Asker::Partition(id), answer) => {
                let mut events = Vec::new();
                let partition = &mut self.partitions[usize::from(partition)];
                partition.on_answer(now_ms, id, answer, &mut events);
                self.note(events);
            }
            (Asker::Client(client, attempt), Answer::Fetched(fetched)) => {
                let Some(backfill) = self.backfills.get_mut(&client) else { return };
                if backfill.attempt == attempt && backfill.asked_ms.take().is_some() {
                    out.push(Out::Filled { client, attempt, fetched });
                }
            }
            (Asker::Client(..), answer) => panic!("{answer:?}"),
        }
    }

    fn seen(&mut self, partition: u16, mut standing: Standing) -> Standing {
        if self.planted == Planted::EpochUnseen
            && let Some(epoch) = standing.epoch
        {
            standing.epoch = Some(*self.first_epochs.entry(partition).or_insert(epoch));
        }
        standing
    }

    fn hear_node(&mut self, now_ms: u64, bytes: &[u8], out: &mut Vec<Out>) {
        let Control { from, say, .. } = Control::decode(bytes).unwrap();
        match say {
            Say::Heartbeat { name, fingerprint } => {
                let change = self.members.on_heartbeat(now_ms, from, (name, fingerprint));
                out.extend(change.map(Out::Changed));
            }
            Say::Leaving => {
                out.extend(self.members.on_leaving(from).map(Out::Changed));
                self.questions.on_gone(&self.members);
            }
            Say::Ask { id, question } => {
                if self.members.is_live(from) {
                    let Question { target, .. } = question;
                    let status = u16::from(self.logs.contains_key(&channel(&target)));
                    let answer = Answered { status, body: "".into() };
                    let say = Say::Answer { to: from, id, answer };
                    out.push(Out::Say(Control::new(self.members.own(), say)));
                }
            }
            Say::Answer { to, id, answer } => {
                if to == self.id {
                    self.questions.on_answer(from, id, answer);
                }
            }
        }
    }
}
