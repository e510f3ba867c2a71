//! Where a send that was not complete has cut a run of publications.

use std::sync::Arc;

use switchboard_dialects::Dialect;
use switchboard_hub::Publication;
use switchboard_plane::{Close, SendException, SendResult};

use crate::core::Core;
use crate::encoding::{Batch, Partial, PositionHeader};
use crate::lifecycle::ending;

/// What was sent to a connection whose socket did not take it whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'a> {
    pub(super) channel: u32,
    /// The cursor before it.
    pub(super) after: u64,
    pub(super) dialect: Dialect,
    pub(super) publications: &'a [Arc<Publication>],
}

impl Cut<'_> {
    /// What it was labelled with, where all got the same bytes.
    pub(super) fn shared_header(&self, core: &Core) -> PositionHeader {
        PositionHeader::shared(self.dialect, || core.hub.name(self.channel).cloned())
    }

    /// Holds what was not taken, and returns how many publications were not delivered. `batch` is filled
    /// with the run.
    pub(super) fn hold(
        self,
        core: &mut Core,
        exception: &SendException,
        batch: &Batch,
        header: &PositionHeader,
    ) -> usize {
        let Self { channel, after, dialect, publications } = self;
        let taken = match exception.result {
            SendResult::Short(bytes) => bytes,
            SendResult::WouldBlock => 0,
            SendResult::Failed(_) => {
                ending::remove(core, exception.conn, Close::Fin);
                return publications.len();
            }
        };
        let (whole, offset) = batch.cut_at(publications, taken);
        let (cursor, partial) = if offset == 0 {
            let last = whole.checked_sub(1).map(|last| publications[last].offset());
            (last.unwrap_or(after), None)
        } else {
            let publication = &publications[whole];
            (publication.offset(), Some(Partial::new(dialect, publication, header, offset)))
        };
        core.hold_publication(exception.conn, channel, cursor, partial);
        publications.len() - whole - usize::from(offset > 0)
    }
}
