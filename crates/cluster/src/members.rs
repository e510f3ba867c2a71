//! Which nodes there are.
//!
//! Order and history need no membership: the stream is the only authority. It matters to those who ask all nodes
//! something. A node counts as live for 5 s after its last heartbeat by the clock of the node that heard it, so
//! what another node takes for the time does not matter.

use std::collections::BTreeMap;

use crate::control::Say;
use crate::{Control, Fingerprint, NodeId};

/// How often a node says that it is there.
pub const HEARTBEAT_MS: u64 = 1_000;
/// A node that was not heard for so long is dead.
pub const DEAD_AFTER_MS: u64 = 5_000;
/// Nodes beyond this are not heard, also those of another configuration.
const NODES_MAX: usize = 1_024;
/// Who was not looked after for so long was frozen, and so could hear nobody.
const FROZEN_MS: u64 = 2_000;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node has come.
    Came(Member),
    /// A node has left by its own will.
    Left(Member),
    /// A node was not heard for too long.
    Died(Member),
    /// A node has another configuration: it is no member, and what it asks is not answered.
    Refused(Member, Fingerprint),
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// What people call it.
    pub name: Box<str>,
}

/// All nodes but this one.
#[derive(Debug)]
pub struct Members {
    own: Member,
    fingerprint: Fingerprint,
    nodes: BTreeMap<NodeId, Node>,
    next_heartbeat_ms: u64,
    looked_after_ms: u64,
}

#[derive(Debug)]
struct Node {
    name: Box<str>,
    heard_ms: u64,
    is_member: bool,
}

impl Members {
    /// Nobody was heard yet. `now_ms`: this node's monotonic clock.
    pub fn new(now_ms: u64, own: Member, fingerprint: Fingerprint) -> Self {
        Self {
            own,
            fingerprint,
            nodes: BTreeMap::new(),
            next_heartbeat_ms: now_ms,
            looked_after_ms: now_ms,
        }
    }

    /// This node's id.
    pub fn own(&self) -> NodeId {
        self.own.id
    }

    /// Those that are live.
    pub fn live(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().filter(|(_, node)| node.is_member).map(|(id, _)| *id)
    }

