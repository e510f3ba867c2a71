//! What a channel keeps, for a client that asks.

use std::sync::Arc;

use switchboard_dialects::Chain;
use switchboard_dialects::centrifuge::{ErrorCode, Past, Reply, publication};
use switchboard_hub::{Form, Gap, GapReason, OnGap};
use switchboard_plane::ConnId;

use super::reply::{refuse, reply};
use crate::connection::Wanted;
use crate::core::Core;

/// Publications that stand in a reply. For more, a client asks again behind the last of them.
const BYTES_MAX: usize = 64 << 10;

/// Tells a client what it wants of a channel that this shard knows.
pub(super) fn tell(core: &mut Core, id: ConnId, command: u32, channel: u32, wanted: Wanted) {
    let Some(position) = core.hub.position(channel) else {
        return refuse(core, id, command, ErrorCode::Internal);
    };
    if let Some((_, start)) = wanted.since {
        let begin = core.hub.begin(core.now_ms, channel, &start, OnGap::Now);
        let is_lost = |gap: &Gap| !wanted.reverse || gap.reason == GapReason::Epoch;
        if begin.and_then(|begin| begin.gap).is_some_and(|gap| is_lost(&gap)) {
            return refuse(core, id, command, ErrorCode::UnrecoverablePosition);
        }
    }
    let forms = read(core, channel, position.offset, wanted);
    let publications = forms.iter().filter_map(|form| serde_json::from_slice(form).ok());
    let past = Past {
        publications: publications.collect(),
        epoch: position.epoch.as_str(),
        offset: position.offset,
    };
    reply(core, id, command, &Reply::History(past));
}

/// The publications, as many as are wanted and have room in a reply; one at least.
fn read(core: &Core, channel: u32, head: u64, wanted: Wanted) -> Vec<Arc<Form>> {
    let since = wanted.since.map(|(offset, _)| offset);
    let (after, until) = match (wanted.reverse, since) {
        (true, Some(offset)) => (0, offset.saturating_sub(1).min(head)),
        (_, since) => (since.unwrap_or(0), head),
    };
    let history = core.hub.history(core.now_ms, channel, after, until);
    let mut bytes = 0;
    let has_room = |form: &Arc<Form>| {
        let is_first = bytes == 0;
        bytes += form.len();
        is_first || bytes <= BYTES_MAX
    };
    let forms: Box<dyn Iterator<Item = _>> =
        if wanted.reverse { Box::new(history.rev()) } else { Box::new(history) };
    // Nobody follows from one to the next here.
    let whole = |it| publication(it, Chain::None);
    forms.take(wanted.count_max).filter_map(whole).take_while(has_room).collect()
}
