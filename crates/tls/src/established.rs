//! A connection whose handshake is complete.

use crate::alert::Alert;
use crate::records::{Decrypted, End, Records};
use crate::rustls_records::RustlsRecords;

/// Opens what the client sends, and seals what it is sent.
///
/// Whenever bytes were opened, see whether something [is owed](Self::owes_output), and send that before anything
/// else.
#[derive(Debug)]
pub struct Established(Layer);

#[derive(Debug)]
enum Layer {
    Compact(Records),
    Rustls(Box<RustlsRecords>),
}

impl Established {
    pub(crate) fn compact(records: Records) -> Self {
        Self(Layer::Compact(records))
    }

    pub(crate) fn rustls(records: RustlsRecords) -> Self {
        Self(Layer::Rustls(Box::new(records)))
    }

    /// It is plain data, and costs its own size; otherwise it costs several KB.
    pub fn is_compact(&self) -> bool {
        matches!(self.0, Layer::Compact(_))
    }

    /// Opens all whole records of `bytes`, in place. The plaintext comes to stand at the beginning.
    pub fn decrypt(&mut self, bytes: &mut [u8]) -> Decrypted {
        match &mut self.0 {
            Layer::Compact(records) => records.decrypt(bytes),
            Layer::Rustls(records) => records.decrypt(bytes),
        }
    }

    /// Something is to be sent that is no data.
    pub fn owes_output(&self) -> bool {
        match &self.0 {
            Layer::Compact(records) => records.owes_update(),
            Layer::Rustls(records) => records.owes_output(),
        }
    }

    /// Appends to `out` what is owed. Once this is called, it must be sent.
    pub fn seal_owed(&mut self, out: &mut Vec<u8>) {
        match &mut self.0 {
            Layer::Compact(records) if records.owes_update() => records.seal_update(out),
            Layer::Compact(_) => {}
            Layer::Rustls(records) => records.seal_owed(out),
        }
    }

    /// Appends `plaintext` to `out` as records. Returns how many of them can be [taken back](Self::take_back).
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> u64 {
        match &mut self.0 {
            Layer::Compact(records) => records.seal(plaintext, out),
            Layer::Rustls(records) => {
                records.seal(plaintext, out);
                0
            }
        }
    }

    /// Takes the last records back that were sealed, of which not one byte may have been sent: see
    /// [`Records::take_back`]. At most as many as [`seal`](Self::seal) said, with nothing sealed since.
    pub fn take_back(&mut self, sealed: u64) {
        if let Layer::Compact(records) = &mut self.0 {
            records.take_back(sealed);
        }
    }

    /// Appends to `out` what ends the stream in order: nothing is sealed behind it.
    pub fn seal_close(&mut self, out: &mut Vec<u8>) {
        match &mut self.0 {
            Layer::Compact(records) => records.seal_alert(Alert::CloseNotify, out),
            Layer::Rustls(records) => records.seal_close(out),
        }
    }

    /// Appends to `out` what the peer is to be told of how its side ended, if anything.
    pub fn seal_end(&mut self, end: End, out: &mut Vec<u8>) {
        match (&mut self.0, end) {
            (_, End::Closed) => self.seal_close(out),
            (Layer::Compact(records), End::Failed(error)) => {
                if let Some(alert) = error.alert() {
                    records.seal_alert(alert, out);
                }
            }
            (Layer::Rustls(records), End::Failed(_)) => records.seal_owed(out),
        }
    }
}
