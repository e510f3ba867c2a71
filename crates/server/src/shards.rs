//! The shards' threads: each pinned to its core, with its own plane and listeners.

use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::{io, thread};

use rustix::thread::{CpuSet, sched_setaffinity};
use switchboard_hub::ShardId;
use switchboard_plane::epoll::EpollPlane;
use switchboard_plane::uring::UringPlane;
use switchboard_plane::{Descriptors, Plane, PlaneConfig, Reserved};
use switchboard_shard::run::{self, Clock, Driver};
use switchboard_shard::{Common, RESERVED_SLOTS, Shard, internal_slots};

use crate::allocator;

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

/// How the thread of a shard ended.
pub(crate) type Ended = io::Result<()>;

/// The threads of all shards.
#[derive(Debug)]
pub(crate) struct Threads {
    running: usize,
    ended: mpsc::Receiver<Ended>,
}

impl Threads {
    /// Starts a shard for each core and waits until all of them run.
    pub(crate) fn start(
        cpus: &[usize],
        listeners: Vec<Vec<OwnedFd>>,
        launch: &Launch,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        for ((id, cpu), listeners) in (0..).zip(cpus).zip(listeners) {
            let runs = spawn(ShardId(id), *cpu, listeners, launch.clone(), end.clone())?;
            if runs.recv().is_err() {
                // It failed before it ran, or another has failed meanwhile: here is why.
                first_end(&ended)?;
            }
        }
        Ok(Self { running: cpus.len(), ended })
    }

    /// Waits until all have stopped, or the first has failed: a part of the clients without service
    /// would be worse than none with it.
    pub(crate) fn wait(self) -> Ended {
        for _ in 0..self.running {
            first_end(&self.ended)?;
        }
        Ok(())
    }
}

fn first_end(ended: &mpsc::Receiver<Ended>) -> Ended {
    ended.recv().unwrap_or_else(|_| Err(io::Error::other("ended without a reason")))
}

/// Starts the thread of shard `id` on `cpu`. It sends a message when the shard runs.
fn spawn(
    id: ShardId,
    cpu: usize,
    listeners: Vec<OwnedFd>,
    launch: Launch,
    end: mpsc::Sender<Ended>,
) -> io::Result<mpsc::Receiver<()>> {
    let (ready, runs) = mpsc::channel();
    thread::Builder::new().name(format!("shard-{}", id.0)).spawn(move || {
        let ended = host(id, cpu, listeners, &launch, move || {
            // The receiver waits for this message, or for the sender's end.
            let _ = ready.send(());
        });
        // Nobody hears it where the start of another shard has failed already.
        let _ = end.send(ended);
    })?;
    Ok(runs)
}

/// Runs shard `id` on this thread to its end.
fn host(
    id: ShardId,
    cpu: usize,
    listeners: Vec<OwnedFd>,
    launch: &Launch,
    ready: impl FnOnce(),
) -> Ended {
    pin(cpu)?;
    let Common { config, api, .. } = &launch.common;
    let connections_max = config.connections_max + RESERVED_SLOTS;
    let reserved = config.first_internal_listener.map_or(Reserved::NONE, |first_listener| {
        Reserved { first_listener, slots: internal_slots(api.config.connections_max) }
    });
    let plane_config = PlaneConfig { reserved, ..PlaneConfig::new(listeners, connections_max) };
    match launch.plane {
        PlaneKind::IoUring(descriptors) => {
            let plane = UringPlane::new(PlaneConfig { descriptors, ..plane_config })?;
            run_on(plane, id, launch, Driver::IoUring, ready)
        }
        PlaneKind::Epoll => {
            run_on(EpollPlane::new(plane_config)?, id, launch, Driver::Legacy, ready)
        }
    }
}

fn run_on<P: Plane>(
    plane: P,
    id: ShardId,
    launch: &Launch,
    driver: Driver,
    ready: impl FnOnce(),
) -> Ended {
    let seed = getrandom::u64().map_err(io::Error::other)?;
    let shard = Shard::new(plane, id, &launch.common, seed, launch.clock.now_ms());
    run::run(shard, driver, launch.clock.clone(), allocator::give_back, ready)
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_shard_that_fails_ends_the_wait() {
        let (end, ended) = mpsc::channel();
        let threads = Threads { running: 3, ended };
        end.send(Ok(())).unwrap();
        end.send(Err(io::Error::other("no memory"))).unwrap();
        // The third goes on: its sender is `end`, which lives.
        assert_eq!(threads.wait().unwrap_err().to_string(), "no memory");
        drop(end);
    }

    #[test]
    fn all_shards_stop_before_the_wait_ends() {
        let (end, ended) = mpsc::channel();
        let threads = Threads { running: 2, ended };
        end.send(Ok(())).unwrap();
        end.send(Ok(())).unwrap();
        threads.wait().unwrap();
    }
}
