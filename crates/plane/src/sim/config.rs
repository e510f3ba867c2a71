//! Settings of a simulated network.

use crate::Reserved;

/// Settings of a simulated network.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Connections at most, beside those in reserved slots.
    pub connections_max: u32,
    /// Slots that are kept for listeners; the simulated network has them all.
    pub reserved: Reserved,
    /// Bytes that the kernels take for a client that does not read.
    pub room_bytes: usize,
    /// Short receives, short sends, delays, and another order between connections.
    pub faults: bool,
    /// Receives of one poll at most.
    pub receives_max: u32,
    /// Bytes of one receive at most.
    pub receive_bytes_max: u32,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            reserved: Reserved::NONE,
            room_bytes: 64 * 1_024,
            faults: false,
            receives_max: 128,
            receive_bytes_max: 16 * 1_024,
        }
    }
}
