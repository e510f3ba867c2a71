//! The record layer of an established connection (RFC 8446 5): plain data, 139 bytes.
//!
//! The server's side: it opens what a client sends and seals what it is sent. Between two calls it holds nothing of
//! the stream; a record that is not whole stays with the caller, [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX) at most.

use std::ops::Range;

use crate::alert::{Alert, USER_CANCELED};
use crate::error::RecordError;
use crate::frame::{ContentType, Frame, HEADER_BYTES, PLAINTEXT_BYTES_MAX, TAG_BYTES, header};
use crate::keys::{Keys, SECRET_BYTES};

/// Records in a row that bring no data: empty ones, parts of a `KeyUpdate`, and whole ones. rustls allows 32
/// `KeyUpdate`s, too.
const RECORDS_WITHOUT_DATA_MAX: u8 = 32;
/// Records that are sealed with one key. RFC 8446 5.5 allows 2^24.5 full ones.
const RECORDS_PER_KEY_MAX: u64 = 1 << 23;
/// Bytes behind the header of a record (RFC 8446 5.2).
const CIPHERTEXT_BYTES_MAX: usize = PLAINTEXT_BYTES_MAX + 256;
/// All of a `KeyUpdate` but its last byte (RFC 8446 4, 4.6.3): its type, and that one byte follows.
const KEY_UPDATE: [u8; 4] = [24, 0, 0, 1];
/// The last byte of a `KeyUpdate` that wants none back.
const UPDATE_NOT_REQUESTED: u8 = 0;
/// The last byte of one that wants one back.
const UPDATE_REQUESTED: u8 = 1;

/// An established connection of TLS 1.3 with `TLS_AES_128_GCM_SHA256`.
pub struct Records {
    tx: Keys,
    rx: Keys,
    /// Bytes of [`KEY_UPDATE`] that have come: a message may be spread over several records.
    update_bytes: u8,
    without_data: u8,
    owes_update: bool,
}

/// What became of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// So many bytes of plaintext stand at the beginning now.
    pub plaintext: usize,
    /// So many bytes were records. What follows is the beginning of another one.
    pub used: usize,
    /// Nothing that comes later is to be read.
    pub end: Option<End>,
}

/// How the peer's side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By `close_notify`: nothing was cut off.
    Closed,
    /// With something that is wrong. [`RecordError::alert`] says what to tell the peer.
    Failed(RecordError),
}

/// What a record was.
pub(crate) enum Opened {
    /// Data, which stands there in the record now.
    Data(Range<usize>),
    Other,
    Closed,
}

/// Opens all whole records of `bytes`, each by `open`, and joins their data at the beginning.
pub(crate) fn open_all(
    bytes: &mut [u8],
    mut open: impl FnMut(ContentType, &mut [u8]) -> Result<Opened, RecordError>,
) -> Decrypted {
    let (mut plaintext, mut used, mut end) = (0, 0, None);
    while end.is_none() {
        let frame = match Frame::parse(&bytes[used..]) {
            Ok(Some(frame)) if frame.bytes <= bytes.len() - used => frame,
            Ok(_) => break,
            Err(error) => {
                end = Some(End::Failed(error));
                break;
            }
        };
        match open(frame.content_type, &mut bytes[used..used + frame.bytes]) {
            Ok(Opened::Data(data)) => {
                let length = data.len();
                bytes.copy_within(used + data.start..used + data.end, plaintext);
                plaintext += length;
            }
            Ok(Opened::Other) => {}
            Ok(Opened::Closed) => end = Some(End::Closed),
            Err(error) => end = Some(End::Failed(error)),
        }
        used += frame.bytes;
    }
    Decrypted { plaintext, used, end }
}

impl Records {
    /// The server's side of a connection: its traffic secrets and how many records have been sealed with each.
    pub(crate) fn new(
        (tx_secret, tx_sequence): (&[u8; SECRET_BYTES], u64),
        (rx_secret, rx_sequence): (&[u8; SECRET_BYTES], u64),
    ) -> Self {
        Self {
            tx: Keys::new(tx_secret, tx_sequence),
            rx: Keys::new(rx_secret, rx_sequence),
            update_bytes: 0,
            without_data: 0,
            owes_update: false,
        }
    }

    /// Opens all whole records of `bytes`, in place. The plaintext comes to stand at the beginning.
    pub fn decrypt(&mut self, bytes: &mut [u8]) -> Decrypted {
        open_all(bytes, |outer, record| self.open(outer, record))
    }

    /// Opens one record, in place.
    fn open(&mut self, outer: ContentType, record: &mut [u8]) -> Result<Opened, RecordError> {
        if outer != ContentType::ApplicationData {
            return Err(RecordError::NotEncrypted);
        }
        let (head, ciphertext) = record.split_at_mut(HEADER_BYTES);
        if ciphertext.len() > CIPHERTEXT_BYTES_MAX {
            return Err(RecordError::TooLong);
        }
        let head = <[u8; HEADER_BYTES]>::try_from(&*head).map_err(|_| RecordError::BadMac)?;
        let padded = self.rx.open(head, ciphertext).ok_or(RecordError::BadMac)?;
        // RFC 8446 5.4: the type is the last byte that is not zero.
        let length = padded.iter().rposition(|byte| *byte != 0).ok_or(RecordError::NoType)?;
        if length > PLAINTEXT_BYTES_MAX || padded.len() > PLAINTEXT_BYTES_MAX + 1 {
            return Err(RecordError::TooMuchPlaintext);
        }
        let inner = ContentType::from_byte(padded[length]).ok_or(RecordError::NoType)?;
        self.take(inner, &padded[..length])
    }

