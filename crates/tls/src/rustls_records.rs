//! An established connection that stays in rustls: TLS 1.2, other suites, or where the operator wants it so.

use std::io::{Read as _, Write as _};

use rustls::server::ServerConnection;
use rustls::{AlertDescription, Error};

use crate::error::RecordError;
use crate::frame::Frame;
use crate::records::{Decrypted, End};

/// A rustls connection behind the verbs of [`Records`](crate::Records).
pub(crate) struct RustlsRecords(ServerConnection);

impl RustlsRecords {
    pub(crate) fn new(mut connection: ServerConnection) -> Self {
        // What is sealed is taken out at once, and how much that is its caller knows.
        connection.set_buffer_limit(None);
        Self(connection)
    }

    /// As [`Records::decrypt`](crate::Records::decrypt): rustls is given whole records only, so it holds nothing.
    pub(crate) fn decrypt(&mut self, bytes: &mut [u8]) -> Decrypted {
        let (mut plaintext, mut used, mut end) = (0, 0, None);
        while end.is_none() {
            let record = match Frame::parse(&bytes[used..]) {
                Ok(Some(frame)) if frame.bytes <= bytes.len() - used => frame.bytes,
                Ok(_) => break,
                Err(error) => {
                    end = Some(End::Failed(error));
                    break;
                }
            };
            let opened = self.open(&bytes[used..used + record]);
            used += record;
            match opened {
                // A record has less plaintext than bytes, so it fits before what follows.
                Ok((data, is_closed)) => {
                    bytes[plaintext..plaintext + data.len()].copy_from_slice(&data);
                    plaintext += data.len();
                    end = is_closed.then_some(End::Closed);
                }
                Err(error) => end = Some(End::Failed(error)),
            }
        }
        Decrypted { plaintext, used, end }
    }

    /// The data of one record, and whether the peer will send no more.
    fn open(&mut self, mut record: &[u8]) -> Result<(Vec<u8>, bool), RecordError> {
        let mut data = Vec::new();
        let mut is_closed = false;
        while !record.is_empty() {
            let taken = self.0.read_tls(&mut record);
            if !taken.is_ok_and(|taken| taken > 0) {
                break;
            }
            let state = self.0.process_new_packets().map_err(|error| failed(&error))?;
            is_closed |= state.peer_has_closed();
            let start = data.len();
            data.resize(start + state.plaintext_bytes_to_read(), 0);
            let read = self.0.reader().read(&mut data[start..]).unwrap_or(0);
            data.truncate(start + read);
        }
        Ok((data, is_closed))
    }

    /// rustls has something to say: an alert, or a `KeyUpdate` that was asked for.
    pub(crate) fn owes_output(&self) -> bool {
        self.0.wants_write()
    }

    /// Appends what there is to say to `out`.
    pub(crate) fn seal_owed(&mut self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        while self.0.wants_write() && self.0.write_tls(out).is_ok_and(|written| written > 0) {}
    }

    pub(crate) fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) {
        // There is no limit on what it holds.
        let _ = self.0.writer().write_all(plaintext);
        self.seal_owed(out);
    }

    pub(crate) fn seal_close(&mut self, out: &mut Vec<u8>) {
        self.0.send_close_notify();
        self.seal_owed(out);
    }
}

fn failed(error: &Error) -> RecordError {
    match error {
        Error::AlertReceived(description) => RecordError::PeerAlert((*description).into()),
        Error::DecryptError => {
            RecordError::Rustls { alert: Some(AlertDescription::BadRecordMac.into()) }
        }
        _ => RecordError::Rustls { alert: None },
    }
}

impl std::fmt::Debug for RustlsRecords {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RustlsRecords").finish_non_exhaustive()
    }
}
