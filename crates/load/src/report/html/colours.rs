//! Classes of the style sheet that give things a colour.

/// Colours of things beside each other.
pub(super) const COLOURS: [&str; 6] = ["c1", "c2", "c3", "c4", "c5", "c6"];
