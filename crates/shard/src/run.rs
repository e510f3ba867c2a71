//! The loop of one shard: turn, and sleep through monoio. The only file that names it.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use switchboard_plane::Plane;

use crate::turn::{Next, Shard};
use crate::wall::Correction;

/// A busy shard goes through monoio's park at least this often.
const PARK_EVERY: Duration = Duration::from_millis(5);

/// Looks at two clocks that are further apart say nothing of how they differ.
const LOOKS_APART_MS: u64 = 100;

/// Milliseconds since 1970 that only grow: the wall clock when the clock was made, and monotonic
/// time from then on. All that is ordered or waited for goes by it. It also knows what the wall clock
/// shows now, which may have been corrected; its clones agree on that.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    start_unix_ms: u64,
    correction: Correction,
}

impl Clock {
    /// A clock that agrees with the wall clock now.
    pub fn new() -> Self {
        let correction = Correction::default();
        Self { start: Instant::now(), start_unix_ms: wall_unix_ms(), correction }
    }

    /// The time now.
    pub fn now_ms(&self) -> u64 {
        self.start_unix_ms + to_ms(self.start.elapsed())
    }

    /// Microseconds since the clock was made: the finer clock.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Tells a shard what the wall clock and the finer clock show; returns the time of this clock.
    fn tell<P: Plane>(&self, shard: &mut Shard<P>) -> u64 {
        let (before_ms, unix_ms, now_us) = (self.now_ms(), wall_unix_ms(), self.now_us());
        let now_ms = self.start_unix_ms + now_us / 1_000;
        shard.set_fine_time(now_us);
        // Where the thread was stopped between the looks, they are of different moments.
        let ahead_s = if now_ms - before_ms < LOOKS_APART_MS {
            self.correction.look(unix_ms, now_ms)
        } else {
            self.correction.known_s()
        };
        shard.set_wall(unix_ms, ahead_s);
        now_ms
    }
}

fn wall_unix_ms() -> u64 {
    to_ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes of memory that the process has in use (`/proc/self/statm`, the second field, in pages).
fn memory_used() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Which of monoio's drivers waits for the plane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Driver {
    /// monoio's own ring.
    IoUring,
    /// epoll: not one `io_uring` call is made.
    Legacy,
}

/// Turns the shard on this thread until it has stopped. Calls `ready` when nothing that the start
/// needs can fail any more, and `give_back` once a second while memory is short: it gives the system what
/// this thread has freed.
///
/// # Errors
/// When the runtime cannot be made or the plane breaks.
pub fn run<P: Plane>(
    shard: Shard<P>,
    driver: Driver,
    clock: Clock,
    give_back: fn(),
    ready: impl FnOnce(),
) -> io::Result<()> {
    match driver {
        Driver::IoUring => RuntimeBuilder::<TimeDriver<IoUringDriver>>::new()
            .build()?
            .block_on(turn_until_stopped(shard, clock, give_back, ready)),
        Driver::Legacy => RuntimeBuilder::<TimeDriver<LegacyDriver>>::new()
            .build()?
            .block_on(turn_until_stopped(shard, clock, give_back, ready)),
    }
}

async fn turn_until_stopped<P: Plane>(
    mut shard: Shard<P>,
    clock: Clock,
    give_back: fn(),
    ready: impl FnOnce(),
) -> io::Result<()> {
    // monoio waits for readiness through its socket types only; this one is never read or written.
    let fd = shard.plane().wait_fd().try_clone_to_owned()?;
    let readiness = monoio::net::TcpStream::from_std(TcpStream::from(fd))?;
    ready();
    let mut parked_at = Instant::now();
    loop {
        let now_ms = clock.tell(&mut shard);
        shard.watch_memory(now_ms, memory_used);
        let next = shard.turn(now_ms)?;
        if shard.has_given_up() {
            give_back();
        }
        if shard.has_served() {
            shard.sent_by(clock.now_us());
        }
        match next {
            Next::Ended => return Ok(()),
            Next::Now if parked_at.elapsed() < PARK_EVERY => continue,
            Next::Now => {
                // Through the park and straight back: monoio starves what else it runs otherwise.
                shard.plane().waker().wake();
                readiness.readable(false).await?;
            }
            Next::At(deadline_ms) => {
                if !shard.try_sleep() {
                    continue;
                }
                let sleep = Duration::from_millis(deadline_ms.saturating_sub(clock.now_ms()));
                if let Ok(ready) = monoio::time::timeout(sleep, readiness.readable(false)).await {
                    ready?;
                }
                shard.awake();
            }
        }
        parked_at = Instant::now();
    }
}
