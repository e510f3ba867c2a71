//! The threads: each with its plane, on its core.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use rustix::thread::{CpuSet, Pid, gettid, sched_setaffinity};
use switchboard_plane::epoll::EpollPlane;
use switchboard_plane::uring::UringPlane;
use switchboard_plane::{Descriptors, Plane, PlaneConfig, Waker};

use super::random::Random;
use super::stats::Shared;
use super::worker::Worker;
use super::{Core, Endpoint, Job, Orders};

/// The plane that was chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PlaneKind {
    IoUring(Descriptors),
    Epoll,
}

/// What a thread needs, besides its job.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) name: String,
    /// The core to stay on.
    pub(crate) cpu: Option<usize>,
    pub(crate) plane: PlaneKind,
    pub(crate) connections_max: u32,
    pub(crate) connect_timeout_ns: u64,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) orders: Arc<Orders>,
}

/// A running thread.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) name: String,
    /// Its number in `/proc/self/task`.
    pub(crate) tid: i32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) waker: Waker,
    handle: JoinHandle<io::Result<()>>,
}

impl Thread {
    /// Whether it has returned, asked or not.
    pub(crate) fn is_over(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for its end.
    pub(crate) fn join(self) -> io::Result<()> {
        let panicked = |_| io::Error::other(format!("thread {} panicked", self.name));
        self.handle.join().map_err(panicked)?
    }
}

/// Starts a thread and waits until its plane is ready.
pub(crate) fn spawn<J: Job + Send + 'static>(launch: Launch, job: J) -> io::Result<Thread> {
    let name = launch.name.clone();
    let shared = Arc::new(Shared::default());
    let (ready, stands) = mpsc::channel();
    let handle = thread::Builder::new().name(name.clone()).spawn({
        let shared = Arc::clone(&shared);
        move || {
            if let Some(cpu) = launch.cpu {
                let mut set = CpuSet::new();
                set.set(cpu);
                sched_setaffinity(None, &set)?;
            }
            let config = PlaneConfig::new(Vec::new(), launch.connections_max);
            match launch.plane {
                PlaneKind::IoUring(descriptors) => {
                    let plane = UringPlane::new(PlaneConfig { descriptors, ..config })?;
                    run(plane, launch, job, shared, &ready)
                }
                PlaneKind::Epoll => run(EpollPlane::new(config)?, launch, job, shared, &ready),
            }
        }
    })?;
    match stands.recv() {
        Ok((tid, waker)) => Ok(Thread { name, tid, shared, waker, handle }),
        Err(mpsc::RecvError) => match handle.join() {
            Ok(Err(error)) => Err(error),
            _ => Err(io::Error::other(format!("thread {name} ended before it began"))),
        },
    }
}

fn run<P: Plane, J: Job>(
    plane: P,
    launch: Launch,
    job: J,
    shared: Arc<Shared>,
    ready: &mpsc::Sender<(i32, Waker)>,
) -> io::Result<()> {
    let tid = Pid::as_raw(Some(gettid()));
    // The receiver waits for exactly this.
    let _ = ready.send((tid, plane.waker()));
    let core = Core::new(launch.endpoint, launch.connect_timeout_ns, Random::from_system());
    Worker::new(plane, core, job, launch.orders, shared).run()
}