    /// Whether a node is live and has this node's configuration.
    pub fn is_live(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.is_member)
    }

    /// A node says that it is there, and what it is called.
    pub fn on_heartbeat(
        &mut self,
        now_ms: u64,
        from: NodeId,
        (name, fingerprint): (Box<str>, Fingerprint),
    ) -> Option<Change> {
        if let Some(node) = self.nodes.get_mut(&from) {
            node.heard_ms = now_ms;
            return None;
        }
        if from == self.own.id || self.nodes.len() >= NODES_MAX {
            return None;
        }
        let is_member = fingerprint == self.fingerprint;
        let member = Member { id: from, name: name.clone() };
        self.nodes.insert(from, Node { name, heard_ms: now_ms, is_member });
        Some(if is_member { Change::Came(member) } else { Change::Refused(member, fingerprint) })
    }

    /// A node says that it leaves.
    pub fn on_leaving(&mut self, from: NodeId) -> Option<Change> {
        let node = self.nodes.remove(&from)?;
        let member = Member { id: from, name: node.name };
        node.is_member.then_some(Change::Left(member))
    }

    /// What this node says now, if it is time to. To be called at least every [`HEARTBEAT_MS`].
    pub fn heartbeat(&mut self, now_ms: u64) -> Option<Control> {
        self.look_after(now_ms);
        if now_ms < self.next_heartbeat_ms {
            return None;
        }
        self.next_heartbeat_ms = now_ms + HEARTBEAT_MS;
        let say = Say::Heartbeat { name: self.own.name.clone(), fingerprint: self.fingerprint };
        Some(Control::new(self.own.id, say))
    }

    /// A node that has died. To be called after [`heartbeat`](Self::heartbeat) until there is none.
    pub fn next_dead(&mut self, now_ms: u64) -> Option<Change> {
        loop {
            let dead = self.nodes.iter().find(|(_, node)| node.heard_ms + DEAD_AFTER_MS <= now_ms);
            let id = *dead?.0;
            let node = self.nodes.remove(&id)?;
            if node.is_member {
                return Some(Change::Died(Member { id, name: node.name }));
            }
        }
    }

    /// A node that was frozen has not heard the others, and must not take them for dead.
    fn look_after(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.looked_after_ms) >= FROZEN_MS {
            for node in self.nodes.values_mut() {
                node.heard_ms = now_ms;
            }
        }
        self.looked_after_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layout, Prefix, Retention};

    fn fingerprint(messages_max: u64) -> Fingerprint {
        let retention = Retention { messages_max, lifetime_ms: None };
        Fingerprint::new(&Prefix::default(), [("a", Layout::default(), retention)])
    }

    fn member(id: u64) -> Member {
        Member { id: NodeId::from_random(id), name: format!("node-{id}").into() }
    }

    fn members() -> Members {
        Members::new(0, member(0), fingerprint(1))
    }

    fn hear(members: &mut Members, now_ms: u64, id: u64) -> Option<Change> {
        let Member { id, name } = member(id);
        members.on_heartbeat(now_ms, id, (name, fingerprint(1)))
    }

    /// Looks after them every second, as a node must.
    fn dead(members: &mut Members, from_s: u64, to_s: u64) -> Vec<(u64, Change)> {
        let mut dead = Vec::new();
        for now_ms in (from_s..=to_s).map(|second| second * 1_000) {
            members.heartbeat(now_ms);
            dead.extend(std::iter::from_fn(|| members.next_dead(now_ms)).map(|it| (now_ms, it)));
        }
        dead
    }

    #[test]
    fn a_node_lives_for_five_seconds_after_it_was_heard() {
        let mut members = members();
        assert_eq!(hear(&mut members, 0, 1), Some(Change::Came(member(1))));
        assert_eq!(hear(&mut members, 0, 2), Some(Change::Came(member(2))));
        assert_eq!(hear(&mut members, 2_500, 1), None);
        assert!(members.live().eq([1, 2].map(NodeId::from_random)));
        let expected = [(5_000, Change::Died(member(2))), (8_000, Change::Died(member(1)))];
        assert_eq!(dead(&mut members, 0, 20), expected);
        assert_eq!(members.live().count(), 0);
        assert_eq!(hear(&mut members, 21_000, 1), Some(Change::Came(member(1))), "it is back");
    }

    #[test]
    fn a_node_with_another_configuration_is_named_once_and_is_no_member() {
        let mut members = members();
        let Member { id, name } = member(1);
        let refused = Change::Refused(member(1), fingerprint(2));
        let heartbeat = (name, fingerprint(2));
        assert_eq!(members.on_heartbeat(0, id, heartbeat.clone()), Some(refused.clone()));
        assert_eq!(members.on_heartbeat(1_000, id, heartbeat.clone()), None);
        assert!(!members.is_live(id) && members.live().count() == 0);
        assert_eq!(dead(&mut members, 1, 20), [], "nobody misses it");
        assert_eq!(members.on_heartbeat(21_000, id, heartbeat), Some(refused));
        assert_eq!(members.on_leaving(id), None);
    }

    #[test]
    fn a_node_that_says_so_is_gone_at_once() {
        let mut members = members();
        hear(&mut members, 0, 1);
        assert!(members.is_live(NodeId::from_random(1)));
        assert_eq!(members.on_leaving(NodeId::from_random(1)), Some(Change::Left(member(1))));
        assert_eq!(members.on_leaving(NodeId::from_random(1)), None);
        assert_eq!(members.live().count(), 0);
    }

    #[test]
    fn a_node_that_was_frozen_takes_nobody_for_dead() {
        let mut members = members();
        hear(&mut members, 0, 1);
        assert_eq!(dead(&mut members, 60, 64), []);
        assert_eq!(dead(&mut members, 65, 65), [(65_000, Change::Died(member(1)))]);
    }

    #[test]
    fn heartbeats_are_a_second_apart_and_one_s_own_is_not_heard() {
        let mut members = members();
        let beats: Vec<u64> = (0..30)
            .map(|step| step * 100)
            .filter(|now| members.heartbeat(*now).is_some())
            .collect();
        assert_eq!(beats, [0, 1_000, 2_000]);
        assert_eq!(hear(&mut members, 0, 0), None);
        assert_eq!((members.live().count(), members.own()), (0, NodeId::from_random(0)));
    }

    #[test]
    fn strangers_cannot_make_more_nodes_than_are_remembered() {
        let mut members = members();
        for id in 1..2_000 {
            hear(&mut members, 0, id);
        }
        assert_eq!(members.live().count(), NODES_MAX);
    }
}
