//! What becomes of a command.

use switchboard_hooks::Verdict;
use switchboard_plane::ConnId;

use crate::core::Core;

/// What became of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// It is obeyed, or will be, and the next one may be looked at.
    Done,
    /// It is to be looked at again, in a later turn or when there is a verdict.
    Again,
}

/// What a backend has said of the command that is looked at; none where it was not asked.
pub(super) fn take_verdict(core: &mut Core, id: ConnId) -> Option<Verdict> {
    core.slab.get_mut(id)?.busy.as_mut()?.commands.as_mut()?.verdict.take()
}
