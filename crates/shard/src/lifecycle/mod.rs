//! How connections come and end.

pub(crate) mod admission;
pub(crate) mod ending;
pub(crate) mod relief;
pub(crate) mod stop;
