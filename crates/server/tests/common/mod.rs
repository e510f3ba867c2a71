//! The real program, started for one test on ports of its own and ended with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A running server.
pub(crate) struct Server {
    process: Child,
    pub(crate) public: SocketAddr,
    pub(crate) internal: SocketAddr,
}

const START_TIMEOUT: Duration = Duration::from_secs(20);

impl Server {
    /// Starts the program with `flags` and waits for its start-up line, which tells the ports.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = BufReader::new(process.stderr.take().expect("stderr is piped"));
        let (sender, lines) = mpsc::channel();
        // Reads to the end, so that the program never waits for its log to be read.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let (public, internal) = loop {
            let line = lines.recv_timeout(START_TIMEOUT).expect("the start-up line comes");
            if let Some(both) = addresses(&line) {
                break both;
            }
        };
        Self { process, public, internal }
    }

    /// Publishes through the internal API and expects it to be accepted.
    pub(crate) fn publish(&self, channel: &str, payload: &str) {
        let mut stream = TcpStream::connect(self.internal).expect("the internal API listens");
        let request = format!(
            "POST /pub/{channel} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{payload}",
            self.internal,
            payload.len(),
        );
        stream.write_all(request.as_bytes()).expect("the request goes out");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the answer comes");
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }

    /// The sum of a counter over all shards.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let mut stream = TcpStream::connect(self.internal).expect("the internal API listens");
        let request = format!(
            "GET /counters HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.internal
        );
        stream.write_all(request.as_bytes()).expect("the request goes out");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the answer comes");
        let total = answer.split("\"total\":").nth(1).expect("there is a sum");
        let value = total.split(&format!("\"{name}\":")).nth(1).expect("the counter exists");
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a counter is a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The two addresses in the start-up line.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let mut addresses = line.split("http://").skip(1).map(|rest| {
        let end = rest.find([',', ';', ' ']).unwrap_or(rest.len());
        rest[..end].parse().expect("the start-up line tells addresses")
    });
    Some((addresses.next()?, addresses.next()?))
}
