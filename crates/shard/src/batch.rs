//! Publications as bytes, for all who get the same ones or for one connection.

use std::sync::Arc;

use switchboard_dialects::{Body, Dialect, Label, Shape, id, write_head};
use switchboard_hub::{ChannelName, Position, Publication};

/// A batch is at most this, unless a single publication is larger.
pub(crate) const BATCH_BYTES_MAX: usize = 64 << 10;

/// Beyond this, what one large publication took is given back.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// What surrounds a publication's own position in the position of its connection, and what else is
/// said with it. Nothing for those who listen to one channel.
#[derive(Debug, Default)]
pub(crate) struct Caption {
    /// The positions in the channels before it.
    pub(crate) before: String,
    /// The positions in the channels behind it, each behind a comma.
    pub(crate) after: String,
    /// Named only to those who listen to several.
    pub(crate) channel: Option<ChannelName>,
}

impl Caption {
    /// Writes the whole position of who has got this publication.
    pub(crate) fn write_id(&self, position: Position, out: &mut String) {
        out.clear();
        out.push_str(&self.before);
        id::push_position(out, position);
        out.push_str(&self.after);
    }
}

/// A run of publications in one dialect, contiguous. Its buffers are reused.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where each publication ends in `bytes`. Not kept for frames, which know their length.
    ends: Vec<usize>,
    id: String,
}

impl Batch {
    /// The bytes of `publications`: of a single frame its own, of all else a copy.
    pub(crate) fn fill<'a>(
        &'a mut self,
        dialect: Dialect,
        publications: &'a [Arc<Publication>],
        caption: &Caption,
    ) -> &'a [u8] {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.ends.clear();
        match (dialect, publications) {
            (Dialect::Raw, [single]) => return single.frame(),
            (Dialect::Raw, _) => {
                for publication in publications {
                    self.bytes.extend_from_slice(publication.frame());
                }
            }
            (Dialect::V1 | Dialect::EventStream, _) => {
                for publication in publications {
                    self.push(dialect, publication, caption);
                }
            }
        }
        &self.bytes
    }

    fn push(&mut self, dialect: Dialect, publication: &Publication, caption: &Caption) {
        caption.write_id(publication.position(), &mut self.id);
        let label = Label { id: &self.id, channel: caption.channel.as_ref() };
        let shape = write_head(dialect, publication, label, &mut self.bytes);
        self.bytes.extend_from_slice(shape.body.of(publication));
        self.bytes.extend_from_slice(shape.tail);
        self.ends.push(self.bytes.len());
    }

    /// Where the run was cut by a send that took `taken` bytes of it: how many publications went out
    /// whole, and how much of the next.
    pub(crate) fn cut_at(&self, publications: &[Arc<Publication>], taken: usize) -> (usize, usize) {
        let mut start = 0;
        for (whole, publication) in publications.iter().enumerate() {
            let end = match self.ends.get(whole) {
                Some(end) => *end,
                None => start + publication.frame().len(),
            };
            if taken < end {
                return (whole, taken - start);
            }
            start = end;
        }
        (publications.len(), 0)
    }
}

/// The rest of a publication: its head, shared bytes, and how far they went; never a copy of the
/// payload.
#[derive(Debug)]
pub(crate) struct Partial {
    publication: Arc<Publication>,
    /// What stands before the body; empty for raw WebSockets.
    head: Box<[u8]>,
    body: Body,
    tail: &'static [u8],
    sent: usize,
}

impl Partial {
    /// Of a publication in a dialect, of which `sent` bytes have gone out.
    pub(crate) fn new(
        dialect: Dialect,
        publication: &Arc<Publication>,
        caption: &Caption,
        sent: usize,
    ) -> Self {
        let mut id = String::new();
        caption.write_id(publication.position(), &mut id);
        let label = Label { id: &id, channel: caption.channel.as_ref() };
        let mut head = Vec::new();
        let Shape { body, tail } = write_head(dialect, publication, label, &mut head);
        Self { publication: Arc::clone(publication), head: head.into(), body, tail, sent }
    }

    /// A publication behind a head of its own, nothing of it sent.
    pub(crate) fn behind(head: Vec<u8>, shape: Shape, publication: &Arc<Publication>) -> Self {
        let Shape { body, tail } = shape;
        Self { publication: Arc::clone(publication), head: head.into(), body, tail, sent: 0 }
    }

    /// All of it, of which nothing must have been sent.
    pub(crate) fn bytes(&self) -> usize {
        self.head.len() + self.body.of(&self.publication).len() + self.tail.len()
    }

    /// Appends all of it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for part in [&self.head[..], self.body.of(&self.publication), self.tail] {
            out.extend_from_slice(part);
        }
    }

    /// What is to be sent next; empty when all is sent.
    pub(crate) fn next(&self) -> &[u8] {
        let mut start = self.sent;
        for part in [&self.head[..], self.body.of(&self.publication), self.tail] {
            if start < part.len() {
                return &part[start..];
            }
            start -= part.len();
        }
        &[]
    }

    pub(crate) fn advance(&mut self, sent: usize) {
        self.sent += sent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_hub::{Accounting, Draft, Epoch, Kind};

    const DIALECTS: [Dialect; 3] = [Dialect::Raw, Dialect::V1, Dialect::EventStream];

    fn publications() -> Vec<Arc<Publication>> {
        let accounting = Arc::new(Accounting::default());
        let epoch = Epoch::from_random(5);
        let publication = |(offset, text): (u64, &str)| {
            let draft = Draft::new(Kind::Text, text.as_bytes());
            Publication::new(Position { epoch, offset }, 0, draft, &accounting)
        };
        [(7, "one"), (8, "two\nlines"), (9, "")].into_iter().map(publication).collect()
    }

    fn captions() -> [Caption; 2] {
        let several = Caption {
            before: "aaaaaaaa-1".to_owned(),
            after: ",bbbbbbbb-2".to_owned(),
            channel: Some(ChannelName::new("b").unwrap()),
        };
        [Caption::default(), several]
    }

    #[test]
    fn a_cut_anywhere_leaves_exactly_the_rest() {
        let publications = publications();
        for dialect in DIALECTS {
            for caption in captions() {
                let mut batch = Batch::default();
                let all = batch.fill(dialect, &publications, &caption).to_vec();
                for taken in 0..=all.len() {
                    let (whole, offset) = batch.cut_at(&publications, taken);
                    let mut got = all[..taken].to_vec();
                    let mut next = whole;
                    if offset > 0 {
                        let mut rest =
                            Partial::new(dialect, &publications[whole], &caption, offset);
                        while !rest.next().is_empty() {
                            got.push(rest.next()[0]);
                            rest.advance(1);
                        }
                        next += 1;
                    }
                    let mut others = Batch::default();
                    got.extend_from_slice(others.fill(dialect, &publications[next..], &caption));
                    assert_eq!(got, all, "{dialect:?} cut at {taken}");
                }
            }
        }
    }

    #[test]
    fn the_position_has_those_of_the_other_channels_around_it() {
        let [_, several] = captions();
        let mut id = String::new();
        several.write_id(publications()[0].position(), &mut id);
        let own = publications()[0].position();
        assert_eq!(id, format!("aaaaaaaa-1,{own},bbbbbbbb-2"));
    }
}
