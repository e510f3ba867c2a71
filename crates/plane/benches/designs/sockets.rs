//! Connected pairs of sockets over loopback.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// What a reader takes at once.
const READ_BYTES: usize = 64 << 10;
/// For what was sent to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Pairs {
    senders: Vec<TcpStream>,
    readers: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Pairs {
    pub(crate) fn connect(count: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut pairs =
            Self { senders: Vec::new(), readers: Vec::new(), buffer: vec![0; READ_BYTES] };
        for _ in 0..count {
            let reader = TcpStream::connect(address)?;
            reader.set_nonblocking(true)?;
            reader.set_nodelay(true)?;
            let (sender, _) = listener.accept()?;
            sender.set_nodelay(true)?;
            pairs.readers.push(reader);
            pairs.senders.push(sender);
        }
        Ok(pairs)
    }

    /// The sending ends and the reading ends.
    pub(crate) fn split(self) -> (Vec<TcpStream>, Vec<TcpStream>) {
        (self.senders, self.readers)
    }

    /// Sends from the reading end of a pair to its sending end.
    pub(crate) fn answer(&self, nth: usize, bytes: &[u8]) {
        assert_eq!((&self.readers[nth]).write(bytes).expect("room to send"), bytes.len());
    }

    /// The descriptors of the sending ends.
    pub(crate) fn senders(&self) -> impl Iterator<Item = RawFd> {
        self.senders.iter().map(AsRawFd::as_raw_fd)
    }

    /// Reads until every reader has `bytes`. Loopback delivers within the send, but under load the
    /// kernel may leave that to a thread of its own.
    ///
    /// # Panics
    /// When something is missing for long, or there is too much.
    pub(crate) fn drain(&mut self, bytes: usize) {
        let until = Instant::now() + PATIENCE;
        for reader in &mut self.readers {
            let mut got = 0;
            loop {
                match reader.read(&mut self.buffer) {
                    Ok(0) => panic!("the sender has closed"),
                    Ok(len) => got += len,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => panic!("{error}"),
                    Err(_) if got == bytes => break,
                    Err(_) => assert!(Instant::now() < until, "{got} of {bytes} bytes arrived"),
                }
            }
        }
    }
}
