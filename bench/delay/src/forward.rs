//! One direction of a connection: read, wait, write.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::line::{Line, SEGMENT_BYTES, Schedule};

/// Bytes read at once.
const READ_BYTES_MAX: usize = 32 << 10;

/// Segments under way: with short ones, their administration is what takes memory.
const SEGMENTS_MAX: usize = 1_024;

/// Something under way.
struct Piece {
    due: Instant,
    /// Empty at the end of the stream.
    bytes: Bytes,
    /// Its place in the window, taken until it is dropped.
    _place: OwnedSemaphorePermit,
}

/// Passes everything on, late, until the end of the stream or an error of either side.
pub(crate) async fn forward(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    line: Line,
    seed: u64,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(SEGMENTS_MAX);
    // What was under way when the sender failed is lost, as with a reset.
    tokio::try_join!(take_in(from, sender, line, seed), give_out(receiver, to))?;
    Ok(())
}

/// Reads as much as the window has room for, and gives each segment its time.
async fn take_in(
    mut from: impl AsyncRead + Unpin,
    sender: mpsc::Sender<Piece>,
    line: Line,
    seed: u64,
) -> io::Result<()> {
    let window = Arc::new(Semaphore::new(line.window_bytes as usize));
    let mut schedule = Schedule::new(line, seed, Instant::now());
    loop {
        let mut room = take_room(&window).await;
        let mut buffer = BytesMut::with_capacity(room.num_permits());
        let mut limited = (&mut from).take(room.num_permits() as u64);
        let read = limited.read_buf(&mut buffer).await?;
        let now = Instant::now();
        if read == 0 {
            let end = Piece { due: schedule.end(now), bytes: Bytes::new(), _place: room };
            // Fails only when the other half has failed, which says why.
            let _ = sender.send(end).await;
            return Ok(());
        }
        // What was not needed is given back.
        drop(room.split(room.num_permits() - read));
        // A copy, since the buffer is as large as the room was, and the room is given back.
        let mut rest = Bytes::copy_from_slice(&buffer);
        while !rest.is_empty() {
            let bytes = rest.split_to(rest.len().min(SEGMENT_BYTES));
            let due = schedule.arrival(now, rest.len().div_ceil(SEGMENT_BYTES));
            let Some(place) = room.split(bytes.len()) else {
                return Err(io::Error::other("more was read than there was room for"));
            };
            if sender.send(Piece { due, bytes, _place: place }).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Waits for some room and takes what there is, up to one read's worth.
async fn take_room(window: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let first = Arc::clone(window).acquire_owned().await;
    let Ok(mut room) = first else { unreachable!("the window is never closed") };
    let more = window.available_permits().min(READ_BYTES_MAX - 1);
    // Only this task takes room, so it is still there.
    if let Ok(more) = Arc::clone(window).try_acquire_many_owned(more as u32) {
        room.merge(more);
    }
    room
}

/// Writes each piece when its time has come.
async fn give_out(
    mut receiver: mpsc::Receiver<Piece>,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some(piece) = receiver.recv().await {
        sleep_until(piece.due).await;
        if piece.bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&piece.bytes).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const WINDOW: u32 = 64 << 10;

    fn line(jitter_ms: u32, loss: f64) -> Line {
        Line { delay_ms: 40, jitter_ms, loss, window_bytes: WINDOW }
    }

    /// A direction with both its outer ends.
    fn start(line: Line, room_bytes: usize) -> (DuplexStream, DuplexStream) {
        let (near, from) = duplex(room_bytes);
        let (to, far) = duplex(room_bytes);
        tokio::spawn(forward(from, to, line, 5));
        (near, far)
    }

    #[tokio::test(start_paused = true)]
    async fn everything_arrives_once_in_order_and_then_the_end() {
        let (mut near, mut far) = start(line(20, 0.05), 4_096);
        let sent: Vec<u8> = (0..1_000_000_u32).map(|at| (at * 31 / 8) as u8).collect();
        let expected = sent.clone();
        tokio::spawn(async move {
            for piece in sent.chunks(777) {
                near.write_all(piece).await.unwrap();
            }
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert!(received == expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_takes_the_delay() {
        let (mut near, mut far) = start(line(0, 0.0), 4_096);
        for _ in 0..3 {
            let began = Instant::now();
            near.write_all(b"ping").await.unwrap();
            let mut received = [0; 4];
            far.read_exact(&mut received).await.unwrap();
            assert_eq!(began.elapsed(), Duration::from_millis(40));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_a_lost_segment_waits_for_it() {
        let (mut near, mut far) = start(line(0, 1.0), 4_096);
        let began = Instant::now();
        near.write_all(b"lost").await.unwrap();
        let mut received = [0; 4];
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(40 + 80 + 200));
    }

    #[tokio::test(start_paused = true)]
    async fn the_sender_is_not_read_while_the_window_is_full() {
        let (mut near, mut far) = start(line(0, 0.0), 1_024);
        let wrote = tokio::spawn(async move {
            let mut total = 0;
            // Nobody reads at the far end: this ends when nothing has been taken for a minute.
            while let Ok(done) =
                tokio::time::timeout(Duration::from_mins(1), near.write(&[7; 512])).await
            {
                total += done.unwrap();
            }
            total
        });
        let total = wrote.await.unwrap();
        // The window, and the room of the streams outside of it at both ends.
        let most = WINDOW as usize + 2 * 1_024;
        assert!((WINDOW as usize..=most).contains(&total), "{total} of {most}");
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, vec![7; total]);
    }
}
