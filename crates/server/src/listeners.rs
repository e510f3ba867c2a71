//! The listening sockets: one for each shard on each address.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use switchboard_plane::{ListenOptions, listen, listen_alone, local_addr};

/// How long a busy port is tried: a server that was killed keeps its ports until the kernel has
/// cleared up behind it.
const PATIENCE: Duration = Duration::from_secs(1);

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct ListenError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

/// One socket for each shard on each address, and the addresses with their real ports.
pub(crate) fn listen_on(
    addresses: &[SocketAddr],
    shards: usize,
    options: &ListenOptions,
) -> Result<(Vec<Vec<OwnedFd>>, Vec<SocketAddr>), ListenError> {
    let mut per_shard: Vec<Vec<OwnedFd>> = (0..shards).map(|_| Vec::new()).collect();
    let mut bound = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let error = |source| ListenError { address, source };
        let mut real = None;
        for listeners in &mut per_shard {
            // The first keeps other servers off, and tells the port that the others share.
            let listener = patiently(|| match real {
                None => listen_alone(address, options),
                Some(address) => listen(address, options),
            });
            let listener = listener.map_err(error)?;
            real = Some(local_addr(listener.as_fd()).map_err(error)?);
            listeners.push(listener);
        }
        bound.extend(real);
    }
    Ok((per_shard, bound))
}

/// Tries again for a while where the port is busy.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if Instant::now() >= deadline {
                    return Err(error);
                }
                thread::sleep(pause());
            }
            result => return result,
        }
    }
}

/// Between 5 and 20 ms, so that two servers that keep each other off do not stay in step.
fn pause() -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    Duration::from_millis(5 + u64::from(random % 16))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_that_is_busy_for_a_moment_is_taken() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let holder = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            drop(held);
        });
        let (listeners, bound) = listen_on(&[address], 2, &ListenOptions::default()).unwrap();
        assert_eq!((listeners.len(), bound), (2, vec![address]));
        holder.join().unwrap();
    }

    #[test]
    fn a_port_that_stays_busy_is_given_up() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let began = Instant::now();
        let error = listen_on(&[address], 2, &ListenOptions::default()).unwrap_err();
        assert_eq!((error.address, error.source.kind()), (address, io::ErrorKind::AddrInUse));
        assert!(began.elapsed() >= PATIENCE);
    }
}
