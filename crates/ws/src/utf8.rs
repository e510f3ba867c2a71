//! UTF-8 that arrives in pieces: each byte is checked once, when it comes.

/// The bytes cannot become UTF-8, whatever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUtf8;

/// A text that grows piece by piece. A piece may end inside a character; its first one to three
/// bytes are kept aside until the rest arrives.
#[derive(Debug, Default)]
pub(crate) struct TextBuffer {
    text: String,
    partial: [u8; 3],
    partial_len: u8,
}

impl TextBuffer {
    /// Appends a piece, or fails at the first byte that no continuation could make valid.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        let rest = self.complete_partial(piece)?;
        let (whole, partial) = split_partial(rest)?;
        self.text.push_str(simdutf8::basic::from_utf8(whole).map_err(|_| NotUtf8)?);
        if !partial.is_empty() {
            self.partial[..partial.len()].copy_from_slice(partial);
            self.partial_len = partial.len() as u8;
        }
        Ok(())
    }

    /// The whole text; fails when it ends inside a character.
    pub(crate) fn finish(&self) -> Result<&str, NotUtf8> {
        if self.partial_len == 0 { Ok(&self.text) } else { Err(NotUtf8) }
    }

    /// Bytes pushed so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + usize::from(self.partial_len)
    }

    /// Makes room for `additional` bytes beyond [`len`](Self::len) and no more.
    pub(crate) fn reserve_exact(&mut self, additional: usize) {
        self.text.reserve_exact(usize::from(self.partial_len) + additional);
    }

    /// Bytes of heap held.
    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Feeds the character that the last piece ended in, byte by byte; returns what is left.
    fn complete_partial<'p>(&mut self, mut piece: &'p [u8]) -> Result<&'p [u8], NotUtf8> {
        while self.partial_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                break;
            };
            piece = rest;
            let have = usize::from(self.partial_len);
            let mut character = [0; 4];
            character[..have].copy_from_slice(&self.partial[..have]);
            character[have] = byte;
            match str::from_utf8(&character[..=have]) {
                Ok(character) => {
                    self.text.push_str(character);
                    self.partial_len = 0;
                }
                Err(error) if error.error_len().is_none() => {
                    self.partial[have] = byte;
                    self.partial_len += 1;
                }
                Err(_) => return Err(NotUtf8),
            }
        }
        Ok(piece)
    }
}

/// Splits off a character that has begun at the end of `bytes` but is not whole. The first part is
/// not checked; the second part is known to be completable.
fn split_partial(bytes: &[u8]) -> Result<(&[u8], &[u8]), NotUtf8> {
    let window = bytes.len().saturating_sub(3);
    let Some(last_lead) = bytes[window..].iter().rposition(|byte| byte & 0xc0 != 0x80) else {
        return Ok((bytes, &[]));
    };
    let (whole, last) = bytes.split_at(window + last_lead);
    match str::from_utf8(last) {
        Ok(_) => Ok((bytes, &[])),
        Err(error) if error.error_len().is_none() => Ok((whole, last)),
        Err(_) => Err(NotUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the standard library says of the same bytes in one piece: the text, `Err(true)` when
    /// it is cut short, `Err(false)` when it can never become UTF-8.
    fn reference(bytes: &[u8]) -> Result<&str, bool> {
        str::from_utf8(bytes).map_err(|error| error.error_len().is_none())
    }

    fn in_pieces<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<String, bool> {
        let mut buffer = TextBuffer::default();
        let mut pushed = 0;
        for piece in pieces {
            buffer.push(piece).map_err(|NotUtf8| false)?;
            pushed += piece.len();
            assert_eq!(buffer.len(), pushed);
        }
        buffer.finish().map(Into::into).map_err(|NotUtf8| true)
    }

    #[test]
    fn each_lead_byte_with_each_kind_of_continuation_at_each_split() {
        let others = [b'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xff];
        for lead in 0..=255 {
            for (i, j) in (0..100).map(|n| (n / 10, n % 10)) {
                for third in others {
                    let bytes = [lead, others[i], others[j], third, b'.'];
                    for len in 1..=bytes.len() {
                        let bytes = &bytes[..len];
                        let expected = reference(bytes).map(Into::into);
                        assert_eq!(in_pieces([bytes]), expected, "{bytes:02x?}");
                        assert_eq!(in_pieces(bytes.chunks(1)), expected, "{bytes:02x?}");
                        let (left, right) = bytes.split_at(len / 2);
                        assert_eq!(in_pieces([left, right]), expected, "{bytes:02x?}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_of_text_make_the_text(
            text in "[a\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}]{0,80}",
            piece_len in 1_usize..40,
            flip in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut bytes = text.into_bytes();
            if let (Some((at, byte)), false) = (flip, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let expected = reference(&bytes).map(Into::into);
            prop_assert_eq!(in_pieces(bytes.chunks(piece_len)), expected);
        }
    }
}
