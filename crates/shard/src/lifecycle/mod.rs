//! How connections come and end.

pub(crate) mod admission;
pub(crate) mod ending;
pub(crate) mod stop;
