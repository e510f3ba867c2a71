//! Where a send that was not complete has cut a run of publications.

use std::sync::Arc;

use switchboard_dialects::Dialect;
use switchboard_hub::Publication;
use switchboard_plane::{Close, ConnId, SendException, SendResult};

use crate::core::Core;
use crate::encoding::{Batch, Chain, Partial, PositionHeader, Wanted};
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
    /// What it was labelled with, where all got the same bytes behind `chain`.
    pub(super) fn shared_header(&self, core: &Core, chain: &Chain) -> PositionHeader {
        let channel = || core.hub.name(self.channel).cloned();
        PositionHeader::shared(self.dialect, channel).behind(chain.clone())
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
            let rest = Partial::new(dialect, (publications, whole), header, offset);
            (publication.offset(), Some(rest))
        };
        core.hold_publication(exception.conn, channel, cursor, partial);
        if whole == 0 && offset == 0 && matches!(header.chain, Chain::First) {
            self.take_back_first(core, exception.conn);
        }
        publications.len() - whole - usize::from(offset > 0)
    }

    /// The first publication of a subscription did not go out, so there is nothing that the next one could
    /// follow.
    fn take_back_first(self, core: &mut Core, id: ConnId) {
        let found = core.subscriptions(id).find(|(_, to)| to.channel == self.channel);
        if let Some((_, subscription)) = found
            && Wanted::in_subscription(&core.hub, subscription) == Wanted::Changes
        {
            Wanted::First.set(&mut core.hub, subscription);
        }
    }
}
