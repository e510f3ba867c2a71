//! The log: lines on standard error that nobody waits for.
//!
//! One thread writes. A reader that is gone, a device that is full and a pipe that nobody empties
//! cost lines, which are counted, and never a shard or the stop of the server. For the same reason
//! nothing here panics.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait to be written; more are lost.
const LINES_MAX: usize = 1_024;
/// How long the end of the process waits for lines that are still to be written.
const FLUSH_WITHIN: Duration = Duration::from_millis(200);

static LOG: OnceLock<Log> = OnceLock::new();

enum Message {
    Line(Vec<u8>),
    /// Answered when all lines before it are written.
    Flush(SyncSender<()>),
}

/// The way to the thread that writes.
#[derive(Clone)]
pub(crate) struct Log {
    messages: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Log {
    fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (messages, waiting) = mpsc::sync_channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let log = Self { messages, lost: Arc::clone(&lost) };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&waiting, &lost, to))?;
        Ok(log)
    }

    fn line(&self, line: &[u8]) {
        if self.messages.try_send(Message::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {
        let deadline = Instant::now() + FLUSH_WITHIN;
        let (written, all_written) = mpsc::sync_channel(1);
        while self.messages.try_send(Message::Flush(written.clone())).is_err() {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = all_written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn write_all(messages: &Receiver<Message>, lost: &AtomicU64, mut to: impl Write) {
    for message in messages {
        match message {
            Message::Line(line) => {
                if to.write_all(&line).is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
            Message::Flush(written) => {
                let _ = written.try_send(());
                continue;
            }
        }
        let count = lost.swap(0, Ordering::Relaxed);
        let notice = format!("switchboard: {count} log lines were lost before this one\n");
        if count > 0 && to.write_all(notice.as_bytes()).is_err() {
            lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// One call is one line: the subscriber formats a whole event before it writes.
impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the thread that writes to standard error. Until then lines are written directly.
pub(crate) fn start() -> io::Result<Log> {
    let log = Log::start(io::stderr())?;
    Ok(LOG.get_or_init(|| log).clone())
}

/// Logs a line that is no event, whatever the filter says.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    match LOG.get() {
        Some(log) => log.line(line.as_bytes()),
        // Nobody is left to tell when standard error is gone.
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Waits a moment until all lines are written. Call before the process ends.
pub(crate) fn flush() {
    if let Some(log) = LOG.get() {
        log.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn lines_are_written_in_order_before_a_flush_ends() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = Log::start(writer).unwrap();
        for number in 0..100 {
            log.line(format!("{number}\n").as_bytes());
        }
        log.flush();
        drop(log);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.lines().eq((0..100).map(|number: u32| number.to_string())), "{text}");
    }

    #[test]
    fn a_pipe_that_nobody_empties_holds_nobody_up_and_losses_are_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = Log::start(writer).unwrap();
        let line = [&[b'x'; 1_000][..], b"\n"].concat();
        let began = Instant::now();
        for _ in 0..3 * LINES_MAX {
            log.line(&line);
        }
        log.flush();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        drop(log);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let notices = text.lines().filter_map(|line| line.strip_prefix("switchboard: "));
        let lost = notices.filter_map(|notice| notice.split(' ').next()?.parse::<usize>().ok());
        let (lost, written) = (lost.sum::<usize>(), text.matches("x\n").count());
        assert!(lost > 0, "the pipe took everything");
        assert_eq!(lost + written, 3 * LINES_MAX, "a line is written or told as lost");
    }

    #[test]
    fn a_reader_that_is_gone_costs_only_lines() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let log = Log::start(writer).unwrap();
        log.line(b"one\n");
        log.line(b"two\n");
        log.flush();
        assert_eq!(log.lost.load(Ordering::Relaxed), 2);
    }
}
