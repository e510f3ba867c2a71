//! Bytes into a rustls connection and out of it, without a socket.

use rustls::Error;
use rustls::server::ServerConnection;

/// Gives it one record.
pub(crate) fn feed(connection: &mut ServerConnection, mut record: &[u8]) -> Result<(), Error> {
    while !record.is_empty() {
        if !connection.read_tls(&mut record).is_ok_and(|taken| taken > 0) {
            return Err(Error::General("rustls takes no more".to_owned()));
        }
        connection.process_new_packets()?;
    }
    Ok(())
}

/// Appends to `out` what it has to say. Writing to a vector cannot fail.
pub(crate) fn drain(connection: &mut ServerConnection, out: &mut Vec<u8>) {
    while connection.wants_write() && connection.write_tls(out).is_ok_and(|written| written > 0) {}
}
