//! A client has a further subscription, by its own wish or another's.

use switchboard_auth::ChannelOptions;
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use crate::connection::Granted;
use crate::core::Core;
use crate::subscribe::{events, presence, watches};

/// What a client is granted that asks for recovery, and for positioning. Both are for everybody, but where a backend
/// says otherwise and the client does not ask.
pub(super) fn granted(options: &ChannelOptions, (recovery, positioning): (bool, bool)) -> Granted {
    let forces = |value: Option<bool>| value != Some(false);
    let recovery = recovery || forces(options.overrides.force_recovery);
    // Who goes on where it was hears what is lost.
    let positioning = recovery || positioning || forces(options.overrides.force_positioning);
    Granted { recovery, positioning }
}

/// A client has subscribed to a channel, and is told of it when that has begun. With what is said of it, and the
/// channel with the joins and leaves that it hears beside it.
pub(super) fn begun(
    core: &mut Core,
    id: ConnId,
    (nth, name): (u16, &ChannelName),
    (options, granted): (&ChannelOptions, Granted),
    joins: Option<&ChannelName>,
) {
    core.terms.add((id.index(), nth), name, options, !granted.positioning);
    watches::give_way(core, id, name);
    if let Some(joins) = joins {
        watches::watch(core, id, nth, joins);
    }
    presence::joined_one(core, id, nth);
    events::joined_one(core, id, nth);
}

#[cfg(test)]
mod tests {
    use switchboard_auth::Overrides;

    use super::*;

    #[test]
    fn both_are_granted_unless_nobody_wants_them() {
        let of = |force_recovery, force_positioning, asked| {
            let overrides = Overrides { force_recovery, force_positioning, ..Overrides::default() };
            let options = ChannelOptions { overrides, ..ChannelOptions::default() };
            let Granted { recovery, positioning } = granted(&options, asked);
            (recovery, positioning)
        };
        let (no, yes) = (Some(false), Some(true));
        assert_eq!(of(None, None, (false, false)), (true, true));
        assert_eq!(of(no, None, (false, false)), (false, true));
        assert_eq!(of(no, no, (false, false)), (false, false));
        assert_eq!(of(no, no, (false, true)), (false, true));
        assert_eq!(of(no, no, (true, false)), (true, true));
        assert_eq!(of(yes, no, (false, false)), (true, true));
    }
}
