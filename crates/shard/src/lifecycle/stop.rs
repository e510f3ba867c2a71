//! A stop under way.

/// How far it has come: it says goodbye to a page of connections in each turn.
#[derive(Debug)]
pub(crate) struct Stop {
    /// When it is to be complete.
    pub(crate) at_ms: u64,
    /// The first page of connections that has not been asked to end.
    pub(crate) next_page: usize,
}
