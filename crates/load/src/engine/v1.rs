//! What `switchboard.v1` puts around publications: a header that says where each stands, an empty
//! line, and then the payload. The first message says where the client begins.

use switchboard_plane::ConnId;

use super::{Core, End, Job, open};
use crate::verify::Kind;

/// A message; an end is final.
pub(super) fn received<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    message: &[u8],
) -> Option<End> {
    if message.starts_with(b"position: ") {
        // Its header has no marks of a payload, so it need not be cut off.
        open::message(core, job, id, message);
    } else if message.starts_with(b"gap: ") {
        let number = core.slab.get(id)?.number;
        let what = || format!("connection {number}: {}", String::from_utf8_lossy(message).trim());
        core.found(number, Kind::Lost, 1, what);
    } else if !message.starts_with(b"start: ") {
        return Some(End::Dialect("a message without a header of switchboard.v1".to_owned()));
    }
    None
}
