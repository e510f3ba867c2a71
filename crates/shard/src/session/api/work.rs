//! What a connection is in the middle of: looked at, taken out, put back.

use switchboard_plane::ConnId;

use crate::connection::{ApiStage, ApiWork};
use crate::core::Core;

pub(super) fn stage(core: &Core, id: ConnId) -> Option<&ApiStage> {
    let busy = core.slab.get(id)?.busy.as_ref()?;
    busy.api.as_ref().map(|work| &work.stage)
}

pub(super) fn take(core: &mut Core, id: ConnId) -> Option<Box<ApiWork>> {
    core.slab.get_mut(id)?.busy.as_mut()?.api.take()
}

pub(super) fn put_back(core: &mut Core, id: ConnId, work: Box<ApiWork>) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().api = Some(work);
    }
}
