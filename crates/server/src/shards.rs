//! The shards' threads: each pinned to its core, with its own plane and listeners.

use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::{io, thread};

use rustix::thread::{CpuSet, sched_setaffinity};
use switchboard_hub::ShardId;
use switchboard_plane::epoll::EpollPlane;
use switchboard_plane::uring::UringPlane;
use switchboard_plane::{Descriptors, Plane, PlaneConfig};
use switchboard_shard::run::{self, Clock, Driver};
use switchboard_shard::{Common, Shard};

/// What every shard's thread gets.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) common: Common,
    pub(crate) clock: Clock,
    pub(crate) plane: PlaneKind,
}

/// The plane that was chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PlaneKind {
    IoUring(Descriptors),
    Epoll,
}

impl PlaneKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IoUring(_) => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

/// A shard's thread.
pub(crate) type ShardThread = JoinHandle<io::Result<()>>;

/// Starts the thread of shard `id` on `cpu` and waits until its plane stands.
pub(crate) fn spawn(
    id: ShardId,
    cpu: usize,
    listeners: Vec<OwnedFd>,
    launch: Launch,
) -> io::Result<ShardThread> {
    let (ready, stands) = mpsc::channel();
    let thread = thread::Builder::new().name(format!("shard-{}", id.0)).spawn(move || {
        pin(cpu)?;
        let connections_max =
            launch.common.config.connections_max + switchboard_shard::RESERVED_SLOTS;
        let plane_config = PlaneConfig::new(listeners, connections_max);
        match launch.plane {
            PlaneKind::IoUring(descriptors) => {
                let plane = UringPlane::new(PlaneConfig { descriptors, ..plane_config });
                start(plane, id, &launch, Driver::IoUring, &ready)
            }
            PlaneKind::Epoll => {
                let plane = EpollPlane::new(plane_config);
                start(plane, id, &launch, Driver::Legacy, &ready)
            }
        }
    })?;
    match stands.recv() {
        Ok(()) => Ok(thread),
        Err(mpsc::RecvError) => match thread.join() {
            Ok(Err(error)) => Err(error),
            _ => Err(io::Error::other("the shard's thread ended before it began")),
        },
    }
}

fn start<P: Plane>(
    plane: io::Result<P>,
    id: ShardId,
    launch: &Launch,
    driver: Driver,
    ready: &mpsc::Sender<()>,
) -> io::Result<()> {
    let seed = getrandom::u64().map_err(io::Error::other)?;
    let shard = Shard::new(plane?, id, &launch.common, seed, launch.clock.now_ms());
    // The receiver waits for this message or for the end of the thread.
    let _ = ready.send(());
    run::run(shard, driver, launch.clock)
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)?;
    Ok(())
}
