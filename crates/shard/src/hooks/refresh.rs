//! The time of a client is over, and a backend says whether it may stay.

use switchboard_hooks::{Answer, Question, Refreshed, Refusal, Verdict};
use switchboard_plane::ConnId;

use super::{ask, client};
use crate::connection::Ticket;
use crate::core::Core;
use crate::identity;

/// While the backend is asked, and when it does not answer, a client stays for so long, in seconds. Then it
/// is asked again.
const STAY_S: u32 = 60;

/// Asks whether the client of a connection may stay.
pub(crate) fn ask_to_stay(core: &mut Core, id: ConnId) {
    let ends_s = identity::now_s(core).saturating_add(STAY_S);
    core.identities.prolong(id.index(), ends_s);
    if let Some(number) = core.identities.number(id.index()) {
        let client = client::of_connection(core, id);
        ask(core, id, Ticket::Refresh(number), Question::Refresh { client });
    }
}

/// What a backend said of the client with this number, whose time was over. False when it is to go.
pub(crate) fn refreshed(core: &mut Core, id: ConnId, number: u32, verdict: &Verdict) -> bool {
    if core.identities.number(id.index()) != Some(number) {
        // It has shown a new token meanwhile, which counts.
        return true;
    }
    let ends_at_s = match verdict {
        Ok(Answer::Refreshed(Refreshed::Until { end_s, info })) => {
            if let Some(info) = info {
                core.identities.set_info(id.index(), info);
            }
            *end_s
        }
        Ok(Answer::Refreshed(Refreshed::Expired))
        | Err(Refusal::Disconnect { .. } | Refusal::Error { is_temporary: false, .. }) => {
            return false;
        }
        // It stays for the time that it was given when the question went out.
        Ok(_) | Err(Refusal::Unavailable | Refusal::Error { .. }) => return true,
    };
    let ends_s = identity::end_s(core, id, ends_at_s);
    core.identities.prolong(id.index(), ends_s);
    true
}
