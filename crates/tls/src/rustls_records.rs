//! An established connection that stays in rustls: TLS 1.2, other suites, or where the operator wants it so.

use std::io::{Read as _, Write as _};

use rustls::server::ServerConnection;
use rustls::{AlertDescription, Error};

use crate::error::RecordError;
use crate::exchange::{drain, feed};
use crate::records::{Decrypted, Opened, open_all};

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
        open_all(bytes, |_, record| self.open(record))
    }

    /// Opens one record. rustls has read it when its data, which is shorter, takes its place.
    fn open(&mut self, record: &mut [u8]) -> Result<Opened, RecordError> {
        feed(&mut self.0, record).map_err(|error| failed(&error))?;
        let mut length = 0;
        loop {
            match self.0.reader().read(&mut record[length..]) {
                Ok(0) => return Ok(Opened::Closed),
                Ok(read) => length += read,
                // There is no more.
                Err(_) => return Ok(Opened::Data(0..length)),
            }
        }
    }

    /// rustls has something to say: an alert, or a `KeyUpdate` that was asked for.
    pub(crate) fn owes_output(&self) -> bool {
        self.0.wants_write()
    }

    /// Appends what there is to say to `out`.
    pub(crate) fn seal_owed(&mut self, out: &mut Vec<u8>) {
        drain(&mut self.0, out);
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
