//! What a node asks all others: it hands the question to everybody and gathers the answers.
//!
//! A question ends when all nodes that were live when it was asked have answered, or after a second; and it says
//! which nodes have not.

use std::collections::{BTreeMap, BTreeSet};

use crate::control::{Answered, Question, Say};
use crate::{Control, Members, NodeId};

/// How long answers are waited for.
pub const ANSWER_MS: u64 = 1_000;
/// Questions that may be open.
const OPEN_MAX: usize = 1_024;
/// Answers to one question. There may be more than nodes that were live: others have come since.
const ANSWERS_MAX: usize = 2_048;

/// One question of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(u64);

/// Too many questions are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many questions to other nodes are open; try again in a second")]
pub struct TooManyQuestions;

/// What all others had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// Which question.
    pub id: QuestionId,
    /// Who answered what.
    pub answers: BTreeMap<NodeId, Answered>,
    /// Who was live and has not answered.
    pub silent: BTreeSet<NodeId>,
}

/// The questions of this node that are open.
#[derive(Debug, Default)]
pub struct Questions {
    last_id: u64,
    /// The oldest first, with when each ends.
    open: BTreeMap<QuestionId, (u64, Gathered)>,
    done: Vec<QuestionId>,
}

impl Questions {
    /// Asks all other nodes. What is returned is to be sent to all. Where there is no other node, the question is
    /// answered at once.
    pub fn ask(
        &mut self,
        now_ms: u64,
        members: &Members,
        question: Question,
    ) -> Result<(QuestionId, Control), TooManyQuestions> {
        if self.open.len() >= OPEN_MAX {
            return Err(TooManyQuestions);
        }
        self.last_id += 1;
        let id = QuestionId(self.last_id);
        let silent: BTreeSet<_> = members.live().collect();
        if silent.is_empty() {
            self.done.push(id);
        }
        let gathered = Gathered { id, answers: BTreeMap::new(), silent };
        self.open.insert(id, (now_ms + ANSWER_MS, gathered));
        Ok((id, Control::new(members.own(), Say::Ask { id: self.last_id, question })))
    }

    /// Takes an answer of another node to a question of this one.
    pub fn on_answer(&mut self, from: NodeId, id: u64, answer: Answered) {
        let id = QuestionId(id);
        let Some((_, gathered)) = self.open.get_mut(&id) else { return };
        if gathered.answers.len() < ANSWERS_MAX {
            gathered.answers.entry(from).or_insert(answer);
        }
        if gathered.silent.remove(&from) && gathered.silent.is_empty() {
            self.done.push(id);
        }
    }

    /// A node has died or left: nobody waits for its answer, which is missing.
    pub fn on_gone(&mut self, members: &Members) {
        for (id, (_, gathered)) in &self.open {
            let waits = gathered.silent.iter().any(|node| members.is_live(*node));
            if !waits && !self.done.contains(id) {
                self.done.push(*id);
            }
        }
    }

    /// When [`next_gathered`](Self::next_gathered) has something.
    pub fn due_ms(&self) -> Option<u64> {
        let (ends_ms, _) = self.open.values().next()?;
        Some(if self.done.is_empty() { *ends_ms } else { 0 })
    }

    /// A question that has ended.
    pub fn next_gathered(&mut self, now_ms: u64) -> Option<Gathered> {
        while let Some(id) = self.done.pop() {
            if let Some((_, gathered)) = self.open.remove(&id) {
                return Some(gathered);
            }
        }
        let oldest = self.open.first_entry().filter(|entry| entry.get().0 <= now_ms)?;
        Some(oldest.remove().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fingerprint, Layout, Member, Prefix, Retention};

    fn node(id: u64) -> NodeId {
        NodeId::from_random(id)
    }

    fn question() -> Question {
        Question { method: "GET".into(), target: "/users/a".into(), body: "".into() }
    }

    fn answered(status: u64) -> Answered {
        Answered { status: status as u16, body: "{}".into() }
    }

    fn members(ids: impl IntoIterator<Item = u64>) -> Members {
        let retention = Retention::default();
        let fingerprint =
            Fingerprint::new(&Prefix::default(), [("a", Layout::default(), retention)]);
        let mut members = Members::new(0, Member { id: node(0), name: "0".into() }, fingerprint);
        for id in ids {
            members.on_heartbeat(0, node(id), ("x".into(), fingerprint));
        }
        members
    }

    #[test]
    fn a_question_ends_when_all_have_answered() {
        let (mut questions, members) = (Questions::default(), members([1, 2]));
        let (id, control) = questions.ask(0, &members, question()).unwrap();
        let Say::Ask { id: number, .. } = control.say else { panic!() };
        questions.on_answer(node(1), number, answered(1));
        questions.on_answer(node(1), number, answered(9));
        questions.on_answer(node(3), number, answered(3));
        questions.on_answer(node(2), number + 1, answered(2));
        assert_eq!((questions.next_gathered(999), questions.due_ms()), (None, Some(1_000)));
        questions.on_answer(node(2), number, answered(2));
        assert_eq!(questions.due_ms(), Some(0));
        let answers = [1, 2, 3].map(|id| (node(id), answered(id))).into();
        let gathered = Gathered { id, answers, silent: BTreeSet::new() };
        assert_eq!(questions.next_gathered(10), Some(gathered));
        assert_eq!((questions.next_gathered(9_999), questions.due_ms()), (None, None));
        questions.on_answer(node(2), number, answered(2));
    }

    #[test]
    fn after_a_second_it_says_who_has_not_answered() {
        let (mut questions, members) = (Questions::default(), members([1, 2]));
        let (id, _) = questions.ask(500, &members, question()).unwrap();
        questions.on_answer(node(2), 1, answered(2));
        assert_eq!(questions.next_gathered(1_499), None);
        let answers = [(node(2), answered(2))].into();
        let gathered = Gathered { id, answers, silent: [node(1)].into() };
        assert_eq!(questions.next_gathered(1_500), Some(gathered));
    }

    #[test]
    fn nobody_waits_for_a_node_that_has_left() {
        let (mut questions, mut members) = (Questions::default(), members([1, 2]));
        questions.ask(0, &members, question()).unwrap();
        questions.on_answer(node(2), 1, answered(2));
        members.on_leaving(node(1));
        questions.on_gone(&members);
        questions.on_gone(&members);
        let gathered = questions.next_gathered(1).unwrap();
        assert_eq!((gathered.silent.len(), gathered.answers.len()), (1, 1));
        assert_eq!(questions.next_gathered(1), None);
    }

    #[test]
    fn a_node_that_is_alone_is_answered_at_once() {
        let mut questions = Questions::default();
        let (id, _) = questions.ask(0, &members([]), question()).unwrap();
        assert_eq!(questions.next_gathered(0).map(|gathered| gathered.id), Some(id));
    }

    #[test]
    fn open_questions_are_bounded() {
        let (mut questions, members) = (Questions::default(), members([1]));
        for _ in 0..OPEN_MAX {
            questions.ask(0, &members, question()).unwrap();
        }
        assert_eq!(questions.ask(0, &members, question()).unwrap_err(), TooManyQuestions);
        assert!(questions.next_gathered(ANSWER_MS).is_some());
        assert!(questions.ask(0, &members, question()).is_ok());
    }
}
