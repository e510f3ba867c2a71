//! Echo: each client keeps messages in flight, and checks what comes back.

use std::sync::Arc;

use switchboard_plane::ConnId;

use crate::engine::stats::{Counter, Measure};
use crate::engine::{Connection, Core, End, Job, Orders, Ramp};
use crate::load::Sizes;
use crate::verify::{Kind, Stamp};

/// What is kept for each connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    sent: u64,
    received: u64,
}

/// The job of a thread of echo clients.
#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) ramp: Ramp,
    pub(crate) run: u32,
    pub(crate) in_flight: u32,
    pub(crate) sizes: Sizes,
    pub(crate) orders: Arc<Orders>,
    /// The first messages are out.
    pub(crate) begun: bool,
    pub(crate) payload: Vec<u8>,
}

impl Echo {
    fn send(&mut self, core: &mut Core<Counts>, id: ConnId) {
        let Some(connection) = core.slab.get_mut(id) else { return };
        connection.data.sent += 1;
        let stamp = Stamp {
            run: self.run,
            channel: connection.number,
            sequence: connection.data.sent,
            due_ns: core.now_ns,
        };
        self.payload.clear();
        stamp.write(self.sizes.pick(&mut core.random), &mut self.payload);
        core.stats.add(Counter::Sent, 1);
        core.send_text(id, &self.payload);
    }

    fn is_working(&self, now_ns: u64) -> bool {
        let times = self.orders.work_times();
        times.is_some_and(|(start_ns, until_ns)| (start_ns..until_ns).contains(&now_ns))
    }

    fn begin(&mut self, core: &mut Core<Counts>) {
        self.begun = true;
        let ids: Vec<ConnId> = core.slab.iter().map(|connection| connection.id).collect();
        for id in ids {
            for _ in 0..self.in_flight {
                self.send(core, id);
            }
        }
    }
}

/// What a connection should have got and did not.
fn check_end(core: &mut Core<Counts>, number: u32, Counts { sent, received }: Counts) {
    core.found(number, Kind::Lost, sent.saturating_sub(received), || {
        format!("connection {number}: echoes {} to {sent} never came", received + 1)
    });
}

impl Job for Echo {
    type Data = Counts;

    fn opened(&mut self, _core: &mut Core<Counts>, _id: ConnId) {}

    fn message(&mut self, core: &mut Core<Counts>, id: ConnId, message: &[u8]) {
        let now_ns = core.now_ns;
        let Some(connection) = core.slab.get_mut(id) else { return };
        let number = connection.number;
        let expected = connection.data.received + 1;
        let stamp = match Stamp::read(message) {
            Ok(stamp) if stamp.run == self.run && stamp.channel == number => stamp,
            Ok(_) => {
                let what = || format!("connection {number}: an echo of another connection");
                return core.found(number, Kind::Foreign, 1, what);
            }
            Err(damage) => {
                connection.data.received += 1;
                let what = || format!("connection {number}: {damage}");
                return core.found(number, Kind::Foreign, 1, what);
            }
        };
        let kind = match stamp.sequence.cmp(&expected) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => Some((Kind::Duplicated, 1)),
            std::cmp::Ordering::Greater => Some((Kind::Lost, stamp.sequence - expected)),
        };
        connection.data.received = connection.data.received.max(stamp.sequence);
        if let Some((kind, count)) = kind {
            let what = || format!("connection {number}: echo {} for {expected}", stamp.sequence);
            core.found(number, kind, count, what);
        }
        core.record(number, Measure::RoundTrip, stamp.due_ns, now_ns);
        if self.is_working(now_ns) {
            self.send(core, id);
        }
    }

    fn ended(&mut self, core: &mut Core<Counts>, connection: &Connection<Counts>, end: &End) {
        let was_open = connection.was_open();
        let counter = if was_open { Counter::Dropped } else { Counter::Failed };
        core.fail(connection.number, counter, format!("connection: {end}"));
        if was_open {
            check_end(core, connection.number, connection.data);
        }
    }

    fn step(&mut self, core: &mut Core<Counts>) -> Option<u64> {
        if let Some(start_ns) = self.orders.connect_time() {
            self.ramp.start_at(start_ns);
        }
        for number in self.ramp.due(core.now_ns, core.connecting()) {
            core.connect(number, number, Counts::default());
        }
        if !self.begun && self.is_working(core.now_ns) {
            self.begin(core);
        }
        core.stats.is_done = self.ramp.is_done() && core.connecting() == 0;
        let begin_ns = self.orders.work_times().map(|(start_ns, _)| start_ns);
        let wishes = [self.ramp.next_ns(core.connecting()), begin_ns.filter(|_| !self.begun)];
        wishes.into_iter().flatten().min()
    }

    fn finish(&mut self, core: &mut Core<Counts>) {
        let lacking = core.slab.iter().filter(|connection| {
            let Counts { sent, received } = connection.data;
            received < sent
        });
        let lacking: Vec<_> =
            lacking.map(|connection| (connection.number, connection.data)).collect();
        for (number, counts) in lacking {
            check_end(core, number, counts);
        }
    }
}
