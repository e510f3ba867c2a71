//! Churn: clients come at a rate, stay for a while, and leave.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::Arc;

use switchboard_plane::{Close, ConnId};

use crate::engine::stats::{Counter, Measure};
use crate::engine::{Connection, Core, End, Job, Orders, Ramp, State};

/// How clients leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// With a Close frame, and wait for the answer.
    Close,
    /// By ending TCP.
    Fin,
    /// By a reset.
    Reset,
}

impl FromStr for Leaving {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "close" => Ok(Self::Close),
            "fin" => Ok(Self::Fin),
            "reset" => Ok(Self::Reset),
            _ => Err("clients leave by close, fin or reset".to_owned()),
        }
    }
}

impl std::fmt::Display for Leaving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Close => "close",
            Self::Fin => "fin",
            Self::Reset => "reset",
        })
    }
}

/// What is kept for each connection: when it began to leave.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visit {
    leaving_ns: u64,
}

/// The job of a thread of churning clients.
#[derive(Debug)]
pub(crate) struct Churn {
    pub(crate) ramp: Ramp,
    pub(crate) channels: u32,
    /// Clients open or connecting at the same time.
    pub(crate) connections_max: usize,
    pub(crate) stay_ns: u64,
    pub(crate) leaving: Leaving,
    pub(crate) orders: Arc<Orders>,
    /// When each client leaves: all stay equally long.
    pub(crate) visits: VecDeque<(u64, ConnId)>,
}

impl Churn {
    fn leave(&mut self, core: &mut Core<Visit>, id: ConnId) {
        let how = match self.leaving {
            Leaving::Close => {
                if let Some(connection) = core.slab.get_mut(id)
                    && connection.state == State::Open
                {
                    connection.data.leaving_ns = core.now_ns;
                    core.leave(id);
                }
                return;
            }
            Leaving::Fin => Close::Fin,
            Leaving::Reset => Close::Reset,
        };
        if core.close(id, how).is_some() {
            core.stats.add(Counter::Left, 1);
        }
    }

    fn connect(&mut self, core: &mut Core<Visit>) -> Option<u64> {
        let (_, until_ns) = self.orders.work_times()?;
        if core.now_ns >= until_ns {
            return None;
        }
        let present = core.open() + core.connecting();
        let room = self.connections_max.checked_sub(present).filter(|room| *room > 0)?;
        for number in self.ramp.due_within(core.now_ns, core.connecting(), room) {
            core.connect(number, number % self.channels, Visit::default());
        }
        self.ramp.next_ns(core.connecting())
    }
}

impl Job for Churn {
    type Data = Visit;

    fn opened(&mut self, core: &mut Core<Visit>, id: ConnId) {
        self.visits.push_back((core.now_ns + self.stay_ns, id));
    }

    fn message(&mut self, _core: &mut Core<Visit>, _id: ConnId, _message: &[u8]) {}

    fn ended(&mut self, core: &mut Core<Visit>, connection: &Connection<Visit>, end: &End) {
        if *end == End::Left {
            core.stats.add(Counter::Left, 1);
            core.stats.record(Measure::Leave, connection.data.leaving_ns, core.now_ns);
            return;
        }
        let was_open = connection.was_open();
        let counter = if was_open { Counter::Dropped } else { Counter::Failed };
        core.fail(connection.number, counter, format!("client: {end}"));
    }

    fn step(&mut self, core: &mut Core<Visit>) -> Option<u64> {
        if let Some(start_ns) = self.orders.connect_time() {
            self.ramp.start_at(start_ns);
        }
        let connect_ns = self.connect(core);
        while let Some((due_ns, id)) = self.visits.front().copied()
            && due_ns <= core.now_ns
        {
            self.visits.pop_front();
            self.leave(core, id);
        }
        let times = self.orders.work_times();
        let ended = times.is_some_and(|(_, until_ns)| core.now_ns >= until_ns);
        core.stats.is_done = ended && core.connecting() == 0 && core.open() == 0;
        let leave_ns = self.visits.front().map(|(due_ns, _)| *due_ns);
        [connect_ns, leave_ns].into_iter().flatten().min()
    }

    fn finish(&mut self, _core: &mut Core<Visit>) {}
}