    fn take(&mut self, inner: ContentType, plaintext: &[u8]) -> Result<Opened, RecordError> {
        if self.update_bytes > 0 && inner != ContentType::Handshake {
            // RFC 8446 5.1: nothing stands between the parts of a message.
            return Err(RecordError::UnexpectedHandshake);
        }
        match inner {
            ContentType::ApplicationData if plaintext.is_empty() => self.count_without_data()?,
            ContentType::ApplicationData => {
                self.without_data = 0;
                return Ok(Opened::Data(HEADER_BYTES..HEADER_BYTES + plaintext.len()));
            }
            ContentType::Handshake => {
                self.count_without_data()?;
                self.take_handshake(plaintext)?;
            }
            ContentType::Alert => return self.take_alert(plaintext),
            ContentType::ChangeCipherSpec => return Err(RecordError::NotEncrypted),
        }
        Ok(Opened::Other)
    }

    fn count_without_data(&mut self) -> Result<(), RecordError> {
        self.without_data += 1;
        if self.without_data > RECORDS_WITHOUT_DATA_MAX {
            return Err(RecordError::TooManyWithoutData);
        }
        Ok(())
    }

    /// RFC 8446 4.6.3. The message is always the same but for its last byte, so how much of it has come is all
    /// that is to be known.
    fn take_handshake(&mut self, plaintext: &[u8]) -> Result<(), RecordError> {
        if plaintext.is_empty() {
            return Err(RecordError::Empty);
        }
        let rest = &KEY_UPDATE[usize::from(self.update_bytes)..];
        let known = rest.len().min(plaintext.len());
        if plaintext[..known] != rest[..known] {
            return Err(RecordError::UnexpectedHandshake);
        }
        self.update_bytes += known as u8;
        match plaintext[known..] {
            [] => return Ok(()),
            [UPDATE_NOT_REQUESTED] => {}
            // One answer is enough, however often it was asked for before it can be sent.
            [UPDATE_REQUESTED] => self.owes_update = true,
            [_] => return Err(RecordError::BadKeyUpdate),
            _ => return Err(RecordError::UnalignedKeyUpdate),
        }
        self.update_bytes = 0;
        self.rx.update();
        Ok(())
    }

    /// RFC 8446 6: whatever the level says, all but two kinds end the connection.
    fn take_alert(&mut self, plaintext: &[u8]) -> Result<Opened, RecordError> {
        const CLOSE_NOTIFY: u8 = Alert::CloseNotify as u8;
        match plaintext {
            [] => Err(RecordError::Empty),
            [_, CLOSE_NOTIFY] => Ok(Opened::Closed),
            [_, USER_CANCELED] => self.count_without_data().map(|()| Opened::Other),
            [_, description] => Err(RecordError::PeerAlert(*description)),
            _ => Err(RecordError::BadAlert),
        }
    }

    /// A `KeyUpdate` is to be sealed before anything else: the peer wants one (RFC 8446 4.6.3), or the key has sealed
    /// what it may.
    pub fn owes_update(&self) -> bool {
        self.owes_update || self.tx.sequence() >= RECORDS_PER_KEY_MAX
    }

    /// Appends a `KeyUpdate` to `out`. What is sealed behind it has another key: once this is called, it must be sent,
    /// and nothing before it can be [taken back](Self::take_back).
    pub fn seal_update(&mut self, out: &mut Vec<u8>) {
        let [kind, a, b, c] = KEY_UPDATE;
        self.seal_record(ContentType::Handshake, &[kind, a, b, c, UPDATE_NOT_REQUESTED], out);
        self.tx.update();
        self.owes_update = false;
    }

    /// Appends `plaintext` to `out` as records of at most 2^14 bytes, and returns how many they are. Seal what is
    /// [owed](Self::owes_update) first.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> u64 {
        let parts = plaintext.chunks(PLAINTEXT_BYTES_MAX);
        let records = parts.len() as u64;
        parts.for_each(|part| self.seal_record(ContentType::ApplicationData, part, out));
        records
    }

    /// Takes the last records back that were sealed: not one byte of them may have been sent. The next ones have
    /// their numbers, and may have other plaintext.
    ///
    /// If a byte was sent, the same number would seal two plaintexts, and with AES-GCM that gives both away and
    /// the key that authenticates them.
    pub fn take_back(&mut self, records: u64) {
        self.tx.set_sequence(self.tx.sequence().saturating_sub(records));
    }

    /// Appends an alert to `out`. Nothing is sealed behind it.
    pub fn seal_alert(&mut self, alert: Alert, out: &mut Vec<u8>) {
        self.seal_record(ContentType::Alert, &alert.bytes(), out);
    }

    fn seal_record(&mut self, inner: ContentType, plaintext: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let head = header(plaintext.len() + 1 + TAG_BYTES);
        out.extend_from_slice(&head);
        out.extend_from_slice(plaintext);
        out.push(inner as u8);
        match self.tx.seal(head, &mut out[start + HEADER_BYTES..]) {
            Some(tag) => out.extend_from_slice(&tag),
            // The key has its length and a record is short, so this does not happen. If it did, plaintext must not go.
            None => out.truncate(start),
        }
    }
}

impl std::fmt::Debug for Records {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("tx_sequence", &self.tx.sequence())
            .field("rx_sequence", &self.rx.sequence())
            .field("owes_update", &self.owes_update)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
