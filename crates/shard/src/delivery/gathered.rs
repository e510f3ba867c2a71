//! Small sends of many channels, gathered so that they go to the plane in one batch: a turn may publish to
//! hundreds of channels with a subscriber each, and a system call for each would cost more than the rest.
//!
//! A batch must not have two sends to one connection. So only work that brings its targets to the head of
//! their channel is gathered, and only where that channel is the only one they listen to: nothing else
//! comes for them in this slice. Who gets the first publication of a chain is not gathered: what it is sent next
//! depends on whether it got it.

use std::ops::Range;
use std::sync::Arc;

use switchboard_dialects::Dialect;
use switchboard_hub::{Publication, Work, WorkKind};
use switchboard_plane::{ConnId, SendException};

use super::cut::Cut;
use crate::connection::{Connection, Delivery};
use crate::core::Core;
use crate::encoding::{Batch, Chain, PositionHeader, Wanted};

/// Work with more targets is a batch of its own.
const TARGETS_MAX: usize = 32;

/// Bytes of one work that are copied; a larger publication goes out where it lies.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// Copies that wait to be sent.
const BYTES_MAX: usize = 256 << 10;

/// What is gathered. Its buffers are reused.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    publications: Vec<Arc<Publication>>,
    /// Each connection with the number of its run.
    sends: Vec<(ConnId, usize)>,
}

/// Publications of one channel in one dialect.
#[derive(Debug)]
struct Run {
    channel: u32,
    after: u64,
    dialect: Dialect,
    wanted: Wanted,
    chain: Chain,
    bytes: Range<usize>,
    publications: Range<usize>,
}

impl Gathered {
    /// Takes work in whole; false when it is not of the kind that is gathered.
    pub(super) fn take(&mut self, core: &Core, work: &Work, batch: &mut Batch) -> bool {
        let is_small = work.kind == WorkKind::Deliver
            && work.reaches_head
            && work.targets.len() <= TARGETS_MAX
            && work.targets.iter().all(|(who, _)| {
                Wanted::by(*who) != Wanted::First
                    && core.slab.at(who.conn).is_none_or(|it| dialect_of(it).is_some())
            });
        if !is_small {
            return false;
        }
        let (first_run, first_send) = (self.runs.len(), self.sends.len());
        for (who, _) in &work.targets {
            let Some(connection) = core.slab.at(who.conn) else {
                continue;
            };
            let Some(dialect) = dialect_of(connection) else {
                continue;
            };
            let wanted = Wanted::by(*who);
            let is_same = |run: &Run| run.dialect == dialect && run.wanted == wanted;
            let known = self.runs[first_run..].iter().position(is_same);
            let run = if let Some(run) = known {
                first_run + run
            } else {
                let channel = || core.hub.name(work.channel).cloned();
                let chain = Chain::new(&core.hub, work.channel, work.after, wanted);
                let header = PositionHeader::shared(dialect, channel).behind(chain);
                let bytes = batch.fill(dialect, &work.publications, &header);
                if bytes.len() > COPIED_BYTES_MAX {
                    self.take_back(first_run, first_send);
                    return false;
                }
                self.add_run(work, (dialect, wanted, header.chain.clone()), bytes)
            };
            self.sends.push((connection.id, run));
        }
        true
    }

    /// Forgets the runs and sends from these on.
    fn take_back(&mut self, first_run: usize, first_send: usize) {
        if let Some(run) = self.runs.get(first_run) {
            self.bytes.truncate(run.bytes.start);
            self.publications.truncate(run.publications.start);
        }
        self.runs.truncate(first_run);
        self.sends.truncate(first_send);
    }

    fn add_run(
        &mut self,
        work: &Work,
        (dialect, wanted, chain): (Dialect, Wanted, Chain),
        bytes: &[u8],
    ) -> usize {
        let (start, first) = (self.bytes.len(), self.publications.len());
        self.bytes.extend_from_slice(bytes);
        self.publications.extend(work.publications.iter().cloned());
        self.runs.push(Run {
            channel: work.channel,
            after: work.after,
            dialect,
            wanted,
            chain,
            bytes: start..self.bytes.len(),
            publications: first..self.publications.len(),
        });
        self.runs.len() - 1
    }

    /// Enough is gathered.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() > BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// What is to be sent.
    pub(super) fn sends(&self) -> impl Iterator<Item = (ConnId, &[u8])> {
        self.sends.iter().map(|(id, run)| (*id, &self.bytes[self.runs[*run].bytes.clone()]))
    }

    /// How many publications all that is gathered delivers.
    pub(super) fn deliveries(&self) -> usize {
        self.sends.iter().map(|(_, run)| self.runs[*run].publications.len()).sum()
    }

    pub(super) fn send_count(&self) -> usize {
        self.sends.len()
    }

    /// The cut that an incomplete send made, and what the run was labelled with; `from` is where the search for it begins, since exceptions
    /// come nearly in the order of the sends.
    pub(super) fn cut<'a>(
        &'a self,
        core: &Core,
        exception: &SendException,
        from: &mut usize,
        batch: &mut Batch,
    ) -> Option<(Cut<'a>, PositionHeader)> {
        let count = self.sends.len();
        let mut places = (0..count).map(|step| (*from + step) % count);
        let at = places.find(|at| self.sends[*at].0 == exception.conn)?;
        *from = at + 1;
        let run = &self.runs[self.sends[at].1];
        let publications = &self.publications[run.publications.clone()];
        let cut =
            Cut { channel: run.channel, after: run.after, dialect: run.dialect, publications };
        // It knows where each publication ends.
        let header = cut.shared_header(core, &run.chain);
        batch.fill(run.dialect, publications, &header);
        Some((cut, header))
    }

    /// All was sent.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
        self.publications.clear();
        self.sends.clear();
    }
}

/// The dialect of a connection that listens to one channel, in which all its listeners get the same.
fn dialect_of(connection: &Connection) -> Option<Dialect> {
    match connection.session.delivery() {
        Delivery::Stream(dialect) if !connection.subscriptions.are_several() => Some(dialect),
        _ => None,
    }
}
