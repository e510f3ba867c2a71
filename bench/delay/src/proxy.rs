//! Connections from one side to the other.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::forward::forward;
use crate::line::Line;

/// Pause after a failed accept: out of descriptors, most likely.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Listens, and passes connections on.
#[derive(Debug)]
pub(crate) struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    to: SocketAddr,
    line: Line,
    seed: u64,
}

impl Proxy {
    pub(crate) async fn bind(
        listen: SocketAddr,
        to: SocketAddr,
        line: Line,
        seed: u64,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, to, line, seed })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the program is ended.
    pub(crate) async fn run(self) -> ExitCode {
        let mut seeds = fastrand::Rng::with_seed(self.seed);
        loop {
            match self.listener.accept().await {
                Ok((client, peer)) => {
                    let (to, line, seed) = (self.to, self.line, seeds.u64(..));
                    tokio::spawn(async move {
                        if let Err(error) = connection(client, to, line, seed).await {
                            eprintln!("delay-proxy: connection of {peer}: {error}");
                        }
                    });
                }
                Err(error) => {
                    eprintln!("delay-proxy: accept: {error}");
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
    }
}

/// Both directions of one connection. When either fails both ends are reset, late like everything.
async fn connection(
    mut client: TcpStream,
    to: SocketAddr,
    line: Line,
    seed: u64,
) -> io::Result<()> {
    // The handshake of TCP itself, which our kernel has answered at once.
    sleep(line.round_trip()).await;
    let mut server = match TcpStream::connect(to).await {
        Ok(server) => server,
        Err(error) => {
            client.set_zero_linger()?;
            return Err(error);
        }
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let mut seeds = fastrand::Rng::with_seed(seed);
    let passed = tokio::try_join!(
        forward(from_client, to_server, line, seeds.u64(..)),
        forward(from_server, to_client, line, seeds.u64(..)),
    );
    if passed.is_err() {
        sleep(line.round_trip() / 2).await;
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    passed.map(|_| ())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    const LINE: Line = Line { delay_ms: 20, jitter_ms: 5, loss: 0.0, window_bytes: 64 << 10 };

    /// A proxy before `to`; where it listens.
    async fn proxy_to(to: SocketAddr) -> SocketAddr {
        let proxy = Proxy::bind(([127, 0, 0, 1], 0).into(), to, LINE, 1).await.unwrap();
        let address = proxy.local_addr();
        tokio::spawn(proxy.run());
        address
    }

    #[tokio::test]
    async fn a_round_trip_over_sockets_takes_two_delays_and_both_ends_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client =
            TcpStream::connect(proxy_to(listener.local_addr().unwrap()).await).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let began = Instant::now();
        client.write_all(b"question").await.unwrap();
        let mut received = [0; 8];
        server.read_exact(&mut received).await.unwrap();
        server.write_all(&received).await.unwrap();
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"question");
        assert!(began.elapsed() >= Duration::from_millis(2 * 15), "{:?}", began.elapsed());
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut received).await.unwrap(), 0);
        server.write_all(b"the last").await.unwrap();
        drop(server);
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(client.read(&mut received).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_reset_is_passed_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client =
            TcpStream::connect(proxy_to(listener.local_addr().unwrap()).await).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.set_zero_linger().unwrap();
        drop(server);
        let error = client.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_a_reset() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut client = TcpStream::connect(proxy_to(gone).await).await.unwrap();
        let error = client.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
