//! The allocator of the program.
#![allow(unsafe_code)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

unsafe extern "C" {
    /// Gives back what this thread and all arenas have free; with `force` also what was freed just now. It
    /// has no conditions on its caller.
    safe fn mi_collect(force: bool);
}

/// Gives the system what this thread has freed. mimalloc keeps it for what comes next, so that a server
/// which has dropped much would seem to have it in use for ever.
pub(crate) fn give_back() {
    mi_collect(true);
}
