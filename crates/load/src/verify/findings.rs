//! What the verification found: counts, and the first few of each kind in words.

/// A way in which delivery went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Never arrived, although due.
    Lost,
    /// Arrived more than once.
    Duplicated,
    /// Arrived after a later one.
    Reordered,
    /// Of another run or channel, or damaged.
    Foreign,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Lost, Kind::Duplicated, Kind::Reordered, Kind::Foreign];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Foreign => "foreign",
        }
    }
}

/// Examples kept of each kind.
const EXAMPLES_MAX: usize = 3;

/// Counts and examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    counts: [u64; 4],
    examples: [Vec<String>; 4],
}

impl Findings {
    /// Notes `count` of a kind; `example` is made only when it is among the first.
    pub(crate) fn add(&mut self, kind: Kind, count: u64, example: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        self.counts[kind as usize] += count;
        let examples = &mut self.examples[kind as usize];
        if examples.len() < EXAMPLES_MAX {
            examples.push(example());
        }
    }

    /// How many of a kind.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// How many of all kinds.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds those of another thread.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        for (examples, more) in self.examples.iter_mut().zip(&other.examples) {
            let room = EXAMPLES_MAX - examples.len();
            examples.extend(more.iter().take(room).cloned());
        }
    }

    /// Examples for which a text stands that says more, such as where they were.
    pub(crate) fn with_examples(mut self, told: impl Fn(String) -> String) -> Self {
        for example in self.examples.iter_mut().flatten() {
            *example = told(std::mem::take(example));
        }
        self
    }

    /// One sentence for each kind that was found.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let found = KINDS.into_iter().filter(|kind| self.count(*kind) > 0);
        found
            .map(|kind| {
                let examples = self.examples[kind as usize].join("; ");
                format!("{} deliveries {}, for example: {examples}", self.count(kind), kind.name())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_few_and_counts_are_whole() {
        let mut one = Findings::default();
        for nth in 0..10 {
            one.add(Kind::Lost, 2, || format!("number {nth}"));
        }
        one.add(Kind::Foreign, 0, || unreachable!("nothing was found"));
        let mut two = Findings::default();
        two.add(Kind::Reordered, 1, || "other".to_owned());
        two.merge(&one);
        assert_eq!((two.total(), two.count(Kind::Lost)), (21, 20));
        let sentences = two.sentences();
        assert_eq!(sentences[0], "20 deliveries lost, for example: number 0; number 1; number 2");
        assert_eq!(sentences.len(), 2);
        let told = two.with_examples(|example| format!("here: {example}"));
        assert_eq!(told.sentences()[1], "1 deliveries reordered, for example: here: other");
        assert_eq!(told.total(), 21);
    }
}
