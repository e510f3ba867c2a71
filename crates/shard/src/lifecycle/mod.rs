//! How connections come and end.

pub(crate) mod admission;
pub(crate) mod drain;
pub(crate) mod ending;
mod pace;
pub(crate) mod relief;
pub(crate) mod stop;
